"""The life of a scale that speaks unasked, or once told to repeat: listen, publish, zero and tare.

Owns: when the scale counts as ready or silent, where a stream that was joined in the middle begins, and which
readings are worth telling. Must not know: any protocol's bytes; its page hands them in as a StreamedProtocol.

Faults survived: joining in mid-frame, old bytes in the port, broken frames between good ones, a frame cut off
by a pause, more frames than can be told (what has queued up is dropped, for it is no longer true).
"""

from __future__ import annotations

import asyncio
from collections.abc import Coroutine, Mapping, Sequence
from dataclasses import dataclass, field
from typing import NoReturn

from drivers.scales.goals import WRITE_S, Exchange, Goal
from drivers.scales.streamed_goals import StreamedGoals
from edge_agent.sdk.clock import within
from edge_agent.sdk.driver import Context
from edge_agent.sdk.errors import DeviceError, ProtocolError
from edge_agent.sdk.ports import Codec
from edge_agent.sdk.values import Reading, Status, Weight

SILENCE_S = 2.0  # the slowest indicators send two frames a second; R 76 lets a scale lag by one second
REPEAT_S = 0.199  # equal readings are told five times a second, as an unflagged settling window counts them
QUEUED_READINGS = 32  # the fastest indicators send 20 a second: more in one read came over a second late
STALL_S = 0.5  # a listener that is slower than this leaves behind readings that are no longer true
TROUBLES_TOLD = 16  # of one read: more of them are a flood of rubbish, and tell nothing new
ASIDE = frozenset({Status.ACK, Status.BUSY, Status.INFO, Status.TARE})  # heard by goals, but no load
PAUSE_S = 0.25  # no scale rests as long within a line, and no person prints as fast


@dataclass(frozen=True, slots=True)
class StreamedProtocol:
    """What a protocol page tells of itself.

    `anchor` are bytes after each of which a frame begins: what comes before the first is dropped. It is empty
    where the codec cannot take a torn frame for a whole one.
    `start` has the scale repeat its weight; empty where it speaks unasked.
    `silence_s` is how long it may say nothing; None for a scale that speaks only when a key is pressed or the
    weight changes. There a pause ends a line, and so it does with `pause_ends`.
    `stale` is how many readings after the opening are older than it.
    With `whole_reads` each read of the link is one frame, and a piece is never joined to the next.
    """

    codec: Codec[Reading]
    anchor: bytes = b"\n"
    start: bytes = b""
    silence_s: float | None = SILENCE_S
    pause_ends: bool = False
    stale: int = 0
    whole_reads: bool = False
    goals: Mapping[Goal, Exchange] = field(default_factory=dict)


