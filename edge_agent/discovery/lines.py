"""Lines of text in what was heard, before anybody knows what they say: where they end and how they begin.

Owns: the ways in which a stream may be cut, and the lines that each gives. Must not know: weights, protocols.
The first and the last piece of a recording may be torn and are left out.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Sequence
from dataclasses import dataclass

from edge_agent.discovery.recording import Recording
from edge_agent.sdk.framing import SCALE_LINE_LIMIT

CRLF, STX, ETX = b"\r\n", b"\x02", b"\x03"
BY_PAUSE = b""
LEAST_LINES = 3  # of each recording: fewer prove nothing
LEAST_LINE_BYTES = 3  # shorter pieces come of a character that stands within the lines
ENDS_TRIED = 4  # characters that part the bytes evenly; the first of them is nearly always right
LEGIBLE = frozenset(range(0x20, 0x7F)) | {0x02, 0x03, 0x0A, 0x0D}


@dataclass(frozen=True, slots=True)
class Cut:
    """A way to cut: the characters any of which ends a line (none: a pause does), and what begins it."""

    end: bytes
    start: bytes = b""

    def lines(self, recording: Recording) -> list[bytes]:
        """The whole lines, without start and end."""
        pieces = self._pieces(recording)
        if self.start:
            pieces = [piece.rpartition(self.start)[2] for piece in pieces if self.start in piece]
        return [piece for piece in pieces if 0 < len(piece) <= SCALE_LINE_LIMIT]

    def _pieces(self, recording: Recording) -> list[bytes]:
        bursts = [b"".join(burst) for burst in recording.bursts()]
        if not self.end:
            return bursts[0 if recording.begins_whole else 1 :]
        data = b"".join(bursts)
        for other in self.end[1:]:
            data = data.replace(bytes([other]), self.end[:1])
        pieces = data.split(self.end[:1])
        return pieces[0 if recording.begins_whole else 1 : -1]


def cuts(recordings: Sequence[Recording]) -> Iterator[Cut]:
    """The ways that give every recording its lines, the likeliest first."""
    for end in (CRLF, ETX, *_parting(recordings), BY_PAUSE):
        cut = Cut(end)
        lines = [cut.lines(recording) for recording in recordings]
        if all(len(found) >= LEAST_LINES for found in lines):
            yield Cut(end, _start(lines))


def legibility(recording: Recording) -> int:
    """Per cent of the bytes that may stand in a line of text."""
    data = recording.data
    return 100 * sum(byte in LEGIBLE for byte in data) // len(data) if data else 0


def _parting(recordings: Sequence[Recording]) -> list[bytes]:
    """Other characters that part the bytes into pieces of mostly one length; no letters and digits."""
    data = b"".join(recording.data for recording in recordings)
    found = []
    for value, count in sorted(Counter(data).items(), key=lambda item: (-_evenness(data, item[0]), item[0])):
        mark = bytes([value])
        if count > LEAST_LINES and not mark.isalnum() and mark not in b" .-+\r\n\x03":
            found.append(mark)
    return found[:ENDS_TRIED]


def _evenness(data: bytes, value: int) -> int:
    """How many pieces have the length that most have; lengths below a line's do not count."""
    lengths = Counter(len(piece) for piece in data.split(bytes([value])))
    return max((count for length, count in lengths.items() if length >= LEAST_LINE_BYTES), default=0)


def _start(lines: Sequence[Sequence[bytes]]) -> bytes:
    """STX, or another control character, that begins every line; before STX the end of another may stand."""
    every = [line for found in lines for line in found]
    if all(STX in line for line in every):
        return STX
    first = every[0][:1]
    return first if first < b" " and all(line.startswith(first) for line in every) else b""
