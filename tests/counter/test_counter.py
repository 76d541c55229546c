"""The counter over a real ledger: disk before cue, nothing doubled, nothing stuck, every stop survived."""

from __future__ import annotations

import asyncio
import sqlite3
from dataclasses import replace
from decimal import Decimal
from pathlib import Path

import pytest

from edge_agent.barcodes.booth_command import BoothCommand, CommandCode, make
from edge_agent.counter.feedback import CATALOGUE, Cue
from edge_agent.counter.inputs import Order, Policy
from edge_agent.counter.parcel import Phase
from edge_agent.events.model import StoredEvent
from edge_agent.ledger.ledger import Entry
from edge_agent.sdk.errors import CommandError, ConfigError, DeviceError, EdgeError
from edge_agent.sdk.values import Proof, Ready, Status
from tests.counter.counter_bench import BOOTH, ITEM, KEY, OTHER, WINDOW_MS, CounterBench, late, marked, opened

ASKING = Policy(least_proof=Proof.PRINTED)


# Disk before cue


async def test_one_parcel_goes_through_from_scan_to_label(tmp_path: Path) -> None:
    async with opened(tmp_path) as bench:
        await bench.accept()
        assert await bench.types() == [
            "scan.read",
            "parcel.scanned",
            "weight.settled",
            "label.printed",
            "parcel.accepted",
        ]
        assert bench.sounds("accepted") == ["saved"]
        assert bench.counter.counts.accepted == 1
        assert len(bench.devices.jobs) == 1


async def test_what_a_cue_tells_is_on_disk_before_it(tmp_path: Path) -> None:
    """Another connection, as after a power cut, finds what the clerk was just told."""
    on_disk: dict[str, set[str]] = {}

    def look(cue: Cue) -> None:
        with sqlite3.connect(tmp_path / "ledger.db") as other:
            on_disk[cue.prompt.id] = {row[0] for row in other.execute("SELECT type FROM events")}
        other.close()

    async with opened(tmp_path) as bench:
        bench.when_told = look
        await bench.accept()
    assert "parcel.scanned" in on_disk["place_parcel"]
    assert "weight.settled" in on_disk["printing"]
    assert "parcel.accepted" in on_disk["accepted"]


async def test_the_label_is_on_record_as_sending_before_its_first_byte(tmp_path: Path) -> None:
    seen: list[tuple[str, int, str]] = []

    async def look(job: object) -> None:
        with sqlite3.connect(tmp_path / "ledger.db") as other:
            seen.extend(other.execute("SELECT job, attempt, state FROM prints"))
        other.close()

    async with opened(tmp_path) as bench:
        bench.devices.before_print = look
        await bench.accept()
        assert seen == [(bench.devices.jobs[0].job, 1, "sending")]


async def test_committed_events_are_handed_to_the_uplink_in_order(tmp_path: Path) -> None:
    async with opened(tmp_path) as bench:
        await bench.accept()
        assert [event.seq for event in bench.told] == [1, 2, 3, 4, 5]


# A disk that does not take it


async def test_a_scan_that_is_not_saved_says_so_and_changes_nothing(tmp_path: Path) -> None:
    async with opened(tmp_path) as bench:
        await bench.weigh("0.000")
        await bench.break_disk()
        await bench.scan(ITEM)
        assert bench.sounds("not_saved") == ["fault"]
        assert bench.phase is Phase.IDLE
        assert bench.counter.counts.not_saved == 1
        await bench.mend_disk()
        assert await bench.types() == []


async def test_a_scan_that_was_not_saved_is_no_repeat_when_it_comes_again(tmp_path: Path) -> None:
    async with opened(tmp_path) as bench:
        await bench.weigh("0.000")
        await bench.break_disk()
        await bench.scan(ITEM)
        await bench.mend_disk()
        await bench.scan(ITEM)
        assert bench.phase is Phase.WEIGHING
        assert bench.counter.counts.repeats == 0


