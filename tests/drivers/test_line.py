"""The line scanner's driver: one call for one read, silences, hang-ups, and nothing lost in between."""

from __future__ import annotations

import asyncio
from collections.abc import Sequence

from drivers.scanners.line import SPEC, TORN_SILENCE_S, build
from drivers.scanners.listening import WAITING_BYTES
from edge_agent.sdk.clock import ManualClock
from edge_agent.sdk.errors import LinkError
from edge_agent.sdk.testing import MemoryLink
from edge_agent.sdk.values import Scan
from tests.drivers.rig import SinkLog, context, driven, turns


class Bench:
    """One scanner driver on a link in memory."""

    def __init__(self, **options: object) -> None:
        self.clock = ManualClock()
        self.sink = SinkLog()
        self.link = MemoryLink()
        self.driver = build(context(SPEC, self.link, self.clock, self.sink, **options))

    async def arrive(self, *chunks: bytes) -> None:
        for chunk in chunks:
            self.link.arrive(chunk)
        await turns()

    @property
    def texts(self) -> list[str]:
        return [scan.text for scan in self.sink.scanned]


async def test_a_read_with_many_barcodes_is_one_call() -> None:
    bench = Bench()
    async with driven(bench.driver):
        await bench.arrive(b"".join(b"%06d\r\n" % number for number in range(5_000)))
    assert bench.sink.calls == 1
    assert bench.texts == [f"{number:06d}" for number in range(5_000)]
    assert len({scan.at for scan in bench.sink.scanned}) == 1


async def test_complete_lines_start_no_timer() -> None:
    bench = Bench()
    async with driven(bench.driver):
        await bench.arrive(*[b"RB123456785GB\r"] * 50)
        assert bench.clock._sleepers == []
    assert len(bench.texts) == 50


async def test_the_scanner_is_known_by_its_first_barcode_and_no_sooner() -> None:
    bench = Bench()
    async with driven(bench.driver):
        await bench.clock.advance(60)
        assert bench.sink.identities == []
        await bench.arrive(b"A1\r", b"A2\r")
    assert bench.sink.identities == [""]


async def test_a_barcode_in_pieces_is_put_together() -> None:
    bench = Bench()
    async with driven(bench.driver):
        for piece in (b"RB12", b"3456", b"785GB\r\nRR28"):
            await bench.arrive(piece)
            await bench.clock.advance(TORN_SILENCE_S * 0.9)
        await bench.arrive(b"7043775IN\r")
    assert bench.texts == ["RB123456785GB", "RR287043775IN"]
    assert bench.sink.troubles == []


async def test_a_barcode_that_stays_unfinished_is_dropped_and_reported() -> None:
    bench = Bench()
    async with driven(bench.driver):
        await bench.arrive(b"\x00RB12")
        await bench.clock.advance(TORN_SILENCE_S)
        assert [error.code for error in bench.sink.troubles] == ["frame.torn"]
        await bench.arrive(b"RB123456785GB\r")
    assert bench.texts == ["RB123456785GB"]


async def test_without_terminator_each_silence_ends_a_barcode() -> None:
    bench = Bench(terminator="none", idle_gap_ms=100)
    async with driven(bench.driver):
        await bench.arrive(b"RB1234")
        await bench.clock.advance(0.09)
        await bench.arrive(b"56785GB")
        assert bench.texts == []
        await bench.clock.advance(0.1)
        assert bench.texts == ["RB123456785GB"]
        await bench.arrive(b"RR287043775IN")
        await bench.clock.advance(0.1)
    assert bench.texts == ["RB123456785GB", "RR287043775IN"]


async def test_nothing_is_lost_when_silence_ends_just_as_bytes_arrive() -> None:
    bench = Bench(terminator="none", idle_gap_ms=100)
    async with driven(bench.driver):
        for number in range(20):
            await bench.arrive(b"A%02d" % number)
            late = asyncio.ensure_future(bench.clock.sleep(0.1))
            late.add_done_callback(lambda _: bench.link.arrive(b"+"))
            await bench.clock.advance(0.1)
            await bench.clock.advance(0.3)
    assert "".join(bench.texts).replace("+", "") == "".join(f"A{number:02d}" for number in range(20))
    assert "".join(bench.texts).count("+") == 20


async def test_at_hang_up_the_unfinished_barcode_is_reported_not_delivered() -> None:
    for terminator in ("any", "cr", "crlf", "etx", "none"):
        bench = Bench(terminator=terminator)
        async with driven(bench.driver) as task:
            await bench.arrive(b"\x02RB1234")
            bench.link.hang_up()
            await turns()
            assert isinstance(task.exception(), LinkError), terminator
        assert bench.texts == [], terminator
        assert [error.code for error in bench.sink.troubles] == ["frame.torn"], terminator


async def test_a_barcode_without_end_does_not_stop_the_next_one() -> None:
    bench = Bench()
    async with driven(bench.driver):
        await bench.arrive(*[b"x" * 1000] * 10, b"\rRB123456785GB\r")
    assert bench.texts == ["RB123456785GB"]
    assert [error.code for error in bench.sink.troubles] == ["frame.too_long"]


async def test_the_aim_identifier_and_the_raw_bytes_go_with_the_text() -> None:
    bench = Bench(aim=True)
    async with driven(bench.driver):
        await bench.arrive(b"]C10112345678901231\x1d10ABC\r")
    (scan,) = bench.sink.scanned
    assert (scan.aim, scan.text) == ("]C1", "0112345678901231\x1d10ABC")
    assert scan.raw == b"]C10112345678901231\x1d10ABC"


async def test_what_comes_while_the_agent_is_busy_keeps_its_moment_and_is_handed_over_together() -> None:
    bench = Bench()
    may_go_on = asyncio.Event()
    taken: list[list[Scan]] = []

    async def slow(scans: Sequence[Scan]) -> None:
        taken.append(list(scans))
        await may_go_on.wait()

    bench.sink.scans = slow  # type: ignore[method-assign]  # a sink that takes its time
    async with driven(bench.driver):
        await bench.arrive(b"A1\r")
        for late in (b"A2\r", b"A3\r"):
            await bench.clock.advance(1)
            await bench.arrive(late)
        await bench.clock.advance(5)
        assert [[scan.text for scan in scans] for scans in taken] == [["A1"]]
        may_go_on.set()
        await turns()
    assert [[scan.text for scan in scans] for scans in taken] == [["A1"], ["A2", "A3"]]
    first, second, third = [scan.at.uptime_ms for scans in taken for scan in scans]
    assert (second - first, third - first) == (1000, 2000)


async def test_a_slow_sink_holds_the_reading_back() -> None:
    bench = Bench()
    may_go_on = asyncio.Event()

    async def slow(scans: Sequence[Scan]) -> None:
        await may_go_on.wait()
        bench.sink.scanned += scans

    bench.sink.scans = slow  # type: ignore[method-assign]  # a sink that takes its time
    piece = b"RB123456785GB\r" * 100
    pieces = 40
    async with driven(bench.driver):
        await bench.arrive(*[piece] * pieces)
        left = bench.link.discard_input()
        in_hand_and_waiting = len(piece) * pieces - left
        assert in_hand_and_waiting < 2 * (WAITING_BYTES + len(piece))
        bench.link.arrive(piece)
        may_go_on.set()
        await turns()
    assert len(bench.texts) * 14 == len(piece) * (pieces + 1) - left


async def test_a_scanner_is_never_written_to() -> None:
    bench = Bench()
    async with driven(bench.driver):
        await bench.arrive(b"A1\rA", b"2\r")
        await bench.clock.advance(10)
    assert bench.link.written == b""
