"""Scanners that type as a keyboard: boot reports to text.

Owns: both ends of the keyboard report of a scanner with the United States layout.
Must not know: evdev, USB, ports, time, what a barcode means.
Documents: Device Class Definition for HID 1.11, appendix B.1 (boot keyboard); HID Usage Tables 1.12, section
10. A capture of ALT-numpad mode: unix.stackexchange.com/questions/392654. Each report is eight bytes:

    modifiers, reserved, up to six keys that are down

A key types once, when it comes down, with the modifiers of that report. Ctrl and a key is a control code.
While Alt is held, keypad digits spell a character code, which counts when Alt is let go: codes up to 255 are
bytes of the barcode (UTF-8, or else Latin-1), greater ones Unicode characters. `raw` is what was typed.

Faults survived: reports cut short, repeated reports, keys that type nothing and too many keys at once (the
whole barcode is refused), a barcode without end (dropped at 4,096 bytes), a key that hangs.
"""

from __future__ import annotations

from collections import Counter

from drivers.scanners.content import CONTENT_OPTIONS, ERROR_BYTES, Content
from drivers.scanners.reports import ReportFramer
from drivers.scanners.wedge_keys import (
    AS_CHARACTER,
    CAPS_LOCK,
    CONTROL,
    ENTER,
    KEYPAD_DIGITS,
    NUM_LOCK,
    PLAIN,
    SHIFTED,
    TAB,
    TERMINATORS,
    character,
    keypad_usage,
)
from edge_agent.sdk.driver import DriverSpec, Kind, Option, Options
from edge_agent.sdk.errors import ProtocolError
from edge_agent.sdk.framing import SCAN_LINE_LIMIT
from edge_agent.sdk.values import ScanText

REPORT_BYTES = 8
CTRL, SHIFT, ALT, GUI = 0x11, 0x22, 0x44, 0x88  # left and right
LEFT_CTRL, LEFT_SHIFT, LEFT_ALT = 0x01, 0x02, 0x04
CODE_DIGITS = 7  # the greatest character code, 1114111, has as many
SURROGATES = range(0xD800, 0xE000)
LAST_CODE = 0x10FFFF
DEFAULT_AIM = "]C0"  # Code 128: what the device half says where the test does not care
WRONG_KEY = "set the scanner to the US keyboard, or to HID-POS mode, which sends exact bytes"

_ENDS = {
    "any": frozenset(TERMINATORS),
    "enter": frozenset(TERMINATORS) - {TAB},
    "tab": frozenset({TAB}),
    "none": frozenset[int](),
}


