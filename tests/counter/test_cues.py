"""What the clerk is told: refusals pass by, the standing prompt comes back."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

from edge_agent.counter.cues import PASSING_S, Cues
from edge_agent.counter.feedback import Cue, Prompt, Sound
from edge_agent.sdk.clock import ManualClock

SCAN_LABEL = Prompt("scan_label")
REFUSED = Cue(Prompt("refused_busy"), Sound.REJECTED)


class Desk:
    def __init__(self) -> None:
        self.clock = ManualClock()
        self.told: list[Cue] = []
        self.standing = SCAN_LABEL
        self.cues = Cues(self.clock, self.told.append, lambda: self.standing)


@asynccontextmanager
async def desk() -> AsyncIterator[Desk]:
    made = Desk()
    task = asyncio.ensure_future(made.cues.run())
    try:
        yield made
    finally:
        task.cancel()
        await asyncio.gather(task, return_exceptions=True)


async def test_a_refusal_passes_and_what_is_to_be_done_comes_back() -> None:
    async with desk() as made:
        made.cues.say(REFUSED)
        await made.clock.advance(PASSING_S - 1)
        assert made.told == [REFUSED]
        await made.clock.advance(2)
        assert made.told == [REFUSED, Cue(SCAN_LABEL)]
        assert made.cues.last == Cue(SCAN_LABEL)


async def test_what_followed_the_refusal_is_not_disturbed() -> None:
    async with desk() as made:
        made.cues.say(REFUSED)
        await made.clock.advance(1)
        printing = Cue(Prompt("printing"))
        made.cues.say(printing)
        await made.clock.advance(10 * PASSING_S)
        assert made.told == [REFUSED, printing]


async def test_each_refusal_stands_for_its_time() -> None:
    async with desk() as made:
        made.cues.say(REFUSED)
        await made.clock.advance(PASSING_S - 1)
        again = Cue(Prompt("scale_fault"), Sound.REJECTED)
        made.cues.say(again)
        await made.clock.advance(PASSING_S - 1)
        assert made.told == [REFUSED, again]
        await made.clock.advance(PASSING_S + 1)
        assert made.told == [REFUSED, again, Cue(SCAN_LABEL)]


async def test_a_prompt_that_waits_for_a_person_stays() -> None:
    async with desk() as made:
        made.cues.say(Cue(SCAN_LABEL, Sound.NEEDS_YOU))
        await made.clock.advance(10 * PASSING_S)
        assert len(made.told) == 1


async def test_what_a_scanned_label_came_to_stands_for_its_time_too() -> None:
    for prompt in ("void_label", "label_confirmed"):
        async with desk() as made:
            found = Cue(Prompt(prompt))
            made.cues.say(found)
            await made.clock.advance(PASSING_S - 1)
            assert made.told == [found]
            await made.clock.advance(2)
            assert made.told == [found, Cue(SCAN_LABEL)]
