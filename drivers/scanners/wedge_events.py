"""Barcodes out of the input events of a scanner that types, and the events that such a scanner makes.

Owns: the layout of an event, both ends of the stream, the pace of typing, what a loss of events costs.
Must not know: device nodes, grabbing, what a barcode means.
Documents: Linux, Documentation/input/event-codes.rst (EV_KEY 1 down, 0 up, 2 autorepeat; SYN_DROPPED) and
include/uapi/linux/input.h. Each event is `struct input_event` of a 64-bit kernel, 24 bytes, little-endian:

    seconds (8), microseconds (8), type (2), code (2), value (4)

After SYN_DROPPED the kernel has thrown events away. What follows up to the next SYN_REPORT tells which keys
are down now (links/evdev.py asks the kernel and puts it there). The barcode that was being typed is gone, and
so is whatever comes before the next end or silence: its first part may be missing, and it must not be glued.

Several digits of ALT-numpad mode come in one report, and the kernel swallows a digit that stands in it twice
(080 is seen as 0, 8). Reading that mode here guesses; it is refused unless the settings ask for it.

Faults survived: lost events, torn events, autorepeat and keys that hang, keys that type nothing, a barcode
without end (dropped at 4,096 bytes), a person who types on the device, silences that were not seen in time.
"""

from __future__ import annotations

import struct
from collections.abc import Iterator

from drivers.scanners.content import CONTENT_OPTIONS, Content
from drivers.scanners.input_keys import CODES, MODIFIERS, USAGES
from drivers.scanners.reports import ReportFramer
from drivers.scanners.typed import ALT, SILENT_ENDS, TERMINATOR, Found, Typed, no_character
from drivers.scanners.wedge_keys import CAPS_LOCK, CONTROL, ENTER, PLAIN, SHIFTED, TAB, keypad_usage
from edge_agent.sdk.driver import Option, Options
from edge_agent.sdk.errors import CommandError, ProtocolError
from edge_agent.sdk.values import ScanText

EVENT = struct.Struct("<qqHHi")
EV_SYN, EV_KEY = 0x00, 0x01
SYN_REPORT, SYN_DROPPED = 0, 3
UP, DOWN = 0, 1
TORN_SILENCE_S = 2.0  # no scanner pauses this long inside a barcode and then goes on
ALT_DIGITS = 3  # scanners spell a byte in three digits; with less the kernel swallowed one
PLUG_AND_PLAY = "scan the set-up code 'ALT mode off', or set the scanner to HID-POS or serial mode"
ONLY_SCANNERS = "nobody may type on the scanner's device; a slow scanner needs a greater slowest_key_ms"
BUSY = "the scanner types faster than it is read: set a delay between its characters"

OPTIONS = (
    TERMINATOR,
    Option(
        "idle_gap_ms",
        100,
        "with terminator any or none: the silence in milliseconds that ends a barcode; longer over radio",
        minimum=10,
        maximum=5000,
    ),
    Option(
        "slowest_key_ms",
        80,
        "a barcode typed with more milliseconds for each key came from a person and is refused",
        minimum=5,
        maximum=1000,
    ),
    Option("caps_lock", False, "the scanner is set for a host with Caps Lock on: letters come turned about"),
    Option(
        "alt_numpad",
        "refuse",
        "characters spelt by their number while Alt is held: a digit that stands twice is lost on the way",
        choices=("refuse", "read"),
    ),
    *CONTENT_OPTIONS,
)