async def test_a_full_ledger_refuses_visibly_and_the_driver_goes_on(tmp_path: Path) -> None:
    async with opened(tmp_path) as bench:
        await bench.ledger._worker.read(lambda c: c.execute("PRAGMA max_page_count=1").fetchall())
        for number in range(400):
            await bench.scan(f"{number:013d}x")
            if bench.counter.counts.not_saved:
                break
        assert bench.counter.counts.not_saved == 1
        assert bench.cues[-1].prompt.id == "not_saved"
        assert bench.ledger.reserve_spent


async def test_a_ledger_that_is_too_busy_is_said_and_nothing_is_raised(tmp_path: Path) -> None:
    async with opened(tmp_path) as bench:
        worker, waiting = bench.ledger._worker, bench.ledger._worker._waiting
        worker._waiting = 10**6
        await bench.scan(ITEM)
        worker._waiting = waiting
        assert bench.prompts[-1] == "not_saved"
        assert bench.phase is Phase.IDLE


async def test_a_weight_that_is_not_saved_is_told_once_and_taken_when_the_disk_is_back(
    tmp_path: Path,
) -> None:
    async with opened(tmp_path) as bench:
        await bench.weigh("0.000")
        await bench.scan(ITEM)
        await bench.break_disk()
        await bench.weigh("1.234", 20)
        assert bench.sounds("not_saved") == ["fault"]
        assert bench.phase is Phase.WEIGHING
        await bench.mend_disk()
        await bench.weigh("1.234", 3)
        await bench.until(lambda: bench.phase is Phase.IDLE)
        assert (await bench.types()).count("weight.settled") == 1


async def test_the_end_of_a_label_is_not_forgotten_while_the_disk_is_broken(tmp_path: Path) -> None:
    async with opened(tmp_path) as bench:
        bench.devices.may_end.clear()
        await bench.weigh("0.000")
        await bench.scan(ITEM)
        await bench.weigh("1.234")
        await bench.until(lambda: bench.devices.jobs)
        await bench.break_disk()
        bench.devices.may_end.set()
        await bench.until(lambda: "not_saved" in bench.prompts)
        for _ in range(30):
            await bench.clock.advance(1)
            await bench.quiet()
        assert bench.sounds("not_saved") == ["fault"], "an alarm each second is noise"
        await bench.mend_disk()
        await bench.clock.advance(1)
        await bench.until(lambda: bench.phase is Phase.IDLE)
        assert len(bench.devices.jobs) == 1
        assert (await bench.types())[-1] == "parcel.accepted"


async def test_a_label_that_cannot_be_put_on_record_is_not_printed_and_is_tried_again(
    tmp_path: Path,
) -> None:
    """Twice in a row: the second failure must not be an impossible step of the print ledger."""
    async with opened(tmp_path) as bench:
        ledger, commit = bench.ledger, bench.ledger.commit
        refusals = 3

        async def refuse_sending(entry: Entry) -> list[StoredEvent]:
            nonlocal refusals
            if refusals and any(step.state == "sending" for step in entry.prints):
                refusals -= 1
                raise DeviceError("ledger.full", "not saved")
            return await commit(entry)

        ledger.commit = refuse_sending  # type: ignore[method-assign]  # a disk that is full at this moment
        await bench.weigh("0.000")
        await bench.scan(ITEM)
        await bench.weigh("1.234")
        for _ in range(60):
            await bench.clock.advance(1)
            await bench.quiet()
        await bench.until(lambda: bench.phase is Phase.IDLE)
        assert len(bench.devices.jobs) == 1
        assert bench.counter.counts.accepted == 1


# Cancellation


async def test_a_cancelled_step_is_true_here_when_it_is_true_on_disk(tmp_path: Path) -> None:
    async with opened(tmp_path) as bench:
        await bench.weigh("0.000")
        await bench.clock.advance(0.01)
        scanning = asyncio.create_task(bench.counter.scans(bench.scan_of(ITEM)))
        await bench.until_writing()
        scanning.cancel()
        await asyncio.gather(scanning, return_exceptions=True)
        await bench.quiet()
        stored = "parcel.scanned" in await bench.types()
        assert (bench.phase is Phase.WEIGHING) == stored
        assert stored, "a step once begun is finished"


