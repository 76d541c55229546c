"""What a USB port tells beside the bytes: it names the printer, and speaks for one that answers nothing."""

from __future__ import annotations

import asyncio

import pytest

from edge_agent.sdk.clock import ManualClock
from edge_agent.sdk.driver import Context, Options
from edge_agent.sdk.errors import LinkError
from edge_agent.sdk.ieee1284 import parse_device_id
from edge_agent.sdk.ports import PortStatus, PrinterPort
from edge_agent.sdk.testing import MemoryLink
from edge_agent.sdk.values import Paper, PrintResult, Proof, Ready
from tests.drivers.label_bench import JOB, SPECS, WIDTH
from tests.drivers.rig import SinkLog, driven, turns

WELL = PortStatus(paper_empty=False, selected=True, fault=False)
EMPTY = PortStatus(paper_empty=True, selected=True, fault=True)
FAULTY = PortStatus(paper_empty=False, selected=False, fault=True)
IDS = {
    "zpl": "MFG:Zebra;CMD:ZPL;MDL:ZD220;",
    "tspl": "MFG: ;CMD:XPP,XL;MDL:PM-241-BT;",
    "epl2": "MFG:Eltron;CMD:EPL2;MDL:LP2844;",
    "cpcl": "MFG:Zebra;CMD:CPCL;MDL:QLn220;",
    "escpos": "MFG:EPSON;CMD:ESC/POS;MDL:TM-T82;",
}
ALL = pytest.mark.parametrize("language", SPECS)


class MutePort(MemoryLink):
    """A USB printer that takes everything and answers nothing, but for its port."""

    def __init__(self, device_id: str = "", status: PortStatus | None = WELL) -> None:
        super().__init__()
        self.status = status
        self._id = device_id

    async def port_status(self) -> PortStatus:
        if self.status is None:
            raise LinkError("link.no_status", "no port status")
        return self.status

    async def device_id(self) -> str:
        if not self._id:
            raise LinkError("link.no_status", "no device id")
        return self._id

    async def soft_reset(self) -> None:
        """Nothing to forget."""


class Bench:
    def __init__(self, language: str, link: MutePort) -> None:
        spec = SPECS[language]
        assert spec.build is not None
        self.link, self.clock, self.sink = link, ManualClock(), SinkLog()
        options = Options(spec.options, {"width_dots": WIDTH})
        self.driver = spec.build(Context("printer", link, self.clock, self.sink, options))

    async def print(self) -> PrintResult:
        task = asyncio.ensure_future(self.driver.print(JOB))  # type: ignore[attr-defined]  # a printer's driver
        for _ in range(300):
            await turns()
            if task.done():
                break
            await self.clock.advance(0.5)
        return await task  # type: ignore[no-any-return]


def test_the_link_of_this_bench_is_one_of_a_usb_printer() -> None:
    assert isinstance(MutePort(), PrinterPort)


@ALL
async def test_a_mute_printer_whose_port_names_our_language_is_ready_for_jobs_and_never_ready(
    language: str,
) -> None:
    bench = Bench(language, MutePort(IDS[language]))
    async with driven(bench.driver):
        await bench.clock.advance(10)
        assert bench.sink.identities == [parse_device_id(IDS[language]).name]
        assert bench.sink.state.ready is Ready.UNKNOWN
        assert (await bench.print()).proof is Proof.SENT


@ALL
async def test_a_port_that_names_another_language_is_no_identification(language: str) -> None:
    other = IDS["zpl" if language != "zpl" else "tspl"]
    bench = Bench(language, MutePort(other))
    async with driven(bench.driver):
        await bench.clock.advance(10)
        assert bench.sink.identities == []


@ALL
async def test_lack_of_paper_told_by_the_port_stops_a_mute_printer(language: str) -> None:
    bench = Bench(language, MutePort(IDS[language]))
    async with driven(bench.driver):
        await bench.clock.advance(10)
        bench.link.status = EMPTY
        await bench.clock.advance(10)
        assert (bench.sink.state.ready, bench.sink.state.paper) == (Ready.NO, Paper.OUT)
        before = len(bench.link.written)
        result = await bench.print()
        assert (result.proof, result.accepted_bytes, result.reason) == (Proof.FAILED, 0, "printer.paper_out")
        assert len(bench.link.written) - before < 9000  # questions and what wakes a parser, no label
        bench.link.status = WELL
        await bench.clock.advance(10)
        assert (await bench.print()).proof is Proof.SENT


@ALL
async def test_lack_of_paper_after_the_last_byte_leaves_the_job_unknown(language: str) -> None:
    link = MutePort(IDS[language])
    bench = Bench(language, link)
    async with driven(bench.driver):
        await bench.clock.advance(10)
        start = len(link.written)
        write = link.write

        async def until_the_paper_ends(data: bytes, timeout_s: float) -> None:
            await write(data, timeout_s)
            if len(link.written) - start > 500:  # in mid-label: questions are shorter
                link.status = EMPTY

        link.write = until_the_paper_ends  # type: ignore[method-assign]  # as the kernel takes it
        result = await bench.print()
        assert (result.proof, result.reason) == (Proof.UNKNOWN, "printer.paper_out")
        assert result.accepted_bytes > 500


@ALL
async def test_a_port_that_says_the_same_for_ever_blocks_nothing(language: str) -> None:
    bench = Bench(language, MutePort(IDS[language], EMPTY))
    async with driven(bench.driver):
        await bench.clock.advance(20)
        assert bench.sink.state.paper is Paper.UNKNOWN
        assert (await bench.print()).proof is Proof.SENT


@ALL
async def test_a_fault_told_by_the_port_is_a_fault(language: str) -> None:
    bench = Bench(language, MutePort(IDS[language]))
    async with driven(bench.driver):
        await bench.clock.advance(10)
        bench.link.status = FAULTY
        await bench.clock.advance(10)
        assert (bench.sink.state.ready, bench.sink.state.faults) == (Ready.NO, ("port",))


@ALL
async def test_a_port_that_tells_nothing_blocks_nothing(language: str) -> None:
    bench = Bench(language, MutePort("", None))
    async with driven(bench.driver):
        await bench.clock.advance(10)
        assert bench.sink.identities == []
        assert (await bench.print()).proof is Proof.SENT
