"""Zero and tare on a scale that speaks unasked: told once, then watched in its own stream.

Owns: when the load is at rest, and when the scale has done what it was told. Must not know: any protocol.
"""

from __future__ import annotations

import asyncio
from collections import deque
from collections.abc import Callable, Mapping, Sequence

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
from edge_agent.sdk.clock import Clock, within
from edge_agent.sdk.driver import Context
from edge_agent.sdk.errors import DeviceError
from edge_agent.sdk.values import Reading, Status

REST_S = 3.0  # a parcel that rocks longer needs the clerk
STILL_S = 1.0  # an unflagged numeral that stays for a second is at rest
CONFIRM_S = 2.0  # the slowest scale needs 0.5 s to zero
OVERHEARD = 64  # readings that wait for a goal: three seconds of the fastest indicator

STATES = frozenset({Status.OK, Status.ZERO, Status.MOTION, Status.OVERLOAD, Status.UNDERLOAD, Status.ERROR})


class StreamedGoals:
    """Reaches one goal at a time, by what the driver lets it overhear."""

    def __init__(self, context: Context, exchanges: Mapping[Goal, Exchange]) -> None:
        self._device = context.device
        self._link = context.link
        self._clock = context.clock
        self._exchanges = exchanges
        self._one_at_a_time = asyncio.Lock()
        self._overheard: deque[Reading] = deque(maxlen=OVERHEARD)
        self._news = asyncio.Event()

    def overhear(self, readings: Sequence[Reading]) -> None:
        """Readings as they come, also those that are not worth telling."""
        self._overheard.extend(readings)
        self._news.set()

    async def reach(self, goal: Goal) -> None:
        """Raises DeviceError with the scale's reason, if only by what it goes on showing."""
        exchange = self._exchanges.get(goal)
        if exchange is None:
            raise self._error("scale.unsupported", f"this scale cannot be told to {goal}", "use its own key")
        async with self._one_at_a_time:
            self._overheard.clear()
            reading = await self._watch(goal, REST_S, _Rest(self._clock, goal))
            if holds_before(goal, reading):
                return
            if is_forbidden(goal, reading):
                raise self._refused(goal, reading)
            self._overheard.clear()
            await self._link.write(exchange.request, WRITE_S)
            reading = await self._watch(goal, CONFIRM_S, _Verdict(goal, exchange))
        if exchange.verdict and exchange.answers(reading) and reading.status in REFUSALS:
            raise self._refused(goal, reading)

    async def _watch(self, goal: Goal, seconds: float, ends: Callable[[Reading], bool]) -> Reading:
        """The reading that ends the watch, or a refusal with the reason that the last one gives."""
        states: deque[Reading] = deque(maxlen=1)
        try:
            return await within(self._clock, seconds, self._until(ends, states))
        except TimeoutError:
            if states:
                raise self._refused(goal, states[0]) from None
            raise self._error(
                "scale.silent", "the scale sends nothing", "check its power and its cable"
            ) from None

    async def _until(self, ends: Callable[[Reading], bool], states: deque[Reading]) -> Reading:
        while True:
            while not self._overheard:
                self._news.clear()
                await self._news.wait()
            reading = self._overheard.popleft()
            if reading.status in STATES:
                states.append(reading)
            if ends(reading):
                return reading

    def _refused(self, goal: Goal, reading: Reading) -> DeviceError:
        code, text, hint = refusal_of(goal, reading)
        return self._error(code, f"{goal} was refused: {text}", hint)

    def _error(self, code: str, message: str, hint: str) -> DeviceError:
        return DeviceError(code, message, device=self._device, hint=hint)


class _Rest:
    """Whether the load is at rest: by the scale's flag, or by a numeral that stays."""

    def __init__(self, clock: Clock, goal: Goal) -> None:
        self._clock = clock
        self._goal = goal
        self._shown: object = None
        self._since_s = 0.0

    def __call__(self, reading: Reading) -> bool:
        if reading.status not in STATES or reading.stable is not None or self._goal is Goal.CLEAR_TARE:
            return reading.status in STATES and (reading.stable is not False or self._goal is Goal.CLEAR_TARE)
        shown = (reading.status, str(reading.weight), reading.unit)
        if shown != self._shown:
            self._shown, self._since_s = shown, self._clock.monotonic_s()
        return self._clock.monotonic_s() - self._since_s >= STILL_S


class _Verdict:
    """Whether the scale has refused or done it. With a verdict of its own, only after that was heard."""

    def __init__(self, goal: Goal, exchange: Exchange) -> None:
        self._goal = goal
        self._exchange = exchange
        self._answered = not exchange.verdict

    def __call__(self, reading: Reading) -> bool:
        if not self._answered and self._exchange.answers(reading):
            self._answered = True
            if reading.status in REFUSALS:
                return True
        return self._answered and reading.status in STATES and is_reached(self._goal, reading)
