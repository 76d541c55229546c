"""The USB/IP messages that the kernel's virtual host controller exchanges with a device.

Owns: URBs as they arrive and the answers to them, as bytes. Must not know: sockets, descriptors, devices.

Linux kernel, Documentation/usb/usbip_protocol.rst: every message starts with 48 bytes, all numbers big-endian
except the setup packet, which is as on the bus. Isochronous transfers are not served.
"""

from __future__ import annotations

import struct
from dataclasses import dataclass

from edge_agent.sdk.errors import ProtocolError

HEADER_BYTES = 48
MAX_TRANSFER_BYTES = 1 << 20  # the kernel's class drivers ask for 64 KiB at most
CMD_SUBMIT, CMD_UNLINK, RET_SUBMIT, RET_UNLINK = 1, 2, 3, 4
_BASIC = struct.Struct(">IIIII")  # command, seqnum, devid, direction, endpoint
_SUBMIT = struct.Struct(">Iiiii8s")  # flags, length, start frame, packets, interval, setup
_RESULT = struct.Struct(">iiiii8x")  # status, actual length, start frame, packets, errors


@dataclass(frozen=True, slots=True)
class Submit:
    """One URB. `room`: bytes that the host takes (in) or has sent (out); `setup` counts on endpoint 0."""

    number: int
    to_host: bool
    endpoint: int
    room: int
    setup: bytes = bytes(8)
    data: bytes = b""


@dataclass(frozen=True, slots=True)
class Unlink:
    """The host gives up on the URB `victim`."""

    number: int
    victim: int


class UrbParser:
    """Bytes from the virtual host controller to URBs. A message that makes no sense ends the conversation."""

    def __init__(self) -> None:
        self._held = bytearray()

    def feed(self, data: bytes) -> list[Submit | Unlink | ProtocolError]:
        """URBs completed by these bytes; after a ProtocolError nothing more can be understood."""
        self._held += data
        urbs: list[Submit | Unlink | ProtocolError] = []
        while len(self._held) >= HEADER_BYTES:
            needed = self._message_bytes()
            if isinstance(needed, ProtocolError):
                self._held.clear()
                return [*urbs, needed]
            if len(self._held) < needed:
                break
            urbs.append(_decode(bytes(self._held[:needed])))
            del self._held[:needed]
        return urbs

    def _message_bytes(self) -> int | ProtocolError:
        header = bytes(self._held[:HEADER_BYTES])
        command, _, _, direction, _ = _BASIC.unpack_from(header)
        if command == CMD_UNLINK:
            return HEADER_BYTES
        if command != CMD_SUBMIT:
            return ProtocolError("usbip.command", f"unknown command {command}", header)
        length = _SUBMIT.unpack_from(header, _BASIC.size)[1]
        if not 0 <= length <= MAX_TRANSFER_BYTES:
            return ProtocolError("usbip.length", f"a transfer of {length} bytes", header)
        return HEADER_BYTES + (0 if direction else length)


def submit_result(number: int, status: int, data: bytes = b"", *, taken: int = 0) -> bytes:
    """The end of a URB: 0 or a negative errno; `data` for the host, or the bytes `taken` from it."""
    head = _BASIC.pack(RET_SUBMIT, number, 0, 0, 0)
    return head + _RESULT.pack(status, len(data) or taken, 0, 0, 0) + data


def unlink_result(number: int, status: int) -> bytes:
    """The answer to an Unlink: 0 where the URB had ended already, else -ECONNRESET."""
    return _BASIC.pack(RET_UNLINK, number, 0, 0, 0) + _RESULT.pack(status, 0, 0, 0, 0)


def _decode(message: bytes) -> Submit | Unlink:
    command, number, _, direction, endpoint = _BASIC.unpack_from(message)
    if command == CMD_UNLINK:
        return Unlink(number, int.from_bytes(message[_BASIC.size : _BASIC.size + 4], "big"))
    _, length, _, _, _, setup = _SUBMIT.unpack_from(message, _BASIC.size)
    return Submit(number, bool(direction), endpoint, length, setup, message[HEADER_BYTES:])