class StreamedScale:
    """A ScaleDriver for any protocol whose scale speaks of itself."""

    def __init__(self, context: Context, protocol: StreamedProtocol) -> None:
        self._device = context.device
        self._link = context.link
        self._clock = context.clock
        self._sink = context.sink
        self._protocol = protocol
        self._codec = protocol.codec
        self._ready = False
        self._anchored = False
        self._caught_up = False
        self._telling = False
        self._stale = protocol.stale
        self._number = 0
        self._told: Reading | None = None
        self._told_s = 0.0
        self._heard_s = 0.0
        self._read_s = 0.0
        self._last_error: ProtocolError | None = None
        self._goals = StreamedGoals(context, protocol.goals)

    async def run(self) -> None:
        """Serve the scale until the link is lost, or until it has been silent for too long."""
        self._start_afresh()
        self._last_error = None
        self._heard_s = self._read_s = self._clock.monotonic_s()
        if self._protocol.start:
            await self._link.write(self._protocol.start, WRITE_S)
        parts = [asyncio.ensure_future(part) for part in self._parts()]
        try:
            done, _ = await asyncio.wait(parts, return_when=asyncio.FIRST_COMPLETED)
            for part in done:
                part.result()
        finally:
            self._ready = False
            for part in parts:
                part.cancel()
            await asyncio.gather(*parts, return_exceptions=True)

    def hurry(self, wanted: bool) -> None:
        """Nothing to do: a stream has its own pace."""

    async def zero(self) -> None:
        await self._reach(Goal.ZERO)

    async def tare(self) -> None:
        await self._reach(Goal.TARE)

    async def clear_tare(self) -> None:
        await self._reach(Goal.CLEAR_TARE)

    # Listening

    def _parts(self) -> list[Coroutine[object, object, NoReturn]]:
        silence_s = self._protocol.silence_s
        if silence_s is None:
            return [self._listen_to_lines()]
        listening = self._listen_to_lines() if self._protocol.pause_ends else self._listen()
        return [listening, self._watch(silence_s)]

    async def _listen(self) -> NoReturn:
        while True:
            data = await self._link.read()
            self._after_pause()
            await self._hear(data)

    async def _listen_to_lines(self) -> NoReturn:
        """A pause ends a line, and whatever was joined in the middle."""
        while True:
            try:
                data = await within(self._clock, PAUSE_S, self._link.read())
            except TimeoutError:
                readings = self._good(self._codec.flush())
                await self._tell(readings if self._anchored else [])
                self._anchored = True
                data = await self._link.read()
            await self._hear(data)

    async def _watch(self, silence_s: float) -> NoReturn:
        """Raise DeviceError once no reading has come for so long; a listener that is slow is no silence."""
        while True:
            left_s = self._heard_s + silence_s - self._clock.monotonic_s()
            if left_s <= 0 and not self._telling:
                raise self._silent()
            await self._clock.sleep(left_s if left_s > 0 else silence_s)

    def _after_pause(self) -> None:
        """What a pause has cut off does not go together with what comes after it."""
        now_s = self._clock.monotonic_s()
        if now_s - self._read_s > STALL_S:
            torn = self._codec.flush()
            self._good(torn)
            self._anchored = self._anchored and not torn
        self._read_s = now_s

    async def _hear(self, data: bytes) -> None:
        readings = self._fresh(self._good(self._values(self._from_anchor(data))))
        if len(readings) <= QUEUED_READINGS:
            self._caught_up = False
        elif self._caught_up:
            readings = readings[-1:]
        else:
            self._catch_up()
            return
        since_s = self._clock.monotonic_s()
        await self._tell(readings)
        if self._clock.monotonic_s() - since_s > STALL_S:
            self._catch_up()

    def _values(self, data: bytes) -> Sequence[Reading | ProtocolError]:
        values = self._codec.feed(data)
        return [*values, *self._codec.flush()] if self._protocol.whole_reads else values

    def _fresh(self, readings: list[Reading]) -> list[Reading]:
        dropped = min(self._stale, len(readings))
        self._stale -= dropped
        return readings[dropped:]

    def _from_anchor(self, data: bytes) -> bytes:
        if self._anchored or not self._protocol.anchor:
            return data
        at = min((data.find(byte) for byte in self._protocol.anchor if byte in data), default=-1)
        self._anchored = at >= 0
        return data[at + 1 :] if self._anchored else b""

    def _catch_up(self) -> None:
        """Drop what has queued up, and say so: whoever waits for a still load must begin anew."""
        dropped = self._start_afresh()
        self._note(ProtocolError("scale.behind", f"{dropped} bytes of old readings were dropped"))
        self._caught_up = True

    def _start_afresh(self) -> int:
        self._codec.reset()
        self._anchored = False
        self._told = None
        return self._link.discard_input()

    def _good(self, values: Sequence[Reading | ProtocolError]) -> list[Reading]:
        errors = [value for value in values if isinstance(value, ProtocolError)]
        for error in errors[:TROUBLES_TOLD]:
            self._note(error)
        return [value for value in values if not isinstance(value, ProtocolError)]

    def _note(self, error: ProtocolError) -> None:
        self._last_error = error
        self._told = None
        self._sink.trouble(error)

    def _silent(self) -> DeviceError:
        self._good(self._codec.flush())
        error = self._last_error
        if error is None or self._ready:
            return self._error("scale.silent", "the scale sends nothing", "check its power and its cable")
        hint = error.hint or "compare the settings 'driver', 'dialect' and 'baud' with the scale's own menu"
        return self._error("scale.not_understood", f"no usable frame: {error.message}", hint)

    # Telling

    async def _tell(self, readings: Sequence[Reading]) -> None:
        if not readings:
            return
        self._heard_s = self._clock.monotonic_s()
        if not self._ready:
            self._ready = True
            self._sink.ready()
        self._goals.overhear(readings)
        weights = [self._weight(reading) for reading in readings if self._is_news(reading)]
        if weights:
            await self._publish(weights)

    def _is_news(self, reading: Reading) -> bool:
        """Whether it is of the load, and differs from the one told last, or that was told a while ago."""
        if reading.status in ASIDE:
            return False
        if reading == self._told and self._heard_s - self._told_s < REPEAT_S:
            return False
        self._told, self._told_s = reading, self._heard_s
        return True

    def _weight(self, reading: Reading) -> Weight:
        self._number += 1
        return Weight(self._device, self._clock.stamp(), self._number, reading)

    async def _publish(self, weights: Sequence[Weight]) -> None:
        self._telling = True
        try:
            await self._sink.weights(weights)
        finally:
            self._telling = False
            self._heard_s = self._clock.monotonic_s()

    async def _reach(self, goal: Goal) -> None:
        if not self._ready:
            raise self._error("scale.not_ready", "the scale is not ready", "wait until it is")
        await self._goals.reach(goal)

    def _error(self, code: str, message: str, hint: str) -> DeviceError:
        return DeviceError(code, message, device=self._device, hint=hint)
