"""A made-up sysfs with input devices, for tests of finding them.

Owns: the folders. Must not know: who reads them.
"""

from __future__ import annotations

from pathlib import Path

KEYBOARD = "1000000000007 ff9f207ac14057ff febeffdfffefffff fffffffffffffffe"
BUTTON = "10000000000000 0"


def input_device(
    root: Path,
    event: int,
    *,
    usb: str = "",
    interface: int = 0,
    usb_id: str = "0c2e:0200",
    keys: str = KEYBOARD,
    name: str = "Sim scanner",
    bus: int = 3,
) -> str:
    """One event node, below a USB device ("1-1.2") where `usb` names one; gives its /dev path."""
    vendor, product = usb_id.split(":")
    if usb:
        device = root / "sys/devices/pci0/0000:00:14.0/usb1" / usb
        _write(device / "idVendor", vendor)
        _write(device / "idProduct", product)
        place = device / f"{usb}:1.{interface}/0003:X.000{event}/input"
    else:
        place = root / "sys/devices/virtual/input"
    given = place / f"input{event}"
    for file, text in {
        "id/vendor": vendor,
        "id/product": product,
        "id/bustype": f"{bus:04x}",
        "name": name,
        "capabilities/key": keys,
    }.items():
        _write(given / file, text)
    (given / f"event{event}").mkdir()
    link = root / f"sys/class/input/event{event}"
    link.parent.mkdir(parents=True, exist_ok=True)
    link.symlink_to(given / f"event{event}")
    return f"/dev/input/event{event}"


def _write(path: Path, text: str) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(text + "\n")
