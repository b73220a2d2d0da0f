#!/bin/sh
# Becomes systemd as the first process of a container: this machine's root with everything that is
# written kept aside, in memory. What is called `ROOT/opt` and `ROOT/etc` beside it is laid over it.
# Run in namespaces of its own: unshare --mount --pid --uts --ipc --cgroup --fork sh boot.sh FOLDER
set -eu
folder=$1
root=$folder/root
mkdir -p "$root" "$folder/memory"
mount -t tmpfs tmpfs "$folder/memory"
mkdir "$folder/memory/upper" "$folder/memory/work"
mount -t overlay overlay \
    -o "lowerdir=/,upperdir=$folder/memory/upper,workdir=$folder/memory/work" "$root"
mount -t proc proc "$root/proc"
mount -t sysfs -o ro sysfs "$root/sys"
mount -t cgroup2 cgroup2 "$root/sys/fs/cgroup"
mount --rbind /dev "$root/dev"
# Nothing that this machine starts, and nothing that would set up its kernel.
rm -rf "$root"/etc/systemd/system/*.wants "$root"/etc/systemd/system/default.target
for unit in systemd-sysctl systemd-modules-load systemd-binfmt systemd-udevd; do
    ln -sf /dev/null "$root/etc/systemd/system/$unit.service"
done
cp -r "$folder/lay-over/." "$root/"
mount -t tmpfs tmpfs "$root/run"
mount -t tmpfs tmpfs "$root/tmp"
cd "$root"
mkdir -p .old
# Not chroot: from there no user namespace can be made, as the unit wants.
pivot_root . .old
umount -l /.old
exec env -i container=ekspiper PATH=/usr/sbin:/usr/bin:/sbin:/bin \
    /lib/systemd/systemd --system --unit=empty.target --log-target=journal --show-status=no
