"""How well a recording agrees with one protocol in one form: counted, with the frames that were counted.

Owns: the marks and their reasons. Must not know: ports, other candidates, any protocol.

A mark has three parts: the share of all bytes that stand in good frames, the share of good frames among all,
and how often it was said. A frame whose check character proves it counts as several. What was joined in the
middle (the first frame of a recording that does not begin in silence, the last piece) counts neither way.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass

from edge_agent.containment import contained
from edge_agent.discovery.candidates import PROFILE, Candidate, built
from edge_agent.discovery.recording import Recording
from edge_agent.sdk.driver import show
from edge_agent.sdk.errors import DeviceError, ProtocolError
from edge_agent.sdk.ports import Codec
from edge_agent.sdk.values import Reading, Status

Value = Reading | ProtocolError

CHECKED_WEIGHT = 4  # a check character agrees by chance once in 16 to 256 frames, a grammar more often
FRAMES_WANTED = 3  # one frame may be chance, two a coincidence
STRONG_MARK = 70  # three flawless frames have 75, two have 66
LINE_END_BYTES = 2  # a frame as codecs give it may lack its CR LF
CHECKED_SAMPLES = 3  # frames that are spoilt to see whether the check is looked at
SAMPLES = 3  # frames shown: two would not show what changes
CHECKSUM = "frame.checksum"
CRLF = b"\r\n"
SEVEN_BITS = bytes(value & 0x7F for value in range(256))


@dataclass(frozen=True, slots=True)
class Score:
    """The agreement of one candidate with one recording."""

    candidate: Candidate
    readings: tuple[Reading, ...] = ()
    bad: int = 0
    share: int = 0
    checked: bool = False

    @property
    def good(self) -> int:
        return len(self.readings)

    @property
    def mark(self) -> int:
        """0 to 99."""
        if not self.readings:
            return 0
        said = self.good * (CHECKED_WEIGHT if self.checked else 1)
        return self.share * self.good * said // ((self.good + self.bad) * (said + 1))

    @property
    def is_bare(self) -> bool:
        """Whether its frames are plain digits, as any barcode scanner may send them."""
        return not self.checked and all(reading.raw.strip().isdigit() for reading in self.readings)

    @property
    def is_refusal(self) -> bool:
        """Whether it only says that it did not understand: many protocols say so alike."""
        return all(reading.status is Status.ERROR for reading in self.readings)

    @property
    def is_strong(self) -> bool:
        proves = self.candidate.spec.name != PROFILE and not self.is_bare and not self.is_refusal
        return self.mark >= STRONG_MARK and self.good >= FRAMES_WANTED and proves

    @property
    def shown(self) -> tuple[tuple[str, ...], ...]:
        """All that the readings say, in order: two candidates that say the same cannot be told apart."""
        return tuple(
            (r.status.value, show(r), r.unit or "", str(r.stable), str(r.net), str(r.tare), r.info or "")
            for r in self.readings
        )

    @property
    def numbers(self) -> tuple[tuple[str, str, str], ...]:
        """The weights alone, as a display can be compared with them."""
        return tuple((r.status.value, show(r), r.unit or "") for r in self.readings if r.weight is not None)

    @property
    def samples(self) -> tuple[Reading, ...]:
        """Some frames, those first that differ from one another."""
        different = {reading.raw: reading for reading in self.readings}
        return tuple(list(different.values())[:SAMPLES])

    @property
    def reasons(self) -> tuple[str, ...]:
        """Why the mark is what it is, each in a few words."""
        told = [f"{self.good} good frames", f"{self.share} % of the bytes"]
        if self.bad:
            told.append(f"{self.bad} broken frames")
        if self.checked:
            told.append("each proved by its check character")
        if 0 < self.good < FRAMES_WANTED:
            told.append(f"fewer than {FRAMES_WANTED} frames prove nothing")
        if self.candidate.spec.name == PROFILE:
            told.append("a line like this proves no protocol")
        if self.good and self.is_refusal:
            told.append("only refusals: many protocols refuse alike")
        if self.good and self.is_bare:
            told.append("only digits: a barcode scanner sends the same")
        return tuple(told)


def score(candidate: Candidate, recording: Recording) -> Score:
    """The agreement; none at all for settings that do not go together, or a codec that breaks."""
    options = built(candidate)
    if options is None:
        return Score(candidate)
    try:
        with contained(candidate.spec.name):
            values = _decoded(candidate.spec.decoder(options), recording)
    except DeviceError:
        return Score(candidate)
    readings = tuple(value for value in values if isinstance(value, Reading))
    checked = _is_checked(candidate, readings)
    bad = len(values) - len(readings)
    return Score(candidate, readings, bad, _share(readings, recording), checked)


def _decoded(codec: Codec[Value], recording: Recording) -> list[Value]:
    """Frames, broken ones among them, without what may be a part of one at either end."""
    values: list[Value] = []
    whole = 0
    for burst in recording.bursts():
        for data in burst:
            values += codec.feed(data)
        whole = len(values)
        values += codec.flush()
    if values[whole:] and isinstance(values[-1], ProtocolError):
        del values[-1]
    return values if recording.begins_whole else values[1:]


def _share(readings: Sequence[Reading], recording: Recording) -> int:
    """Per cent of the bytes that stand in good frames, or belong to their ends."""
    if not readings:
        return 0
    data = recording.data.translate(SEVEN_BITS)
    longest = max(len(reading.raw) for reading in readings) + LINE_END_BYTES
    last = data.rfind(readings[-1].raw.translate(SEVEN_BITS))
    before = 0 if recording.begins_whole else longest
    after = min(len(data) - last - len(readings[-1].raw), longest) if last >= 0 else 0
    standing = sum(len(reading.raw) + LINE_END_BYTES for reading in readings)
    return min(100, 100 * standing // max(1, len(data) - before - after))


def _is_checked(candidate: Candidate, readings: Sequence[Reading]) -> bool:
    """Whether a digit that is turned over is noticed, in each of some frames."""
    frames = {reading.raw: None for reading in readings if reading.weight is not None}
    return bool(frames) and all(_notices(candidate, frame) for frame in list(frames)[:CHECKED_SAMPLES])


def _notices(candidate: Candidate, frame: bytes) -> bool:
    if not reread(candidate, frame):
        return False
    noticed = False
    for digit in re.finditer(rb"\d", frame):
        at = digit.start()
        spoilt = frame[:at] + bytes([frame[at] ^ 1]) + frame[at + 1 :]
        if reread(candidate, spoilt):
            return False
        values = _values(candidate, spoilt + CRLF)
        noticed |= any(isinstance(value, ProtocolError) and value.code == CHECKSUM for value in values)
    return noticed


def reread(candidate: Candidate, frame: bytes) -> tuple[Reading, ...]:
    """What the protocol makes of one frame alone: as a line, or between others of its kind."""
    for data in (frame + CRLF, frame * 3):
        readings = tuple(value for value in _values(candidate, data) if isinstance(value, Reading))
        if readings:
            return readings
    return ()


def _values(candidate: Candidate, data: bytes) -> list[Value]:
    try:
        with contained(candidate.spec.name):
            codec: Codec[Value] = candidate.spec.decoder(candidate.options)
            return [*codec.feed(data), *codec.flush()]
    except DeviceError:
        return []
