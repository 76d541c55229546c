"""The print queue on a real ledger: orders, cuts, printers that lie or hang, people who decide."""

from __future__ import annotations

import asyncio
import json
import sqlite3
from pathlib import Path

import pytest

from edge_agent.ledger.ledger import Entry
from edge_agent.ledger.print_jobs import Known
from edge_agent.ledger.prints import PrintState, PrintStep
from edge_agent.printing.job import Requester
from edge_agent.printing.lane import TICK_S
from edge_agent.printing.quota import HOUR_MS, Quota
from edge_agent.printing.records import Rules
from edge_agent.printing.roll import GAP_MM, length_mm
from edge_agent.printing.spool import QUEUE_LIMIT
from edge_agent.printing.wish import Scanned
from edge_agent.sdk.clock import ManualClock
from edge_agent.sdk.errors import CommandError
from edge_agent.sdk.values import (
    ClockQuality,
    Page,
    Paper,
    PrinterState,
    PrintJob,
    Proof,
    Ready,
)
from tests.printing.queue_bench import QueueBench, opened

CENTRE, BOOTH = Requester.CENTRE, Requester.BOOTH


async def test_an_order_is_drawn_printed_and_proved(tmp_path: Path) -> None:
    async with opened(tmp_path) as bench:
        known = await bench.order(subject="RR102030405BD")
        assert known.step.state in {PrintState.QUEUED, PrintState.SENDING, PrintState.CONFIRMED}
        await bench.ends(known, "confirmed")
        assert bench.printers.taken == [("printer-1", known.order.job, 1)]
        assert bench.types() == ["label.printed"]
        told = json.loads(bench.told[0].data)
        assert (bench.told[0].subject, told["order"], told["proof"]) == ("RR102030405BD", "L-1", "printed")


async def test_what_is_drawn_carries_the_jobs_own_mark(tmp_path: Path) -> None:
    async with opened(tmp_path) as bench:
        known = await bench.order(subject="RR102030405BD")
        await bench.ends(known, "confirmed")
        template, data, reprint = bench.drawn[-1]
        assert (template, reprint) == ("t", 0)
        assert data["item"] == {"number": "RR102030405BD", "qr": f"BXL1:{known.order.job}:1:RR102030405BD"}


# The name of a job


async def test_the_same_name_and_content_is_the_same_job(tmp_path: Path) -> None:
    async with opened(tmp_path) as bench:
        first = await bench.order()
        await bench.ends(first, "confirmed")
        again = await bench.order()
        assert again.order.job == first.order.job
        assert again.step.state is PrintState.CONFIRMED
        await bench.quiet()
        assert len(bench.printers.taken) == 1


async def test_the_same_name_with_other_content_is_a_conflict(tmp_path: Path) -> None:
    async with opened(tmp_path) as bench:
        await bench.order()
        assert await bench.refused(bench.order(number="RR102030414BD")) == "print.conflict"
        assert await bench.refused(bench.order(template="other")) == "print.conflict"
        assert await bench.refused(bench.order(printer="printer-2")) == "print.conflict"
        assert await bench.refused(bench.order(requester=BOOTH)) == "", (
            "another requester's names are its own"
        )


async def test_the_name_is_known_after_a_restart(tmp_path: Path) -> None:
    async with opened(tmp_path) as bench:
        first = await bench.order()
        await bench.ends(first, "confirmed")
    async with opened(tmp_path) as bench:
        assert (await bench.order()).order.job == first.order.job
        await bench.quiet()
        assert bench.printers.taken == []


async def test_what_cannot_be_drawn_is_refused_with_its_element_and_never_printed(tmp_path: Path) -> None:
    async with opened(tmp_path) as bench:
        bench.draw_error = CommandError("label.overflow", "element 'recipient' does not fit")
        assert await bench.refused(bench.order()) == "label.overflow"
        assert bench.types() == ["label.failed"]
        bench.draw_error = None
        await bench.ends(await bench.order(), "confirmed")
        assert len(bench.printers.taken) == 1


