"""Leased numbers: used in order, with no network; never twice, whatever happens to box and ledger."""

from __future__ import annotations

import asyncio
import contextlib
import shutil
import threading
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import replace
from pathlib import Path

import pytest

from edge_agent.counter.acceptance import Acceptance
from edge_agent.counter.inputs import Policy
from edge_agent.counter.numbered import begin_numbered
from edge_agent.counter.numbering import OPEN_BLOCKS, Numbers
from edge_agent.counter.seams import Tentative
from edge_agent.events.model import EventDraft, StoredEvent
from edge_agent.ledger.ledger import Entry, Ledger, Limits
from edge_agent.ledger.number_mark import NumberMark
from edge_agent.ledger.numbers import Used
from edge_agent.sdk.clock import ManualClock
from edge_agent.sdk.errors import CommandError, DeviceError
from edge_agent.sdk.values import ClockQuality
from tests.counter.counter_bench import opened

BOOTH = "B-0001"
S10 = "RR########*BD"
DEADLINE_S = 10.0
LATER, EARLIER = "2030-01-01T00:00:00Z", "2020-01-01T00:00:00Z"


class Box:
    """A booth's numbers over a real ledger; what happens to the files between runs is the test's doing."""

    def __init__(self, folder: Path, low_water: int = 3) -> None:
        self.folder = folder
        self.low_water = low_water
        self.clock = ManualClock()

    @asynccontextmanager
    async def run(self) -> AsyncIterator[Run]:
        ledger = await Ledger.open(self.folder / "ledger.db", "boot", limits=Limits(reserve_mib=1))
        try:
            run = Run(self, ledger)
            await run.numbers.start()
            yield run
        finally:
            await ledger.close()

    def copy_ledger(self, name: str) -> None:
        """As somebody does who makes a copy of a box that is switched off."""
        (self.folder / name).mkdir()
        for file in self.folder.glob("ledger.db*"):
            if file.is_file():
                shutil.copy(file, self.folder / name)

    def put_back(self, name: str) -> None:
        for file in self.folder.glob("ledger.db*"):
            file.unlink()
        for file in (self.folder / name).iterdir():
            shutil.copy(file, self.folder)


class Run:
    def __init__(self, box: Box, ledger: Ledger) -> None:
        self.ledger = ledger
        self.clock = box.clock
        self.events: list[StoredEvent] = []
        self.numbers = Numbers(
            ledger,
            NumberMark(box.folder / "numbers.json"),
            box.clock,
            booth=BOOTH,
            low_water=box.low_water,
            stored=self.events.extend,
        )

    async def lease(self, lease: str = "L-1", first: int = 100, last: int = 109, **more: object) -> object:
        args = {"lease": lease, "booth": BOOTH, "epoch": self.ledger.epoch, "pattern": S10, "check": "s10"}
        return await self.numbers.lease({**args, "first": first, "last": last, **more})

    async def use(self) -> str:
        """The next number, taken by a parcel; empty without one."""
        given = await self.numbers.next(self.clock.stamp())
        if given is None:
            return ""
        await self.numbers.hold(given)
        event = EventDraft("parcel.scanned", given.number, self.clock.stamp(), {})
        self.events += await self.ledger.commit(Entry([event, *given.events], numbers=[given.step]))
        self.numbers.took(given)
        return given.number

    async def use_all(self) -> list[str]:
        used = []
        while number := await self.use():
            used.append(number)
        return used

    def types(self) -> list[str]:
        return [event.type for event in self.events if event.type.startswith("numbers.")]


@pytest.fixture
def box(tmp_path: Path) -> Box:
    return Box(tmp_path)


async def code_of(refused: object) -> str:
    try:
        await refused  # type: ignore[misc]  # a coroutine
    except CommandError as error:
        return error.code
    return ""


async def test_numbers_are_used_in_order_until_none_is_left(box: Box) -> None:
    async with box.run() as run:
        assert await run.use() == ""
        await run.lease()
        used = await run.use_all()
        assert [number[2:10] for number in used] == [f"{serial:08d}" for serial in range(100, 110)]
        assert run.numbers.left == 0


async def test_they_go_on_after_a_restart_and_none_comes_twice(box: Box) -> None:
    used: list[str] = []
    for _ in range(4):
        async with box.run() as run:
            if not used:
                await run.lease()
            used += [await run.use(), await run.use()]
    assert len(set(used)) == 8
    assert used == sorted(used)