async def test_an_order_cut_off_while_the_disk_writes_is_not_carried_out_twice(tmp_path: Path) -> None:
    async with opened(tmp_path, ASKING) as bench:
        await bench.weigh("0.000")
        await bench.scan(ITEM)
        await bench.weigh("1.234")
        await bench.until(lambda: bench.phase is Phase.ASKING)
        ordering = asyncio.create_task(bench.counter.order(Order.CONFIRM))
        await bench.until_writing()
        ordering.cancel()
        await asyncio.gather(ordering, return_exceptions=True)
        with pytest.raises(CommandError):
            await bench.counter.order(Order.CONFIRM)
        assert (await bench.types()).count("parcel.accepted") == 1


# Repeats, chunks, hostile codes


async def test_the_scanners_repeats_are_collapsed_and_counted(tmp_path: Path) -> None:
    async with opened(tmp_path) as bench:
        await bench.weigh("0.000")
        (scan,) = bench.scan_of(ITEM)
        await bench.counter.scans([scan, late(scan, 50)])
        await bench.counter.scans([late(scan, 900)])
        assert (await bench.types()).count("scan.read") == 1
        assert bench.counter.counts.repeats == 2


async def test_the_same_code_after_the_window_is_a_scan(tmp_path: Path) -> None:
    async with opened(tmp_path) as bench:
        (scan,) = bench.scan_of(ITEM)
        await bench.counter.scans([scan])
        await bench.counter.scans([late(scan, WINDOW_MS)])
        assert bench.counter.counts.repeats == 0


async def test_two_scanners_that_read_one_code_read_it_once(tmp_path: Path) -> None:
    async with opened(tmp_path) as bench:
        (scan,) = bench.scan_of(ITEM)
        other = replace(scan, device="scanner-2")
        await asyncio.gather(bench.counter.scans([scan]), bench.counter.scans([other]))
        assert (await bench.types()).count("scan.read") == 1


async def test_two_codes_of_one_read_are_one_entry_and_the_second_is_refused(tmp_path: Path) -> None:
    async with opened(tmp_path) as bench:
        await bench.weigh("0.000")
        await bench.scan(ITEM, OTHER)
        assert await bench.types() == ["scan.read", "parcel.scanned", "scan.read", "scan.refused"]
        assert bench.counter.state.parcel is not None
        assert bench.counter.state.parcel.item == ITEM
        assert bench.sounds("refused_busy") == ["rejected"]


async def test_one_item_in_two_spellings_of_one_read_is_accepted_once(tmp_path: Path) -> None:
    """Without scale and label a parcel is accepted at its scan: the second spelling is the same parcel."""
    policy = Policy(label=False, unweighed=True)
    async with opened(tmp_path, policy) as bench:
        bench.devices.has_scale = False
        await bench.scan(ITEM, ITEM.lower(), "RR 10203040 5 BD")
        assert (await bench.types()).count("parcel.accepted") == 1


async def test_an_accepted_item_is_refused_when_it_comes_again_even_after_a_restart(tmp_path: Path) -> None:
    async with opened(tmp_path) as bench:
        await bench.accept()
    async with opened(tmp_path) as bench:
        await bench.scan(ITEM)
        assert bench.sounds("refused_again") == ["rejected"]
        assert bench.phase is Phase.IDLE


@pytest.mark.parametrize(
    "text",
    [
        "\x00" * 4096,
        "\x1b" * 100_000,
        "\udc80\udcff",
        "😀" * 50_000,
        "ক" * 4096,
        '{"$ne":1}' * 400,
        "' OR 1=1; --",
        "\n\r\x1d\u2028\u202e",
        "\\" * 4096,
        '"' * 4096,
    ],
    ids=lambda text: f"{len(text)} x {text[0]!a}",
)
async def test_any_text_that_a_scanner_sends_is_recorded_or_refused_with_a_cue(
    tmp_path: Path, text: str
) -> None:
    async with opened(tmp_path, Policy(label=False, unweighed=True), accepts=("s10", "text")) as bench:
        bench.devices.has_scale = False
        await bench.scan(text)
        assert bench.cues, "somebody stands there and waits for an answer"
        types = await bench.types()
        assert types[0] == "scan.read"
        assert all(len(event.data.encode()) < 30_000 for event in await bench.ledger.after(0, 10))
        await bench.scan(ITEM)
        assert "accepted" in bench.prompts