async def test_a_bug_in_drawing_costs_its_order_and_nothing_else(tmp_path: Path) -> None:
    async with opened(tmp_path) as bench:
        bench.draw_error = ZeroDivisionError()
        assert await bench.refused(bench.order()) == "label.bug"
        bench.draw_error = None
        await bench.ends(await bench.order("L-2"), "confirmed")


async def test_an_order_for_a_printer_that_is_not_there_is_refused(tmp_path: Path) -> None:
    async with opened(tmp_path) as bench:
        assert await bench.refused(bench.order(printer="no-printer")) == "device.unknown"
    async with opened(tmp_path, printers=()) as bench:
        assert await bench.refused(bench.order()) == "device.unknown"


# Waiting


async def test_a_printer_without_paper_is_waited_for(tmp_path: Path) -> None:
    async with opened(tmp_path) as bench:
        bench.printers.answers["printer-1"] = [(Proof.FAILED, "printer.paper_out")]
        known = await bench.order()
        await bench.until(lambda: bench.printers.taken)
        await bench.ends(known, "queued")
        (shown,) = (await bench.queue.listed())["jobs"]  # type: ignore[misc]  # a list of one
        assert shown["reason"] == "printer.paper_out"  # type: ignore[index,call-overload]  # a job
        await bench.clock.advance(11)
        await bench.comes_to(known, "confirmed")
        assert bench.printers.attempts() == [(known.order.job, 1)] * 2


async def test_what_waited_too_long_expires_and_does_not_burst_out(tmp_path: Path) -> None:
    async with opened(tmp_path, Rules(ttl_ms=60_000)) as bench:
        bench.printers.usable["printer-1"] = False
        known = [await bench.order(f"L-{number}") for number in range(5)]
        await bench.clock.advance(61)
        for one in known:
            await bench.comes_to(one, "expired")
        bench.printers.usable["printer-1"] = True
        await bench.clock.advance(60)
        await bench.quiet()
        assert bench.printers.taken == []
        assert bench.types() == ["label.expired"] * 5
        assert json.loads(bench.told[0].data)["reason"] == "printer.not_ready"


async def test_more_than_the_queue_holds_is_refused_and_the_others_stay(tmp_path: Path) -> None:
    async with opened(tmp_path) as bench:
        bench.printers.usable["printer-1"] = False
        for number in range(QUEUE_LIMIT):
            await bench.order(f"L-{number}")
        assert await bench.refused(bench.order("L-too-many")) == "print.full"
        assert (await bench.queue.summary())["waiting"] == QUEUE_LIMIT


async def test_a_hung_printer_holds_up_nobody_else(tmp_path: Path) -> None:
    async with opened(tmp_path) as bench:
        bench.printers.may_end["printer-1"].clear()
        hung = await bench.order("L-1")
        waits = await bench.order("L-2")
        other = await bench.order("L-3", printer="printer-2")
        await bench.ends(other, "confirmed")
        assert (await bench.state(hung), await bench.state(waits)) == ("sending", "queued")
        bench.printers.may_end["printer-1"].set()
        await bench.ends(waits, "confirmed")


async def test_the_counters_label_goes_before_what_waits(tmp_path: Path) -> None:
    async with opened(tmp_path) as bench:
        bench.printers.may_end["printer-1"].clear()
        await bench.order("L-1")
        await bench.until(lambda: bench.printers.taken)
        second = await bench.order("L-2")
        label = asyncio.create_task(bench.queue.label(PrintJob("f" * 12, bench.page), "item"))
        await bench.quiet()
        bench.printers.may_end["printer-1"].set()
        await label
        await bench.ends(second, "confirmed")
        assert [job for _, job, _ in bench.printers.taken][1] == "f" * 12


# Cuts


async def cut_while_sending(folder: Path) -> Known:
    async with opened(folder) as bench:
        bench.printers.may_end["printer-1"].clear()
        known = await bench.order()
        await bench.until(lambda: bench.printers.taken)
        return known


async def test_cut_off_after_sending_it_is_in_doubt_and_never_sent_again(tmp_path: Path) -> None:
    known = await cut_while_sending(tmp_path)
    async with opened(tmp_path) as bench:
        assert await bench.state(known) == "unconfirmed"
        assert bench.types() == ["label.unconfirmed"]
        await bench.clock.advance(700)
        assert (await bench.order()).step.state is PrintState.UNCONFIRMED
        assert bench.printers.taken == []
        assert (await bench.queue.summary())["unconfirmed"] == 1


