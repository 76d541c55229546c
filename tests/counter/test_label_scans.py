"""Labels under the booth's scanner: the one in hand, another one, an old one, one that should not exist."""

from __future__ import annotations

import json
from pathlib import Path

from edge_agent.counter.inputs import Order
from edge_agent.counter.parcel import Parcel, Phase
from edge_agent.ledger.prints import PrintState
from edge_agent.printing.job import Requester
from edge_agent.printing.quota import Quota
from edge_agent.printing.records import Rules
from edge_agent.sdk.values import Proof, Ready
from tests.counter.counter_bench import ITEM, OTHER, CounterBench, marked, opened
from tests.waiting import passing


async def begin(bench: CounterBench, item: str, phase: Phase) -> Parcel:
    """A parcel up to this phase; what its label did is in `devices.results`."""
    await bench.weigh("0.000")
    await bench.scan(item)
    await bench.weigh("1.234")
    await bench.until(lambda: bench.phase is phase)
    return bench.rendered[-1][0]


async def state_of(bench: CounterBench, parcel: Parcel, attempt: int = 1) -> PrintState | None:
    known = await bench.ledger.prints.attempt(parcel.job, attempt)
    return known.step.state if known else None


async def mismatches(bench: CounterBench) -> list[str]:
    events = await bench.ledger.after(0, 1000)
    return [json.loads(event.data)["reason"] for event in events if event.type == "label.mismatched"]


async def test_the_label_of_an_accepted_parcel_is_proved_when_it_is_scanned_later(tmp_path: Path) -> None:
    async with opened(tmp_path) as bench:
        bench.devices.results = [(Proof.SENT, "")]
        parcel = await begin(bench, ITEM, Phase.IDLE)
        assert await state_of(bench, parcel) is PrintState.SENT
        await bench.scan(marked(parcel, 1))
        assert await state_of(bench, parcel) is PrintState.CONFIRMED
        assert bench.sounds("label_confirmed") == ["saved"]
        assert (await bench.types())[-2:] == ["scan.read", "label.confirmed"]
        assert bench.prompts[-1] == "label_confirmed", "it stands long enough to be read"
        await passing(bench.clock, lambda: bench.prompts[-1] == "scan_parcel")


async def test_a_label_accepted_by_a_persons_word_may_still_be_scanned(tmp_path: Path) -> None:
    async with opened(tmp_path) as bench:
        bench.devices.results = [(Proof.UNKNOWN, "link.lost")]
        parcel = await begin(bench, ITEM, Phase.ASKING)
        await bench.counter.order(Order.CONFIRM)
        await bench.scan(marked(parcel, 1))
        assert bench.sounds("label_confirmed") == [None], "it was on record as confirmed"


async def test_another_label_than_the_one_asked_for_is_recorded_and_asked_again(tmp_path: Path) -> None:
    """A stray read of another parcel's label must not spoil the one asked for, nor look like a success."""
    async with opened(tmp_path) as bench:
        bench.devices.results = [(Proof.SENT, ""), (Proof.UNKNOWN, "link.lost")]
        first = await begin(bench, ITEM, Phase.IDLE)
        second = await begin(bench, OTHER, Phase.ASKING)
        await bench.scan(marked(first, 1))
        assert bench.phase is Phase.ASKING
        assert bench.sounds("other_label") == ["rejected"]
        assert bench.sounds("label_confirmed") == []
        assert bench.prompts[-1] == "other_label"
        await passing(bench.clock, lambda: bench.prompts[-1] == "scan_label")
        assert await mismatches(bench) == ["other_label"]
        assert await state_of(bench, first) is PrintState.CONFIRMED, "it proves itself, if not the other"
        assert await state_of(bench, second) is PrintState.UNCONFIRMED
        await bench.scan(marked(second, 1))
        assert bench.phase is Phase.IDLE


