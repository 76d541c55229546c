"""The real drivers against the simulated devices, in memory on a manual clock, over every fault wire."""

from __future__ import annotations

import asyncio
import random
from collections.abc import Coroutine, Sequence
from decimal import Decimal
from typing import Any

import pytest

from drivers.printers.escpos import SPEC as ESCPOS
from drivers.scales.toledo_8217 import SPEC as TOLEDO
from drivers.scanners.line import SPEC as LINE
from drivers.scanners.line import LineScannerDevice
from edge_agent.sdk.clock import ManualClock
from edge_agent.sdk.driver import Context, DriverSpec, Options
from edge_agent.sdk.errors import DeviceError, LinkError, ProtocolError
from edge_agent.sdk.ports import Driver
from edge_agent.sdk.values import Page, PrinterState, PrintJob, PrintResult, Proof, Ready, Scan, Weight
from simulators.faults import parse_faults
from simulators.loopback import LoopbackEndpoint
from simulators.print_buffer import Answer
from simulators.printer import PrinterSim
from simulators.scale import ScaleSim
from simulators.scale_physics import ScalePhysics
from simulators.scanner import ScannerSim
from simulators.wire import Toward, Wire
from tests.quiet_clock import QuietClock
from tests.simulators.devices.conftest import running

FAULTS = [
    "clean",
    "bytewise 0.001",
    "merged 2",
    "delayed 0.05",
    "delayed 3",
    "noise 1",
    "flipped 0.1",
    "dropped 0.2",
    "silent",
    "flood 50",
    "truncated 3",
    "slow 100",
    "cut 20",
    "noise 0.5 dropped 0.05 bytewise 0",
]


class Notebook:
    """A sink that writes everything down."""

    def __init__(self) -> None:
        self.scanned: list[str] = []
        self.weighed: list[Weight] = []
        self.states: list[PrinterState] = []
        self.troubles: list[ProtocolError] = []

    async def scans(self, scans: Sequence[Scan]) -> None:
        self.scanned += [scan.text for scan in scans]

    async def weights(self, weights: Sequence[Weight]) -> None:
        self.weighed += weights

    async def printer(self, state: PrinterState) -> None:
        self.states.append(state)

    def ready(self, identity: str = "") -> None:
        """Not written down."""

    def trouble(self, error: ProtocolError) -> None:
        self.troubles.append(error)


class Counter:
    """One device, one driver, one wire between them."""

    def __init__(self) -> None:
        self.clock = QuietClock()
        self.endpoint = LoopbackEndpoint()
        self.wire = Wire(self.endpoint, clock=self.clock)
        self.notes = Notebook()

    async def build(self, spec: DriverSpec, options: dict[str, object]) -> Driver:
        if spec.build is None:
            raise AssertionError("no driver")
        await self.endpoint.plug()
        checked = Options(spec.options, options)
        return spec.build(Context("device-1", self.endpoint.host(), self.clock, self.notes, checked))

    async def pass_time(self, seconds: int) -> None:
        """In small steps: a byte that comes alone costs the loop a turn of its own."""
        for _ in range(10 * seconds):
            await self.clock.advance(0.1)

    def impair(self, words: str) -> None:
        for toward in Toward:
            self.wire.impair(*parse_faults(words.split(), random.Random(11)), toward=toward)


async def until_given_up(driver: Driver) -> None:
    """Run it; a fault may well make it give up, for its supervisor to open the port anew."""
    try:
        await driver.run()
    except (DeviceError, LinkError):
        return


async def finished(clock: ManualClock, printing: Coroutine[Any, Any, PrintResult]) -> PrintResult:
    """The end of a print, however long it takes by the clock; ten minutes is for ever."""
    task = asyncio.ensure_future(printing)
    for _ in range(600):
        if task.done():
            break
        await clock.advance(1)
    return await asyncio.wait_for(task, 0.1)


@pytest.mark.parametrize("fault", FAULTS)
async def test_no_fault_makes_a_toledo_scale_weigh_wrong(fault: str) -> None:
    counter = Counter()
    scale = ScaleSim(TOLEDO, {}, counter.wire, ScalePhysics(noise=0.0), counter.clock)
    scale.put(Decimal("7.650"))
    await counter.clock.advance(10)
    driver = await counter.build(TOLEDO, {})
    counter.impair(fault)
    async with running(scale.run(), until_given_up(driver)):
        await counter.clock.advance(20)
    numbers = {weight.reading.weight for weight in counter.notes.weighed} - {None}
    flipped = "flipped" in fault  # this protocol has no checksum: a digit may turn into another
    assert flipped or numbers <= {Decimal("7.650")}
    assert numbers or fault not in ("clean", "bytewise 0.001", "delayed 0.05", "noise 1")


@pytest.mark.parametrize("fault", FAULTS)
async def test_no_fault_stops_a_line_scanner_from_healing(fault: str) -> None:
    counter = Counter()
    scanner = ScannerSim(LineScannerDevice(Options(LINE.options)).encode, counter.wire, counter.clock)
    driver = await counter.build(LINE, {})
    counter.impair(fault)
    async with running(scanner.run(), until_given_up(driver)):
        sending = [scanner.scan(f"RR12345678{number}BD") for number in range(3)]
        async with running(*sending):
            await counter.clock.advance(30)
        counter.impair("clean")
        await counter.pass_time(30)
        await scanner.scan("healed")
        await counter.pass_time(1)
    assert counter.notes.scanned[-1:] == ["healed"] or "cut" in fault


@pytest.mark.parametrize(
    ("answers", "proof"),
    [
        (frozenset(Answer), Proof.PRINTED),
        (frozenset(Answer) - {Answer.GS_H}, Proof.CONSUMED),
        (frozenset({Answer.EOT}), Proof.SENT),
    ],
)
async def test_a_printed_page_has_the_proof_that_its_printer_can_give(
    answers: frozenset[Answer], proof: Proof
) -> None:
    counter = Counter()
    printer = PrinterSim(counter.wire, counter.clock, answers=answers)
    driver = await counter.build(ESCPOS, {})
    page = Page(576, 400, bytes(range(1, 241)) * 120)
    async with running(printer.run(), driver.run()):
        await counter.clock.advance(60)
        printing = driver.print(PrintJob("job-1", page))  # type: ignore[attr-defined]
        result = await finished(counter.clock, printing)
    assert result.proof is proof
    assert not printer.violations
    (label,) = printer.tray.labels
    assert label.page.data[: len(page.data)] == page.data


async def test_a_cut_cable_in_mid_label_leaves_the_job_unknown_and_half_a_label() -> None:
    counter = Counter()
    printer = PrinterSim(counter.wire, counter.clock)
    driver = await counter.build(ESCPOS, {})
    page = Page(576, 400, bytes(range(1, 241)) * 120)
    async with running(printer.run(), until_given_up(driver)):
        await counter.clock.advance(60)
        printer.lose_power_after(10_000)
        printing = driver.print(PrintJob("job-1", page))  # type: ignore[attr-defined]
        result = await finished(counter.clock, printing)
    assert result.proof is Proof.UNKNOWN
    assert [label.mark for label in printer.tray.labels] != ["whole"]


async def test_a_printer_without_paper_is_known_to_be_not_ready() -> None:
    counter = Counter()
    printer = PrinterSim(counter.wire, counter.clock)
    printer.path.load_roll(0)
    driver = await counter.build(ESCPOS, {})
    async with running(printer.run(), driver.run()):
        await counter.clock.advance(60)
    assert counter.notes.states[-1].ready is Ready.NO