async def test_cut_off_while_it_waits_it_is_printed_once(tmp_path: Path) -> None:
    async with opened(tmp_path) as bench:
        bench.printers.usable["printer-1"] = False
        known = await bench.order()
    async with opened(tmp_path) as bench:
        await bench.ends(known, "confirmed")
        assert bench.printers.attempts() == [(known.order.job, 1)]


async def test_cut_off_while_it_is_drawn_it_fails_and_may_be_ordered_again(tmp_path: Path) -> None:
    async with opened(tmp_path) as bench:
        bench.may_draw.clear()
        ordering = asyncio.create_task(bench.order())
        await bench.until(lambda: bench.drawn)
        ledger = sqlite3.connect(tmp_path / "ledger.db")  # as it is on disk when the power goes
        (tmp_path / "cut").mkdir()
        with sqlite3.connect(tmp_path / "cut" / "ledger.db") as copy:
            ledger.backup(copy)
        copy.close()
        ledger.close()
        bench.may_draw.set()
        await ordering
    async with opened(tmp_path / "cut") as bench:
        assert bench.types() == ["label.failed"]
        await bench.ends(await bench.order(), "confirmed")
        assert len(bench.printers.taken) == 1


async def test_after_a_power_cut_of_unknown_length_an_order_waits_for_the_clock(tmp_path: Path) -> None:
    async with opened(tmp_path) as bench:
        bench.printers.usable["printer-1"] = False
        known = await bench.order()
    clock = ManualClock(uptime_ms=5_000)
    clock.quality = ClockQuality.NONE
    async with opened(tmp_path, boot="later", clock=clock) as bench:
        await clock.advance(30)
        assert bench.printers.taken == []
        clock.quality = ClockQuality.NTP
        await clock.advance(2)
        await bench.comes_to(known, "confirmed")


async def test_after_a_long_power_cut_nothing_old_comes_out(tmp_path: Path) -> None:
    async with opened(tmp_path) as bench:
        bench.printers.usable["printer-1"] = False
        known = await bench.order()
    clock = ManualClock(uptime_ms=5_000, utc_ms=1_800_003_600_000)
    async with opened(tmp_path, boot="later", clock=clock) as bench:
        await bench.comes_to(known, "expired")
        assert bench.printers.taken == []


async def test_a_clock_that_jumps_expires_nothing(tmp_path: Path) -> None:
    async with opened(tmp_path) as bench:
        bench.printers.usable["printer-1"] = False
        known = await bench.order()
        bench.clock.jump_utc(400 * 24 * HOUR_MS)
        await bench.clock.advance(5)
        bench.printers.usable["printer-1"] = True
        await bench.clock.advance(2)
        await bench.comes_to(known, "confirmed")


# A disk that takes nothing


async def test_without_a_disk_no_byte_leaves(tmp_path: Path) -> None:
    async with opened(tmp_path) as bench:
        bench.printers.usable["printer-1"] = False
        known = await bench.order()
        await bench.break_disk()
        bench.printers.usable["printer-1"] = True
        await bench.clock.advance(30)
        assert bench.printers.taken == []
        assert await bench.refused(bench.order("L-2")) == "ledger.broken"
        await bench.mend_disk()
        await bench.comes_to(known, "confirmed")


async def test_the_end_of_a_label_is_not_forgotten_while_the_disk_is_broken(tmp_path: Path) -> None:
    async with opened(tmp_path) as bench:
        bench.printers.may_end["printer-1"].clear()
        known = await bench.order()
        await bench.until(lambda: bench.printers.taken)
        await bench.break_disk()
        bench.printers.may_end["printer-1"].set()
        await bench.clock.advance(5 * TICK_S)
        assert await bench.state(known) == "sending"
        await bench.mend_disk()
        await bench.comes_to(known, "confirmed")
        assert len(bench.printers.taken) == 1


