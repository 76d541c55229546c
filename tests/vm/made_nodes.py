"""Real input and hidraw nodes whose device is a program: the kernel's uinput and uhid.

Owns: making such a device, finding its node, handing it many events or reports at a time. Must not know: what
is tested. Against the simulated USB bus this costs one call for each burst, so that thousands of scans take
seconds of an emulated guest; the nodes and the kernel's buffers behind them are the same.
Documents: Linux, Documentation/input/uinput.rst and Documentation/hid/uhid.rst, include/uapi/linux/uhid.h.
"""

from __future__ import annotations

import os
import struct
from collections.abc import Sequence
from pathlib import Path

import evdev
from evdev import ecodes

from drivers.scanners.input_keys import CODES, MODIFIERS
from drivers.scanners.wedge_events import EVENT
from simulators.usb.descriptors import Identity
from tests.vm.inside import eventually

UHID = "/dev/uhid"
UHID_DESTROY, UHID_CREATE2, UHID_INPUT2 = 1, 11, 12
# type; name, phys, uniq, size of the descriptor, bus, vendor, product, version, country, descriptor
CREATE2 = struct.Struct("<I128s64s64sHHIIII4096s")
INPUT2 = struct.Struct("<IH")
EV_MSC, MSC_SCAN = 4, 4
TIMELESS = bytes(16)  # the kernel stamps it


class Keyboard:
    """A keyboard of uinput: `evdev:` and its node, keys as a HID keyboard gives them."""

    def __init__(self, identity: Identity) -> None:
        keys = {ecodes.EV_KEY: sorted({*CODES.values(), *MODIFIERS}), ecodes.EV_MSC: [MSC_SCAN]}
        self._made = evdev.UInput(
            keys,
            name=identity.name,
            vendor=identity.vendor,
            product=identity.product,
            bustype=ecodes.BUS_USB,
        )
        self.node = str(self._made.device.path)
        self.url = f"evdev:{identity.vendor:04x}:{identity.product:04x}@{self.node}"

    def type(self, events: bytes) -> None:
        """All of it in one call: faster than any scanner."""
        wrote = os.write(self._made.fd, events)
        assert wrote == len(events)

    def close(self) -> None:
        self._made.close()


def as_hid_events(events: bytes) -> bytes:
    """The same events without time, each key behind its scan code, as hid-input passes them on."""
    made = bytearray()
    for _, _, kind, code, value in EVENT.iter_unpack(events):
        if kind == ecodes.EV_KEY:
            made += TIMELESS + struct.pack("<HHi", EV_MSC, MSC_SCAN, 0x70000 + code)
        made += TIMELESS + struct.pack("<HHi", kind, code, value)
    return bytes(made)


class HidDevice:
    """A HID device of uhid: its hidraw node, and its reports."""

    def __init__(self, identity: Identity, descriptor: bytes, place: str) -> None:
        """`place` is where it says that it is plugged in; no two at one time have the same."""
        self._made = os.open(UHID, os.O_RDWR | os.O_CLOEXEC)
        head = (UHID_CREATE2, identity.name.encode(), place.encode(), b"", len(descriptor))
        numbers = (ecodes.BUS_USB, identity.vendor, identity.product, 0, 0)
        os.write(self._made, CREATE2.pack(*head, *numbers, descriptor))
        self.node = eventually(lambda: _hidraw_of(place), f"the node of {place}")
        self.url = f"hidraw:{self.node}"

    def send(self, reports: Sequence[bytes]) -> None:
        """One after the other, without a pause."""
        for report in reports:
            os.write(self._made, INPUT2.pack(UHID_INPUT2, len(report)) + report)

    def close(self) -> None:
        os.close(self._made)


def _hidraw_of(place: str) -> str:
    for entry in Path("/sys/class/hidraw").iterdir():
        node = Path("/dev") / entry.name
        if f"HID_PHYS={place}\n" in (entry / "device/uevent").read_text(encoding="utf-8") and node.exists():
            return str(node)
    return ""