class InputEventDecoder:
    """Barcodes out of events. Silences are told by the events' own time, and by `flush`."""

    def __init__(self, options: Options) -> None:
        self._typed = Typed(options)
        self._framer = ReportFramer(EVENT.size)
        self._silent_end = options.text("terminator") in SILENT_ENDS
        self._idle_s = options.integer("idle_gap_ms") / 1000
        self._slowest_us = options.integer("slowest_key_ms") * 1000
        self._caps = options.flag("caps_lock")
        self._reads_alt = options.text("alt_numpad") == "read"
        self.reset()

    @property
    def held(self) -> int:
        """How much of an unfinished barcode waits; one that is being dropped counts, too."""
        return self._typed.held + self._typed.is_refused

    @property
    def silence_s(self) -> float:
        """How long nothing must come for the barcode to be over."""
        return self._idle_s if self._silent_end or self._typed.is_refused else TORN_SILENCE_S

    def reset(self) -> None:
        self._framer.reset()
        self._down: set[int] = set()
        self._telling_state = False
        self._last_us: int | None = None
        self._begin()

    def feed(self, data: bytes) -> Found:
        found: Found = []
        for frame in self._framer.feed(data):
            found += self._typed.refuse(frame) if isinstance(frame, ProtocolError) else self._event(frame)
        return found

    def flush(self) -> Found:
        torn = [error for error in self._framer.flush() if isinstance(error, ProtocolError)]
        return [refusal for error in torn for refusal in self._typed.refuse(error)] + self._silence()

    def _silence(self) -> Found:
        ends = self._silent_end and not self._down
        found = self._paced(self._typed.silence(ends=ends), by_silence=True)
        self._begin()
        return found

    def _begin(self) -> None:
        """A new barcode: nothing typed, nothing timed."""
        self._typed.reset()
        if self._caps:
            self._typed.key(CAPS_LOCK, 0, b"")
        self._keys = 0
        self._first_us = 0

    def _event(self, raw: bytes) -> Found:
        seconds, microseconds, kind, code, value = EVENT.unpack(raw)
        if kind == EV_SYN:
            return self._mark(code, raw)
        if kind != EV_KEY or value not in (UP, DOWN):
            return []
        if self._telling_state:
            self._hold(code, value)
            return []
        now_us = seconds * 1_000_000 + microseconds
        found = self._after_silence(now_us)
        self._last_us = now_us
        return found + (self._pressed(code, raw, now_us) if value == DOWN else self._released(code, raw))

    def _mark(self, code: int, raw: bytes) -> Found:
        if code == SYN_REPORT:
            self._telling_state = False
        if code != SYN_DROPPED:
            return []
        self._telling_state = True
        self._down.clear()
        return self._typed.refuse(ProtocolError("scan.events_lost", "key events were lost", raw, hint=BUSY))

    def _after_silence(self, now_us: int) -> Found:
        """What a silence ended that lay between two events of one read."""
        quiet_us = 0 if self._last_us is None else now_us - self._last_us
        return self._silence() if self.held and quiet_us >= self.silence_s * 1_000_000 else []

    def _hold(self, code: int, value: int) -> None:
        if value == DOWN:
            self._down.add(code)
        else:
            self._down.discard(code)

    def _pressed(self, code: int, raw: bytes, now_us: int) -> Found:
        if code in self._down:
            return []
        self._hold(code, DOWN)
        if code in MODIFIERS:
            return []
        if not self._keys:
            self._first_us = now_us
        self._keys += 1
        usage = USAGES.get(code)
        if usage is None:
            return self._typed.refuse(no_character(raw))
        found = self._typed.key(usage, self._modifiers(), raw)
        if self._typed.spelt_digits and not self._reads_alt:
            found += self._typed.refuse(_alt_mode(raw))
        if usage in self._typed.ends:
            found = self._paced(found)
            self._keys = 0
        return found

    def _released(self, code: int, raw: bytes) -> Found:
        self._hold(code, UP)
        if MODIFIERS.get(code, 0) & ALT and not self._modifiers() & ALT:
            if 0 < self._typed.spelt_digits < ALT_DIGITS:
                return self._typed.refuse(_alt_mode(raw))
            return self._typed.alt_released(raw)
        return []

    def _modifiers(self) -> int:
        return sum(MODIFIERS.get(code, 0) for code in self._down)

    def _paced(self, found: Found, *, by_silence: bool = False) -> Found:
        """Refuse what was typed as slowly as a person types."""
        gaps = self._keys - 1
        took_us = (self._last_us or 0) - self._first_us
        if (gaps and took_us <= gaps * self._slowest_us) or (not gaps and not by_silence):
            return found
        return [_typed_by_hand(v) if isinstance(v, ScanText) else v for v in found]


def _typed_by_hand(scan: ScanText) -> ProtocolError:
    return ProtocolError("scan.typed", "typed by hand", scan.raw[:1], hint=ONLY_SCANNERS)


def _alt_mode(raw: bytes) -> ProtocolError:
    text = "the scanner spells characters by their number (ALT mode)"
    return ProtocolError("scan.alt_mode", text, raw, hint=PLUG_AND_PLAY)


# The scanner's own side


class WedgeDevice:
    """The events that the kernel makes of what a scanner types for a barcode."""

    def __init__(self, options: Options, *, key_us: int = 1000) -> None:
        """`key_us` lies between two reports: a full-speed scanner is asked each millisecond."""
        self._content = Content(options)
        self._caps = options.flag("caps_lock")
        self._end = {"tab": [TAB], "none": []}.get(options.text("terminator"), [ENTER])
        self._key_us = key_us
        self.now_us = 0

    def encode(self, text: str, aim: str = "]C0") -> bytes:
        """All events of a barcode. Raises CommandError for a character that no key types."""
        strokes = [_stroke(byte, caps=self._caps) for byte in self._content.write(text, aim)]
        strokes += [(None, CODES[usage]) for usage in self._end]
        return b"".join(event for modifier, key in strokes for event in self._typed(modifier, key))

    def pause(self, seconds: float) -> None:
        """Nothing is typed for so long."""
        self.now_us += round(seconds * 1_000_000)

    def _typed(self, modifier: int | None, key: int) -> Iterator[bytes]:
        """Down and up, one report each, as a boot keyboard sends them."""
        keys = [key] if modifier is None else [modifier, key]
        for value in (DOWN, UP):
            self.now_us += self._key_us
            yield from (event(EV_KEY, code, value, self.now_us) for code in keys)
            yield event(EV_SYN, SYN_REPORT, 0, self.now_us)


def event(kind: int, code: int, value: int, at_us: int = 0) -> bytes:
    """One event."""
    return EVENT.pack(at_us // 1_000_000, at_us % 1_000_000, kind, code, value)


def _stroke(byte: int, *, caps: bool) -> tuple[int | None, int]:
    typed = chr(byte).swapcase() if caps and byte < 0x80 else chr(byte)
    for modifier, table in ((None, PLAIN), (42, SHIFTED)):
        for usage, shown in table.items():
            if shown == typed and (byte >= 0x20 or byte == 0x1B):
                return modifier, CODES[usage]
    for usage, code in CONTROL.items():
        if code == byte:
            return 29, CODES[usage]
    raise CommandError("scan.untypable", f"no key types the byte {byte:02x}")


def spelt(byte: int, at_us: int = 0) -> bytes:
    """The events of a byte in ALT-numpad mode, as the kernel gives them: a digit comes down once."""
    digits = dict.fromkeys(CODES[keypad_usage(digit)] for digit in f"{byte:03d}")
    down = [event(EV_KEY, code, DOWN, at_us) for code in (56, *digits)]
    up = [event(EV_KEY, code, UP, at_us) for code in (56, *digits)]
    return b"".join([*down, event(EV_SYN, SYN_REPORT, 0, at_us), *up, event(EV_SYN, SYN_REPORT, 0, at_us)])