async def test_a_disk_that_is_broken_at_the_start_is_waited_for(tmp_path: Path) -> None:
    known = await cut_while_sending(tmp_path)
    async with opened(tmp_path, broken=True) as bench:
        await bench.quiet()
        assert await bench.state(known) == "sending"
        await bench.mend_disk()
        await bench.comes_to(known, "unconfirmed")
        await bench.ends(await bench.order("L-2"), "confirmed")


# People


async def test_a_waiting_job_is_cancelled_by_its_id_or_its_requesters_name(tmp_path: Path) -> None:
    async with opened(tmp_path) as bench:
        bench.printers.usable["printer-1"] = False
        first, second = await bench.order("L-1"), await bench.order("L-2")
        await bench.queue.cancel(first.order.job, BOOTH)
        assert await bench.refused(bench.queue.cancel("L-2", BOOTH)) == "print.unknown"
        await bench.queue.cancel("L-2", CENTRE)
        assert [await bench.state(one) for one in (first, second)] == ["cancelled", "cancelled"]
        bench.printers.usable["printer-1"] = True
        await bench.clock.advance(30)
        assert bench.printers.taken == []


async def test_what_is_being_sent_is_not_cancelled(tmp_path: Path) -> None:
    async with opened(tmp_path) as bench:
        bench.printers.may_end["printer-1"].clear()
        known = await bench.order()
        await bench.until(lambda: bench.printers.taken)
        assert await bench.refused(bench.queue.cancel(known.order.job, BOOTH)) == "print.sending"
        bench.printers.may_end["printer-1"].set()
        await bench.ends(known, "confirmed")
        assert await bench.refused(bench.queue.cancel(known.order.job, BOOTH)) == "print.ended"


async def test_one_cancelled_while_it_is_drawn_for_its_turn_is_not_printed(tmp_path: Path) -> None:
    async with opened(tmp_path) as bench:
        bench.printers.usable["printer-1"] = False
        known = await bench.order()
        bench.may_draw.clear()
        bench.printers.usable["printer-1"] = True
        await bench.clock.advance(2)
        await bench.until(lambda: len(bench.drawn) == 2)
        await bench.queue.cancel(known.order.job, BOOTH)
        bench.may_draw.set()
        await bench.quiet()
        assert bench.printers.taken == []
        assert await bench.state(known) == "cancelled"


async def test_a_reprint_is_marked_told_and_ordered_once_however_often_the_key_is_pressed(
    tmp_path: Path,
) -> None:
    async with opened(tmp_path) as bench:
        known = await bench.order()
        await bench.ends(known, "confirmed")
        codes = [await bench.refused(bench.queue.reprint(known.order.job, BOOTH)) for _ in range(5)]
        assert codes[0] == ""
        assert set(codes[1:]) <= {"print.waiting", "print.too_soon"}
        await bench.ends(known, "confirmed")
        await bench.quiet()
        assert bench.printers.attempts() == [(known.order.job, 1), (known.order.job, 2)]
        assert bench.drawn[-1][2] == 1
        assert bench.types() == ["label.printed", "label.reprinted"]
        await bench.clock.advance(11)
        assert await bench.refused(bench.queue.reprint(known.order.job, BOOTH)) == ""


@pytest.mark.parametrize("state", ["confirmed", "failed"])
async def test_a_reprint_that_cannot_be_drawn_is_refused_and_nothing_is_entered(
    tmp_path: Path, state: str
) -> None:
    """A slip without a place for the mark, a template that was spoilt meanwhile: who asks is told so."""
    async with opened(tmp_path) as bench:
        if state == "failed":
            bench.printers.answers["printer-1"] = [(Proof.FAILED, "printer.page_too_wide")]
        known = await bench.order()
        await bench.ends(known, state)
        told = len(bench.told)
        bench.draw_error = CommandError("label.no_reprint_mark", "t")
        assert await bench.refused(bench.queue.reprint(known.order.job, BOOTH)) == "label.no_reprint_mark"
        await bench.quiet()
        found = await bench.queue.find(known.order.job)
        assert (found.step.attempt, found.step.state.value) == (1, state)
        assert len(bench.told) == told
        bench.draw_error = None
        assert await bench.refused(bench.queue.reprint(known.order.job, BOOTH)) == "", "at once"


