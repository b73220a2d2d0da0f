#!/bin/sh
# Makes the base image from Debian's packages, under the name that the Dockerfile asks for: for
# machines that cannot pull it. It needs mmdebstrap, and podman or docker.
set -eu

engine=${ENGINE:-$(command -v podman || command -v docker)}
archive=$(mktemp --suffix .tar)
trap 'rm -f "$archive"' EXIT
mmdebstrap --quiet --variant=minbase --include=ca-certificates,python3 \
    --dpkgopt='path-exclude=/usr/share/man/*' --dpkgopt='path-exclude=/usr/share/locale/*' \
    --dpkgopt='path-exclude=/usr/share/doc/*' --dpkgopt='path-include=/usr/share/doc/*/copyright' \
    --customize-hook='rm -rf "$1"/var/cache/apt/*.bin "$1"/var/lib/apt/lists/*' \
    bookworm "$archive" "${1:-http://deb.debian.org/debian}"
"$engine" import --quiet "$archive" docker.io/library/debian:bookworm-slim
