#!/bin/sh
# Makes the test guest bootable: build_image.sh ROOTFS_TAR REQUIREMENTS PYTHON FOLDER
# gives FOLDER/vmlinuz, initrd.gz, root.img and data.img. Needs e2fsprogs, cpio, kmod; no mounts.
# PYTHON must be 3.11, as in the guest: its pip fetches or builds the wheels (evdev has none).
set -eu
here=$(cd "$(dirname "$0")" && pwd)
tar=$1
requirements=$2
python=$3
mkdir -p "$4"
work=$(cd "$4" && pwd)

# An ordinary user keeps the owners of the guest's files through fakeroot.
if [ "$(id -u)" != 0 ] && [ -z "${FAKEROOTKEY:-}" ]; then
    exec fakeroot -- "$0" "$@"
fi

root=$work/root
rm -rf "$root"
mkdir "$root"
tar -xf "$tar" -C "$root"

# Python packages of the agent; the project itself comes in by a shared folder at run time.
site=$root/opt/edge-agent/site
"$python" -m pip install --quiet --disable-pip-version-check --no-warn-script-location --no-deps \
    --target "$site" -r "$requirements"
printf '%s\n' /opt/edge-agent/site > "$root/usr/lib/python3/dist-packages/edge-agent-site.pth"

echo booth > "$root/etc/hostname"
echo '/dev/vda / ext4 defaults,noatime 0 1' > "$root/etc/fstab"
sed -i 's/^root:[^:]*:/root::/' "$root/etc/shadow"
: > "$root/etc/machine-id"
mkdir -p "$root/project" "$root/data"

install -D -m 755 "$here/guest/resident.py" "$root/opt/resident/resident.py"
install -D -m 644 "$here/guest/resident.service" "$root/etc/systemd/system/resident.service"
units=$root/etc/systemd/system
mkdir -p "$units/multi-user.target.wants"
ln -s ../resident.service "$units/multi-user.target.wants/resident.service"
# What would wake up in the middle of a test, or wait for something that the guest has not.
for unit in apt-daily.timer apt-daily-upgrade.timer fstrim.timer e2scrub_all.timer e2scrub_reap.service \
    dpkg-db-backup.timer systemd-timesyncd.service systemd-networkd.service systemd-resolved.service \
    serial-getty@ttyS0.service getty@tty1.service getty-static.service systemd-tmpfiles-clean.timer; do
    ln -sf /dev/null "$units/$unit"
done

# Initramfs: the drivers of the root disk are modules in Debian's kernel.
version=$(ls "$root/lib/modules")
early=$work/early
rm -rf "$early"
mkdir -p "$early/bin" "$early/modules" "$early/proc" "$early/sys" "$early/dev" "$early/new"
cp "$root/bin/busybox" "$early/bin/busybox"
install -m 755 "$here/guest/init" "$early/init"
for module in virtio_pci virtio_blk ext4 crc32c_generic virtio_console virtio_net; do
    modprobe -d "$root" -S "$version" --show-depends "$module" | while read -r word file _; do
        [ "$word" = insmod ] || continue
        name=$(basename "$file")
        [ -e "$early/modules/$name" ] && continue
        cp "$file" "$early/modules/$name"
        echo "$name" >> "$early/modules/order"
    done
done
(cd "$early" && find . | cpio --quiet -o -H newc | gzip -1) > "$work/initrd.gz"

cp "$root/boot/vmlinuz-$version" "$work/vmlinuz"
rm -f "$work/root.img" "$work/data.img"
mke2fs -q -t ext4 -L root -d "$root" "$work/root.img" 1500M
# The data disk of the power cuts: its journal is small so that many cuts fit in little time.
mke2fs -q -t ext4 -L data -J size=4 "$work/data.img" 256M
rm -rf "$root" "$early"
