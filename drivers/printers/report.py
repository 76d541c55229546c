"""What one reply of a label printer says, whatever its language, and what all replies add up to.

Owns: Report and Condition. Must not know: bytes, links, time, when to ask.
"""

from __future__ import annotations

from dataclasses import dataclass

from edge_agent.sdk.values import Cover, Paper, PrinterState, Ready, Stamp


@dataclass(frozen=True, slots=True)
class Report:
    """One reply. What it does not speak of is None.

    `waiting` counts formats and labels that are received and not yet printed; `printed` counts labels since
    the printer was made; `accepted` is True for the acknowledgement of a print command.
    """

    source: str
    paper: Paper | None = None
    cover_open: bool | None = None
    faults: tuple[str, ...] | None = None
    paused: bool | None = None
    busy: bool | None = None
    waiting: int | None = None
    printed: int | None = None
    accepted: bool | None = None
    raw: bytes = b""


class Condition:
    """The latest reply to each question. What none of them speaks of is unknown; the worst word counts."""

    def __init__(self) -> None:
        self._told: dict[str, Report] = {}

    def forget(self) -> None:
        """The printer fell silent: nothing that it said holds any more."""
        self._told.clear()

    def take(self, report: Report) -> None:
        """Let a newer reply to the same question replace the older one."""
        self._told[report.source] = report

    def drop(self, source: str) -> None:
        """This question is not answered any more."""
        self._told.pop(source, None)

    def state(self, device: str, at: Stamp) -> PrinterState:
        """As the agent knows a printer's condition."""
        return PrinterState(
            device=device,
            at=at,
            ready=self._ready(),
            paper=self._paper(),
            cover=self._cover(),
            faults=self._faults(),
            paused=_worst([report.paused for report in self._told.values()]),
            busy=_worst([report.busy for report in self._told.values()]),
        )

    def obstacle(self) -> str:
        """The reason, as a stable code, why nothing would be printed now; empty where none is known."""
        if self._paper() is Paper.OUT:
            return "printer.paper_out"
        if self._cover() is Cover.OPEN:
            return "printer.cover_open"
        if self._faults():
            return "printer.fault"
        paused = _worst([report.paused for report in self._told.values()])
        return "printer.paused" if paused else ""

    def _ready(self) -> Ready:
        if self.obstacle():
            return Ready.NO
        speaks = any(report.faults is not None or report.paper for report in self._told.values())
        return Ready.YES if speaks else Ready.UNKNOWN

    def _paper(self) -> Paper:
        words = {report.paper for report in self._told.values()}
        return next((word for word in (Paper.OUT, Paper.NEAR_END, Paper.OK) if word in words), Paper.UNKNOWN)

    def _cover(self) -> Cover:
        is_open = _worst([report.cover_open for report in self._told.values()])
        return Cover.UNKNOWN if is_open is None else Cover.OPEN if is_open else Cover.CLOSED

    def _faults(self) -> tuple[str, ...]:
        names = (name for report in self._told.values() for name in report.faults or ())
        return tuple(dict.fromkeys(names))


def named(bits: int, names: tuple[tuple[int, str], ...]) -> tuple[str, ...]:
    """The names of the bits that are set."""
    return tuple(name for bit, name in names if bits & bit)


def _worst(words: list[bool | None]) -> bool | None:
    """True if anyone says so, None if nobody says anything."""
    said = [word for word in words if word is not None]
    return any(said) if said else None
