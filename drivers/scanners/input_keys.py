"""The key codes of Linux input events as usages of the HID keyboard page, and back.

Owns: that table. Must not know: characters, events, devices.
Source: Linux, include/uapi/linux/input-event-codes.h, and drivers/hid/hid-input.c (hid_keyboard): the kernel
turns a keyboard's usages into these codes, so that turning them back gives what the scanner sent.
"""

from __future__ import annotations

_ROWS = (  # first usage, the codes from there on
    (0x04, (30, 48, 46, 32, 18, 33, 34, 35, 23, 36, 37, 38, 50)),  # A to M
    (0x11, (49, 24, 25, 16, 19, 31, 20, 22, 47, 17, 45, 21, 44)),  # N to Z
    (0x1E, (2, 3, 4, 5, 6, 7, 8, 9, 10, 11)),  # 1 to 0
    (0x28, (28, 1, 14, 15, 57, 12, 13, 26, 27, 43)),  # Enter, Escape, Backspace, Tab, space, - = [ ] \
    (0x33, (39, 40, 41, 51, 52, 53, 58)),  # ; ' ` , . / Caps Lock
    (0x53, (69, 98, 55, 74, 78, 96)),  # Num Lock, keypad / * - + Enter
    (0x59, (79, 80, 81, 75, 76, 77, 71, 72, 73, 82, 83)),  # keypad 1 to 0 and point
    (0x67, (117,)),  # keypad =
    (0x85, (121,)),  # keypad comma
)

USAGES = {code: first + at for first, codes in _ROWS for at, code in enumerate(codes)}
CODES = {usage: code for code, usage in USAGES.items()}

# Modifiers: code to its bit in the first byte of a boot report.
MODIFIERS = {29: 0x01, 42: 0x02, 56: 0x04, 125: 0x08, 97: 0x10, 54: 0x20, 100: 0x40, 126: 0x80}
