"""USB descriptors as bytes, and ways to get them wrong.

Owns: building them (USB 2.0, 9.6; HID 1.11, 6.2.1), the identity of a device, spoiling a configuration.
Must not know: transfers, what a device does.
"""

from __future__ import annotations

import struct
from dataclasses import dataclass
from enum import StrEnum

DEVICE, CONFIGURATION, STRING, HID, REPORT = 0x01, 0x02, 0x03, 0x21, 0x22
BULK, INTERRUPT = 2, 3
ENGLISH = 0x0409
BUS_POWERED, HALF_AMPERE = 0x80, 250  # the current is counted in 2 mA
PACKET_BYTES = 64  # the largest packet of a full-speed endpoint
MAX_STRING = 126  # UTF-16 units that a descriptor's length byte can count


@dataclass(frozen=True, slots=True)
class Identity:
    """What a device says of itself. An empty `serial` means that it has none, as cheap adapters do."""

    vendor: int
    product: int
    maker: str
    name: str
    serial: str = ""
    release: int = 0x0100

    @property
    def strings(self) -> tuple[str, str, str]:
        return (self.maker, self.name, self.serial)


class Spoiled(StrEnum):
    """Wrong configuration descriptors seen in the field or in fuzzing."""

    SHORT = "short"  # promises more bytes than it has
    ZERO_LENGTH = "zero-length"  # a descriptor of length 0: naive parsers loop for ever
    NO_ENDPOINTS = "no-endpoints"  # the right class without a way to talk to it
    NOISE = "noise"  # the right header, then nonsense


def device(identity: Identity, device_class: tuple[int, int, int]) -> bytes:
    """The device descriptor."""
    return struct.pack(
        "<BBHBBBBHHHBBBB",
        *(18, DEVICE, 0x0200, *device_class, PACKET_BYTES),
        *(identity.vendor, identity.product, identity.release),
        *(1, 2, 3 if identity.serial else 0, 1),
    )


def configuration(body: bytes, interfaces: int) -> bytes:
    """The only configuration: its interfaces follow in `body`."""
    head = struct.pack(
        "<BBHBBBBB", 9, CONFIGURATION, 9 + len(body), interfaces, 1, 0, BUS_POWERED, HALF_AMPERE
    )
    return head + body


def interface(number: int, endpoints: int, interface_class: tuple[int, int, int]) -> bytes:
    """One interface, without alternatives."""
    return bytes((9, 4, number, 0, endpoints, *interface_class, 0))


def endpoint(address: int, kind: int, *, packet: int = PACKET_BYTES, poll_ms: int = 0) -> bytes:
    """One endpoint; bit 7 of its address is set where it sends to the host."""
    return struct.pack("<BBBBHB", 7, 5, address, kind, packet, poll_ms)


def hid(report_bytes: int) -> bytes:
    """The HID descriptor that announces a report descriptor of that size."""
    return struct.pack("<BBHBBBH", 9, HID, 0x0111, 0, 1, REPORT, report_bytes)


def text(value: str) -> bytes:
    """A string descriptor."""
    units = value[:MAX_STRING].encode("utf-16-le")
    return bytes((2 + len(units), STRING)) + units


def languages() -> bytes:
    """String descriptor 0: English only."""
    return struct.pack("<BBH", 4, STRING, ENGLISH)


def spoil(whole: bytes, how: Spoiled) -> bytes:
    """The configuration, wrong."""
    if how is Spoiled.SHORT:
        return struct.pack("<BBH", 9, CONFIGURATION, len(whole) + 64) + whole[4:]
    if how is Spoiled.ZERO_LENGTH:
        return whole[:9] + bytes((0,)) + whole[10:]
    if how is Spoiled.NO_ENDPOINTS:
        return configuration(whole[9:13] + bytes((0,)) + whole[14:18], 1)
    return whole[:9] + bytes(255 - byte for byte in whole[9:])
