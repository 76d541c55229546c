"""Random days of orders, stops, broken disks, lying printers and people, on a real ledger.

Judged by what the printers were given and by what is on disk, over as many lives of the agent as the day has.
"""

from __future__ import annotations

import asyncio
import random
from collections import Counter as Count
from contextlib import AsyncExitStack
from pathlib import Path

import pytest

from edge_agent.ledger.prints import PrintState
from edge_agent.printing.job import MAY_BE_ON_PAPER, WAITING, Requester
from edge_agent.printing.records import Rules
from edge_agent.sdk.clock import ManualClock
from edge_agent.sdk.values import Proof
from tests.printing.queue_bench import QueueBench, opened

DEEDS = {
    "order": 6, "again": 2, "answer": 5, "cancel": 2, "reprint": 3, "confirm": 1, "scan": 2, "wait": 4,
    "absent": 1, "back": 2, "hang": 1, "go on": 2, "stop": 2, "break": 1, "mend": 3,
}  # fmt: skip
ANSWERS = (
    (Proof.PRINTED, ""),
    (Proof.SENT, ""),
    (Proof.UNKNOWN, "link.lost"),
    (Proof.FAILED, "printer.paper_out"),
    (Proof.FAILED, "printer.page_too_wide"),
)
RULES = Rules(ttl_ms=120_000)


class Day:
    """One booth with two printers over several lives of the agent."""

    def __init__(self, folder: Path, seed: int) -> None:
        self._folder = folder
        self.dice = random.Random(seed)
        self._stack = AsyncExitStack()
        self.clock = ManualClock()
        self.keys: list[str] = []
        self.given: Count[tuple[str, int]] = Count()  # what may have come out
        self.ordered_reprints: Count[str] = Count()
        self.bench: QueueBench

    async def open(self) -> None:
        self.bench = await self._stack.enter_async_context(opened(self._folder, RULES, clock=self.clock))

    async def close(self) -> None:
        await self.bench.mend_disk()
        await self._stack.aclose()
        self._count()

    def _count(self) -> None:
        """Every attempt that a printer was given, but for those of which it took nothing."""
        printers = self.bench.printers
        taken = Count((job, attempt) for _, job, attempt in printers.taken)
        self.given += taken - Count(printers.refused)

    async def play(self, length: int) -> None:
        await self.open()
        for _ in range(length):
            (deed,) = self.dice.choices(list(DEEDS), list(DEEDS.values()))
            await self._do(deed)
            if self.dice.random() < 0.7:
                await self.bench.quiet()
        await self._end_well()

    async def _do(self, deed: str) -> None:
        bench, dice = self.bench, self.dice
        printer = dice.choice(["printer-1", "printer-2"])
        if deed == "order":
            self.keys.append(f"L-{len(self.keys)}")
            await bench.refused(bench.order(self.keys[-1], printer=printer))
        elif deed == "again" and self.keys:
            await bench.refused(bench.order(dice.choice(self.keys[-3:]), printer=printer))
        elif deed == "answer":
            bench.printers.answers[printer].append(dice.choice(ANSWERS))
        elif deed == "wait":
            await bench.clock.advance(dice.choice([1, 11, 11, 130]))
        elif deed == "stop":
            await self.close()
            self._stack = AsyncExitStack()
            await self.open()
        elif self.keys and deed in {"scan", "cancel", "reprint", "confirm"}:
            await self._decide(deed, dice.choice(self.keys[-3:]))
        else:
            await self._upset(deed, printer)

    async def _upset(self, deed: str, printer: str) -> None:
        bench = self.bench
        if deed in {"absent", "back"}:
            bench.printers.usable[printer] = deed == "back"
        elif deed == "hang":
            bench.printers.may_end[printer].clear()
        elif deed == "go on":
            bench.printers.may_end[printer].set()
        elif deed == "break":
            await bench.break_disk()
        elif deed == "mend":
            await bench.mend_disk()

    async def _decide(self, deed: str, key: str) -> None:
        bench, queue = self.bench, self.bench.queue
        known = await bench.ledger.prints.named("centre", key)
        if deed == "scan" and known is not None and self._is_out(known.order.job, known.step.attempt):
            await bench.refused(queue.scanned(known.order.job, known.step.attempt, self.clock.stamp()))
        elif deed == "cancel":
            await bench.refused(queue.cancel(key, Requester.CENTRE))
        elif deed == "reprint" and known is not None:
            before = known.step.attempt
            if await bench.refused(queue.reprint(key, Requester.CENTRE)) == "":
                self.ordered_reprints[known.order.job] += (
                    known.step.state is not PrintState.FAILED or before > 1
                )
        elif deed == "confirm":
            await bench.refused(queue.confirm(key, Requester.CENTRE))

    def _is_out(self, job: str, attempt: int) -> bool:
        """Whether there is a label to be scanned."""
        printers = self.bench.printers
        hanging = [p for p, event in printers.may_end.items() if not event.is_set()]
        mine = [(j, a) for printer, j, a in printers.taken if printer not in hanging]
        return self.given[job, attempt] + mine.count((job, attempt)) > printers.refused.count((job, attempt))

    async def _end_well(self) -> None:
        """Everything works again: nothing may be left that waits or is under way. Then it is judged."""
        bench = self.bench
        await bench.mend_disk()
        for printer in bench.printers.usable:
            bench.printers.usable[printer] = True
            bench.printers.may_end[printer].set()
        for _ in range(300):
            await bench.clock.advance(1)
            await bench.quiet()
            if not await bench.ledger.prints.open_jobs():
                break
        assert await bench.ledger.prints.open_jobs() == [], "something is stuck"
        await self._judge()
        await self.close()
        assert max(self.given.values(), default=0) <= 1, "two labels with the same mark"

    async def _judge(self) -> None:
        given = self.given + Count((job, attempt) for _, job, attempt in self.bench.printers.taken)
        given -= Count(self.bench.printers.refused)
        for key in self.keys:
            known = await self.bench.ledger.prints.named("centre", key)
            if known is None:
                continue
            job, step = known.order.job, known.step
            assert step.state not in WAITING
            assert step.attempt - 1 <= self.ordered_reprints[job], "nobody ordered this reprint"
            if step.proof in {"printed", "sent", "scanned"}:
                assert given[job, step.attempt] == 1, f"{step.state}, and no printer had it"
            elif step.state not in MAY_BE_ON_PAPER:
                assert given[job, step.attempt] == 0, f"{step.state}, and a printer took it"
        events = await self.bench.ledger.after(0, 5_000)
        assert [event.seq for event in events] == list(range(1, len(events) + 1))


def play(folder: Path, seed: int, length: int) -> None:
    async def day() -> None:
        made = Day(folder, seed)
        try:
            await made.play(length)
        except AssertionError as broken:
            raise AssertionError(f"seed {seed}: {broken}") from broken

    asyncio.run(day())


@pytest.mark.parametrize("seed", range(8))
def test_whatever_the_day_brings_each_label_comes_out_once_at_most_and_has_an_end(
    seed: int, tmp_path: Path
) -> None:
    play(tmp_path, seed, 40)


@pytest.mark.torture
@pytest.mark.timeout(900)
@pytest.mark.parametrize("first", range(100, 400, 50))
def test_the_same_over_many_days(first: int, tmp_path: Path) -> None:
    for seed in range(first, first + 50):
        folder = tmp_path / str(seed)
        folder.mkdir()
        play(folder, seed, 60)