async def test_a_cut_between_the_mark_and_the_ledger_costs_one_number_and_gives_none_twice(box: Box) -> None:
    async with box.run() as run:
        await run.lease()
        first = await run.use()
        given = await run.numbers.next(run.clock.stamp())
        assert given is not None
        await run.numbers.hold(given)
    async with box.run() as run:
        rest = await run.use_all()
        assert len({first, *rest}) == 9
        assert given.number not in rest


async def test_an_old_copy_of_the_ledger_gives_no_number_a_second_time(box: Box) -> None:
    async with box.run() as run:
        await run.lease()
        await run.lease("L-2", 200, 209)
        used = [await run.use(), await run.use()]
    box.copy_ledger("old")
    async with box.run() as run:
        used += [await run.use() for _ in range(5)]
        await run.numbers.give_back({"lease": "L-2"})
    box.put_back("old")
    async with box.run() as run:
        rest = await run.use_all()
        assert set(rest).isdisjoint(used)
        assert len(rest) == 3, "what was given back is not used either"


async def test_a_new_ledger_has_no_lease_and_takes_none_of_the_old_epoch(box: Box) -> None:
    async with box.run() as run:
        await run.lease()
        await run.use()
        epoch = run.ledger.epoch
    for file in box.folder.glob("ledger.db*"):
        file.unlink()
    async with box.run() as run:
        assert await run.use() == ""
        assert await code_of(run.lease("L-9", epoch=epoch)) == "number.epoch"
        assert await code_of(run.lease("L-1")) == "number.known", "its numbers were given out before"
        await run.lease("L-9", 500, 509)
        assert await run.use() != ""


async def test_the_same_lease_again_is_the_same_and_adds_nothing(box: Box) -> None:
    async with box.run() as run:
        await run.lease()
        await run.use()
        told = await run.lease()
        assert isinstance(told, dict)
        assert (told["first"], told["count"], run.numbers.left) == (101, 9, 9)
        assert await code_of(run.lease(last=120)) == "number.known"


@pytest.mark.parametrize(
    ("more", "code"),
    [
        ({"booth": "B-0002"}, "number.foreign"),
        ({"booth": None}, "number.foreign"),
        ({"epoch": "older"}, "number.epoch"),
        ({"first": 110, "last": 109}, "number.range"),
        ({"first": -1}, "number.range"),
        ({"last": 100_000_000}, "number.range"),
        ({"last": 90_000_000}, "number.range"),
        ({"first": "100"}, "number.range"),
        ({"first": True}, "number.range"),
        ({"lease": ""}, "command.arguments"),
        ({"lease": "../x"}, "command.arguments"),
        ({"pattern": "RR"}, "number.pattern"),
        ({"notafter": EARLIER}, "number.expired"),
        ({"notafter": "soon"}, "command.arguments"),
        ({"lease": "L-2", "first": 59, "last": 60}, "number.overlap"),
        ({"lease": "L-2", "first": 50, "last": 200}, "number.overlap"),
    ],
)
async def test_a_lease_that_cannot_be_is_refused(box: Box, more: dict[str, object], code: str) -> None:
    async with box.run() as run:
        await run.lease("L-0", 50, 59)
        assert await code_of(run.lease(**{"lease": "L-1", **more})) == code  # type: ignore[arg-type]
        assert run.numbers.left == 10


async def test_used_numbers_of_a_closed_lease_are_not_leased_again_the_unused_ones_may_be(box: Box) -> None:
    async with box.run() as run:
        await run.lease()
        await run.use()
        await run.numbers.give_back({"lease": "L-1"})
        assert await code_of(run.lease("L-2", 100, 105)) == "number.overlap"
        await run.lease("L-3", 101, 105)
        assert (await run.use())[2:10] == "00000101"


@pytest.mark.parametrize(
    ("first", "second", "meet"),
    [
        (("RR########*BD", "s10"), ("RR########7BD", "none"), True),
        (("A#####", "none"), ("A1####", "none"), True),
        (("A#####*", "mod10"), ("A0####*", "mod10"), True),
        (("A#####", "none"), ("AB####", "none"), False),
        (("A#####", "none"), ("A####", "none"), False),
        (("RR########*BD", "s10"), ("CP########*BD", "s10"), False),
    ],
)
async def test_two_patterns_that_can_spell_one_number_are_not_leased_together(
    box: Box, first: tuple[str, str], second: tuple[str, str], meet: bool
) -> None:
    """The ranges need not even meet: such a pair is a mistake, and a voided parcel keeps its number."""
    async with box.run() as run:
        await run.lease("L-1", 100, 109, pattern=first[0], check=first[1])
        if meet:
            assert (
                await code_of(run.lease("L-2", 500, 509, pattern=second[0], check=second[1]))
                == "number.overlap"
            )
        else:
            await run.lease("L-2", 100, 109, pattern=second[0], check=second[1])