class WedgeHidDecoder:
    """Barcodes out of keyboard reports. With the terminator "any" or "none", silence ends one too."""

    def __init__(self, options: Options) -> None:
        self._content = Content(options)
        self._ends = _ENDS[options.text("terminator")]
        self._silent_end = options.text("terminator") in ("any", "none")
        self._framer = ReportFramer(REPORT_BYTES)
        self.reset()

    @property
    def held(self) -> int:
        """How many bytes of an unfinished barcode wait."""
        return len(self._held)

    def reset(self) -> None:
        self._framer.reset()
        self._down: tuple[int, ...] = ()
        self._caps = False
        self._forget()

    def _forget(self) -> None:
        self._held = bytearray()
        self._code = ""
        self._refused = False

    def feed(self, data: bytes) -> list[ScanText | ProtocolError]:
        found: list[ScanText | ProtocolError] = []
        for frame in self._framer.feed(data):
            found += self._refuse(frame) if isinstance(frame, ProtocolError) else self._report(frame)
        return found

    def flush(self) -> list[ScanText | ProtocolError]:
        found: list[ScanText | ProtocolError] = []
        for torn in self._framer.flush():
            found += self._refuse(torn) if isinstance(torn, ProtocolError) else []
        if (self._held or self._code) and not self._refused:
            found.append(self._silence())
        self._caps = False
        self._forget()
        return found

    def _silence(self) -> ScanText | ProtocolError:
        typed = bytes(self._held)
        if self._silent_end and not self._down and not self._code:
            return self._content.read(typed, typed)
        return ProtocolError("frame.torn", "a barcode without its end", typed[:ERROR_BYTES])

    def _refuse(self, error: ProtocolError) -> list[ScanText | ProtocolError]:
        """Nothing of the barcode is kept, up to its end; one error tells it."""
        if self._refused:
            return []
        self._forget()
        self._refused = True
        return [error]

    def _report(self, report: bytes) -> list[ScanText | ProtocolError]:
        modifiers, keys = report[0], tuple(key for key in report[2:] if key)
        found: list[ScanText | ProtocolError] = []
        if self._code and not modifiers & ALT:
            found += self._spelt(report)
        for key in _pressed(self._down, keys):
            found += self._key(key, modifiers, report)
        self._down = keys
        return found

    def _key(self, key: int, modifiers: int, report: bytes) -> list[ScanText | ProtocolError]:
        if key in self._ends:
            return self._end(TERMINATORS[key])
        if key == NUM_LOCK:
            return []
        if key == CAPS_LOCK:
            self._caps = not self._caps
            return []
        if modifiers & ALT and not modifiers & (CTRL | GUI) and key in KEYPAD_DIGITS:
            self._code += KEYPAD_DIGITS[key]
            return [] if len(self._code) <= CODE_DIGITS else self._refuse(_no_character(report))
        code = self._typed(key, modifiers)
        return self._refuse(_no_character(report)) if code is None else self._append(bytes([code]))

    def _typed(self, key: int, modifiers: int) -> int | None:
        if modifiers & (ALT | GUI):
            return None
        if modifiers & CTRL:
            return CONTROL.get(key)
        if key in AS_CHARACTER:
            return AS_CHARACTER[key]
        typed = character(key, shift=bool(modifiers & SHIFT), caps=self._caps)
        return None if typed is None else ord(typed)

    def _spelt(self, report: bytes) -> list[ScanText | ProtocolError]:
        code, self._code = int(self._code), ""
        if code <= 0xFF:
            return self._append(bytes([code]))
        if code > LAST_CODE or code in SURROGATES:
            return self._refuse(_no_character(report))
        return self._append(chr(code).encode())

    def _append(self, typed: bytes) -> list[ScanText | ProtocolError]:
        if self._refused:
            return []
        if len(self._held) + len(typed) > SCAN_LINE_LIMIT:
            text = f"no end within {SCAN_LINE_LIMIT} bytes"
            return self._refuse(ProtocolError("frame.too_long", text, bytes(self._held[:ERROR_BYTES])))
        self._held += typed
        return []

    def _end(self, terminator: str) -> list[ScanText | ProtocolError]:
        typed, code = bytes(self._held), self._code
        self._forget()
        if code:
            return [ProtocolError("frame.torn", "a character spelt in part", typed[:ERROR_BYTES])]
        return [self._content.read(typed, typed, terminator)] if typed else []


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


def _no_character(report: bytes) -> ProtocolError:
    return ProtocolError("scan.unknown_key", "a key that types no character", report, hint=WRONG_KEY)


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
    options=(
        Option(
            "terminator",
            "any",
            "the key that ends a barcode: Enter, Tab, keypad Enter or silence (any), one of them, or none",
            choices=tuple(_ENDS),
        ),
        *CONTENT_OPTIONS,
    ),
    sources=(
        "USB Device Class Definition for HID 1.11, appendix B.1 (boot keyboard report)",
        "USB HID Usage Tables 1.12, section 10 (keyboard page)",
        "unix.stackexchange.com/questions/392654 (capture of a scanner in ALT-numpad mode)",
    ),
    capabilities=frozenset({"decode_only"}),
    extra={"device": "drivers.scanners.wedge_hid:WedgeHidDevice"},
)
