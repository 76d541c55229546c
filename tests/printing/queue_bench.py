"""A print queue at work: a real ledger on disk, a manual clock, printers that the test plays.

Owns: PlayedPrinters, QueueBench, `opened`. Must not know: any rule of the queue.
"""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable, Mapping
from contextlib import asynccontextmanager
from pathlib import Path

from edge_agent.events.model import JsonValue, StoredEvent
from edge_agent.ledger.ledger import Ledger, Limits
from edge_agent.ledger.print_jobs import Known
from edge_agent.printing.job import Kind, Requester
from edge_agent.printing.queue import PrintQueue
from edge_agent.printing.records import Ports, Rules
from edge_agent.printing.wish import Wish
from edge_agent.sdk.clock import ManualClock
from edge_agent.sdk.errors import EdgeError
from edge_agent.sdk.values import Page, PrintJob, PrintResult, Proof

PRINTERS = ("printer-1", "printer-2")
DEADLINE_S = 20.0  # a commit takes a millisecond; generous on a loaded machine


class PlayedPrinters:
    """Printers whose answers are given one after the other; without one they print."""

    def __init__(self) -> None:
        self.usable = dict.fromkeys(PRINTERS, True)
        self.answers: dict[str, list[tuple[Proof, str]]] = {printer: [] for printer in PRINTERS}
        self.taken: list[tuple[str, str, int]] = []
        self.refused: list[tuple[str, int]] = []  # of these: nothing was accepted
        self.may_end = {printer: asyncio.Event() for printer in PRINTERS}
        for event in self.may_end.values():
            event.set()

    def can_print(self, device: str) -> bool:
        return self.usable[device]

    async def print_page(self, job: PrintJob, device: str) -> PrintResult:
        self.taken.append((device, job.job, job.attempt))
        await self.may_end[device].wait()
        proof, reason = self.answers[device].pop(0) if self.answers[device] else (Proof.PRINTED, "")
        if proof is Proof.FAILED:
            self.refused.append((job.job, job.attempt))
        return PrintResult(job.job, job.attempt, proof, 0 if proof is Proof.FAILED else 9, reason)

    def attempts(self) -> list[tuple[str, int]]:
        return [(job, attempt) for _, job, attempt in self.taken]


class QueueBench:
    """One queue with everything it needs."""

    def __init__(self, ledger: Ledger, rules: Rules, printers: tuple[str, ...], clock: ManualClock) -> None:
        self.ledger = ledger
        self.clock = clock
        self.printers = PlayedPrinters()
        self.told: list[StoredEvent] = []
        self.drawn: list[tuple[str, Mapping[str, object], int]] = []
        self.resolutions: list[int] = []
        self.draw_error: Exception | None = None
        self.may_draw = asyncio.Event()
        self.may_draw.set()
        self.page = Page(8, 800, bytes(800))  # a decimetre
        ports = Ports(ledger, self.clock, self.printers, self._draw, self.told.extend, rules)
        self.queue = PrintQueue(ports, list(printers))

    async def _draw(self, template: str, data: Mapping[str, object], reprint: int, dpi: int) -> Page:
        self.drawn.append((template, data, reprint))
        self.resolutions.append(dpi)
        await self.may_draw.wait()
        if self.draw_error is not None:
            raise self.draw_error
        return self.page

    async def order(self, key: str = "L-1", number: str = "RR102030405BD", **more: object) -> Known:
        data: Mapping[str, JsonValue] = {"item": {"number": number}}
        given: dict[str, object] = {
            "requester": Requester.CENTRE,
            "kind": Kind.LABEL,
            "template": "t",
            **more,
        }
        return await self.queue.order(Wish(key=key, data=data, **given))  # type: ignore[arg-type]  # as given

    async def state(self, known: Known, attempt: int = 0) -> str:
        """As it is on disk."""
        job = known.order.job
        found = await (self.ledger.prints.attempt(job, attempt) if attempt else self.ledger.prints.job(job))
        return found.step.state.value if found else "unknown"

    async def ends(self, known: Known, *states: str) -> None:
        """Let loop and disk go on until the job is in one of these states; the clock stands still."""
        async with asyncio.timeout(DEADLINE_S):
            while await self.state(known) not in states:  # asking the disk gives way to everything else
                pass

    async def comes_to(self, known: Known, *states: str) -> None:
        """The same while time goes on."""
        for _ in range(60):
            await self.quiet()
            if await self.state(known) in states:
                return
            await self.clock.advance(1)
        raise AssertionError(f"it is {await self.state(known)}, not {' or '.join(states)}")

    async def until(self, condition: Callable[[], object]) -> None:
        async with asyncio.timeout(DEADLINE_S):
            while not condition():
                await self.ledger.ping()
                await asyncio.sleep(0)

    async def quiet(self) -> None:
        """Let everything that can go on without the clock come to its end."""
        for _ in range(5):
            await self.ledger.ping()
            for _ in range(20):
                await asyncio.sleep(0)

    async def pass_minutes(self, minutes: int) -> None:
        """Let time pass so slowly that what is done each minute is done."""
        for _ in range(minutes):
            await self.clock.advance(60)
            await self.quiet()

    async def refused(self, act: Awaitable[object]) -> str:
        """The code with which this order is refused."""
        try:
            await act
        except EdgeError as refusal:
            return refusal.code
        return ""

    def types(self) -> list[str]:
        return [event.type for event in self.told]

    async def break_disk(self) -> None:
        await self.ledger._worker.read(lambda c: c.execute("PRAGMA query_only=1").fetchall())

    async def mend_disk(self) -> None:
        await self.ledger._worker.read(lambda c: c.execute("PRAGMA query_only=0").fetchall())


@asynccontextmanager
async def opened(
    folder: Path,
    rules: Rules | None = None,
    *,
    printers: tuple[str, ...] = PRINTERS,
    boot: str = "boot",
    running: bool = True,
    clock: ManualClock | None = None,
    broken: bool = False,
) -> AsyncIterator[QueueBench]:
    """A queue on this folder, taken up where the last one was cut off; a broken one cannot write."""
    ledger = await Ledger.open(folder / "ledger.db", boot, limits=Limits(reserve_mib=1, refuse_free_mib=0))
    bench = QueueBench(ledger, rules or Rules(), printers, clock or ManualClock())
    try:
        if broken:
            await bench.break_disk()
        await bench.queue.resume()
        task = asyncio.create_task(bench.queue.run()) if running else None
        try:
            yield bench
            if task is not None and task.done():
                task.result()
        finally:
            if task is not None:
                task.cancel()
                await asyncio.gather(task, return_exceptions=True)
    finally:
        await ledger.close()