async def test_no_more_leases_are_open_than_are_looked_after(box: Box) -> None:
    async with box.run() as run:
        for number in range(OPEN_BLOCKS):
            await run.lease(f"L-{number}", 100 * number, 100 * number + 9)
        assert await code_of(run.lease("L-x", 9_000, 9_009)) == "number.full"


async def test_leases_that_are_ordered_at_once_are_checked_against_each_other(box: Box) -> None:
    async with box.run() as run:
        both = (run.lease("L-1", 100, 109), run.lease("L-2", 105, 115))
        assert await asyncio.gather(*map(code_of, both)) == ["", "number.overlap"]
        twice = await asyncio.gather(run.lease("L-3", 200, 209), run.lease("L-3", 200, 209))
        assert twice[0] == twice[1]
        assert (run.numbers.left, run.types().count("numbers.leased")) == (20, 2)


async def test_a_lease_is_not_measured_by_one_that_is_just_going_back(box: Box) -> None:
    async with box.run() as run:
        await run.lease()
        back = run.numbers.give_back({"lease": "L-1"})
        first, again = await asyncio.gather(code_of(back), code_of(run.lease("L-2", 105, 115)))
        assert (first, again) == ("", ""), "what went back before is the centre's to lease again"
        assert await code_of(run.lease("L-1")) == "", "a lease that is known is told, and not opened again"
        assert run.numbers.left == 11


async def test_what_is_left_goes_back_and_is_told(box: Box) -> None:
    async with box.run() as run:
        await run.lease()
        await run.use()
        told = await run.numbers.give_back({"lease": "L-1"})
        assert isinstance(told, dict)
        assert (told["first"], told["last"], told["count"]) == (101, 109, 9)
        assert run.types() == ["numbers.low", "numbers.leased", "numbers.returned", "numbers.low"]
        assert await run.use() == ""
        assert await code_of(run.numbers.give_back({"lease": "L-1"})) == "number.unknown"


async def test_more_are_asked_for_once_when_few_are_left_and_again_at_a_start(box: Box) -> None:
    async with box.run() as run:
        await run.lease()
        run.events.clear()
        for _ in range(7):
            await run.use()
        assert run.types() == [], "three are left, and three are enough"
        await run.use()
        assert run.types() == ["numbers.low"]
        await run.use()
        assert run.types() == ["numbers.low"]
    async with box.run() as run:
        assert run.types() == ["numbers.low"]
        await run.lease("L-2", 200, 209)
        run.events.clear()
        assert len(await run.use_all()) == 11
        assert run.types() == ["numbers.low"]


async def test_a_booth_that_gives_out_no_numbers_asks_for_none(tmp_path: Path) -> None:
    async with Box(tmp_path, low_water=0).run() as run:
        assert run.events == []


async def test_an_expired_lease_goes_back_by_itself(box: Box) -> None:
    async with box.run() as run:
        await run.lease(notafter=LATER)
        await run.lease("L-2", 200, 209)
        await run.use()
        run.clock.jump_utc(5 * 365 * 86_400_000)
        assert (await run.use())[2:10] == "00000200"
        returned = [event for event in run.events if event.type == "numbers.returned"]
        assert [event.subject for event in returned] == ["L-1"]


async def test_a_box_that_does_not_know_the_time_keeps_what_it_has(box: Box) -> None:
    """A jump of the clock must not take its numbers; the centre waits for the return of a lease."""
    async with box.run() as run:
        await run.lease(notafter=LATER)
        run.clock.quality = ClockQuality.NONE
        run.clock.jump_utc(5 * 365 * 86_400_000)
        assert (await run.use())[2:10] == "00000100"


async def test_a_number_that_was_accepted_here_before_is_passed_over(box: Box) -> None:
    async with box.run() as run:
        await run.lease()
        given = await run.numbers.next(run.clock.stamp())
        assert given is not None
        await run.ledger.commit(Entry([EventDraft("parcel.accepted", given.number, run.clock.stamp())]))
        assert await run.use() != given.number


async def test_the_ledger_itself_gives_no_number_twice(box: Box) -> None:
    async with box.run() as run:
        await run.lease()
        await run.use()
        for serial in (100, 99, 110):
            with pytest.raises(DeviceError):
                await run.ledger.commit(Entry(numbers=[Used("L-1", serial)]))


