"""What a printer's replies add up to: its condition, and whether anything speaks against printing.

Owns: merging reports of different kinds and ages. Must not know: bytes, links, time, when to ask.
"""

from __future__ import annotations

from drivers.printers.escpos_status import Report, Source
from edge_agent.sdk.values import Cover, Paper, PrinterState, Ready, Stamp


class Condition:
    """The last word on each question. What was never told, or was forgotten, is unknown."""

    def __init__(self) -> None:
        self.forget()

    def forget(self) -> None:
        """The printer fell silent: nothing that it said holds any more."""
        self._offline: bool | None = None
        self._cover_open: bool | None = None
        self._paper: Paper | None = None
        self._faults: tuple[str, ...] | None = None
        self._stopped: bool | None = None
        self._error: bool | None = None

    def take(self, report: Report) -> None:
        """Let a newer word replace the older one; a report leaves alone what it does not speak of."""
        self._offline = _newer(report.offline, self._offline)
        self._cover_open = _newer(report.cover_open, self._cover_open)
        self._paper = report.paper or self._paper
        self._faults = self._faults if report.faults is None else report.faults
        self._stopped = _newer(report.stopped, self._stopped)
        self._error = _newer(report.error, self._error)
        if report.source is Source.PAPER_SENSOR and report.paper is not Paper.OUT:
            self._stopped = False

    def drop(self, source: str) -> None:
        """Nothing: what another question told still holds, and silence makes all of it unknown."""

    def state(self, device: str, at: Stamp) -> PrinterState:
        """As the agent knows a printer's condition."""
        return PrinterState(
            device=device,
            at=at,
            ready=self._ready(),
            paper=self._paper_state(),
            cover=_COVER[self._cover_open],
            faults=self._fault_names(),
        )

    def obstacle(self) -> str:
        """The reason, as a stable code, why nothing would be printed now; empty where none is known."""
        if self._paper_state() is Paper.OUT:
            return "printer.paper_out"
        if self._cover_open:
            return "printer.cover_open"
        if self._fault_names():
            return "printer.fault"
        return "printer.offline" if self._offline else ""

    def _ready(self) -> Ready:
        if self.obstacle():
            return Ready.NO
        return Ready.YES if self._offline is False else Ready.UNKNOWN

    def _paper_state(self) -> Paper:
        return Paper.OUT if self._stopped else self._paper or Paper.UNKNOWN

    def _fault_names(self) -> tuple[str, ...]:
        return self._faults or (("error",) if self._error else ())


_COVER = {None: Cover.UNKNOWN, True: Cover.OPEN, False: Cover.CLOSED}


def _newer(word: bool | None, before: bool | None) -> bool | None:
    return before if word is None else word
