"""What can go wrong on the way between a device and its host: one class for each fault, pure.

Owns: the faults and the words they are asked for by. Must not know: time sources, ports, protocols.
Each takes one frame (what a device sent in one go, or a chunk that arrived) and gives pieces of it, each
with a pause before it. Chance is seeded, so that a run repeats.
"""

from __future__ import annotations

import random
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field
from typing import Protocol

from edge_agent.sdk.errors import CommandError

MERGE_LIMIT_BYTES = 65_536  # held at most; then they go, however few frames they are
NOISE_BURST_BYTES = 8  # as long as a short frame: enough to look like one
DRAIN_STEP_BYTES = 64  # one USB full-speed packet
MAX_COPIES = 100_000  # a stuck scanner of 1,000 reads a second for over a minute
MAX_DELAY_S = 3600.0  # longer than any time-out that is tested


@dataclass(frozen=True, slots=True)
class Piece:
    """Bytes that come through, the pause before them, and whether the plug is pulled after them."""

    data: bytes
    after_s: float = 0.0
    hang_up: bool = False


class Fault(Protocol):
    """One fault; it may hold state, so each wire and direction has its own."""

    def carry(self, frame: Piece) -> Iterator[Piece]:
        """What becomes of one frame."""


def _dice() -> random.Random:
    return random.Random(0)


@dataclass(frozen=True, slots=True)
class ByteByByte:
    """Each byte comes alone."""

    gap_s: float = 0.0

    def carry(self, frame: Piece) -> Iterator[Piece]:
        end = max(1, len(frame.data))
        for at in range(end):
            pause = frame.after_s if at == 0 else self.gap_s
            yield Piece(frame.data[at : at + 1], pause, hang_up=frame.hang_up and at == end - 1)


class Merged:
    """Several frames come in one piece."""

    def __init__(self, frames: int = 3) -> None:
        self._frames = frames
        self._held = bytearray()
        self._count = 0

    def carry(self, frame: Piece) -> Iterator[Piece]:
        self._held += frame.data
        self._count += 1
        if self._count < self._frames and len(self._held) < MERGE_LIMIT_BYTES and not frame.hang_up:
            return
        data = bytes(self._held)
        self._held.clear()
        self._count = 0
        yield Piece(data, frame.after_s, hang_up=frame.hang_up)


@dataclass(frozen=True, slots=True)
class Delayed:
    """Each frame comes late."""

    seconds: float

    def carry(self, frame: Piece) -> Iterator[Piece]:
        yield Piece(frame.data, frame.after_s + self.seconds, hang_up=frame.hang_up)


@dataclass(frozen=True, slots=True)
class Noise:
    """Random bytes before some frames: a loose connector, a wrong baud rate for a moment."""

    chance: float
    dice: random.Random = field(default_factory=_dice)

    def carry(self, frame: Piece) -> Iterator[Piece]:
        if self.dice.random() < self.chance:
            yield Piece(self.dice.randbytes(self.dice.randint(1, NOISE_BURST_BYTES)), frame.after_s)
            frame = Piece(frame.data, hang_up=frame.hang_up)
        yield frame


@dataclass(frozen=True, slots=True)
class Garbled:
    """Some frames are random bytes of the same length: a wrong baud rate."""

    chance: float
    dice: random.Random = field(default_factory=_dice)

    def carry(self, frame: Piece) -> Iterator[Piece]:
        garbled = self.dice.random() < self.chance
        data = self.dice.randbytes(len(frame.data)) if garbled else frame.data
        yield Piece(data, frame.after_s, hang_up=frame.hang_up)


@dataclass(frozen=True, slots=True)
class WrongParity:
    """The device counts a parity bit where the host reads the eighth bit of data."""

    odd: bool

    def carry(self, frame: Piece) -> Iterator[Piece]:
        data = bytes(_with_parity(byte & 0x7F, odd=self.odd) for byte in frame.data)
        yield Piece(data, frame.after_s, hang_up=frame.hang_up)


def _with_parity(byte: int, *, odd: bool) -> int:
    return byte | ((byte.bit_count() + odd) % 2) << 7


@dataclass(frozen=True, slots=True)
class Flipped:
    """Some bytes have one bit turned over."""

    chance: float
    dice: random.Random = field(default_factory=_dice)

    def carry(self, frame: Piece) -> Iterator[Piece]:
        turned = bytes(
            byte ^ (1 << self.dice.randrange(8)) if self.dice.random() < self.chance else byte
            for byte in frame.data
        )
        yield Piece(turned, frame.after_s, hang_up=frame.hang_up)


