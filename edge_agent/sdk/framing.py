"""Bounded framers: a byte stream cut into frames, whatever the chunking.

Owns: where a frame begins and ends. Must not know: what a frame means, or time (silence is told by `flush`).

Faults survived, each reported once as ProtocolError and followed by the next good frame:
 1. joining in mid-frame (the first, unanchored piece is dropped where `anchored` asks for it),
 2. bytes between frames (noise) where a start byte exists,
 3. a frame longer than the bound (everything up to the next terminator is dropped),
 4. a frame cut off by silence or by the next start byte.
"""

from __future__ import annotations

import re

from edge_agent.sdk.errors import ProtocolError

SCALE_LINE_LIMIT = 128  # longest scale line seen is 22 bytes, longest text block about 60
SCAN_LINE_LIMIT = 4096  # a full QR code holds 2,953 bytes; twice that is no barcode


class LineFramer:
    """Frames that end in a terminator byte; other terminator bytes directly around it are swallowed.

    `terminators` are single bytes (CR, LF, both); with `sequence` they end a frame only together, in this
    order. An empty line yields nothing. With `anchored`, bytes before the first terminator are dropped
    silently: a stream joined in the middle starts with a torn frame that can still look well-formed.
    """

    def __init__(
        self,
        terminators: bytes = b"\r\n",
        limit: int = SCALE_LINE_LIMIT,
        *,
        anchored: bool = False,
        sequence: bool = False,
    ) -> None:
        self._end = terminators if sequence else terminators[-1:]
        self._fold = None if sequence or len(terminators) == 1 else _all_to_last(terminators)
        self._limit = limit
        self._anchored = anchored
        self.reset()

    @property
    def held(self) -> int:
        """How many bytes wait for their terminator."""
        return len(self._held)

    def reset(self) -> None:
        self._held = b""
        self._skipping = self._anchored

    def feed(self, data: bytes) -> list[bytes | ProtocolError]:
        """Frames without their terminators."""
        if self._fold is not None:
            data = data.translate(self._fold)
        lines = (self._held + data).split(self._end)
        self._held = lines.pop()
        if self._skipping and lines:
            self._skipping = False
            del lines[0]
        frames: list[bytes | ProtocolError] = [line for line in lines if line]
        if frames and max(map(len, lines)) > self._limit:
            frames = [self._bounded(line) for line in lines if line]
        if self._skipping or len(self._held.removesuffix(self._end[:-1])) > self._limit:
            frames += self._overflow()
        return frames

    def flush(self) -> list[bytes | ProtocolError]:
        """Silence ends the frame that is held."""
        frames: list[bytes | ProtocolError] = [self._held] if self._held and not self._skipping else []
        self._held = b""
        self._skipping = False
        return frames

    def _bounded(self, line: bytes) -> bytes | ProtocolError:
        return line if len(line) <= self._limit else self._too_long(line)

    def _overflow(self) -> list[ProtocolError]:
        """Keep nothing of a frame that is given up but what may begin its terminator."""
        told = [] if self._skipping else [self._too_long(self._held)]
        self._skipping = True
        self._held = self._held[len(self._held) - len(self._end) + 1 :]
        return told

    def _too_long(self, line: bytes) -> ProtocolError:
        return ProtocolError(
            "frame.too_long", f"no terminator within {self._limit} bytes", line[: self._limit]
        )


def _all_to_last(terminators: bytes) -> bytes:
    return bytes.maketrans(terminators, terminators[-1:] * len(terminators))


class SilenceFramer:
    """Frames that nothing ends but silence, told by `flush`. What grows beyond the limit is dropped whole."""

    def __init__(self, limit: int = SCALE_LINE_LIMIT) -> None:
        self._limit = limit
        self.reset()

    @property
    def held(self) -> int:
        """How many bytes wait for the silence; a frame that is being dropped still counts."""
        return len(self._held)

    def reset(self) -> None:
        self._held = b""
        self._dropping = False

    def feed(self, data: bytes) -> list[bytes | ProtocolError]:
        """Nothing but the report of a frame too long, once for each."""
        self._held = (self._held + data)[: self._limit + 1]
        if self._dropping or len(self._held) <= self._limit:
            return []
        self._dropping = True
        return [ProtocolError("frame.too_long", f"no silence within {self._limit} bytes", self._held)]

    def flush(self) -> list[bytes | ProtocolError]:
        """Silence: the frame is complete."""
        frames: list[bytes | ProtocolError] = [self._held] if self._held and not self._dropping else []
        self.reset()
        return frames


class StartEndFramer:
    """Frames between a start byte and an end byte (STX … CR, STX … ETX), the end taken from a set.

    `trailer` more bytes after the end byte belong to the frame (a checksum). Bytes outside are noise and are
    reported together, once per gap. A start byte inside a frame begins a new one, the torn one is reported.
    """

    def __init__(self, start: int, ends: bytes, limit: int = SCALE_LINE_LIMIT, *, trailer: int = 0) -> None:
        self._start = bytes([start])
        self._stop = re.compile(b"[" + re.escape(self._start + ends) + b"]")
        self._limit = limit
        self._trailer = trailer
        self.reset()

    @property
    def held(self) -> int:
        """How many bytes of an unfinished frame wait for its end."""
        return len(self._held)

    def reset(self) -> None:
        self._held = b""
        self._noise = b""
        self._owed = 0

    def feed(self, data: bytes) -> list[bytes | ProtocolError]:
        """Whole frames, start, end and trailer included."""
        found: list[bytes | ProtocolError] = []
        at = 0
        while at < len(data):
            if self._owed:
                at = self._trail(data, at, found)
            elif self._held:
                at = self._grow(data, at, found)
            else:
                at = self._seek(data, at, found)
        return found

    def flush(self) -> list[bytes | ProtocolError]:
        """Silence: what is held is torn, what lies between frames is noise."""
        found: list[bytes | ProtocolError] = []
        if self._held:
            found.append(ProtocolError("frame.torn", "frame cut off", self._take()))
        if self._noise:
            found.append(ProtocolError("frame.noise", "bytes outside a frame", self._noise))
            self._noise = b""
        return found

    def _seek(self, data: bytes, at: int, found: list[bytes | ProtocolError]) -> int:
        start = data.find(self._start, at)
        end = len(data) if start < 0 else start
        self._noise += data[at : min(end, at + self._limit - len(self._noise))]
        if start < 0:
            return end
        return self._begin(start, found)

    def _begin(self, start: int, found: list[bytes | ProtocolError]) -> int:
        found += self.flush()
        self._held = self._start
        return start + 1

    def _grow(self, data: bytes, at: int, found: list[bytes | ProtocolError]) -> int:
        stop = self._stop.search(data, at)
        end = stop.start() if stop else len(data)
        room = self._limit - len(self._held)
        if end - at >= room:
            self._held += data[at : at + room]
            found.append(ProtocolError("frame.too_long", f"no end within {self._limit} bytes", self._take()))
            return at + room
        self._held += data[at:end]
        if stop is None:
            return end
        if stop.group() == self._start:
            return self._begin(end, found)
        self._held += stop.group()
        self._owed = self._trailer
        if not self._owed:
            found.append(self._take())
        return end + 1

    def _trail(self, data: bytes, at: int, found: list[bytes | ProtocolError]) -> int:
        piece = data[at : at + self._owed]
        self._held += piece
        self._owed -= len(piece)
        if not self._owed:
            found.append(self._take())
        return at + len(piece)

    def _take(self) -> bytes:
        frame, self._held = self._held, b""
        self._owed = 0
        return frame