async def test_a_scan_that_was_cut_says_how_long_it_was(tmp_path: Path) -> None:
    async with opened(tmp_path) as bench:
        await bench.scan("x" * 9000)
        (event,) = await bench.ledger.after(0, 10)
        assert '"length":9000' in event.data


async def test_an_aim_identifier_of_any_length_is_recorded_short(tmp_path: Path) -> None:
    async with opened(tmp_path) as bench:
        (scan,) = bench.scan_of(ITEM)
        await bench.counter.scans([replace(scan, aim="]" + "C" * 50_000 + "\udc80")])
        assert len((await bench.ledger.after(0, 10))[0].data) < 200


async def test_a_code_of_another_kind_is_refused_and_recorded(tmp_path: Path) -> None:
    async with opened(tmp_path) as bench:
        await bench.scan("4006381333931")
        assert bench.sounds("refused_kind") == ["rejected"]
        assert await bench.types() == ["scan.read"]


async def test_a_misread_code_is_refused_and_recorded(tmp_path: Path) -> None:
    async with opened(tmp_path) as bench:
        await bench.scan("RR102030404BD")
        assert bench.sounds("refused_code") == ["rejected"]
        assert bench.counter.counts.refused == 1


async def test_without_a_flow_scans_are_recorded_and_nothing_begins(tmp_path: Path) -> None:
    async with opened(tmp_path, None) as bench:
        await bench.weigh("0.000")
        await bench.scan(ITEM, OTHER)
        await bench.weigh("1.234")
        assert await bench.types() == ["scan.read", "scan.read"]
        with pytest.raises(CommandError):
            await bench.counter.order(Order.VOID)


# Weights


async def test_a_weight_on_the_pan_before_the_scan_is_no_weight_of_the_parcel_until_read_again(
    tmp_path: Path,
) -> None:
    async with opened(tmp_path) as bench:
        await bench.weigh("0.000")
        await bench.weigh("1.234", 5)
        await bench.scan(ITEM)
        assert bench.phase is Phase.WEIGHING
        await bench.weigh("1.234", 1)
        assert bench.phase is Phase.WEIGHING
        await bench.weigh("1.234", 1)
        await bench.until(lambda: bench.phase is Phase.IDLE)


async def test_a_parcel_left_on_the_pan_is_not_the_next_ones_weight(tmp_path: Path) -> None:
    async with opened(tmp_path) as bench:
        await bench.accept()
        await bench.scan(OTHER)
        await bench.weigh("1.234", 20)
        assert bench.phase is Phase.WEIGHING
        assert bench.prompts[-1] == "clear_pan"


async def test_a_bad_frame_between_two_readings_starts_the_weighing_anew(tmp_path: Path) -> None:
    async with opened(tmp_path) as bench:
        await bench.weigh("0.000")
        await bench.scan(ITEM)
        await bench.weigh("1.234", 1)
        bench.counter.unsettle()
        await bench.weigh("1.234", 1)
        assert bench.phase is Phase.WEIGHING


@pytest.mark.parametrize(
    ("weight", "prompt"), [("0.0001", ""), ("0.008", "too_light"), ("60.000", "too_heavy")]
)
async def test_a_weight_out_of_bounds_is_refused_once_for_as_long_as_it_lies_there(
    tmp_path: Path, weight: str, prompt: str
) -> None:
    async with opened(tmp_path, Policy(min_weight=Decimal("0.010"))) as bench:
        await bench.weigh("0.000")
        await bench.scan(ITEM)
        await bench.weigh(weight, 50)
        assert bench.phase is Phase.WEIGHING
        if prompt:
            assert bench.sounds(prompt) == ["rejected"]
            await bench.weigh("0.000")
            await bench.weigh(weight, 10)
            assert bench.sounds(prompt) == ["rejected", "rejected"]


