#!/bin/sh
# Builds the image from what is committed in this clone: deploy/container/build.sh [TAG]
# It needs git, python3 with pip, and podman or docker; ENGINE_OPTIONS are given to `build`.
set -eu

here=$(cd "$(dirname "$0")" && pwd)
root=$(cd "$here/../.." && pwd)
tag=${1:-ekspiper:latest}
engine=${ENGINE:-$(command -v podman || command -v docker)} || {
    echo "podman or docker is needed" >&2
    exit 2
}
context=$(mktemp -d)
trap 'rm -rf "$context"' EXIT

mkdir "$context/source" "$context/wheels"
cp "$here/Dockerfile" "$context"
git -C "$root" archive HEAD VERSION packages | tar -x -C "$context/source"

# For the Python of the image, whatever Python runs here. The versions are those of the constraints.
machine=$(uname -m)
python3 -m pip download --quiet --no-deps --dest "$context/wheels" \
    --only-binary :all: --implementation cp --python-version 3.11 \
    --platform "manylinux_2_28_$machine" --platform "manylinux_2_17_$machine" \
    --platform "manylinux2014_$machine" --platform "manylinux1_$machine" --platform any \
    --requirement "$here/requirements.txt"

# Docker's format, as OCI has no HEALTHCHECK.
case $engine in *podman) format="--format docker" ;; *) format="" ;; esac
# shellcheck disable=SC2086  # words, not one word
"$engine" ${ENGINE_GLOBALS:-} build $format ${ENGINE_OPTIONS:-} --tag "$tag" "$context"