async def test_two_reprints_asked_for_while_the_first_is_drawn_are_one(tmp_path: Path) -> None:
    async with opened(tmp_path) as bench:
        known = await bench.order()
        await bench.ends(known, "confirmed")
        bench.may_draw.clear()
        asked = [
            asyncio.create_task(bench.refused(bench.queue.reprint(known.order.job, BOOTH))) for _ in "12"
        ]
        await bench.until(lambda: len(bench.drawn) == 4)
        bench.may_draw.set()
        first, second = await asyncio.gather(*asked)
        assert first == ""
        assert second in {"print.waiting", "print.too_soon"}
        await bench.ends(known, "confirmed")
        assert bench.printers.attempts() == [(known.order.job, 1), (known.order.job, 2)]


async def test_a_label_in_doubt_is_confirmed_by_a_person(tmp_path: Path) -> None:
    known = await cut_while_sending(tmp_path)
    async with opened(tmp_path) as bench:
        await bench.queue.confirm(known.order.job, BOOTH)
        assert await bench.state(known) == "confirmed"
        assert bench.types() == ["label.unconfirmed", "label.confirmed"]
        assert (await bench.queue.summary())["unconfirmed"] == 0


async def test_a_person_confirms_the_attempt_that_left_not_the_one_that_waits(tmp_path: Path) -> None:
    known = await cut_while_sending(tmp_path)
    async with opened(tmp_path) as bench:
        bench.printers.usable["printer-1"] = False
        await bench.queue.reprint(known.order.job, BOOTH)
        await bench.queue.confirm(known.order.job, BOOTH)
        assert [await bench.state(known, attempt) for attempt in (1, 2)] == ["confirmed", "queued"]


async def test_what_was_never_sent_cannot_be_confirmed(tmp_path: Path) -> None:
    async with opened(tmp_path) as bench:
        bench.printers.usable["printer-1"] = False
        known = await bench.order()
        assert await bench.refused(bench.queue.confirm(known.order.job, BOOTH)) == "print.not_sent"


# Scan-back


async def test_scanning_a_label_in_doubt_proves_it(tmp_path: Path) -> None:
    known = await cut_while_sending(tmp_path)
    async with opened(tmp_path) as bench:
        at = bench.clock.stamp()
        assert await bench.queue.scanned(known.order.job, 1, at) is Scanned.CONFIRMED
        assert await bench.state(known) == "confirmed"
        assert await bench.queue.scanned(known.order.job, 1, at) is Scanned.KNOWN
        assert bench.types() == ["label.unconfirmed", "label.confirmed"]


async def test_scanning_it_while_the_printer_is_silent_proves_it_too(tmp_path: Path) -> None:
    async with opened(tmp_path) as bench:
        bench.printers.may_end["printer-1"].clear()
        bench.printers.answers["printer-1"] = [(Proof.UNKNOWN, "printer.no_proof")]
        known = await bench.order()
        await bench.until(lambda: bench.printers.taken)
        assert await bench.queue.scanned(known.order.job, 1, bench.clock.stamp()) is Scanned.CONFIRMED
        bench.printers.may_end["printer-1"].set()
        await bench.ends(await bench.order("L-2"), "confirmed")
        assert await bench.state(known) == "confirmed"
        assert bench.types() == ["label.printed", "label.printed"]


async def test_an_old_attempt_that_turns_up_exists_and_is_void_beside_its_reprint(tmp_path: Path) -> None:
    known = await cut_while_sending(tmp_path)
    async with opened(tmp_path) as bench:
        await bench.queue.reprint(known.order.job, BOOTH)
        await bench.ends(known, "confirmed")
        for _ in range(2):
            assert await bench.queue.scanned(known.order.job, 1, bench.clock.stamp()) is Scanned.VOID
        assert await bench.queue.scanned(known.order.job, 2, bench.clock.stamp()) is Scanned.KNOWN
        told = [json.loads(event.data) for event in bench.told if event.type == "label.confirmed"]
        assert [(one["attempt"], one["proof"]) for one in told] == [(1, "scanned")]


