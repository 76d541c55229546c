"""Scanners that type as a keyboard: boot reports to text.

Owns: both ends of the keyboard report of a scanner with the United States layout.
Must not know: evdev, USB, ports, time, what a barcode means.
Documents: Device Class Definition for HID 1.11, appendix B.1 (boot keyboard); HID Usage Tables 1.12, section
10. A capture of ALT-numpad mode: unix.stackexchange.com/questions/392654. Each report is eight bytes:

    modifiers, reserved, up to six keys that are down

A key types once, when it comes down, with the modifiers of that report. `raw` is what was typed. What the
keys mean stands in typed.py.

Faults survived: reports cut short, repeated reports, keys that type nothing and too many keys at once (the
whole barcode is refused), a barcode without end (dropped at 4,096 bytes), a key that hangs.
"""

from __future__ import annotations

from collections import Counter

from drivers.scanners.content import CONTENT_OPTIONS, Content
from drivers.scanners.reports import ReportFramer
from drivers.scanners.typed import ALT, SILENT_ENDS, TERMINATOR, Typed
from drivers.scanners.wedge_keys import (
    CONTROL,
    ENTER,
    PLAIN,
    SHIFTED,
    TAB,
    keypad_usage,
)
from edge_agent.sdk.driver import DriverSpec, Kind, Options
from edge_agent.sdk.errors import ProtocolError
from edge_agent.sdk.values import ScanText

REPORT_BYTES = 8
LEFT_CTRL, LEFT_SHIFT, LEFT_ALT = 0x01, 0x02, 0x04
DEFAULT_AIM = "]C0"  # Code 128: what the device half says where the test does not care


class WedgeHidDecoder:
    """Barcodes out of keyboard reports. With the terminator "any" or "none", silence ends one too."""

    def __init__(self, options: Options) -> None:
        self._typed = Typed(options)
        self._silent_end = options.text("terminator") in SILENT_ENDS
        self._framer = ReportFramer(REPORT_BYTES)
        self.reset()

    @property
    def held(self) -> int:
        """How many bytes of an unfinished barcode wait."""
        return self._typed.held

    def reset(self) -> None:
        self._framer.reset()
        self._typed.reset()
        self._down: tuple[int, ...] = ()

    def feed(self, data: bytes) -> list[ScanText | ProtocolError]:
        found: list[ScanText | ProtocolError] = []
        for frame in self._framer.feed(data):
            found += self._typed.refuse(frame) if isinstance(frame, ProtocolError) else self._report(frame)
        return found

    def flush(self) -> list[ScanText | ProtocolError]:
        found: list[ScanText | ProtocolError] = []
        for torn in self._framer.flush():
            found += self._typed.refuse(torn) if isinstance(torn, ProtocolError) else []
        return found + self._typed.silence(ends=self._silent_end and not self._down)

    def _report(self, report: bytes) -> list[ScanText | ProtocolError]:
        modifiers, keys = report[0], tuple(key for key in report[2:] if key)
        found: list[ScanText | ProtocolError] = []
        if not modifiers & ALT:
            found += self._typed.alt_released(report)
        for key in _pressed(self._down, keys):
            found += self._typed.key(key, modifiers, report)
        self._down = keys
        return found


def _pressed(before: tuple[int, ...], now: tuple[int, ...]) -> list[int]:
    """Keys that came down, in the order of the report; one that stands there twice was typed twice."""
    held = Counter(before)
    came = []
    for key in now:
        if held[key]:
            held[key] -= 1
        else:
            came.append(key)
    return came


# The scanner's own side


class WedgeHidDevice:
    """What a scanner in keyboard mode types for a barcode."""

    def __init__(self, options: Options) -> None:
        self._content = Content(options)
        self._end = {"tab": [(0, TAB)], "none": []}.get(options.text("terminator"), [(0, ENTER)])

    def encode(self, text: str, aim: str = DEFAULT_AIM, *, alt: bool = False) -> bytes:
        """The reports of all keys, each followed by its release; `alt` spells every byte by its number."""
        strokes = [_alt(byte) if alt else _stroke(byte) for byte in self._content.write(text, aim)]
        ends = [_keys(modifiers, key) for modifiers, key in self._end]
        return b"".join(stroke + bytes(REPORT_BYTES) for stroke in [*strokes, *ends])


def _stroke(byte: int) -> bytes:
    typed = chr(byte)
    for modifiers, table in ((0, PLAIN), (LEFT_SHIFT, SHIFTED)):
        for usage, shown in table.items():
            if shown == typed:
                return _keys(modifiers, usage)
    for usage, code in CONTROL.items():
        if code == byte:
            return _keys(LEFT_CTRL, usage)
    return _alt(byte)


def _alt(byte: int) -> bytes:
    return _keys(LEFT_ALT, *(keypad_usage(digit) for digit in f"{byte:03d}"))


def _keys(modifiers: int, *usages: int) -> bytes:
    return bytes([modifiers, 0, *usages]).ljust(REPORT_BYTES, b"\0")


SPEC = DriverSpec(
    name="wedge_hid",
    kind=Kind.SCANNER,
    title="Barcode scanner that types as a keyboard (boot reports, US layout, ALT-numpad mode)",
    decoder=WedgeHidDecoder,
    transports=frozenset({"hidraw"}),
    options=(TERMINATOR, *CONTENT_OPTIONS),
    sources=(
        "USB Device Class Definition for HID 1.11, appendix B.1 (boot keyboard report)",
        "USB HID Usage Tables 1.12, section 10 (keyboard page)",
        "unix.stackexchange.com/questions/392654 (capture of a scanner in ALT-numpad mode)",
    ),
    capabilities=frozenset({"decode_only"}),
    extra={"device": "drivers.scanners.wedge_hid:WedgeHidDevice"},
)
