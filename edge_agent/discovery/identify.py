"""Finding out what hangs on one port: listen, judge, and ask only where that is allowed.

Owns: the order of listening and asking, and what was found in words that do not claim more.
Must not know: how ports are opened, how a finding is shown.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from enum import StrEnum

from edge_agent.discovery.lines import legibility
from edge_agent.discovery.probe import probe
from edge_agent.discovery.recording import Recording, with_parity_seen
from edge_agent.discovery.sweep import LISTEN_S, Port, lines_to_try, sweep
from edge_agent.discovery.verdict import Display, Verdict, judge, says_enough
from edge_agent.sdk.clock import Clock
from edge_agent.sdk.driver import DriverSpec, SerialSettings

LEGIBLE = 90  # per cent of text: one byte in ten may be spoilt, noise has about forty


class Outcome(StrEnum):
    """What is known of a port in the end."""

    DECIDED = "decided"
    AMBIGUOUS = "ambiguous"
    TEXT = "text"
    NOISE = "noise"
    SILENT = "silent"


@dataclass(frozen=True, slots=True)
class Wanted:
    """How a port is looked at: how long, on which lines, with what known of the scale, asked or not.

    `tell` is called with each protocol whose question is about to be sent.
    """

    listen_s: float = LISTEN_S
    lines: Sequence[SerialSettings] = ()
    known: Mapping[str, str] = field(default_factory=dict)
    display: Display | None = None
    ask: bool = False
    tell: Callable[[DriverSpec], object] = lambda _: None


@dataclass(frozen=True, slots=True)
class Finding:
    """What was heard on one port and what it may come from."""

    url: str
    heard: tuple[Recording, ...]
    verdict: Verdict

    @property
    def outcome(self) -> Outcome:
        if self.verdict.strong:
            return Outcome.DECIDED if self.verdict.decided else Outcome.AMBIGUOUS
        best = self.clearest
        if best is None:
            return Outcome.SILENT
        return Outcome.TEXT if legibility(best) >= LEGIBLE else Outcome.NOISE

    @property
    def clearest(self) -> Recording | None:
        """What reads most like text of all that was heard; nothing where all was silence."""
        return clearest(self.heard)


def fitting(specs: Sequence[DriverSpec], url: str) -> list[DriverSpec]:
    """The protocols that are spoken over this kind of port."""
    scheme = url.partition(":")[0]
    return [spec for spec in specs if scheme in spec.transports]


async def identify(port: Port, specs: Sequence[DriverSpec], clock: Clock, wanted: Wanted) -> Finding:
    """Listen at each setting; then, if nothing is strong and asking is allowed, ask. Raises LinkError."""
    possible = fitting(specs, port.url)

    def is_found(recording: Recording) -> bool:
        return says_enough(recording, possible, wanted.known, wanted.display)

    lines = wanted.lines or lines_to_try(possible)
    heard = await sweep(port, lines, clock, is_found, wanted.listen_s)
    if wanted.ask and not any(map(is_found, heard)):
        heard += await probe(port, possible, clock, is_found, wanted.tell)
    return Finding(port.url, tuple(heard), judge(heard, possible, wanted.known, wanted.display))


def clearest(heard: Sequence[Recording]) -> Recording | None:
    """The recording that reads most like text; of equals the first."""
    recordings = [with_parity_seen(recording) for recording in heard if recording.chunks]
    return max(recordings, key=legibility, default=None)
