"""Bounded framers: a byte stream cut into frames, whatever the chunking.

Owns: where a frame begins and ends. Must not know: what a frame means, or time (silence is told by `flush`).

Faults survived, each reported once as ProtocolError and followed by the next good frame:
 1. joining in mid-frame (the first, unanchored piece is dropped where `anchored` asks for it),
 2. bytes between frames (noise) where a start byte exists,
 3. a frame longer than the bound (everything up to the next terminator is dropped),
 4. a frame cut off by silence or by the next start byte.
"""

from __future__ import annotations

from collections.abc import Iterator

from edge_agent.sdk.errors import ProtocolError

SCALE_LINE_LIMIT = 128  # longest scale line seen is 22 bytes, longest text block about 60
SCAN_LINE_LIMIT = 4096  # a full QR code holds 2,953 bytes; twice that is no barcode


class LineFramer:
    """Frames that end in a terminator byte; other terminator bytes directly around it are swallowed.

    `terminators` are single bytes (CR, LF, both). An empty line yields nothing. With `anchored`, bytes before
    the first terminator are dropped silently: a stream joined in the middle starts with a torn frame that can
    still look well-formed.
    """

    def __init__(
        self, terminators: bytes = b"\r\n", limit: int = SCALE_LINE_LIMIT, *, anchored: bool = False
    ) -> None:
        self._terminators = terminators
        self._fold = bytes.maketrans(terminators, terminators[-1:] * len(terminators))
        self._end = terminators[-1:]
        self._limit = limit
        self._anchored = anchored
        self.reset()

    def reset(self) -> None:
        self._held = bytearray()
        self._skipping = self._anchored
        self._overlong = False

    def feed(self, data: bytes) -> Iterator[bytes | ProtocolError]:
        """Frames without their terminators."""
        pieces = data.translate(self._fold).split(self._end)
        for piece in pieces[:-1]:
            yield from self._hold(piece)
            yield from self._close()
        yield from self._hold(pieces[-1])

    def flush(self) -> Iterator[bytes | ProtocolError]:
        """Silence ends the frame that is held."""
        yield from self._close()

    def _hold(self, piece: bytes) -> Iterator[ProtocolError]:
        if self._skipping:
            return
        room = self._limit - len(self._held)
        self._held += piece[:room]
        if len(piece) > room:
            yield ProtocolError(
                "frame.too_long", f"no terminator within {self._limit} bytes", bytes(self._held)
            )
            self._held.clear()
            self._skipping = True

    def _close(self) -> Iterator[bytes]:
        if self._held and not self._skipping:
            yield bytes(self._held)
        self._held.clear()
        self._skipping = False


class StartEndFramer:
    """Frames between a start byte and an end byte (STX … CR, STX … ETX), the end taken from a set.

    `trailer` more bytes after the end byte belong to the frame (a checksum). Bytes outside are noise and are
    reported together, once per gap. A start byte inside a frame begins a new one, the torn one is reported.
    """

    def __init__(
        self, start: int, ends: bytes, limit: int = SCALE_LINE_LIMIT, *, trailer: int = 0
    ) -> None:
        self._start = start
        self._ends = ends
        self._limit = limit
        self._trailer = trailer
        self.reset()

    def reset(self) -> None:
        self._held = bytearray()
        self._noise = bytearray()
        self._inside = False
        self._owed = 0

    def feed(self, data: bytes) -> Iterator[bytes | ProtocolError]:
        """Whole frames, start, end and trailer included."""
        for byte in data:
            if self._owed:
                self._held.append(byte)
                self._owed -= 1
                if not self._owed:
                    yield self._take()
            elif byte == self._start:
                yield from self.flush()
                self._held.append(byte)
                self._inside = True
            elif self._inside:
                yield from self._grow(byte)
            elif len(self._noise) < self._limit:
                self._noise.append(byte)

    def flush(self) -> Iterator[ProtocolError]:
        """Silence: what is held is torn, what lies between frames is noise."""
        if self._held:
            yield ProtocolError("frame.torn", "frame cut off", self._take())
        if self._noise:
            yield ProtocolError("frame.noise", "bytes outside a frame", bytes(self._noise))
            self._noise.clear()

    def _grow(self, byte: int) -> Iterator[bytes | ProtocolError]:
        self._held.append(byte)
        if byte in self._ends:
            self._owed = self._trailer
            if not self._owed:
                yield self._take()
        elif len(self._held) >= self._limit:
            yield ProtocolError(
                "frame.too_long", f"no end within {self._limit} bytes", self._take()
            )

    def _take(self) -> bytes:
        frame = bytes(self._held)
        self._held.clear()
        self._inside = False
        self._owed = 0
        return frame
