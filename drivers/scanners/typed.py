"""One barcode while a scanner types it: keys with their modifiers become bytes, an end key completes them.

Owns: what a key types, Ctrl codes, Caps Lock, ALT-numpad mode, refusing a barcode whole, the bound.
Must not know: how keys arrive (reports, events), ports, time, what a barcode means.

A key types once, with the modifiers of that moment. Ctrl and a key is a control code. While Alt is held,
keypad digits spell a character code, which counts when Alt is let go: codes up to 255 are bytes of the
barcode (UTF-8, or else Latin-1), greater ones Unicode characters.
"""

from __future__ import annotations

from drivers.scanners.content import ERROR_BYTES, Content
from drivers.scanners.wedge_keys import (
    AS_CHARACTER,
    CAPS_LOCK,
    CONTROL,
    KEYPAD_DIGITS,
    NUM_LOCK,
    TAB,
    TERMINATORS,
    character,
)
from edge_agent.sdk.driver import Option, Options
from edge_agent.sdk.errors import ProtocolError
from edge_agent.sdk.framing import SCAN_LINE_LIMIT
from edge_agent.sdk.values import ScanText

CTRL, SHIFT, ALT, GUI = 0x11, 0x22, 0x44, 0x88  # left and right, as bits of a boot report's first byte
CODE_DIGITS = 7  # the greatest character code, 1114111, has as many
SURROGATES = range(0xD800, 0xE000)
LAST_CODE = 0x10FFFF
WRONG_KEY = "set the scanner to the US keyboard, or to HID-POS mode, which sends exact bytes"

ENDS = {
    "any": frozenset(TERMINATORS),
    "enter": frozenset(TERMINATORS) - {TAB},
    "tab": frozenset({TAB}),
    "none": frozenset[int](),
}
SILENT_ENDS = frozenset({"any", "none"})  # the settings with which silence ends a barcode
TERMINATOR = Option(
    "terminator",
    "any",
    "the key that ends a barcode: Enter, Tab, keypad Enter or silence (any), one of them, or none",
    choices=tuple(ENDS),
)

Found = list[ScanText | ProtocolError]


class Typed:
    """What was typed since the last end. Nothing of a refused barcode is kept; one error tells it."""

    def __init__(self, options: Options) -> None:
        self._content = Content(options)
        self.ends = ENDS[options.text("terminator")]
        self.reset()

    @property
    def held(self) -> int:
        """How many bytes of an unfinished barcode wait; a digit of a spelt character counts as one."""
        return len(self._held) + len(self._code)

    @property
    def is_refused(self) -> bool:
        """Whether everything up to the next end is dropped."""
        return self._refused

    @property
    def spelt_digits(self) -> int:
        """How many digits of a character code were typed while Alt is held."""
        return len(self._code)

    def reset(self) -> None:
        """Nothing is typed, Caps Lock is off."""
        self._caps = False
        self.forget()

    def forget(self) -> None:
        """A new barcode begins."""
        self._held = bytearray()
        self._code = ""
        self._refused = False

    def key(self, usage: int, modifiers: int, raw: bytes) -> Found:
        """A key came down; `raw` is what it came in, for an error."""
        if usage in self.ends:
            return self._end(TERMINATORS[usage])
        if usage == CAPS_LOCK:
            self._caps = not self._caps
        if usage in (CAPS_LOCK, NUM_LOCK) or self._refused:
            return []
        if modifiers & ALT and not modifiers & (CTRL | GUI) and usage in KEYPAD_DIGITS:
            self._code += KEYPAD_DIGITS[usage]
            return [] if len(self._code) <= CODE_DIGITS else self.refuse(no_character(raw))
        code = self._character(usage, modifiers)
        return self.refuse(no_character(raw)) if code is None else self._append(bytes([code]))

    def alt_released(self, raw: bytes) -> Found:
        """The digits typed while Alt was held are a character."""
        if not self._code:
            return []
        code, self._code = int(self._code), ""
        if code <= 0xFF:
            return self._append(bytes([code]))
        if code > LAST_CODE or code in SURROGATES:
            return self.refuse(no_character(raw))
        return self._append(chr(code).encode())

    def silence(self, *, ends: bool) -> Found:
        """Nothing is typed any more: with `ends` that completes the barcode, otherwise it is torn."""
        found: Found = []
        typed = bytes(self._held)
        if self.held and not self._refused:
            torn = ProtocolError("frame.torn", "a barcode without its end", typed[:ERROR_BYTES])
            found.append(self._content.read(typed, typed) if ends and not self._code else torn)
        self.reset()
        return found

    def refuse(self, error: ProtocolError) -> Found:
        """Nothing of the barcode is kept, up to its end; one error tells it."""
        if self._refused:
            return []
        self.forget()
        self._refused = True
        return [error]

    def _character(self, usage: int, modifiers: int) -> int | None:
        if modifiers & (ALT | GUI):
            return None
        if modifiers & CTRL:
            return CONTROL.get(usage)
        if usage in AS_CHARACTER:
            return AS_CHARACTER[usage]
        typed = character(usage, shift=bool(modifiers & SHIFT), caps=self._caps)
        return None if typed is None else ord(typed)

    def _append(self, typed: bytes) -> Found:
        if self._refused:
            return []
        if len(self._held) + len(typed) > SCAN_LINE_LIMIT:
            text = f"no end within {SCAN_LINE_LIMIT} bytes"
            return self.refuse(ProtocolError("frame.too_long", text, bytes(self._held[:ERROR_BYTES])))
        self._held += typed
        return []

    def _end(self, terminator: str) -> Found:
        typed, code = bytes(self._held), self._code
        self.forget()
        if code:
            return [ProtocolError("frame.torn", "a character spelt in part", typed[:ERROR_BYTES])]
        return [self._content.read(typed, typed, terminator)] if typed else []


def no_character(raw: bytes) -> ProtocolError:
    """A key that no scanner with the US layout types."""
    return ProtocolError("scan.unknown_key", "a key that types no character", raw, hint=WRONG_KEY)
