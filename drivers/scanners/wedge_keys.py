"""The keys of a boot keyboard as characters, United States layout, and back.

Owns: the tables of usages. Must not know: reports, modifiers' bits, barcodes.
Document: HID Usage Tables 1.12, section 10 (keyboard page 0x07).
"""

from __future__ import annotations

ENTER, TAB, KEYPAD_ENTER = 0x28, 0x2B, 0x58
CAPS_LOCK, NUM_LOCK = 0x39, 0x53
TERMINATORS = {ENTER: "enter", TAB: "tab", KEYPAD_ENTER: "keypad_enter"}
AS_CHARACTER = {ENTER: 13, TAB: 9, KEYPAD_ENTER: 13}

_LETTERS = "abcdefghijklmnopqrstuvwxyz"
_PLAIN = {0x04 + n: letter for n, letter in enumerate(_LETTERS)} | {
    0x1E + n: character for n, character in enumerate("1234567890")
}
_SIGNS = {
    0x29: "\x1b\x1b",
    0x2A: "\x08\x08",
    0x2C: "  ",
    0x2D: "-_",
    0x2E: "=+",
    0x2F: "[{",
    0x30: "]}",
    0x31: "\\|",
    0x33: ";:",
    0x34: "'\"",
    0x35: "`~",
    0x36: ",<",
    0x37: ".>",
    0x38: "/?",
}
_SHIFTED_DIGITS = "!@#$%^&*()"

PLAIN = _PLAIN | {usage: pair[0] for usage, pair in _SIGNS.items()}
SHIFTED = (
    {usage: letter.upper() for usage, letter in _PLAIN.items() if letter.isalpha()}
    | {0x1E + n: character for n, character in enumerate(_SHIFTED_DIGITS)}
    | {usage: pair[1] for usage, pair in _SIGNS.items()}
)
KEYPAD_DIGITS = {0x59 + n: digit for n, digit in enumerate("1234567890")}
KEYPAD = KEYPAD_DIGITS | {
    0x54: "/",
    0x55: "*",
    0x56: "-",
    0x57: "+",
    0x63: ".",
    0x67: "=",
    0x85: ",",
}
CONTROL = {0x04 + n: 1 + n for n in range(26)} | {
    0x1F: 0,  # Ctrl+@
    0x23: 30,  # Ctrl+^
    0x2C: 0,
    0x2D: 31,  # Ctrl+_
    0x2F: 27,
    0x30: 29,
    0x31: 28,
}


def character(usage: int, *, shift: bool, caps: bool) -> str | None:
    """What the key types, None for a key that types nothing."""
    if usage in KEYPAD:
        return KEYPAD[usage]
    plain = PLAIN.get(usage)
    if plain is None:
        return None
    upper = shift != caps if plain.isalpha() else shift
    return SHIFTED[usage] if upper else plain


def keypad_usage(digit: str) -> int:
    """The keypad's key of a decimal digit."""
    return 0x59 + (int(digit) - 1) % 10