@pytest.mark.parametrize(("job", "attempt", "reason"), [("0" * 12, 1, "unknown"), ("", 9, "unknown")])
async def test_a_mark_that_is_none_of_ours_is_recorded(
    tmp_path: Path, job: str, attempt: int, reason: str
) -> None:
    async with opened(tmp_path) as bench:
        known = await bench.order()
        await bench.ends(known, "confirmed")
        found = await bench.queue.scanned(job or known.order.job, attempt, bench.clock.stamp())
        assert found is Scanned.STRANGER
        assert json.loads(bench.told[-1].data)["reason"] == reason


async def test_a_label_that_should_not_exist_is_void(tmp_path: Path) -> None:
    async with opened(tmp_path) as bench:
        bench.printers.usable["printer-1"] = False
        known = await bench.order()
        await bench.queue.cancel(known.order.job, BOOTH)
        assert await bench.queue.scanned(known.order.job, 1, bench.clock.stamp()) is Scanned.VOID
        assert json.loads(bench.told[-1].data)["reason"] == "never_sent"
        assert await bench.state(known) == "cancelled"


# Quota and paper


async def test_orders_wait_at_their_part_of_the_quota_and_the_counter_goes_on(tmp_path: Path) -> None:
    rules = Rules(quota=Quota(labels=4, orders_percent=50), ttl_ms=2 * HOUR_MS)
    async with opened(tmp_path, rules) as bench:
        known = [await bench.order(f"L-{number}") for number in range(3)]
        await bench.until(lambda: len(bench.printers.taken) == 2)
        await bench.quiet()
        assert await bench.state(known[2]) == "queued"
        result = await bench.queue.label(PrintJob("f" * 12, bench.page), "item")
        assert result.proof is Proof.PRINTED
    async with opened(tmp_path, rules, clock=ManualClock(uptime_ms=60_000 + HOUR_MS)) as bench:
        await bench.comes_to(known[2], "confirmed")


async def test_beyond_the_quota_the_counters_label_is_refused_and_that_is_said(tmp_path: Path) -> None:
    async with opened(tmp_path, Rules(quota=Quota(labels=1))) as bench:
        await bench.queue.label(PrintJob("e" * 12, bench.page), "item")
        result = await bench.queue.label(PrintJob("f" * 12, bench.page), "item")
        assert (result.proof, result.reason) == (Proof.FAILED, "print.quota")
        assert bench.printers.attempts() == [("e" * 12, 1)]


async def test_a_page_longer_than_what_is_left_of_the_hour_waits(tmp_path: Path) -> None:
    async with opened(tmp_path, Rules(quota=Quota(mm=150, orders_percent=100))) as bench:
        await bench.ends(await bench.order("L-1"), "confirmed")
        second = await bench.order("L-2")
        await bench.quiet()
        assert await bench.state(second) == "queued"
        assert len(bench.printers.taken) == 1


async def test_a_restart_gives_no_new_quota(tmp_path: Path) -> None:
    rules = Rules(quota=Quota(labels=2, orders_percent=50))
    async with opened(tmp_path, rules) as bench:
        await bench.ends(await bench.order("L-1"), "confirmed")
    async with opened(tmp_path, rules) as bench:
        second = await bench.order("L-2")
        await bench.quiet()
        assert await bench.state(second) == "queued"
        assert bench.printers.taken == []


async def test_what_the_printer_did_not_take_costs_no_quota(tmp_path: Path) -> None:
    async with opened(tmp_path, Rules(quota=Quota(labels=2, orders_percent=50))) as bench:
        bench.printers.answers["printer-1"] = [(Proof.FAILED, "printer.paper_out")] * 3
        known = await bench.order()
        await bench.comes_to(known, "confirmed")


def condition(bench: QueueBench, paper: Paper, ready: Ready = Ready.YES) -> PrinterState:
    return PrinterState("printer-1", bench.clock.stamp(), ready, paper)


