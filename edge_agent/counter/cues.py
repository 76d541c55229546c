"""What the clerk is told now: a refusal passes by, and what is to be done comes back.

Owns: the latest cue, and for how long one that passes by stands. Must not know: flows, devices, texts.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable

from edge_agent.counter.feedback import Cue, Prompt, Sound
from edge_agent.sdk.clock import Clock

PASSING_S = 6.0  # to read six words twice; longer, and nobody sees what the parcel in hand waits for

PASSING = frozenset({"label_confirmed", "void_label"})  # what a scan came to that is no refusal

SCANNER_FLOODS = Cue(Prompt("scanner_floods"), Sound.FAULT)
NOT_SAVED = Cue(Prompt("not_saved"), Sound.FAULT)


class Cues:
    """`standing` is what the clerk is to do in the flow's present state."""

    def __init__(self, clock: Clock, tell: Callable[[Cue], None], standing: Callable[[], Prompt]) -> None:
        self._clock = clock
        self._tell = tell
        self._standing = standing
        self._passing = asyncio.Event()
        self.last = Cue(Prompt("scan_parcel"))

    def say(self, cue: Cue) -> None:
        """Tell it at once."""
        self.last = cue
        self._tell(cue)
        if cue.sound is Sound.REJECTED or cue.prompt.id in PASSING:
            self._passing.set()

    async def run(self) -> None:
        """Bring the standing prompt back after what passes by, unless something followed; until cancelled."""
        while True:
            await self._passing.wait()
            self._passing.clear()
            said = self.last
            await self._clock.sleep(PASSING_S)
            if self.last is said and said.prompt != self._standing():
                self.say(Cue(self._standing()))
