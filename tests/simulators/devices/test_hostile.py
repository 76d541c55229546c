"""Whatever bytes and words come, a simulated device stays alive and answers the next good request."""

from __future__ import annotations

from hypothesis import given, settings
from hypothesis import strategies as st

from drivers.printers.escpos_raster import status_question
from simulators.loopback import LoopbackEndpoint
from simulators.printer import PrinterSim
from tests.quiet_clock import QuietClock
from tests.simulators.devices.conftest import running
from tests.simulators.devices.test_control import Bench

WHITE = bytes(72 * 2303)  # ends any band that the rubbish has begun
WORDS = """scale scanner printer scan put clear tare unit power on off paper in out ends cover open wire noise
    silent clean plug unplug 0 1 -1 1e9 NaN worn answers all none list help cut device host"""
words = st.sampled_from(WORDS.split())
texts = st.one_of(st.text(max_size=60), st.lists(words, max_size=5).map(" ".join))


@given(rubbish=st.lists(st.binary(max_size=200), max_size=5))
async def test_a_printer_survives_any_bytes(rubbish: list[bytes]) -> None:
    clock, endpoint = QuietClock(), LoopbackEndpoint()
    printer = PrinterSim(endpoint, clock, buffer_bytes=1_000_000)
    await endpoint.plug()
    link = endpoint.host()
    async with running(printer.run()):
        for chunk in [*rubbish, *(WHITE[at : at + 60_000] for at in range(0, len(WHITE), 60_000))]:
            await link.write(chunk, 1)
            await clock.advance(0)
        await clock.advance(600)
        link.discard_input()
        await link.write(status_question(1), 1)
        await clock.advance(0)
        assert await link.read() == b"\x12"


@given(rubbish=st.lists(st.binary(max_size=100), max_size=5))
async def test_a_scale_survives_any_bytes(rubbish: list[bytes]) -> None:
    bench = Bench()
    await bench.ports["scale"].plug()
    link = bench.ports["scale"].host()
    async with running(bench.scale.run()):
        for chunk in rubbish:
            await link.write(chunk, 1)
            await bench.clock.advance(0)
        await link.write(b"F", 1)
        await bench.clock.advance(10)
        link.discard_input()
        await link.write(b"W", 1)
        await bench.clock.advance(10)
        assert (await link.read())[:1] == b"\x02"


@settings(max_examples=300, deadline=None)
@given(lines=st.lists(texts, max_size=5))
async def test_no_line_breaks_the_control(lines: list[str]) -> None:
    bench = Bench()
    for line in lines:
        if not line.startswith("wait"):
            answer = await bench.control.answer(line)
            assert answer.split()[0] in ("ok", "error")