async def test_the_same_hint_of_the_scale_is_given_once_and_writes_nothing(tmp_path: Path) -> None:
    async with opened(tmp_path) as bench:
        await bench.weigh("0.000")
        await bench.scan(ITEM)
        await bench.quiet()
        before = await _writes(bench)
        for _ in range(10):
            for status in (Status.MOTION, Status.OVERLOAD):
                await bench.clock.advance(0.1)
                await bench.counter.weights([bench.reading("1.2", status, stable=False)])
        assert bench.prompts.count("hold_still") == 10
        await bench.counter.weights([bench.reading("1.2", Status.OVERLOAD, stable=False)])
        assert bench.prompts.count("too_heavy") == 10
        assert await _writes(bench) == before, "a card wears by writes"


async def test_a_parcel_that_is_never_weighed_is_given_up_in_time(tmp_path: Path) -> None:
    async with opened(tmp_path) as bench:
        await bench.weigh("0.000")
        await bench.scan(ITEM)
        for _ in range(62):
            await bench.clock.advance(1)
            await bench.quiet()
        assert bench.phase is Phase.IDLE
        assert (await bench.types())[-1] == "parcel.voided"


async def test_the_scale_is_hurried_while_a_weight_is_awaited_only(tmp_path: Path) -> None:
    async with opened(tmp_path) as bench:
        await bench.weigh("0.000")
        assert bench.devices.hurried[-1] is False
        await bench.scan(ITEM)
        assert bench.devices.hurried[-1] is True


# Labels


async def test_a_label_that_cannot_be_drawn_voids_the_parcel_with_the_reason(tmp_path: Path) -> None:
    async with opened(tmp_path) as bench:
        bench.render_error = CommandError("label.too_long", "the name does not fit")
        await bench.accept()
        assert (await bench.types())[-1] == "parcel.voided"
        assert bench.devices.jobs == []
        bench.render_error = None
        await bench.clock.advance(2)
        await bench.accept()
        assert bench.counter.counts.accepted == 1


@pytest.mark.parametrize(
    "error",
    [
        ConfigError("template.key", "unknown key"),
        ConfigError("label.none", "no label is configured"),
        OSError(5, "I/O error"),
        ValueError("bug"),
        KeyError("bug"),
    ],
    ids=lambda error: type(error).__name__,
)
async def test_whatever_stops_the_drawing_voids_the_parcel_and_the_counter_goes_on(
    tmp_path: Path, error: Exception, caplog: pytest.LogCaptureFixture
) -> None:
    async with opened(tmp_path) as bench:
        bench.render_error = error
        await bench.accept()
        assert (await bench.types())[-1] == "parcel.voided"
        assert bench.prompts[-1] == "voided"
        bench.render_error = None
        await bench.accept(OTHER)
        assert bench.counter.counts.accepted == 1


async def test_without_a_printer_the_label_is_held_and_comes_when_it_is_ready(tmp_path: Path) -> None:
    async with opened(tmp_path) as bench:
        bench.devices.results = [(Proof.FAILED, "printer.paper_out")]
        await bench.weigh("0.000")
        await bench.scan(ITEM)
        await bench.weigh("1.234")
        await bench.until(lambda: bench.phase is Phase.HELD)
        assert bench.sounds("insert_paper") == ["needs_you"]
        await bench.printer_is(Ready.YES)
        await bench.until(lambda: bench.phase is Phase.IDLE)
        assert [job.attempt for job in bench.devices.jobs] == [1, 1]
        assert (await bench.types())[-2:] == ["label.printed", "parcel.accepted"]