@dataclass(frozen=True, slots=True)
class Dropped:
    """Some bytes never come."""

    chance: float
    dice: random.Random = field(default_factory=_dice)

    def carry(self, frame: Piece) -> Iterator[Piece]:
        kept = bytes(byte for byte in frame.data if self.dice.random() >= self.chance)
        yield Piece(kept, frame.after_s, hang_up=frame.hang_up)


@dataclass(frozen=True, slots=True)
class Silent:
    """Nothing comes at all."""

    def carry(self, frame: Piece) -> Iterator[Piece]:
        yield Piece(b"", frame.after_s, hang_up=frame.hang_up)


@dataclass(frozen=True, slots=True)
class Flood:
    """Each frame comes many times over: a stuck trigger, a printer that pushes without end."""

    copies: int = 1000

    def carry(self, frame: Piece) -> Iterator[Piece]:
        yield frame
        for _ in range(self.copies - 1):
            yield Piece(frame.data)


@dataclass(frozen=True, slots=True)
class Truncated:
    """Only the first bytes of each frame come."""

    keep: int

    def carry(self, frame: Piece) -> Iterator[Piece]:
        yield Piece(frame.data[: self.keep], frame.after_s, hang_up=frame.hang_up)


@dataclass(frozen=True, slots=True)
class SlowDrain:
    """Bytes trickle at a rate."""

    bytes_per_s: float

    def carry(self, frame: Piece) -> Iterator[Piece]:
        for at in range(0, len(frame.data), DRAIN_STEP_BYTES):
            data = frame.data[at : at + DRAIN_STEP_BYTES]
            pause = len(data) / self.bytes_per_s + (frame.after_s if at == 0 else 0.0)
            yield Piece(data, pause, hang_up=frame.hang_up and at + len(data) == len(frame.data))


class Cut:
    """After so many bytes the plug is pulled, once; what is plugged in again works."""

    def __init__(self, after_bytes: int) -> None:
        self._left = after_bytes
        self._spent = False

    def carry(self, frame: Piece) -> Iterator[Piece]:
        if self._spent or len(frame.data) < self._left:
            self._left -= len(frame.data)
            yield frame
            return
        self._spent = True
        yield Piece(frame.data[: self._left], frame.after_s, hang_up=True)


# word -> (what its argument is, lowest, highest, how to build it)
FAULTS: dict[str, tuple[str, float, float, Callable[[float, random.Random], Fault]]] = {
    "bytewise": ("pause between bytes in seconds", 0, MAX_DELAY_S, lambda n, _: ByteByByte(n)),
    "merged": ("number of frames", 2, 1000, lambda n, _: Merged(int(n))),
    "delayed": ("seconds", 0, MAX_DELAY_S, lambda n, _: Delayed(n)),
    "noise": ("chance for each frame, 0 to 1", 0, 1, Noise),
    "garbled": ("chance for each frame, 0 to 1", 0, 1, Garbled),
    "parity": ("0 for even, 1 for odd", 0, 1, lambda n, _: WrongParity(odd=n >= 1)),
    "flipped": ("chance for each byte, 0 to 1", 0, 1, Flipped),
    "dropped": ("chance for each byte, 0 to 1", 0, 1, Dropped),
    "flood": ("number of copies", 1, MAX_COPIES, lambda n, _: Flood(int(n))),
    "truncated": ("number of bytes kept", 0, 1_000_000, lambda n, _: Truncated(int(n))),
    "slow": ("bytes in a second", 1, 1_000_000_000, lambda n, _: SlowDrain(n)),
    "cut": ("number of bytes that still pass", 0, 1_000_000_000, lambda n, _: Cut(int(n))),
}


def parse_faults(words: Sequence[str], dice: random.Random) -> tuple[Fault, ...]:
    """Faults from words such as `noise 0.1 delayed 2`, `silent`, or `clean` alone for none."""
    faults: list[Fault] = []
    rest = list(words)
    while rest:
        word = rest.pop(0)
        if word == "silent":
            faults.append(Silent())
        elif word in FAULTS:
            faults.append(_build(word, rest.pop(0) if rest else "", dice))
        elif word != "clean" or len(words) > 1:
            known = ", ".join(["clean", "silent", *FAULTS])
            raise CommandError("sim.unknown_fault", f"unknown fault {word!r}; known: {known}")
    return tuple(faults)


def _build(word: str, argument: str, dice: random.Random) -> Fault:
    what, low, high, make = FAULTS[word]
    try:
        number = float(argument)
    except ValueError:
        number = low - 1
    if not low <= number <= high:
        raise CommandError("sim.bad_number", f"{word} needs {what} ({low:g} to {high:g}), not {argument!r}")
    return make(number, dice)