async def test_the_lost_first_label_is_not_taken_for_its_reprint(tmp_path: Path) -> None:
    async with opened(tmp_path) as bench:
        bench.devices.results = [(Proof.UNKNOWN, "link.lost"), (Proof.UNKNOWN, "link.lost")]
        parcel = await begin(bench, ITEM, Phase.ASKING)
        await bench.counter.order(Order.REPRINT)
        await bench.until(lambda: bench.phase is Phase.ASKING and bench.counter.state.attempt == 2)
        await bench.scan(marked(parcel, 1))
        assert bench.phase is Phase.ASKING
        assert bench.sounds("void_label") == ["needs_you"], "one parcel, one label: the old one must go"
        assert bench.sounds("label_confirmed") == []
        assert [await state_of(bench, parcel, attempt) for attempt in (1, 2)] == [
            PrintState.CONFIRMED,
            PrintState.UNCONFIRMED,
        ]
        await bench.scan(marked(parcel, 2))
        types = await bench.types()
        assert types[-3:] == ["scan.read", "label.reprinted", "parcel.accepted"]
        await bench.clock.advance(2)  # longer than a scanner's own repeat
        await bench.scan(marked(parcel, 1))
        assert bench.sounds("void_label") == ["needs_you"] * 2, "whenever it turns up"
        await bench.scan(marked(parcel, 2))
        assert bench.sounds("label_confirmed") == [None]


async def test_an_earlier_label_is_good_while_nobody_knows_whether_its_reprint_came_out(
    tmp_path: Path,
) -> None:
    async with opened(tmp_path) as bench:
        parcel = await begin(bench, ITEM, Phase.IDLE)
        bench.devices.results = [(Proof.UNKNOWN, "link.lost")]
        await bench.prints.reprint(parcel.job, Requester.BOOTH)
        await bench.until(lambda: len(bench.devices.jobs) == 2)
        await bench.quiet()
        assert await state_of(bench, parcel, 2) is PrintState.UNCONFIRMED
        await bench.scan(marked(parcel, 1))
        assert bench.sounds("label_confirmed") == ["saved"]
        assert bench.sounds("void_label") == []


async def test_a_label_that_is_being_replaced_is_void_while_its_reprint_waits(tmp_path: Path) -> None:
    """Its reprint comes out by itself once there is paper: were this one called right, there would be two."""
    async with opened(tmp_path) as bench:
        bench.devices.results = [(Proof.UNKNOWN, "link.lost"), (Proof.FAILED, "printer.paper_out")]
        parcel = await begin(bench, ITEM, Phase.ASKING)
        await bench.counter.order(Order.REPRINT)
        await bench.until(lambda: bench.phase is Phase.HELD)
        await bench.scan(marked(parcel, 1))
        assert bench.phase is Phase.HELD
        assert (bench.sounds("void_label"), bench.sounds("label_confirmed")) == (["needs_you"], [])
        assert bench.prompts[-1] == "void_label"
        assert await state_of(bench, parcel) is PrintState.CONFIRMED, "that it exists is on record"
        await bench.printer_is(Ready.YES)
        await bench.until(lambda: bench.phase is Phase.IDLE)
        assert [job.attempt for job in bench.devices.jobs] == [1, 2, 2]


async def test_a_label_that_is_being_replaced_is_void_while_its_reprint_is_printed(tmp_path: Path) -> None:
    async with opened(tmp_path) as bench:
        bench.devices.results = [(Proof.UNKNOWN, "link.lost")]
        parcel = await begin(bench, ITEM, Phase.ASKING)
        bench.devices.may_end.clear()
        await bench.counter.order(Order.REPRINT)
        await bench.until(lambda: len(bench.devices.jobs) == 2)
        await bench.scan(marked(parcel, 1))
        assert bench.phase is Phase.LABELLING
        assert (bench.sounds("void_label"), bench.sounds("label_confirmed")) == (["needs_you"], [])
        bench.devices.may_end.set()
        await bench.until(lambda: bench.phase is Phase.IDLE)


async def test_another_parcels_label_is_told_as_right_while_one_is_printed(tmp_path: Path) -> None:
    async with opened(tmp_path) as bench:
        bench.devices.results = [
            (Proof.SENT, ""),
            (Proof.UNKNOWN, "link.lost"),
            (Proof.FAILED, "printer.absent"),
        ]
        first = await begin(bench, ITEM, Phase.IDLE)
        await begin(bench, OTHER, Phase.ASKING)
        await bench.counter.order(Order.REPRINT)
        await bench.until(lambda: bench.phase is Phase.HELD)
        await bench.scan(marked(first, 1))
        assert (bench.sounds("void_label"), bench.sounds("label_confirmed")) == ([], ["saved"])