async def test_a_held_label_is_tried_again_in_time_and_the_need_is_said_once(tmp_path: Path) -> None:
    async with opened(tmp_path) as bench:
        bench.devices.results = [(Proof.FAILED, "printer.absent")] * 4
        await bench.weigh("0.000")
        await bench.scan(ITEM)
        await bench.weigh("1.234")
        for _ in range(60):
            await bench.clock.advance(1)
            await bench.quiet()
        await bench.until(lambda: bench.phase is Phase.IDLE)
        assert len(bench.devices.jobs) == 5
        assert bench.sounds("printer_fault") == ["needs_you"]


async def test_scanning_the_fresh_label_proves_it(tmp_path: Path) -> None:
    async with opened(tmp_path, ASKING) as bench:
        await bench.weigh("0.000")
        await bench.scan(ITEM)
        await bench.weigh("1.234")
        await bench.until(lambda: bench.phase is Phase.ASKING)
        parcel = bench.counter.state.parcel
        assert parcel is not None
        await bench.scan(marked(parcel, 2))
        assert bench.counter.counts.accepted == 0, "the label of another attempt proves nothing"
        await bench.scan(marked(parcel, 1))
        assert bench.counter.counts.accepted == 1


async def test_five_presses_of_reprint_give_one_more_label(tmp_path: Path) -> None:
    async with opened(tmp_path, ASKING) as bench:
        await bench.weigh("0.000")
        await bench.scan(ITEM)
        await bench.weigh("1.234")
        await bench.until(lambda: bench.phase is Phase.ASKING)
        bench.devices.may_end.clear()
        pressed = await asyncio.gather(
            *(bench.counter.order(Order.REPRINT) for _ in range(5)), return_exceptions=True
        )
        assert [isinstance(answer, CommandError) for answer in pressed] == [False, True, True, True, True]
        bench.devices.may_end.set()
        await bench.until(lambda: bench.phase is Phase.ASKING)
        assert [job.attempt for job in bench.devices.jobs] == [1, 2]


async def test_an_order_that_is_not_saved_says_that_and_not_that_there_is_nothing_to_do(
    tmp_path: Path,
) -> None:
    async with opened(tmp_path, ASKING) as bench:
        await bench.weigh("0.000")
        await bench.scan(ITEM)
        await bench.weigh("1.234")
        await bench.until(lambda: bench.phase is Phase.ASKING)
        await bench.break_disk()
        with pytest.raises(EdgeError) as told:
            await bench.counter.order(Order.CONFIRM)
        assert told.value.code.startswith("ledger.")
        assert bench.phase is Phase.ASKING


async def test_a_parcel_can_be_given_up_while_its_label_is_held(tmp_path: Path) -> None:
    async with opened(tmp_path) as bench:
        bench.devices.results = [(Proof.FAILED, "printer.absent")]
        await bench.weigh("0.000")
        await bench.scan(ITEM)
        await bench.weigh("1.234")
        await bench.until(lambda: bench.phase is Phase.HELD)
        state = await bench.counter.order(Order.VOID)
        assert state.phase is Phase.IDLE
        assert (await bench.types())[-1] == "parcel.voided"


async def test_orders_with_nothing_in_hand_are_refused(tmp_path: Path) -> None:
    async with opened(tmp_path) as bench:
        for order in Order:
            with pytest.raises(CommandError) as refused:
                await bench.counter.order(order)
            assert refused.value.code == "flow.nothing_to_do"
            assert refused.value.message == f"there is nothing to {order} now: no parcel is in hand"
            assert "edge-agent" in refused.value.hint


# After a stop


async def _stopped_while(tmp_path: Path, phase: Phase) -> None:
    """Leave the ledger as a power cut leaves it in this state."""
    policy = ASKING if phase is Phase.ASKING else Policy()
    async with opened(tmp_path, policy) as bench:
        if phase is Phase.LABELLING:
            bench.devices.may_end.clear()
        if phase is Phase.HELD:
            bench.devices.results = [(Proof.FAILED, "printer.absent")]
        await bench.weigh("0.000")
        await bench.scan(ITEM)
        if phase is not Phase.WEIGHING:
            await bench.weigh("1.234")
        await bench.until(lambda: bench.phase is phase)
        if phase is Phase.LABELLING:
            await bench.until(lambda: bench.devices.jobs)