async def test_the_end_of_the_roll_is_told_once_by_what_was_fed(tmp_path: Path) -> None:
    rules = Rules(roll_mm=2_250)
    async with opened(tmp_path, rules) as bench:
        for number in range(4):
            await bench.ends(await bench.order(f"L-{number}"), "confirmed")
        await bench.until(lambda: "printer.paper-low" in bench.types())
        told = [json.loads(event.data) for event in bench.told if event.type == "printer.paper-low"]
        assert told == [{"paper": "unknown", "left_mm": 2_250 - 3 * 104}]
    async with opened(tmp_path, rules) as bench:
        await bench.ends(await bench.order("L-9"), "confirmed")
        await bench.quiet()
        assert "printer.paper-low" not in bench.types(), "it was told before the restart"
        bench.queue.new_roll("")
        await bench.quiet()
        (printer, _) = (await bench.queue.summary())["printers"]  # type: ignore[misc]  # two printers
        assert printer["paper_left_mm"] == 2_250  # type: ignore[index,call-overload]  # a printer


async def test_each_printer_has_a_roll_of_its_own_length(tmp_path: Path) -> None:
    async with opened(tmp_path, Rules(roll_mm=50_000, rolls_mm={"printer-2": 30_000})) as bench:
        printers = (await bench.queue.summary())["printers"]
        assert [printer["paper_left_mm"] for printer in printers] == [50_000, 30_000]  # type: ignore[index,call-overload,union-attr]  # printers


async def test_the_sensor_goes_before_the_forecast_and_new_paper_is_a_new_roll(tmp_path: Path) -> None:
    async with opened(tmp_path, Rules(roll_mm=50_000)) as bench:
        await bench.ends(await bench.order(), "confirmed")
        bench.queue.printer_says(condition(bench, Paper.NEAR_END))
        await bench.until(lambda: "printer.paper-low" in bench.types())
        bench.queue.printer_says(condition(bench, Paper.OUT, Ready.NO))
        bench.queue.printer_says(condition(bench, Paper.OK))
        await bench.quiet()
        (printer, _) = (await bench.queue.summary())["printers"]  # type: ignore[misc]  # two printers
        assert (printer["paper_left_mm"], printer["paper_near_end"]) == (50_000, False)  # type: ignore[index,call-overload]  # a printer


async def test_a_printer_that_is_ready_again_is_used_at_once(tmp_path: Path) -> None:
    async with opened(tmp_path) as bench:
        bench.printers.answers["printer-1"] = [(Proof.FAILED, "printer.cover_open")]
        known = await bench.order()
        await bench.until(lambda: bench.printers.taken)
        await bench.ends(known, "queued")
        bench.queue.printer_says(condition(bench, Paper.OK))
        await bench.ends(known, "confirmed")


# Forgetting


async def test_what_stood_on_a_label_is_wiped_from_the_file_after_its_time(tmp_path: Path) -> None:
    async with opened(tmp_path, Rules(keep_ms=3_000_000)) as bench:
        known = await bench.order(number="SECRET-NAME-OF-SOMEBODY")
        await bench.ends(known, "confirmed")
        await bench.pass_minutes(49)
        assert (await bench.queue.find(known.order.job)).order.data != ""
        await bench.pass_minutes(12)
        assert (await bench.queue.find(known.order.job)).order.data == ""
        assert await bench.refused(bench.queue.reprint(known.order.job, BOOTH)) == "print.forgotten"
        assert (await bench.order(number="SECRET-NAME-OF-SOMEBODY")).order.job == known.order.job
        assert (await bench.queue.listed())["jobs"] == []
    assert b"SECRET-NAME-OF-SOMEBODY" not in (tmp_path / "ledger.db").read_bytes()


async def test_a_reprint_leaves_no_copy_of_what_stood_on_the_label(tmp_path: Path) -> None:
    async with opened(tmp_path, Rules(keep_ms=3_000_000)) as bench:
        known = await bench.order(number="SECRET-NAME-OF-SOMEBODY" * 100)
        await bench.ends(known, "confirmed")
        await bench.queue.reprint(known.order.job, BOOTH)
        await bench.ends(known, "confirmed")
        await bench.pass_minutes(61)
        assert (await bench.queue.find(known.order.job)).order.data == ""
    assert b"SECRET-NAME-OF-SOMEBODY" not in (tmp_path / "ledger.db").read_bytes()


async def test_paper_that_no_longer_counts_leaves_the_disk(tmp_path: Path) -> None:
    async with opened(tmp_path) as bench:
        await bench.ends(await bench.order("L-1"), "confirmed")
        assert len(await bench.ledger.prints.paper()) == 1
    async with opened(tmp_path, clock=ManualClock(uptime_ms=60_000 + HOUR_MS)) as bench:
        await bench.ends(await bench.order("L-2"), "confirmed")
        await bench.pass_minutes(11)
        assert len(await bench.ledger.prints.paper()) == 1