async def test_an_earlier_label_is_void_once_any_reprint_of_it_is_proved(tmp_path: Path) -> None:
    """The newest reprint says nothing of those before it."""
    async with opened(tmp_path) as bench:
        parcel = await begin(bench, ITEM, Phase.IDLE)
        await bench.prints.reprint(parcel.job, Requester.BOOTH)
        await bench.until(lambda: len(bench.devices.jobs) == 2)
        await bench.quiet()
        await bench.scan(marked(parcel, 2))
        await bench.clock.advance(11)  # longer than a key that is pressed twice
        bench.devices.results = [(Proof.UNKNOWN, "link.lost")]
        await bench.prints.reprint(parcel.job, Requester.BOOTH)
        await bench.until(lambda: len(bench.devices.jobs) == 3)
        await bench.quiet()
        states = [await state_of(bench, parcel, attempt) for attempt in (1, 2, 3)]
        assert states == [PrintState.SENT, PrintState.CONFIRMED, PrintState.UNCONFIRMED]
        await bench.scan(marked(parcel, 1))
        assert bench.sounds("void_label") == ["needs_you"]
        await bench.scan(marked(parcel, 2))
        assert bench.sounds("label_confirmed") == ["saved", None], "the newer one is in doubt"


async def test_while_a_label_is_asked_for_a_void_or_foreign_one_is_told_as_such(tmp_path: Path) -> None:
    async with opened(tmp_path) as bench:
        bench.devices.results = [(Proof.UNKNOWN, "link.lost"), (Proof.UNKNOWN, "link.lost")]
        given_up = await begin(bench, ITEM, Phase.ASKING)
        await bench.counter.order(Order.VOID)
        second = await begin(bench, OTHER, Phase.ASKING)
        await bench.scan(marked(given_up, 1))
        assert bench.prompts[-2:] == ["other_label", "void_label"]
        await bench.scan("BXL1:0123456789ab:1:RR102030405BD")
        assert bench.prompts[-2:] == ["other_label", "unknown_label"]
        assert bench.phase is Phase.ASKING
        await bench.scan(marked(second, 1))
        assert bench.phase is Phase.IDLE


async def test_the_label_of_a_parcel_that_was_given_up_is_to_be_destroyed(tmp_path: Path) -> None:
    async with opened(tmp_path) as bench:
        bench.devices.results = [(Proof.UNKNOWN, "link.lost")]
        parcel = await begin(bench, ITEM, Phase.ASKING)
        await bench.counter.order(Order.VOID)
        await bench.scan(marked(parcel, 1))
        assert bench.sounds("void_label") == ["needs_you"]
        assert await state_of(bench, parcel) is PrintState.CONFIRMED, "that it exists is on record"
        known = await bench.ledger.prints.job(parcel.job)
        assert known is not None
        assert known.order.data == ""


async def test_a_label_that_came_out_of_a_printer_which_denied_it_is_void(tmp_path: Path) -> None:
    async with opened(tmp_path) as bench:
        bench.devices.results = [(Proof.FAILED, "printer.paper_out")]
        parcel = await begin(bench, ITEM, Phase.HELD)
        await bench.scan(marked(parcel, 1))
        assert bench.phase is Phase.HELD
        assert await mismatches(bench) == ["never_sent"]
        assert bench.sounds("void_label") == ["needs_you"]
        await bench.printer_is(Ready.YES)
        await bench.until(lambda: bench.phase is Phase.IDLE)


async def test_a_label_of_another_booth_is_told_as_such(tmp_path: Path) -> None:
    async with opened(tmp_path) as bench:
        await bench.scan("BXL1:0123456789ab:1:RR102030405BD")
        assert bench.sounds("unknown_label") == ["rejected"]
        assert await mismatches(bench) == ["unknown"]


async def test_scans_of_labels_count_without_a_flow_too(tmp_path: Path) -> None:
    async with opened(tmp_path, None) as bench:
        await bench.scan("BXL1:0123456789ab:1:RR102030405BD")
        assert await mismatches(bench) == ["unknown"]