async def test_a_stop_while_weighing_voids_the_parcel(tmp_path: Path) -> None:
    await _stopped_while(tmp_path, Phase.WEIGHING)
    async with opened(tmp_path) as bench:
        assert bench.phase is Phase.IDLE
        assert (await bench.types())[-1] == "parcel.voided"
        await bench.accept()
        assert bench.counter.counts.accepted == 1


async def test_a_stop_while_a_label_was_on_its_way_asks_and_prints_nothing(tmp_path: Path) -> None:
    await _stopped_while(tmp_path, Phase.LABELLING)
    async with opened(tmp_path) as bench:
        await bench.quiet()
        assert bench.phase is Phase.ASKING
        assert bench.devices.jobs == []
        assert (await bench.types())[-1] == "label.unconfirmed"
        await bench.counter.order(Order.CONFIRM)
        assert (await bench.types())[-1] == "parcel.accepted"


async def test_a_stop_before_the_first_byte_prints_the_label(tmp_path: Path) -> None:
    async with opened(tmp_path, running=False) as bench:
        await bench.weigh("0.000")
        await bench.scan(ITEM)
        await bench.weigh("1.234")
        assert bench.phase is Phase.LABELLING
    async with opened(tmp_path) as bench:
        await bench.until(lambda: bench.phase is Phase.IDLE)
        assert [job.attempt for job in bench.devices.jobs] == [1]
        assert bench.counter.counts.accepted == 1


async def test_a_label_left_over_from_another_parcel_is_not_taken_for_this_ones(tmp_path: Path) -> None:
    await _stopped_while(tmp_path, Phase.LABELLING)
    with sqlite3.connect(tmp_path / "ledger.db") as other:
        other.execute("DELETE FROM slots")
    other.close()
    async with opened(tmp_path, running=False) as bench:
        await bench.weigh("0.000")
        await bench.scan(OTHER)
        await bench.weigh("1.234")
    async with opened(tmp_path) as bench:
        await bench.until(lambda: bench.phase is Phase.IDLE)
        assert [job.job for job in bench.devices.jobs] == [bench.rendered[0][0].job]
        assert bench.counter.counts.accepted == 1


async def test_a_stop_while_a_label_is_held_goes_on_printing(tmp_path: Path) -> None:
    await _stopped_while(tmp_path, Phase.HELD)
    async with opened(tmp_path) as bench:
        await bench.until(lambda: bench.phase is Phase.IDLE)
        assert len(bench.devices.jobs) == 1


async def test_a_stop_while_a_person_is_asked_asks_again(tmp_path: Path) -> None:
    await _stopped_while(tmp_path, Phase.ASKING)
    async with opened(tmp_path, ASKING) as bench:
        assert bench.phase is Phase.ASKING
        assert bench.sounds("scan_label") == ["needs_you"]


async def test_after_a_restart_the_pan_must_be_seen_empty_first(tmp_path: Path) -> None:
    await _stopped_while(tmp_path, Phase.WEIGHING)
    async with opened(tmp_path) as bench:
        await bench.scan(ITEM)
        await bench.weigh("1.234", 10)
        assert bench.phase is Phase.WEIGHING
        assert bench.prompts[-1] == "clear_pan"


@pytest.mark.parametrize("phase", [Phase.WEIGHING, Phase.LABELLING, Phase.HELD])
async def test_what_cannot_be_taken_up_waits_for_the_disk_and_until_then_nothing_is_done_to_it(
    tmp_path: Path, phase: Phase
) -> None:
    await _stopped_while(tmp_path, phase)
    async with opened(tmp_path, broken=True) as bench:
        assert bench.phase is phase
        await bench.weigh("0.000")
        await bench.weigh("9.999", 5)
        await bench.printer_is(Ready.YES)
        with pytest.raises(CommandError):
            await bench.counter.order(Order.VOID)
        assert (bench.phase, bench.devices.jobs) == (phase, [])
        await bench.mend_disk()
        await bench.clock.advance(1)
        await bench.until(lambda: bench.phase is not phase)
        last = (await bench.types())[-1]
        assert last == {"weighing": "parcel.voided", "labelling": "label.unconfirmed"}.get(phase, last)