async def test_what_waits_is_not_forgotten(tmp_path: Path) -> None:
    rules = Rules(keep_ms=1_000, ttl_ms=4_000_000)
    async with opened(tmp_path, rules) as bench:
        bench.printers.usable["printer-1"] = False
        known = await bench.order()
    async with opened(tmp_path, rules, clock=ManualClock(uptime_ms=1_300_000)) as bench:
        await bench.comes_to(known, "confirmed")


async def test_no_event_and_no_list_tells_what_stands_on_a_label(tmp_path: Path) -> None:
    async with opened(tmp_path) as bench:
        known = await bench.order(number="SECRET-NAME-OF-SOMEBODY", subject="item")
        await bench.ends(known, "confirmed")
        assert "SECRET" not in json.dumps(await bench.queue.listed())
        assert "SECRET" not in " ".join(event.data + event.subject for event in bench.told)


# The flow's own


async def test_the_counters_label_is_on_disk_as_sending_before_its_first_byte(tmp_path: Path) -> None:
    async with opened(tmp_path) as bench:
        bench.printers.may_end["printer-1"].clear()
        label = asyncio.create_task(bench.queue.label(PrintJob("f" * 12, bench.page), "item"))
        await bench.until(lambda: bench.printers.taken)
        steps = await bench.ledger.interrupted_prints()
        assert [(step.job, step.state) for step in steps] == [("f" * 12, PrintState.SENDING)]
        bench.printers.may_end["printer-1"].set()
        assert (await label).proof is Proof.PRINTED


async def test_without_a_disk_the_counters_label_is_not_sent(tmp_path: Path) -> None:
    async with opened(tmp_path) as bench:
        await bench.break_disk()
        result = await bench.queue.label(PrintJob("f" * 12, bench.page), "item")
        assert (result.proof, result.reason) == (Proof.FAILED, "ledger.broken")
        assert bench.printers.taken == []


async def test_the_counters_unfinished_label_is_left_to_the_counter(tmp_path: Path) -> None:
    async with opened(tmp_path, running=False) as bench:
        step = PrintStep("f" * 12, 1, "item", PrintState.QUEUED, 1)
        await bench.ledger.commit(Entry(prints=[step]))
    async with opened(tmp_path) as bench:
        await bench.quiet()
        assert bench.printers.taken == []


def test_a_page_takes_its_length_and_the_gap() -> None:
    assert length_mm(Page(8, 1200, bytes(1200))) == 151 + GAP_MM
    assert length_mm(Page(8, 1, bytes(1))) == 1 + GAP_MM
    assert length_mm(Page(8, 1772, bytes(1772)), 300) == 151 + GAP_MM


async def test_each_order_is_drawn_and_measured_for_the_head_that_prints_it(tmp_path: Path) -> None:
    rules = Rules(roll_mm=50_000, dpi={"printer-2": 300})
    async with opened(tmp_path, rules) as bench:
        for printer in ("printer-1", "printer-2"):
            await bench.ends(await bench.order(f"L-{printer}", printer=printer), "confirmed")
        assert bench.resolutions == [203, 203, 300, 300], "when it is ordered, and when it is printed"
        left = [lane["paper_left_mm"] for lane in (await bench.queue.summary())["printers"]]  # type: ignore[index,call-overload,union-attr]  # printers
        assert left == [50_000 - 101 - GAP_MM, 50_000 - 68 - GAP_MM]


async def test_a_label_of_the_counter_is_measured_by_its_printers_head(tmp_path: Path) -> None:
    async with opened(tmp_path, Rules(roll_mm=50_000, dpi={"printer-1": 300})) as bench:
        await bench.queue.label(PrintJob("f" * 12, bench.page), "item")
        lane = (await bench.queue.summary())["printers"][0]  # type: ignore[index,call-overload]  # printers
        assert lane["paper_left_mm"] == 50_000 - 68 - GAP_MM  # type: ignore[index,call-overload]  # a printer
