"""The data types of MQTT: integers, variable length integers, binary and UTF-8 strings, both ways.

Owns: their bytes and limits. Must not know: which packet a field stands in.
Document: MQTT Version 5.0, OASIS Standard, 7 March 2019, section 1.5.
"""

from __future__ import annotations

from edge_agent.sdk.errors import ProtocolError

STRING_LIMIT = 0xFFFF  # the length of a string travels in two bytes
VARINT_LIMIT = 0x0FFF_FFFF  # four bytes of seven bits
SHOWN_BYTES = 64  # offending bytes kept in an error: the head of a packet tells what it was


def malformed(text: str, data: bytes = b"") -> ProtocolError:
    """Bytes that the standard does not allow here."""
    return ProtocolError("mqtt.malformed", text, data[:SHOWN_BYTES])


def violation(text: str, data: bytes = b"") -> ProtocolError:
    """A well-formed packet that breaks a rule of the protocol."""
    return ProtocolError("mqtt.protocol", text, data[:SHOWN_BYTES])


def u16(value: int) -> bytes:
    return value.to_bytes(2, "big")


def u32(value: int) -> bytes:
    return value.to_bytes(4, "big")


def varint(value: int) -> bytes:
    """Seven bits a byte, lowest first; the high bit says that another byte follows."""
    if not 0 <= value <= VARINT_LIMIT:
        raise ProtocolError("mqtt.too_large", f"{value} does not fit a variable length integer")
    out = bytearray()
    while value > 0x7F:
        out.append(value & 0x7F | 0x80)
        value >>= 7
    out.append(value)
    return bytes(out)


def binary(value: bytes) -> bytes:
    if len(value) > STRING_LIMIT:
        raise ProtocolError("mqtt.too_large", f"a field of {len(value)} bytes; {STRING_LIMIT} are the most")
    return len(value).to_bytes(2, "big") + value


def text(value: str) -> bytes:
    try:
        return binary(value.encode())
    except UnicodeEncodeError:
        raise malformed("a string with a lone surrogate") from None


class Fields:
    """Reads the fields of one packet in order; raises ProtocolError at the first that is not there."""

    __slots__ = ("_at", "_data")

    def __init__(self, data: bytes) -> None:
        self._data = data
        self._at = 0

    def __bool__(self) -> bool:
        """Whether bytes are left."""
        return self._at < len(self._data)

    def take(self, size: int) -> bytes:
        end = self._at + size
        if end > len(self._data):
            raise malformed("the packet ends within a field", self._data)
        piece = self._data[self._at : end]
        self._at = end
        return piece

    def u8(self) -> int:
        return self.take(1)[0]

    def u16(self) -> int:
        return int.from_bytes(self.take(2), "big")

    def u32(self) -> int:
        return int.from_bytes(self.take(4), "big")

    def flag(self) -> int:
        """A byte that may only be 0 or 1."""
        value = self.u8()
        if value > 1:
            raise violation("a flag that is neither 0 nor 1", self._data)
        return value

    def varint(self) -> int:
        value = 0
        for shift in (0, 7, 14, 21):
            byte = self.u8()
            value |= (byte & 0x7F) << shift
            if byte < 0x80:
                return value
        raise malformed("a variable length integer of more than four bytes", self._data)

    def binary(self) -> bytes:
        return self.take(self.u16())

    def text(self) -> str:
        raw = self.binary()
        try:
            value = raw.decode()
        except UnicodeDecodeError:
            raise malformed("a string that is not UTF-8", raw) from None
        if "\0" in value:
            raise malformed("a string with U+0000", raw)
        return value

    def rest(self) -> bytes:
        """Everything up to the end."""
        return self.take(len(self._data) - self._at)

    def end(self) -> None:
        """Nothing may follow."""
        if self:
            raise malformed("bytes after the last field", self._data)