async def test_a_mark_that_cannot_be_written_gives_no_number_out(box: Box) -> None:
    async with box.run() as run:
        await run.lease()
        (box.folder / "numbers.json.new").mkdir()
        with pytest.raises(DeviceError):
            await run.use()
        assert await run.ledger.after(run.events[-1].seq, 10) == []


@pytest.mark.parametrize("content", [b"", b"[", b"[]", b'{"L-1": "x"}', b"\xff", b"[" * 5000])
async def test_a_mark_that_cannot_be_read_counts_as_none(box: Box, content: bytes) -> None:
    (box.folder / "numbers.json").write_bytes(content)
    async with box.run() as run:
        await run.lease()
        assert await run.use() != ""


async def test_parallel_askers_get_different_numbers_only_one_after_the_other(box: Box) -> None:
    """The counter gives one number at a time; two at once would be refused by the ledger, not doubled."""
    async with box.run() as run:
        await run.lease()
        results = await asyncio.gather(run.use(), run.use(), return_exceptions=True)
        numbers = [one for one in results if isinstance(one, str)]
        assert len(set(numbers)) == len(numbers) >= 1


async def test_a_number_that_a_parcel_is_taking_does_not_go_back_with_the_rest(
    box: Box, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The centre has a lease returned while the counter has just chosen a number of it."""
    taken, hold = threading.Event(), NumberMark.hold

    def slow(mark: NumberMark, lease: str, next_free: int) -> None:
        if next_free == 110:  # the return's own mark, on a card that stalls
            taken.wait(DEADLINE_S)
        hold(mark, lease, next_free)

    async with box.run() as run:
        await run.lease()
        monkeypatch.setattr(NumberMark, "hold", slow)
        using = asyncio.ensure_future(run.use())
        await asyncio.sleep(0)
        returning = asyncio.ensure_future(run.numbers.give_back({"lease": "L-1"}))
        with contextlib.suppress(DeviceError):
            await using
        taken.set()
        told = await returning
        assert isinstance(told, dict)
        used = [event for event in run.events if event.type == "parcel.scanned"]
        assert all(int(event.subject[2:10]) < told["first"] for event in used)


async def test_of_a_lease_that_is_going_back_no_number_is_given(box: Box) -> None:
    async with box.run() as run:
        await run.lease()
        given = await run.numbers.next(run.clock.stamp())
        assert given is not None
        returning = asyncio.ensure_future(run.numbers.give_back({"lease": "L-1"}))
        await asyncio.sleep(0)
        with pytest.raises(DeviceError) as refused:
            await run.numbers.hold(given)
        assert refused.value.code == "number.taken"
        assert await run.use() == ""
        told = await returning
        assert isinstance(told, dict)
        assert told["count"] == 10


async def test_two_leases_marked_at_once_are_both_kept(tmp_path: Path) -> None:
    """The counter takes a number of one lease while the centre has another one returned."""
    for round_ in range(20):
        mark = NumberMark(tmp_path / f"{round_}.json")
        await asyncio.gather(asyncio.to_thread(mark.hold, "A", 5), asyncio.to_thread(mark.hold, "B", 9))
        again = NumberMark(tmp_path / f"{round_}.json")
        again.load()
        assert [mark.next("A"), mark.next("B"), again.next("A"), again.next("B")] == [5, 9, 5, 9]


async def test_two_askers_in_one_read_do_not_share_a_number(tmp_path: Path) -> None:
    """Without scale and label a parcel is accepted as it begins, and the next code finds the counter idle."""
    async with opened(tmp_path, Policy(label=False, unweighed=True)) as bench:
        bench.devices.has_scale = False
        args = {"lease": "L-1", "booth": BOOTH, "epoch": bench.ledger.epoch, "pattern": S10, "check": "s10"}
        mark = NumberMark(tmp_path / "numbers.json")
        numbers = Numbers(bench.ledger, mark, bench.clock, booth=BOOTH, low_water=0, stored=bench.told.extend)
        await numbers.lease({**args, "first": 1, "last": 9})
        ports = replace(bench._ports(), numbers=numbers)
        flow, tentative = Acceptance(Policy(label=False, unweighed=True)), Tentative(bench.counter.state)
        assert await begin_numbered(ports, flow, tentative) == ""
        assert await begin_numbered(ports, flow, tentative) == "refused_busy"
        accepted = [event.subject for event in tentative.events if event.type == "parcel.accepted"]
        assert len(accepted) == 1
