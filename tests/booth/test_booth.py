"""All devices of one booth: each gets its own, none harms another, and every question gets an answer."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from decimal import Decimal

import pytest

from edge_agent.booth import PRINT_S, Booth
from edge_agent.commands.operations import operations
from edge_agent.counter.counter import Counter
from edge_agent.sdk.clock import ManualClock
from edge_agent.sdk.driver import Kind, SerialSettings
from edge_agent.sdk.errors import CommandError, DeviceError, EdgeError, LinkError, ProtocolError
from edge_agent.sdk.ports import ByteLink
from edge_agent.sdk.testing import MemoryLink
from edge_agent.sdk.values import (
    Page,
    PrinterState,
    PrintJob,
    PrintResult,
    Proof,
    Reading,
    Ready,
    Scan,
    Status,
    Weight,
)
from edge_agent.supervisor import DeviceStatus, DeviceView
from tests.supervisor.bench import Act, PlayedDriver, Plays, configured, ends, running, serve, turns

JOB = PrintJob("00000000000a", Page(8, 1, b"\xff"), 2)


class Seen:
    """A counter that writes down what it is given."""

    def __init__(self) -> None:
        self.scanned: list[Scan] = []
        self.weighed: list[Weight] = []
        self.states: list[PrinterState] = []
        self.unsettled = 0

    async def scans(self, scans: Sequence[Scan]) -> None:
        self.scanned += scans

    async def weights(self, weights: Sequence[Weight]) -> None:
        self.weighed += weights

    async def printer(self, state: PrinterState) -> None:
        self.states.append(state)

    def unsettle(self) -> None:
        self.unsettled += 1


class Hall:
    """A booth of played devices: a scanner, two scales, two printers."""

    NAMES = (
        ("scanner-1", Kind.SCANNER),
        ("scale-1", Kind.SCALE),
        ("scale-2", Kind.SCALE),
        ("printer-1", Kind.PRINTER),
        ("printer-2", Kind.PRINTER),
    )

    def __init__(self, **acts: Act) -> None:
        self.clock = ManualClock()
        self.links: dict[str, MemoryLink] = {}
        self.plays = {name: Plays(acts.get(name.replace("-", "_"), serve)) for name, _ in self.NAMES}
        devices = [configured(self.plays[name], kind, name) for name, kind in self.NAMES]
        self.booth = Booth(devices, self._open, self.clock, self._changed)
        self.counter = Seen()
        self.booth.connect(self.counter)
        self.changes: list[DeviceView] = []

    async def _open(self, url: str, serial: SerialSettings, device: str) -> ByteLink:
        self.links[device] = MemoryLink(url)
        return self.links[device]

    async def _changed(self, view: DeviceView) -> None:
        self.changes.append(view)

    def driver(self, name: str) -> PlayedDriver:
        return self.plays[name].built[-1]

    def status(self, name: str) -> DeviceStatus:
        return next(view.status for view in self.booth.views() if view.id == name)

    def weight(self, device: str, text: str = "1.234") -> Weight:
        reading = Reading(Status.OK, Decimal(text), "kg", True)
        return Weight(device, self.clock.stamp(), 1, reading)


@asynccontextmanager
async def open_hall(**acts: Act) -> AsyncIterator[Hall]:
    hall = Hall(**acts)
    async with running(hall.booth.run()):
        yield hall


async def test_what_devices_report_reaches_the_counter() -> None:
    async with open_hall() as hall:
        scan = Scan("scanner-1", hall.clock.stamp(), "RR102030405BD")
        await hall.driver("scanner-1").context.sink.scans([scan])
        weight = hall.weight("scale-1")
        await hall.driver("scale-1").context.sink.weights([weight])
        state = PrinterState("printer-1", hall.clock.stamp(), Ready.YES)
        await hall.driver("printer-1").context.sink.printer(state)
        seen = hall.counter
        assert (seen.scanned, seen.weighed, seen.states) == ([scan], [weight], [state])


async def test_only_the_first_scale_and_printer_work_for_the_counter() -> None:
    async with open_hall() as hall:
        await hall.driver("scale-2").context.sink.weights([hall.weight("scale-2")])
        state = PrinterState("printer-2", hall.clock.stamp(), Ready.YES)
        await hall.driver("printer-2").context.sink.printer(state)
        assert hall.counter.weighed == []
        assert hall.counter.states == []
        assert hall.booth.latest_weight["scale-2"].device == "scale-2"
        assert hall.booth.latest_printer["printer-2"] == state


async def test_a_bad_frame_of_the_weighing_scale_unsettles_and_of_another_does_not() -> None:
    async with open_hall() as hall:
        torn = ProtocolError("frame.torn", "no end")
        hall.driver("scale-2").context.sink.trouble(torn)
        assert hall.counter.unsettled == 0
        hall.driver("scale-1").context.sink.trouble(torn)
        assert hall.counter.unsettled == 1


@pytest.mark.parametrize(
    "harm", [ValueError("bug"), asyncio.CancelledError(), LinkError("link.lost", "gone")], ids=repr
)
async def test_one_device_that_fails_all_the_time_leaves_the_others_as_they_are(
    harm: BaseException,
) -> None:
    async with open_hall(scale_1=ends(harm)) as hall:
        await hall.clock.advance(60)
        assert len(hall.plays["scale-1"].built) > 20
        for name in ("scanner-1", "scale-2", "printer-1", "printer-2"):
            assert hall.status(name) is DeviceStatus.READY
            assert len(hall.plays[name].built) == 1


async def test_no_readings_are_no_readings() -> None:
    async with open_hall() as hall:
        await hall.booth.weights([])
        assert hall.counter.weighed == []


async def test_a_scale_whose_wish_to_hurry_fails_does_not_harm_who_wished() -> None:
    async with open_hall() as hall:

        def stumble(wanted: bool) -> None:
            raise RuntimeError("bug")

        hall.driver("scale-1").hurry = stumble  # type: ignore[method-assign]  # a stranger's driver
        hall.booth.hurry_scale(True)
        assert hall.status("scale-1") is DeviceStatus.READY


async def test_a_scale_opened_later_is_hurried_at_its_first_reading() -> None:
    hall = Hall()
    hall.booth.hurry_scale(True)
    async with running(hall.booth.run()):
        await hall.driver("scale-1").context.sink.weights([hall.weight("scale-1")])
        assert "hurry True" in hall.driver("scale-1").asked


async def test_a_page_is_printed_on_the_first_printer() -> None:
    async with open_hall() as hall:
        result = await hall.booth.print_page(JOB)
        assert (result.proof, result.job, result.attempt) == (Proof.PRINTED, JOB.job, 2)
        assert hall.driver("printer-2").asked == []


async def test_without_a_ready_printer_nothing_was_accepted() -> None:
    async with open_hall(printer_1=ends(LinkError("link.absent", "no such port"))) as hall:
        result = await hall.booth.print_page(JOB)
        assert (result.proof, result.reason) == (Proof.FAILED, "printer.absent")


async def test_a_booth_without_a_printer_says_so() -> None:
    hall = Hall()
    booth = Booth([], hall._open, hall.clock, hall._changed)
    assert (await booth.print_page(JOB)).reason == "printer.absent"
    assert not booth.scale_ready()
    assert not booth.has(Kind.SCALE)


@pytest.mark.parametrize(
    ("harm", "reason"),
    [
        (ValueError("bug"), "driver.bug"),
        (TimeoutError(), "driver.bug"),
        (asyncio.CancelledError(), "driver.bug"),
        (LinkError("link.lost", "gone"), "link.lost"),
        (DeviceError("printer.odd", "odd"), "printer.odd"),
    ],
    ids=lambda value: repr(value) if isinstance(value, BaseException) else "",
)
async def test_a_printer_that_raises_leaves_the_label_unknown(harm: BaseException, reason: str) -> None:
    async with open_hall() as hall:

        async def fails(job: PrintJob) -> PrintResult:
            raise harm

        hall.driver("printer-1").printing = fails
        result = await hall.booth.print_page(JOB)
        assert (result.proof, result.reason) == (Proof.UNKNOWN, reason)


async def test_a_printer_that_never_ends_is_given_up_and_the_label_is_unknown() -> None:
    async with open_hall() as hall:
        ended = asyncio.Event()

        async def hangs(job: PrintJob) -> PrintResult:
            try:
                await asyncio.Event().wait()
            finally:
                ended.set()
            raise AssertionError

        hall.driver("printer-1").printing = hangs
        printing = asyncio.create_task(hall.booth.print_page(JOB))
        await hall.clock.advance(PRINT_S + 1)
        result = await printing
        assert (result.proof, result.reason) == (Proof.UNKNOWN, "printer.hung")
        assert ended.is_set()


async def test_a_printer_that_answers_for_another_job_is_taken_at_ours() -> None:
    async with open_hall() as hall:

        async def other(job: PrintJob) -> PrintResult:
            return PrintResult("ffffffffffff", 9, Proof.SENT, 10)

        hall.driver("printer-1").printing = other
        result = await hall.booth.print_page(JOB)
        assert (result.job, result.attempt, result.proof) == (JOB.job, JOB.attempt, Proof.SENT)


async def test_a_scale_is_asked_by_its_id() -> None:
    async with open_hall() as hall:
        await hall.booth.zero("scale-2")
        await hall.booth.tare("scale-1")
        assert hall.driver("scale-2").asked == ["zero"]
        assert hall.driver("scale-1").asked == ["tare"]


@pytest.mark.parametrize("device", ["scale-9", "printer-1", "scanner-1", "", "\udc80"])
async def test_what_is_no_scale_is_refused(device: str) -> None:
    async with open_hall() as hall:
        with pytest.raises(CommandError) as refused:
            await hall.booth.zero(device)
        assert refused.value.code == "device.unknown"


async def test_a_scale_that_is_away_is_refused() -> None:
    async with open_hall(scale_1=ends(LinkError("link.lost", "gone"))) as hall:
        with pytest.raises(CommandError) as refused:
            await hall.booth.zero("scale-1")
        assert refused.value.code == "device.not_ready"


async def test_a_bug_in_zero_is_told_and_harms_nothing() -> None:
    async with open_hall() as hall:

        async def stumble() -> None:
            raise ZeroDivisionError

        hall.driver("scale-1").reaching = stumble
        with pytest.raises(EdgeError) as told:
            await hall.booth.zero("scale-1")
        assert told.value.code == "driver.bug"
        await hall.booth.zero("scale-2")


async def test_a_scale_operation_reads_the_latest_weight_without_asking_the_scale() -> None:
    async with open_hall() as hall:
        read = operations(hall.booth, _no_counter())["scale.read"]
        with pytest.raises(CommandError) as refused:
            await read({"device": "scale-1"})
        assert refused.value.code == "scale.no_reading"
        await hall.driver("scale-1").context.sink.weights([hall.weight("scale-1", "7.650")])
        answer = await read({"device": "scale-1"})
        assert answer == {
            "device": "scale-1",
            "status": "ok",
            "weight": "7.650",
            "unit": "kg",
            "stable": True,
            "uptimems": hall.clock.stamp().uptime_ms,
        }


@pytest.mark.parametrize("arguments", [{}, {"device": 7}, {"device": None}, {"device": ["scale-1"]}])
async def test_an_operation_without_a_device_is_refused(arguments: dict[str, object]) -> None:
    async with open_hall() as hall:
        for name in ("scale.zero", "scale.tare", "scale.read"):
            with pytest.raises(CommandError) as refused:
                await operations(hall.booth, _no_counter())[name](arguments)
            assert refused.value.code == "command.arguments"


async def test_every_change_is_told_with_the_device() -> None:
    async with open_hall() as hall:
        await turns()
        assert {view.id for view in hall.changes} == {name for name, _ in Hall.NAMES}


def _no_counter() -> Counter:
    """The scale's operations do not touch it."""
    return None  # type: ignore[return-value]
