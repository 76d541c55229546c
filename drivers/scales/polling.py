"""The life of a scale that speaks only when asked: identify, poll, zero and tare, whatever the protocol.

Owns: who speaks when, pairing each answer with its request. Must not know: any protocol's bytes; its page
hands them in as a PolledProtocol.

Faults survived: a late answer (dropped before the next request), rubbish instead of an answer, up to two
answers that stay out. After the third the driver gives up, and its supervisor opens the port anew.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import NoReturn

from drivers.scales.goals import (
    REFUSALS,
    WRITE_S,
    Exchange,
    Goal,
    holds_before,
    is_forbidden,
    is_reached,
    refusal_of,
)
from edge_agent.sdk.clock import within
from edge_agent.sdk.driver import Context
from edge_agent.sdk.errors import DeviceError, ProtocolError
from edge_agent.sdk.ports import Codec
from edge_agent.sdk.values import Reading, Weight

MISSES = 3  # one answer is lost to a disturbance, two to a brown-out; three mean that nobody is there
REST_TRIES = 15  # three seconds at full pace: a parcel that rocks longer needs the clerk
CONFIRM_TRIES = 10  # two seconds at full pace: the slowest scale needs 0.5 s to zero


@dataclass(frozen=True, slots=True)
class PolledProtocol:
    """What a protocol page tells of itself.

    `probe` identifies the scale; without it the first weight does. `end_probe` ends what a probe began: ours,
    or that of a host that was cut off in the middle of it.
    `pause_s` is what the scale needs after a command before it can be asked again.
    With `slow_s` None nothing is asked while nobody waits for a weight.
    """

    codec: Codec[Reading]
    weight: Exchange
    goals: Mapping[Goal, Exchange]
    probe: Exchange | None = None
    end_probe: bytes = b""
    pause_s: float = 0.2
    fast_s: float = 0.2
    slow_s: float | None = 1.0


class PolledScale:
    """A ScaleDriver for any polled protocol."""

    def __init__(self, context: Context, protocol: PolledProtocol) -> None:
        self._device = context.device
        self._link = context.link
        self._clock = context.clock
        self._sink = context.sink
        self._protocol = protocol
        self._wire = asyncio.Lock()
        self._hurry = asyncio.Event()
        self._wish = asyncio.Event()  # somebody waits for the wire
        self._ready = False
        self._number = 0
        self._last_error: ProtocolError | None = None
        self._stray = False

    async def run(self) -> None:
        """Serve the scale until the link is lost, or until it has not answered three times."""
        try:
            await self._identify()
            while True:
                since_s = self._clock.monotonic_s()
                if (reading := await self._weigh()) is not None:
                    await self._publish(reading)
                await self._pause(since_s)
        finally:
            self._ready = False

    def hurry(self, wanted: bool) -> None:
        (self._hurry.set if wanted else self._hurry.clear)()

    async def zero(self) -> None:
        await self._reach(Goal.ZERO)

    async def tare(self) -> None:
        await self._reach(Goal.TARE)

    async def clear_tare(self) -> None:
        await self._reach(Goal.CLEAR_TARE)

    # Asking

    async def _weigh(self) -> Reading | None:
        weight = self._protocol.weight
        async with self._wire:
            return await (self._exchange(weight) if weight.optional else self._insist(weight))

    async def _identify(self) -> None:
        """Ready is only what answers the probe, and then tells its weight in the configured unit."""
        identity = ""
        async with self._wire:
            if self._protocol.probe:
                await self._end_probe()
                identity = (await self._insist(self._protocol.probe)).info or ""
                await self._end_probe()
            await self._insist(self._protocol.weight)
        self._ready = True
        self._sink.ready(identity)

    async def _end_probe(self) -> None:
        if self._protocol.end_probe:
            await self._link.write(self._protocol.end_probe, WRITE_S)
            await self._clock.sleep(self._protocol.pause_s)

    async def _insist(self, exchange: Exchange) -> Reading:
        """The answer to a request, repeated until three stay unanswered.

        The first answer after a missed one may be that one, late: it only clears the line.
        """
        self._last_error = None
        self._stray = False
        misses, in_step = 0, True
        while misses < MISSES:
            answer = await self._exchange(exchange)
            if answer is not None and in_step:
                return answer
            in_step = answer is not None or exchange.optional
            misses += not in_step
            await self._clock.sleep(self._protocol.pause_s)
        raise self._silent()

    async def _exchange(self, exchange: Exchange) -> Reading | None:
        self._link.discard_input()
        self._protocol.codec.reset()
        await self._link.write(exchange.request, WRITE_S)
        try:
            return await within(self._clock, exchange.within_s, self._answer(exchange.answers))
        except TimeoutError:
            for left in self._protocol.codec.flush():
                self._note(left)
            return None

    async def _answer(self, wanted: Callable[[Reading], bool]) -> Reading:
        while True:
            for value in self._protocol.codec.feed(await self._link.read()):
                self._note(value)
                if not isinstance(value, ProtocolError):
                    if wanted(value):
                        return value
                    self._stray = True

    def _note(self, value: Reading | ProtocolError) -> None:
        if isinstance(value, ProtocolError):
            self._last_error = value
            self._sink.trouble(value)

    def _silent(self) -> DeviceError:
        error = self._last_error
        if self._stray:
            hint = "set 'probe = false' if this is the right scale"
            return self._error("device.wrong", "it answers, but not to the probe", hint)
        if error is None:
            return self._error("scale.silent", "the scale does not answer", "check its power and its cable")
        hint = error.hint or "compare the settings 'driver' and 'baud' with the scale's own menu"
        return self._error("scale.not_understood", f"no usable answer: {error.message}", hint)

    # Telling

    async def _publish(self, reading: Reading) -> None:
        self._number += 1
        await self._sink.weights([Weight(self._device, self._clock.stamp(), self._number, reading)])

    async def _pause(self, since_s: float) -> None:
        """Wait until the next poll is due; a wish to hurry shortens the wait at once."""
        slow_s = self._protocol.slow_s
        if slow_s is None:
            await self._until_wanted()
        elif not self._hurry.is_set():
            try:
                await within(self._clock, self._left(since_s, slow_s), self._hurry.wait())
            except TimeoutError:
                return
        await self._clock.sleep(self._left(since_s, self._protocol.fast_s))

    async def _until_wanted(self) -> None:
        """Nothing is asked; but a port that nobody listens to is never seen to be unplugged."""
        async with self._wire:
            waits = [asyncio.ensure_future(wish.wait()) for wish in (self._hurry, self._wish)]
            unasked = asyncio.ensure_future(self._hear_out())
            try:
                await asyncio.wait((*waits, unasked), return_when=asyncio.FIRST_COMPLETED)
                if unasked.done():
                    unasked.result()
            finally:
                for part in (*waits, unasked):
                    part.cancel()
                await asyncio.gather(*waits, unasked, return_exceptions=True)

    async def _hear_out(self) -> NoReturn:
        while True:
            await self._link.read()

    def _left(self, since_s: float, pace_s: float) -> float:
        return max(0.0, since_s + pace_s - self._clock.monotonic_s())

    # Goals

    async def _reach(self, goal: Goal) -> None:
        exchange = self._protocol.goals.get(goal)
        if exchange is None:
            raise self._error("scale.unsupported", f"this scale cannot be told to {goal}", "use its own key")
        if not self._ready:
            raise self._error("scale.not_ready", "the scale is not ready", "wait until it is")
        self._wish.set()
        try:
            async with self._wire:
                reading = await self._reached(goal, exchange)
        finally:
            self._wish.clear()
        await self._publish(reading)

    async def _reached(self, goal: Goal, exchange: Exchange) -> Reading:
        reading = await self._at_rest(goal)
        if holds_before(goal, reading):
            return reading
        if is_forbidden(goal, reading):
            raise self._refused(goal, reading)
        return await self._command(goal, exchange)

    async def _at_rest(self, goal: Goal) -> Reading:
        for _ in range(REST_TRIES):
            reading = await self._insist(self._protocol.weight)
            if reading.stable is not False or goal is Goal.CLEAR_TARE:
                return reading
            await self._clock.sleep(self._protocol.fast_s)
        raise self._refused(goal, reading)

    async def _command(self, goal: Goal, exchange: Exchange) -> Reading:
        """Send the command once, then weigh until the scale itself shows that the goal is reached."""
        answer = await self._exchange(exchange)
        if exchange.verdict and answer is not None and answer.status in REFUSALS:
            raise self._refused(goal, answer)
        for _ in range(CONFIRM_TRIES):
            await self._clock.sleep(self._protocol.pause_s)
            reading = await self._insist(self._protocol.weight)
            if is_reached(goal, reading):
                return reading
        raise self._refused(goal, reading)

    def _refused(self, goal: Goal, reading: Reading) -> DeviceError:
        code, text, hint = refusal_of(goal, reading)
        return self._error(code, f"{goal} was refused: {text}", hint)

    def _error(self, code: str, message: str, hint: str) -> DeviceError:
        return DeviceError(code, message, device=self._device, hint=hint)
