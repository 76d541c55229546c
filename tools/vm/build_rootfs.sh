#!/bin/sh
# Makes rootfs.tar of the test guest from Debian's mirror: build_rootfs.sh FOLDER
# Needs mmdebstrap; root, or an ordinary user with sub-uids.
set -eu
here=$(cd "$(dirname "$0")" && pwd)
work=$1
mkdir -p "$work"

packages=$(grep -v '^#' "$here/packages.txt" | paste -sd,)
# Left out: documents, and drivers of hardware that the guest never sees (they are four fifths of the kernel package).
set --
for left_out in /usr/share/doc /usr/share/man /usr/share/locale /usr/share/info; do
    set -- "$@" "--dpkgopt=path-exclude=$left_out/*"
done
for drivers in gpu media infiniband iio hwmon mtd staging isdn ata scsi net/wireless net/ethernet net/can bluetooth; do
    set -- "$@" "--dpkgopt=path-exclude=/lib/modules/*/kernel/drivers/$drivers/*"
done
set -- "$@" "--dpkgopt=path-exclude=/lib/modules/*/kernel/sound/*"

# Of some hundred font files the labels need those of two scripts.
fonts=/usr/share/fonts/truetype/noto
set -- "$@" "--dpkgopt=path-exclude=$fonts/*" "--dpkgopt=path-include=$fonts/NotoSans-*" \
    "--dpkgopt=path-include=$fonts/NotoSansBengali-*" "--dpkgopt=path-include=$fonts/NotoSansMono-*"

mode=unshare
[ "$(id -u)" != 0 ] || mode=root
# INITRD=No: the guest starts from our own initramfs, so the kernel package need not build one.
INITRD=No mmdebstrap --quiet --mode=$mode --variant=minbase --include="$packages" \
    --aptopt='Acquire::Languages "none"' --aptopt='Acquire::Retries "3"' "$@" \
    bookworm "$work/rootfs.new.tar"
mv "$work/rootfs.new.tar" "$work/rootfs.tar"
