"""ZPL II from the printer's side: what a strict printer makes of the byte stream.

Owns: parsing of exactly the commands that our encoder may send (anything else is reported as Refused), and
decoding of the graphic. Must not know: time, paper transport, links. Replies stand in zpl_status.

A tilde or a caret ends a graphic before its time, as on a real printer; what is missing of it stays white.
"""

from __future__ import annotations

import base64
import binascii
import re
import zlib

from drivers.printers.label_device import (
    Asked,
    Cancelled,
    LabelEvent,
    LabelOrdered,
    Picture,
    Refused,
)
from drivers.printers.zpl_status import ERROR_STATUS, HOST_STATUS, LABEL_COUNT
from edge_agent.sdk.driver import Options

HELD_LIMIT = 4_000_000  # a metre of label as hex, on the widest head
PICTURE_LIMIT = 4_000_000  # what :Z64: may unpack to
SGD = b'! U1 getvar "odometer.total_label_count"\r\n'
AT_ONCE: tuple[tuple[bytes, LabelEvent], ...] = (
    (b"~JX", Cancelled()),
    (b"~HS", Asked(HOST_STATUS)),
    (b"~HQES", Asked(ERROR_STATUS)),
    (SGD, Asked(LABEL_COUNT)),
)
PREFIX = re.compile(rb"[~^]")
DARKNESS = re.compile(rb"~SD(?:[0-2]\d|30)")
PLAIN = re.compile(rb"\^(?:LH0,0|LT0|LS0|PON|PMN|LRN|MN[YMN]|MT[DT]|MM[TPC]|PR(?:[1-9]|1[0-4])|FO0,0|FS|PQ1)")
WIDTH = re.compile(rb"\^PW([1-9]\d{0,3})")
LENGTH = re.compile(rb"\^LL([1-9]\d{0,4})")
GRAPHIC = re.compile(rb"\^GFA,(\d{1,7}),(\d{1,7}),(\d{1,4}),(.*)", re.DOTALL)
Z64 = re.compile(rb":Z64:([A-Za-z0-9+/]+=*):([0-9A-F]{4})")
COUNTED = re.compile(rb"([G-Yg-z]*)([0-9A-F,:])")


class ZplDevice:
    """A strict parser: the same events whatever the chunking. Line ends between commands are ignored."""

    def __init__(self, options: Options | None = None, width_dots: int = 832) -> None:
        self._picture = Picture(options.integer("width_dots") if options else width_dots)
        self.power_cycle()

    @property
    def half_way(self) -> bool:
        """Whether a format has begun and not ended."""
        return self._inside

    def power_cycle(self) -> None:
        """Forget everything, settings too."""
        self._held = bytearray()
        self._searched = 0
        self._inside = False
        self._again = True
        self._length = 0

    def feed(self, data: bytes) -> list[LabelEvent]:
        """What these bytes made the printer do."""
        self._held += data
        events: list[LabelEvent] = []
        while (command := self._next()) is not None:
            self._obey(command, events)
        return events

    def _next(self) -> bytes | None:
        """The next whole command, taken out of what is held."""
        while self._held.startswith((b"\r", b"\n")):
            del self._held[:1]
            self._searched = 0
        head = bytes(self._held[: len(SGD)])
        for command, _ in AT_ONCE:
            if head.startswith(command):
                return self._take(len(command))
        if head.startswith(b"^XZ"):
            return self._take(3)
        end = PREFIX.search(self._held, max(1, self._searched))
        if end:
            return self._take(end.start())
        self._searched = len(self._held)
        if head[:1] not in (b"~", b"^", b"!") and head:
            return self._take(len(self._held))
        return self._take(len(self._held)) if len(self._held) > HELD_LIMIT else None

    def _take(self, length: int) -> bytes:
        command = bytes(self._held[:length])
        del self._held[:length]
        self._searched = 0
        return command

    def _obey(self, command: bytes, events: list[LabelEvent]) -> None:
        event = next((event for known, event in AT_ONCE if command == known), None)
        if event is not None:
            self._inside = self._inside and not isinstance(event, Cancelled)
            events.append(event)
        elif DARKNESS.fullmatch(command.rstrip(b"\r\n")):
            return
        elif not self._understood(command.rstrip(b"\r\n"), events):
            events.append(Refused(command))

    def _understood(self, command: bytes, events: list[LabelEvent]) -> bool:
        """Obey a command of a format; whether it is one that our encoder sends there."""
        if command == b"^XA":
            fresh, self._inside, self._length = not self._inside, True, 0
            return fresh
        if not self._inside:
            return False
        if command == b"^XZ":
            self._inside = False
            events.append(LabelOrdered(self._picture.page(), self._again))
            return self._length > 0
        if length := LENGTH.fullmatch(command):
            self._length = int(length[1])
            self._picture.clear(self._length)
            return True
        if graphic := GRAPHIC.fullmatch(command):
            return self._draw(graphic)
        if command == b"^JZN":
            self._again = False
            return True
        return bool(PLAIN.fullmatch(command) or WIDTH.fullmatch(command))

    def _draw(self, graphic: re.Match[bytes]) -> bool:
        total, stride = int(graphic[1]), int(graphic[3])
        if graphic[1] != graphic[2] or not stride or total != stride * self._length:
            return False
        data = unpacked(graphic[4], stride)
        if data is None:
            return False
        self._picture.draw(0, stride, data[:total])
        return len(data) == total and stride <= self._picture.stride


def unpacked(text: bytes, stride: int) -> bytes | None:
    """The bytes of a graphic, or None where it is written in no known way."""
    if text.startswith(b":"):
        packed = Z64.fullmatch(text)
        return _inflated(packed) if packed else None
    digits = bytearray()
    at = 0
    while at < len(text):
        found = COUNTED.match(text, at)
        if found is None or len(digits) > 2 * PICTURE_LIMIT:
            return None
        digits += _digits(found, digits, stride * 2)
        at = found.end()
    return binascii.unhexlify(digits[: len(digits) // 2 * 2])


def _digits(found: re.Match[bytes], before: bytearray, width: int) -> bytes:
    counts, digit = found[1], found[2]
    if digit == b":":
        return bytes(before[-width:])
    if digit == b",":
        return b"0" * (width - len(before) % width)
    number = sum(letter - ord("F") if letter <= ord("Y") else 20 * (letter - ord("f")) for letter in counts)
    return digit * (number or 1)


def _inflated(packed: re.Match[bytes]) -> bytes | None:
    if int(packed[2], 16) != binascii.crc_hqx(packed[1], 0):
        return None
    try:
        inflate = zlib.decompressobj()
        return inflate.decompress(base64.b64decode(packed[1]), PICTURE_LIMIT)
    except (binascii.Error, zlib.error):
        return None
