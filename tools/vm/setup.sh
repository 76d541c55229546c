#!/bin/sh
# Installs the Debian packages that the VM lane needs on the host. Does nothing when all are there.
set -eu

wanted="qemu-system-x86 qemu-utils mmdebstrap e2fsprogs cpio kmod debian-archive-keyring gcc libc6-dev linux-libc-dev"

missing=""
for package in $wanted; do
    state=$(dpkg-query -W -f '${Status}' "$package" 2>/dev/null || true)
    [ "$state" = "install ok installed" ] || missing="$missing $package"
done
# As an ordinary user the guest's files get their owners through fakeroot, and mmdebstrap maps user ids.
if [ "$(id -u)" != 0 ]; then
    for package in fakeroot uidmap; do
        state=$(dpkg-query -W -f '${Status}' "$package" 2>/dev/null || true)
        [ "$state" = "install ok installed" ] || missing="$missing $package"
    done
fi
[ -n "$missing" ] || exit 0

as_root=""
if [ "$(id -u)" != 0 ]; then
    command -v sudo >/dev/null || { echo "VM lane: install as root:$missing" >&2; exit 1; }
    as_root=sudo
fi
echo "VM lane: installing$missing"
$as_root env DEBIAN_FRONTEND=noninteractive apt-get update -qq
# shellcheck disable=SC2086  # a list of package names
$as_root env DEBIAN_FRONTEND=noninteractive apt-get install -y -qq --no-install-recommends $missing >/dev/null
