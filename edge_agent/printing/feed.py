"""The paper of one printer: charged before it may leave, given back where it did not, told before it ends.

Owns: the hour's window, the roll, and their records. Must not know: jobs' states, what is printed.
"""

from __future__ import annotations

import json
import logging
from dataclasses import replace

from edge_agent.events.model import EventDraft, JsonValue
from edge_agent.ledger.ledger import Entry
from edge_agent.ledger.print_jobs import Paper
from edge_agent.printing.quota import Window
from edge_agent.printing.records import Ports, Records
from edge_agent.printing.roll import Roll
from edge_agent.sdk.errors import DeviceError
from edge_agent.sdk.values import PrinterState
from edge_agent.whole import whole

log = logging.getLogger(__name__)


class Feed:
    """How much paper a printer gave, and how much is left."""

    def __init__(self, printer: str, ports: Ports, records: Records) -> None:
        self.window = Window(ports.rules.quota)
        self.roll = Roll(ports.rules.rolls_mm.get(printer, ports.rules.roll_mm))
        self._printer = printer
        self._ports = ports
        self._records = records
        self._saved = ""

    async def resume(self) -> None:
        """How much the roll had given before the last stop. Raises DeviceError."""
        self._saved = await self._ports.ledger.slot(self._slot)
        self.roll = _roll_from(self._saved, self.roll.length_mm)

    def sensed(self, state: PrinterState) -> None:
        self.roll = self.roll.sensed(state)

    def renewed(self) -> None:
        self.roll = self.roll.renewed()

    def paper(self, job: str, attempt: int, mm: int) -> Paper:
        """What this attempt takes."""
        now = self._records.now()
        return Paper(job, attempt, self._printer, mm, now.boot, now.at)

    def slots(self, paper: Paper) -> dict[str, str]:
        """What is to be on disk with the paper: the roll after it."""
        return {self._slot: _roll_text(self.roll.fed(paper.mm))}

    def charge(self, paper: Paper) -> None:
        """It is on disk that this paper may leave."""
        self.window.use(paper)
        self.roll = self.roll.fed(paper.mm)
        self._saved = _roll_text(self.roll)

    def give_back(self, paper: Paper) -> None:
        """Nothing was printed."""
        self.window.use(replace(paper, mm=0))
        self.roll = self.roll.fed(-paper.mm)

    async def tell(self) -> None:
        """Tell once that the paper is near its end, and keep what was learned of a new roll."""
        near = self.roll.is_near_end
        roll = replace(self.roll, told=near)
        is_new = roll.fed_mm == 0 and self._saved not in {"", _roll_text(roll)}
        if near == self.roll.told and not is_new:
            return
        events = [self._paper_low()] if near and not self.roll.told else []
        try:
            await whole(self._records.enter(Entry(events=events, slots={self._slot: _roll_text(roll)})))
        except DeviceError as error:
            log.error("%s", error)
            return
        self.roll = replace(self.roll, told=near)
        self._saved = _roll_text(roll)

    @property
    def _slot(self) -> str:
        return f"roll.{self._printer}"

    def _paper_low(self) -> EventDraft:
        data: dict[str, JsonValue] = {"paper": self.roll.paper.value, "left_mm": self.roll.left_mm}
        return EventDraft("printer.paper-low", self._printer, self._records.now().at, data)


def _roll_text(roll: Roll) -> str:
    return json.dumps({"fed_mm": roll.fed_mm, "told": roll.told})


def _roll_from(text: str, length_mm: int) -> Roll:
    """What is not readable is a roll of which nothing is known: a forecast is no promise."""
    try:
        body = json.loads(text) if text else {}
        return Roll(length_mm, fed_mm=int(body.get("fed_mm", 0)), told=body.get("told") is True)
    except (ValueError, TypeError, AttributeError):
        return Roll(length_mm)
