"""A barcode scanner that types: a HID boot keyboard, US layout.

Owns: characters to key reports, with Shift, Caps Lock, and the two ways scanners type control characters.
Must not know: which key types what (drivers.scanners.wedge_keys), the input layer that reads the keys.

HID 1.11 appendix B.1 (boot keyboard). A report holds modifiers and up to six keys; a scanner sends "down" and
"up" for each character, one report for each poll.
"""

from __future__ import annotations

from collections import deque
from enum import StrEnum

from drivers.scanners.wedge_keys import CAPS_LOCK, CONTROL, ENTER, PLAIN, SHIFTED, TAB, keypad_usage
from edge_agent.sdk.errors import CommandError
from simulators.usb import descriptors
from simulators.usb.descriptors import Identity
from simulators.usb.device import Answer, Handshake
from simulators.usb.hid import BOOT_KEYBOARD, MAX_REPORTS, HidFunction

SCANNER = Identity(0x0C2E, 0x0200, "Booth", "Sim keyboard scanner", "KB0001")

CTRL, SHIFT, ALT = 0x01, 0x02, 0x04
CAPS_LED = 0x02
UP = bytes(8)
BOOT_DESCRIPTOR = bytes.fromhex(
    "05010906a101"  # generic desktop, keyboard, application
    "050719e029e71500250175019508" + "8102"  # eight modifier bits
    "75089501" + "8101"  # one reserved byte
    "0508190129057501" + "95059102" + "750395019101"  # five lamps, padding
    "05071900296515002565" + "75089506" + "8100"  # six key codes
    "c0"
)

_KEYS = {shown: (SHIFT, key) for key, shown in SHIFTED.items()}
_KEYS |= {shown: (0, key) for key, shown in PLAIN.items()} | {"\n": (0, ENTER), "\t": (0, TAB)}
_CONTROL = {code: key for key, code in reversed(CONTROL.items())}


# What a scanner set for another country sends: the keys of its letters there, as a US keyboard names them.
LAYOUTS = {
    "us": {},
    "german": str.maketrans("yzYZ-_/", "zyZY/?&"),
    "french": str.maketrans("aqzwAQZWmM-_/1234567890", "qawzQAWZ;:68>!@#$%^&*()"),
}


class ControlKeys(StrEnum):
    """How the scanner is set up to type control characters such as GS."""

    REFUSE = "refuse"
    CTRL = "ctrl"  # Ctrl and the key 0x40 higher: GS is Ctrl+]
    ALT = "alt"  # Alt held over three keypad digits in one report


class Wedge(HidFunction):
    """`caps` types as a scanner set up for a host with Caps Lock on: letters with Shift turned about."""

    def __init__(
        self,
        *,
        caps: bool = False,
        controls: ControlKeys = ControlKeys.REFUSE,
        layout: str = "us",
        spells: bool = False,
    ) -> None:
        """`spells`: every character by its number on the keypad, with Alt held (ALT mode)."""
        super().__init__(BOOT_DESCRIPTOR, interface=BOOT_KEYBOARD)
        self.caps = caps
        self.controls = controls
        self.layout = layout
        self.spells = spells
        self.lamps = 0

    def scan(self, text: str, terminator: str = "\n") -> None:
        """Type a barcode. Raises CommandError for a character that the scanner cannot type."""
        reports = [report for character in text + terminator for report in self._typed(character)]
        self.push(*reports)

    def stick(self, character: str) -> None:
        """A key goes down and stays down: the host's autorepeat does the rest."""
        self.push(self._typed(character)[0])

    def let_go(self) -> None:
        """Every key comes up."""
        self.push(UP)

    def press_caps_lock(self) -> None:
        """Press and let go the Caps Lock key, as some scanners do before and after letters."""
        self.push(_down(0, CAPS_LOCK), UP)

    def set_report(self, data: bytes) -> Answer:
        self.lamps = data[0] if data else 0
        return super().set_report(data)

    def _typed(self, character: str) -> tuple[bytes, ...]:
        character = character.translate(LAYOUTS[self.layout])
        if self.caps and character.isascii():
            character = character.swapcase()
        if self.spells and character not in "\n\t" and ord(character) < 256:
            return _down(ALT, *map(keypad_usage, f"{ord(character):03}")), UP
        if character in _KEYS:
            return _down(*_KEYS[character]), UP
        return self._control(character)

    def _control(self, character: str) -> tuple[bytes, ...]:
        code = ord(character)
        if self.controls is ControlKeys.CTRL and code in _CONTROL:
            return _down(CTRL, _CONTROL[code]), UP
        if self.controls is ControlKeys.ALT and code < 256:
            return _down(ALT, *map(keypad_usage, f"{code:03}")), UP
        raise CommandError("sim.untypable", f"this scanner cannot type U+{code:04X}")


class TwoNodeWedge(Wedge):
    """A scanner with two keyboard interfaces, as some are: it types on either, and the host has two nodes."""

    interfaces = 2
    SECOND = 2

    def __init__(self) -> None:
        super().__init__()
        self._second: deque[bytes] = deque(maxlen=MAX_REPORTS)

    def scan_second(self, text: str, terminator: str = "\n") -> None:
        """Type a barcode on the second interface."""
        self._second.extend(report for character in text + terminator for report in self._typed(character))
        self._news()

    def configuration(self) -> bytes:
        return (
            super().configuration()
            + descriptors.interface(1, 1, BOOT_KEYBOARD)
            + descriptors.hid(len(self.report_descriptor))
            + descriptors.endpoint(0x80 | self.SECOND, descriptors.INTERRUPT, poll_ms=self._poll_ms)
        )

    def detached(self) -> None:
        super().detached()
        self._second.clear()

    def read(self, endpoint: int, room: int) -> Answer:
        if endpoint != self.SECOND:
            return super().read(endpoint, room)
        return self._second.popleft()[:room] if self._second else Handshake.NAK


def _down(modifiers: int, *keys: int) -> bytes:
    return bytes((modifiers, 0, *keys)).ljust(8, b"\0")
