"""The booth's scanner reads one of our labels: the strongest proof there is that it exists.

Owns: what such a scan means for the print ledger. Must not know: the counter's flow, scanners, people.
"""

from __future__ import annotations

from collections.abc import Mapping

from edge_agent.events.model import EventDraft, JsonValue
from edge_agent.ledger.ledger import Entry
from edge_agent.ledger.print_jobs import Known
from edge_agent.ledger.prints import PrintState
from edge_agent.printing import job as life
from edge_agent.printing.job import Job
from edge_agent.printing.lane import Lane
from edge_agent.printing.records import Ports, Records
from edge_agent.printing.wish import Scanned
from edge_agent.sdk.values import Stamp


class ScanBack:
    """Records scans of labels that the counter does not have in hand."""

    def __init__(self, ports: Ports, records: Records, lanes: Mapping[str, Lane]) -> None:
        self._ports = ports
        self._records = records
        self._lanes = lanes

    async def scanned(self, job: str, attempt: int, at: Stamp) -> Scanned:
        """One of our marks was scanned: that label exists. Raises DeviceError."""
        async with self._records.step:
            for lane in self._lanes.values():
                sent = lane.printing
                if sent is not None and (sent.order.job, sent.attempt) == (job, attempt):
                    await lane.settle(life.confirmed(sent, at, "scanned"))
                    lane.spool.trusted()
                    return Scanned.CONFIRMED
            known = await self._ports.ledger.prints.attempt(job, attempt)
            if known is None:
                return await self._mismatch(job, attempt, at, "unknown")
            return await self._found(known, at)

    async def _found(self, known: Known, at: Stamp) -> Scanned:
        job = Job(known.order, known.step.attempt, known.step.state)
        if job.state not in life.MAY_BE_ON_PAPER:
            if job.state is PrintState.SENDING:
                return Scanned.KNOWN  # the counter's own, and the counter deals with it
            return await self._mismatch(known.order.job, job.attempt, at, "never_sent")
        if job.state is not PrintState.CONFIRMED:
            await self._records.write(life.confirmed(job, at, "scanned"))
            if lane := self._lanes.get(known.order.printer):
                lane.spool.trusted()
        # Two labels of one parcel must not stay: one whose reprint is proved to be on paper is void.
        if known.order.voided or await self._ports.ledger.prints.proved_after(job.order.job, job.attempt):
            return Scanned.VOID
        return Scanned.KNOWN if job.state is PrintState.CONFIRMED else Scanned.CONFIRMED

    async def _mismatch(self, job: str, attempt: int, at: Stamp, reason: str) -> Scanned:
        data: dict[str, JsonValue] = {"job": job, "attempt": attempt, "reason": reason}
        await self._records.enter(Entry([EventDraft("label.mismatched", job, at, data)]))
        return Scanned.STRANGER if reason == "unknown" else Scanned.VOID