async def test_scanning_the_label_while_it_is_printed_changes_nothing_yet(tmp_path: Path) -> None:
    async with opened(tmp_path) as bench:
        bench.devices.may_end.clear()
        bench.devices.results = [(Proof.UNKNOWN, "printer.no_proof")]
        parcel = await begin(bench, ITEM, Phase.LABELLING)
        await bench.until(lambda: bench.devices.jobs)
        await bench.scan(marked(parcel, 1))
        assert bench.phase is Phase.LABELLING
        bench.devices.may_end.set()
        await bench.until(lambda: bench.phase is Phase.ASKING)
        await bench.clock.advance(2)  # longer than a scanner's own repeat
        await bench.scan(marked(parcel, 1))
        assert bench.phase is Phase.IDLE


async def test_a_label_that_cannot_be_recorded_as_proved_is_said_and_scanned_again(tmp_path: Path) -> None:
    async with opened(tmp_path) as bench:
        parcel = await begin(bench, ITEM, Phase.IDLE)
        await bench.break_disk()
        await bench.scan(marked(parcel, 1))
        assert bench.prompts[-1] == "not_saved"
        await bench.mend_disk()
        await bench.scan(marked(parcel, 1))
        assert bench.sounds("label_confirmed") == ["saved"]


# The label's job once it has left the counter


async def test_an_accepted_parcels_label_can_be_printed_again_marked(tmp_path: Path) -> None:
    async with opened(tmp_path) as bench:
        parcel = await begin(bench, ITEM, Phase.IDLE)
        await bench.prints.reprint(parcel.job, Requester.BOOTH)
        await bench.until(lambda: len(bench.devices.jobs) == 2)
        await bench.quiet()
        assert [(job.job, job.attempt) for job in bench.devices.jobs] == [(parcel.job, 1), (parcel.job, 2)]
        assert (await bench.types())[-1] == "label.reprinted"
        assert bench.phase is Phase.IDLE


async def test_a_given_up_parcels_label_cannot(tmp_path: Path) -> None:
    async with opened(tmp_path) as bench:
        bench.devices.results = [(Proof.UNKNOWN, "link.lost")]
        parcel = await begin(bench, ITEM, Phase.ASKING)
        await bench.counter.order(Order.VOID)
        known = await bench.prints.find(parcel.job)
        assert known.order.voided


async def test_a_label_beyond_the_hours_quota_waits_and_says_so(tmp_path: Path) -> None:
    async with opened(tmp_path, rules=Rules(quota=Quota(labels=1))) as bench:
        await begin(bench, ITEM, Phase.IDLE)
        await begin(bench, OTHER, Phase.HELD)
        assert bench.prompts[-1] == "wait_labels"
        assert len(bench.devices.jobs) == 1
        for _ in range(400):
            await bench.clock.advance(10)
            await bench.quiet()
            if bench.phase is Phase.IDLE:
                break
        assert len(bench.devices.jobs) == 2


async def test_labels_that_a_person_has_seen_leave_no_doubt_about_the_printer(tmp_path: Path) -> None:
    """A printer that can prove nothing must not have its orders held for that."""
    async with opened(tmp_path) as bench:
        bench.devices.results = [(Proof.UNKNOWN, "printer.no_proof")] * 4
        for item in (ITEM, OTHER, "UA001234568BD", "RB123456785BD"):
            parcel = await begin(bench, item, Phase.ASKING)
            await bench.scan(marked(parcel, 1))
        (lane,) = bench.prints.lanes
        assert not lane.spool.is_suspended


async def test_a_restart_leaves_the_label_in_hand_to_the_flow(tmp_path: Path) -> None:
    async with opened(tmp_path) as bench:
        bench.devices.may_end.clear()
        parcel = await begin(bench, ITEM, Phase.LABELLING)
        await bench.until(lambda: bench.devices.jobs)
    async with opened(tmp_path) as bench:
        await bench.until(lambda: bench.phase is Phase.ASKING)
        await bench.quiet()
        assert bench.devices.jobs == []
        assert (await bench.types()).count("label.unconfirmed") == 1
        assert await state_of(bench, parcel) is PrintState.UNCONFIRMED
