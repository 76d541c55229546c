"""An ordered label through the real driver to a printer, cut at any byte: by the printer's end or by ours.

What is on paper is what the strict parser has drawn and cut off.
"""

from __future__ import annotations

import asyncio
import shutil
from collections.abc import AsyncIterator, Awaitable, Callable, Mapping
from contextlib import asynccontextmanager
from pathlib import Path

import pytest

from drivers.printers.escpos_device import Cut
from edge_agent.ledger.ledger import Ledger, Limits
from edge_agent.printing.job import Kind, Requester
from edge_agent.printing.queue import PrintQueue
from edge_agent.printing.records import Ports, Rules
from edge_agent.printing.wish import Wish
from edge_agent.sdk.errors import EdgeError
from edge_agent.sdk.values import Page, PrintJob, PrintResult, Proof
from tests.drivers.escpos_bench import PAGE, QUESTION_BYTES, Bench, job_length
from tests.drivers.rig import driven
from tests.drivers.test_cut_labels import strip

SHARES = 8  # of all cuts, each a test of its own: one must end within its time
ENDS = frozenset({"sent", "confirmed", "unconfirmed", "failed", "expired", "cancelled"})
WISH = Wish(Requester.CENTRE, "L-1", Kind.LABEL, "t", {"item": {"number": "N"}})


class Booth:
    """A queue on a ledger, and one printer behind its driver."""

    def __init__(self, ledger: Ledger, bench: Bench, page: Page) -> None:
        self.page = page
        self.ledger = ledger
        self.bench = bench
        self.attempts: list[tuple[str, int]] = []
        self.queue = PrintQueue(
            Ports(ledger, bench.clock, self, self._draw, lambda _: None, Rules()), ["printer-1"]
        )

    def can_print(self, device: str) -> bool:
        return True

    async def print_page(self, job: PrintJob, device: str) -> PrintResult:
        self.attempts.append((job.job, job.attempt))
        try:
            return await self.bench.driver.print(job)
        except EdgeError as error:
            return PrintResult(job.job, job.attempt, Proof.UNKNOWN, 0, error.code)

    async def _draw(self, template: str, data: Mapping[str, object], reprint: int, dpi: int) -> Page:
        return self.page

    async def state(self) -> str:
        known = await self.ledger.prints.named("centre", "L-1")
        return known.step.state.value if known else ""

    async def until(self, true: Callable[[], bool]) -> None:
        for _ in range(400):
            await self.pause(0.5)
            if true():
                return
        raise AssertionError("it did not come to this")

    async def pause(self, seconds: float) -> None:
        """Let disk and loop go on, and so much time pass."""
        for _ in range(3):
            await self.ledger.ping()
            await asyncio.sleep(0)
        await self.bench.clock.advance(seconds)

    async def ends(self) -> str:
        for _ in range(400):
            if (state := await self.state()) in ENDS:
                return state
            await self.pause(0.5)
        raise AssertionError(f"it is stuck in {await self.state()}")

    def labels(self) -> int:
        """How many labels the printer has cut off."""
        return sum(isinstance(event, Cut) for event in self.bench.printer.events)


@asynccontextmanager
async def booth(folder: Path, page: Page = PAGE) -> AsyncIterator[Booth]:
    """A booth on this folder, which prints this page on a new printer."""
    ledger = await Ledger.open(folder / "ledger.db", "boot", limits=Limits(reserve_mib=1, refuse_free_mib=0))
    made = Booth(ledger, Bench(), page)
    try:
        async with driven(made.bench.driver):
            await made.bench.settle()
            await made.queue.resume()
            running = asyncio.create_task(made.queue.run())
            try:
                yield made
            finally:
                running.cancel()
                await asyncio.gather(running, return_exceptions=True)
    finally:
        await ledger.close()


def copy_of(folder: Path) -> None:
    """The ledger as it lies on the disk in this moment."""
    (folder / "cut").mkdir()
    for file in folder.glob("ledger.db*"):
        shutil.copy(file, folder / "cut")


async def a_link_cut_at(stop: int, folder: Path, page: Page) -> None:
    """The port takes so many bytes of the label and no more; later it is well again."""
    async with booth(folder, page) as made:
        link = made.bench.link
        link.write_limit = len(link.written) + QUESTION_BYTES + stop
        await made.queue.order(WISH)
        await made.until(lambda: bool(made.attempts))
        if stop:
            assert await made.ends() == "unconfirmed", stop
        link.write_limit = None
        await made.pause(30)
        assert await made.ends() == ("unconfirmed" if stop else "confirmed"), stop
        assert (await made.queue.order(WISH)).step.attempt == 1
        await made.pause(30)
        assert made.labels() <= 1, stop  # the driver ends a command that was cut off, which may be the last
        assert stop or made.labels() == 1
        assert len(made.attempts) == 1 or not stop


async def an_agent_cut_at(stop: int, folder: Path, page: Page) -> None:
    """The agent dies when the port has taken so many bytes; another one comes up on its disk."""
    async with booth(folder, page) as made:
        link = made.bench.link
        link.stall_at = len(link.written) + QUESTION_BYTES + stop
        await made.queue.order(WISH)
        await made.until(lambda: bool(made.attempts) and len(link.written) >= (link.stall_at or 0))
        copy_of(folder)
    async with booth(folder / "cut", page) as made:
        assert await made.ends() == "unconfirmed", stop
        assert (await made.queue.order(WISH)).step.state.value == "unconfirmed"
        await made.pause(30)
        assert made.attempts == [], stop
        assert made.labels() == 0


CutAt = Callable[[int, Path, Page], Awaitable[None]]


@pytest.mark.parametrize("cut", [a_link_cut_at, an_agent_cut_at])
async def test_a_label_cut_at_some_bytes_is_never_printed_twice_and_never_claimed(
    cut: CutAt, tmp_path: Path
) -> None:
    length = await job_length()
    for stop in sorted({0, 1, 2, *range(3, length, length // 9), length - 1}):
        folder = tmp_path / str(stop)
        folder.mkdir()
        await cut(stop, folder, PAGE)


@pytest.mark.torture
@pytest.mark.timeout(600)
@pytest.mark.parametrize("share", range(SHARES))
@pytest.mark.parametrize("cut", [a_link_cut_at, an_agent_cut_at])
async def test_a_real_label_cut_at_every_byte_is_never_printed_twice_and_never_claimed(
    cut: CutAt, share: int, tmp_path: Path
) -> None:
    page = strip()
    for stop in range(share, await job_length(job=PrintJob("job-1", page)), SHARES):
        folder = tmp_path / str(stop)
        folder.mkdir()
        await cut(stop, folder, page)
        shutil.rmtree(folder)


async def test_without_a_cut_it_comes_out_once_and_is_proved(tmp_path: Path) -> None:
    async with booth(tmp_path) as made:
        await made.queue.order(WISH)
        assert await made.ends() == "confirmed"
        assert made.labels() == 1


async def test_a_reprint_after_the_cut_comes_out_as_a_second_attempt(tmp_path: Path) -> None:
    async with booth(tmp_path) as made:
        link = made.bench.link
        link.write_limit = len(link.written) + QUESTION_BYTES + 40
        known = await made.queue.order(WISH)
        assert await made.ends() == "unconfirmed"
        link.write_limit = None
        await made.queue.reprint(known.order.job, Requester.BOOTH)
        await made.until(lambda: len(made.attempts) == 2)
        assert await made.ends() == "confirmed"
        assert [attempt for _, attempt in made.attempts] == [1, 2]
        assert made.labels() == 1