async def test_what_is_scanned_comes_after_what_the_last_stop_left(tmp_path: Path) -> None:
    """Else the next parcel would be taken for the one that was in hand, and voided as restarted."""
    await _stopped_while(tmp_path, Phase.HELD)
    void = make(CommandCode(BoothCommand.VOID, "AAAAAA", once=False, until="20991231"), booth=BOOTH, key=KEY)
    async with opened(tmp_path, broken=True) as bench:
        await bench.scan(OTHER)
        assert (bench.phase, bench.prompts[-1]) == (Phase.HELD, "not_saved")
        await bench.mend_disk()
        await bench.scan(void)
        await bench.scan(OTHER)
        assert bench.phase is Phase.LABELLING, "what was held goes on first"
        await bench.clock.advance(2)
        await bench.until(lambda: bench.phase is Phase.IDLE)
        assert (await bench.types()).count("parcel.voided") == 0


async def test_a_load_taken_off_before_it_came_to_rest_is_asked_for_anew(tmp_path: Path) -> None:
    async with opened(tmp_path) as bench:
        await bench.weigh("0.000")
        await bench.scan(ITEM)
        await bench.counter.weights([bench.reading("1.2", Status.MOTION, stable=False)])
        assert bench.prompts[-1] == "hold_still"
        await bench.weigh("0.000", 10)
        assert bench.prompts[-2:] == ["hold_still", "place_parcel"]


async def test_a_scale_unplugged_under_a_waiting_parcel_is_told(tmp_path: Path) -> None:
    async with opened(tmp_path) as bench:
        await bench.weigh("0.000")
        await bench.scan(ITEM)
        bench.devices.has_scale = False
        await bench.clock.advance(3)
        assert bench.prompts[-2:] == ["place_parcel", "scale_fault"]
        bench.devices.has_scale = True
        await bench.clock.advance(3)
        assert bench.prompts[-2:] == ["scale_fault", "place_parcel"]


async def test_a_start_on_a_broken_disk_still_serves_and_says_what_is_wrong(tmp_path: Path) -> None:
    async with opened(tmp_path, broken=True) as bench:
        await bench.scan(ITEM)
        assert bench.prompts[-1] == "not_saved"


@pytest.mark.parametrize("body", ["{", "[]", "null", '{"phase":"weighing"}', '{"phase":"?","parcel":{}}'])
async def test_a_state_that_cannot_be_read_is_given_up_with_a_record(tmp_path: Path, body: str) -> None:
    async with opened(tmp_path):
        pass
    with sqlite3.connect(tmp_path / "ledger.db") as other:
        other.execute("INSERT INTO slots VALUES ('acceptance', ?)", (body,))
    other.close()
    async with opened(tmp_path) as bench:
        assert await bench.types() == ["flow.lost"]
        await bench.accept()
        assert bench.counter.counts.accepted == 1


async def test_every_prompt_that_is_told_stands_in_the_catalogue(tmp_path: Path) -> None:
    async with opened(tmp_path) as bench:
        await bench.accept()
        await bench.scan("junk")
        assert set(bench.prompts) <= set(CATALOGUE)


async def _writes(bench: CounterBench) -> int:
    """How many rows the ledger's connection has changed since it was opened."""
    return await bench.ledger._worker.read(lambda c: c.total_changes)


async def test_a_frame_of_any_length_is_evidence_that_fits_into_an_event(tmp_path: Path) -> None:
    async with opened(tmp_path) as bench:
        await bench.weigh("0.000")
        await bench.scan(ITEM)
        for _ in range(2):
            await bench.clock.advance(0.2)
            shown = bench.reading("1.234")
            huge = replace(shown, reading=replace(shown.reading, raw=b"\x00" * 100_000))
            await bench.counter.weights([huge])
        await bench.until(lambda: bench.phase is Phase.IDLE)
        assert bench.counter.counts.accepted == 1
