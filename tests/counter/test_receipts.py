"""The customer's receipt: ordered with the acceptance or not at all, printed once, and never in the way."""

from __future__ import annotations

import json
import sqlite3
from pathlib import Path

import pytest

from edge_agent.counter.feedback import Cue
from edge_agent.counter.inputs import Policy
from edge_agent.counter.parcel import Phase
from edge_agent.ledger.print_jobs import Known
from edge_agent.ledger.prints import PrintState
from edge_agent.printing.job import Kind, Requester
from edge_agent.printing.spool import QUEUE_LIMIT
from edge_agent.printing.wish import Wish
from edge_agent.sdk.values import Proof
from tests.counter.counter_bench import ITEM, OTHER, RECEIPTS, CounterBench, opened


async def receipts(bench: CounterBench) -> list[Known]:
    """As they are on disk, oldest first."""
    known = await bench.ledger.prints.recent()
    return [job for job in reversed(known) if job.order.kind == Kind.RECEIPT]


async def receipt_is(bench: CounterBench, *states: PrintState) -> Known:
    """The one receipt, once it is in one of these states."""
    while True:
        (known,) = await receipts(bench)
        if known.step.state in states:
            return known


@pytest.mark.timeout(60)
async def test_an_accepted_parcel_gives_one_receipt_on_its_own_printer(tmp_path: Path) -> None:
    async with opened(tmp_path, receipts=True) as bench:
        await bench.accept()
        known = await receipt_is(bench, PrintState.SENT)
        assert (known.order.printer, known.order.subject, known.order.template) == (
            RECEIPTS,
            ITEM,
            "receipt-80",
        )
        assert [job.job for job in bench.devices.receipts] == [known.order.job]
        assert len(bench.devices.jobs) == 1
        await bench.until(lambda: len(bench.told) == 6)
        told = bench.told[-1]
        assert (told.type, told.subject) == ("label.printed", ITEM)
        assert json.loads(told.data) == {
            "job": known.order.job,
            "attempt": 1,
            "kind": "receipt",
            "proof": "sent",
        }


async def test_without_the_setting_there_is_none(tmp_path: Path) -> None:
    async with opened(tmp_path) as bench:
        await bench.accept()
        assert await receipts(bench) == []


async def test_the_receipt_is_on_disk_before_the_clerk_hears_that_the_parcel_is_accepted(
    tmp_path: Path,
) -> None:
    found: list[tuple[str, str]] = []

    def look(cue: Cue) -> None:
        if cue.prompt.id == "accepted":
            with sqlite3.connect(tmp_path / "ledger.db") as other:
                query = (
                    "SELECT j.kind, p.state FROM print_jobs j JOIN prints p USING (job) WHERE kind='receipt'"
                )
                found.extend(other.execute(query))
            other.close()

    async with opened(tmp_path, receipts=True) as bench:
        bench.devices.usable = False
        bench.when_told = look
        await bench.accept()
    assert found == [("receipt", "queued")]


@pytest.mark.timeout(60)
async def test_a_receipt_printer_that_cannot_print_holds_up_no_parcel(tmp_path: Path) -> None:
    async with opened(tmp_path, receipts=True) as bench:
        bench.devices.usable = False
        for item in (ITEM, OTHER):
            await bench.accept(item)
        assert bench.counter.counts.accepted == 2
        assert bench.devices.receipts == []
        bench.devices.usable = True
        while len(bench.devices.receipts) < 2:
            await bench.clock.advance(1)
            await bench.quiet()
        assert [known.order.subject for known in await receipts(bench)] == [ITEM, OTHER]


@pytest.mark.timeout(60)
async def test_after_a_cut_a_waiting_receipt_comes_out_once(tmp_path: Path) -> None:
    async with opened(tmp_path, receipts=True) as bench:
        bench.devices.usable = False
        await bench.accept()
    async with opened(tmp_path, receipts=True) as bench:
        known = await receipt_is(bench, PrintState.SENT)
        assert [job.job for job in bench.devices.receipts] == [known.order.job]
        assert bench.devices.jobs == []


@pytest.mark.timeout(60)
async def test_a_receipt_cut_off_while_it_is_sent_is_in_doubt_and_not_sent_again(tmp_path: Path) -> None:
    async with opened(tmp_path, receipts=True) as bench:
        bench.devices.hung = RECEIPTS
        await bench.accept()
        await bench.until(lambda: bench.devices.receipts)
    async with opened(tmp_path, receipts=True) as bench:
        known = await receipt_is(bench, PrintState.UNCONFIRMED)
        await bench.quiet()
        assert bench.devices.receipts == []
        again = await bench.prints.reprint(known.order.job, Requester.BOOTH)
        assert again.step.attempt == 2, "marked REPRINT"


@pytest.mark.timeout(60)
async def test_a_receipt_that_finds_no_place_is_told_and_the_parcel_is_accepted(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    async with opened(tmp_path, receipts=True) as bench:
        bench.devices.usable = False
        for number in range(QUEUE_LIMIT):
            wish = Wish(Requester.CENTRE, f"L-{number}", Kind.LABEL, "t", {}, printer=RECEIPTS)
            await bench.prints.order(wish)
        await bench.accept()
        (known,) = await receipts(bench)
        assert (known.step.state, known.step.reason) == (PrintState.FAILED, "print.full")
        assert f"the receipt {known.order.job} is not printed" in caplog.text
        assert known.order.subject not in caplog.text, "whose parcel it is does not belong in a log"
        assert await bench.types() == [
            "scan.read",
            "parcel.scanned",
            "weight.settled",
            "label.printed",
            "parcel.accepted",
            "label.failed",
        ]
        await bench.prints.cancel("L-0", Requester.CENTRE)
        again = await bench.prints.reprint(known.order.job, Requester.BOOTH)
        assert (again.step.state, again.step.attempt) == (PrintState.QUEUED, 1)


@pytest.mark.timeout(60)
async def test_what_is_not_saved_is_neither_accepted_nor_receipted_and_then_both_once(tmp_path: Path) -> None:
    policy = Policy(least_proof=Proof.PRINTED)  # the label asks for a person, so the next step is the clerk's
    async with opened(tmp_path, policy, receipts=True) as bench:
        await bench.weigh("0.000")
        await bench.scan(ITEM)
        await bench.weigh("1.234")
        await bench.until(lambda: bench.phase is Phase.ASKING)
        await bench.break_disk()
        parcel = bench.counter.state.parcel
        assert parcel is not None
        mark = f"BXL1:{parcel.job}:1:{ITEM}"
        await bench.scan(mark)
        assert bench.prompts[-1] == "not_saved"
        await bench.mend_disk()
        assert await receipts(bench) == []
        await bench.scan(mark)
        await receipt_is(bench, PrintState.UNCONFIRMED, PrintState.SENT)
        assert len(bench.devices.receipts) == 1


@pytest.mark.timeout(60)
async def test_parcels_accepted_by_one_read_each_have_their_receipt(tmp_path: Path) -> None:
    policy = Policy(label=False, unweighed=True)
    async with opened(tmp_path, policy, receipts=True) as bench:
        bench.devices.has_scale = False
        await bench.scan(ITEM, OTHER)
        assert bench.counter.counts.accepted == 2
        assert [known.order.subject for known in await receipts(bench)] == [ITEM, OTHER]
