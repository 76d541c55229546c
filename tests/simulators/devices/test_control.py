"""The control language: what each word does, and how a wrong one is told."""

from __future__ import annotations

import asyncio
import os
import stat
from collections.abc import AsyncIterator
from decimal import Decimal
from pathlib import Path

import pytest

from drivers.scales.toledo_8217 import SPEC as TOLEDO
from drivers.scanners.line import SPEC as LINE
from drivers.scanners.line import LineScannerDevice
from edge_agent.sdk.clock import ManualClock
from edge_agent.sdk.driver import Options
from edge_agent.sdk.errors import CommandError, ConfigError
from simulators.control import Control, Simulated
from simulators.control_socket import LINE_LIMIT, SESSIONS, ControlSocket
from simulators.loopback import LoopbackEndpoint
from simulators.print_buffer import Answer
from simulators.printer import PrinterSim
from simulators.scale import ScaleSim
from simulators.scale_physics import ScalePhysics
from simulators.scanner import ScannerSim
from simulators.wire import Wire
from tests.simulators.devices.conftest import running, until


class Bench:
    """All three devices in memory, and the one who tells them what to do."""

    def __init__(self) -> None:
        self.clock = ManualClock()
        self.ports = {name: LoopbackEndpoint(name) for name in ("scale", "scanner", "printer")}
        wires = {name: Wire(port, clock=self.clock) for name, port in self.ports.items()}
        encode = LineScannerDevice(Options(LINE.options)).encode
        self.scale = ScaleSim(TOLEDO, {}, wires["scale"], ScalePhysics(noise=0.0), self.clock)
        self.scanner = ScannerSim(encode, wires["scanner"], self.clock)
        self.printer = PrinterSim(wires["printer"], self.clock)
        self.devices: dict[str, Simulated] = {
            "scale": self.scale,
            "scanner": self.scanner,
            "printer": self.printer,
        }
        self.control = Control(self.devices, self.clock)

    async def say(self, *lines: str) -> str:
        for line in lines:
            answer = await self.control.answer(line)
            await self.clock.advance(10)
        return answer


@pytest.fixture
def bench() -> Bench:
    return Bench()


# What words do


async def test_a_load_is_put_and_cleared(bench: Bench) -> None:
    await bench.say("scale put 1.235")
    assert await bench.say("scale show") == "ok stable: gross 1.235 tare 0.000 kg"
    await bench.say("scale clear")
    assert bench.scale.indication().centre_zero


async def test_overload_and_below(bench: Bench) -> None:
    await bench.say("scale overload")
    assert bench.scale.indication().overload
    await bench.say("scale below")
    assert bench.scale.indication().underload


async def test_tare_zero_and_untare(bench: Bench) -> None:
    assert await bench.say("scale put 0.5", "scale tare") == "ok tared"
    assert bench.scale.indication().net == 0
    assert await bench.say("scale tare 0.250") == "ok tared"
    assert (
        await bench.say("scale tare 0.251")
        == "ok refused: in motion, outside of the range, or no weight of this scale"
    )
    assert await bench.say("scale untare", "scale zero") == "ok zeroed"


async def test_a_knock_moves_and_a_stuck_scale_does_not(bench: Bench) -> None:
    await bench.control.obey("scale knock")
    assert bench.scale.indication().motion
    await bench.say("scale free", "scale stick", "scale put 3")
    assert bench.scale.indication().gross == 0
    await bench.say("scale free")
    assert bench.scale.indication().gross == 3


async def test_drift_power_fault_and_unit(bench: Bench) -> None:
    await bench.say("scale drift 0.060")
    assert bench.scale.indication().gross == Decimal("0.010")
    assert await bench.say("scale power off", "scale show") == "ok without power, or starting"
    await bench.say("scale power on", "scale fault on", "scale unit lb")
    assert bench.scale.indication().fault
    assert bench.scale.indication().unit == "lb"


async def test_scans_good_and_bad(bench: Bench) -> None:
    await bench.ports["scanner"].plug()
    link = bench.ports["scanner"].host()
    lines = ("scan RR123456785BD", r"scanner scan a\x1db\\c", "scanner burst one two", "scanner partial abcd")
    await bench.say(*lines, "scanner ending tab x y")
    sent = [await link.read() for _ in range(6)]
    assert sent == [b"RR123456785BD\r", b"a\x1db\\c\r", b"one\r", b"two\r", b"ab", b"x y\t"]


async def test_a_double_is_scanned_twice(bench: Bench) -> None:
    await bench.ports["scanner"].plug()
    link = bench.ports["scanner"].host()
    doubling = asyncio.ensure_future(bench.control.obey("scanner double abc"))
    await bench.clock.advance(1)
    assert await doubling == "scanned twice"
    assert [await link.read() for _ in range(2)] == [b"abc\r"] * 2


async def test_the_printer_is_played_with(bench: Bench) -> None:
    path = bench.printer.path
    await bench.say("printer paper out", "printer cover open", "printer jam on", "printer heat on")
    assert (path.paper_out, path.cover_open, path.cutter_jammed, path.overheated) == (True, True, True, True)
    await bench.say("printer paper in 2000", "printer cover close", "printer jam off", "printer heat off")
    assert (path.halted, path.left_mm) == (False, 2000)
    await bench.say("printer paper near", "printer pause on", "printer error on", "printer worn 0 1")
    assert (path.near_end, path.paused, path.unrecoverable) == (True, True, True)
    await bench.say("printer mute on", "printer garbage on", "printer blind on", "printer answers eot gs_r")
    assert (bench.printer.mute, bench.printer.garbage, bench.printer.blind) == (True, True, True)
    assert bench.printer.answers == frozenset({Answer.EOT, Answer.GS_R})
    assert await bench.say("printer answers none") == "ok answers nothing"
    assert (await bench.say("printer show")).startswith("ok halted: 999 mm of paper, 0 labels, 0 violations")
    await bench.say("printer paper ends 0")
    assert path.paper_out


async def test_the_printer_loses_power_after_bytes(bench: Bench) -> None:
    await bench.ports["printer"].plug()
    link = bench.ports["printer"].host()
    async with running(bench.printer.run()):
        await bench.say("printer power cut 5")
        await link.write(bytes(10), 1)
        await bench.clock.advance(0)
        assert not bench.printer.powered
        assert await bench.say("printer power on") == "ok power on"
        assert await bench.say("printer power off") == "ok power off"


async def test_unplug_plug_and_list(bench: Bench) -> None:
    await bench.say("plug scale")
    bench.ports["scale"].host()
    await bench.say("unplug scale")
    assert not bench.scale.endpoint.connected
    assert await bench.say("plug scale") == "ok scale is at loopback:scale"
    assert "printer at loopback:printer" in await bench.say("list")


async def test_a_wire_is_impaired_and_cleaned(bench: Bench) -> None:
    await bench.ports["scanner"].plug()
    link = bench.ports["scanner"].host()
    await bench.say("wire scanner truncated 2", "scan abc", "wire scanner clean", "scan abc")
    assert [await link.read() for _ in range(2)] == [b"ab", b"abc\r"]
    assert await bench.say("wire scanner device silent") == "ok scanner to the device: silent"


async def test_help_names_every_word(bench: Bench) -> None:
    told = await bench.say("help")
    for word in (
        "scale put WEIGHT",
        "printer paper in [MM]|out|near|ends ROWS",
        "unplug NAME",
        "wait SECONDS",
    ):
        assert word in told


async def test_waiting_takes_its_time(bench: Bench) -> None:
    waiting = asyncio.ensure_future(bench.control.obey("wait 30"))
    await bench.clock.advance(29)
    assert not waiting.done()
    await bench.clock.advance(2)
    assert await waiting == ""


# What is wrong


@pytest.mark.parametrize(
    ("line", "told"),
    [
        ("", "unknown device or word ''"),
        ("scalle put 1", "did you mean 'scale'?"),
        ("scale", "unknown verb for scale ''; known: put, clear"),
        ("scale putt 1", "did you mean 'put'?"),
        ("scale put", "a load is a number such as 1.234, not ''"),
        ("scale put one", "not 'one'"),
        ("scale put NaN", "not 'NaN'"),
        ("scale put 1 2", "not '1 2'"),
        ("scale clear now", "scale clear takes nothing more"),
        ("scale knock -1", "a knock in divisions is a whole number up to 10000"),
        ("scale drift 31", "drifts by more than Max"),
        ("scale power maybe", "expected on or off, not 'maybe'"),
        ("scale unit g", "toledo_8217 tells only kg or lb, not g"),
        ("scan", "expected the text of a barcode"),
        ("scanner ending bell x", "expected none or cr or lf"),
        ("printer paper", "expected in or out or near or ends"),
        ("printer paper in lots", "a roll in mm is a whole number"),
        ("printer paper ends", "a number of rows is a whole number"),
        ("printer power cut", "a number of bytes is a whole number"),
        ("printer power cut 9" + "9" * 5000, "whole number up to"),
        ("printer answers all none", "expected eot or asb"),
        ("printer worn 576", "a column is a whole number up to 575"),
        ("unplug", "unknown device or word ''"),
        ("plug keyboard", "unknown device or word 'keyboard'"),
        ("wire scale", "expected a fault: clean, silent, bytewise"),
        ("wire scale loud", "unknown fault 'loud'"),
        ("wait forever", "a number of seconds is a whole number up to 3600"),
    ],
)
async def test_a_wrong_line_is_told_with_what_was_expected(bench: Bench, line: str, told: str) -> None:
    answer = await bench.control.answer(line)
    assert answer.startswith("error ")
    assert told in answer


async def test_a_wrong_line_raises_where_the_caller_wants_it(bench: Bench) -> None:
    with pytest.raises(CommandError):
        await bench.control.obey("nonsense")


async def test_two_scanners_must_be_named(bench: Bench) -> None:
    bench.devices["scanner-2"] = bench.scanner
    assert "there are 2 scanners: name one" in await bench.control.answer("scan x")


async def test_a_device_without_a_wire_cannot_be_impaired() -> None:
    bench = Bench()
    bench.scanner.endpoint = bench.ports["scanner"]
    assert "no fault wire" in await bench.control.answer("wire scanner silent")


@pytest.mark.parametrize(
    "line", ["\x00", "scale put \u0967", "🦆" * 1000, "scan \ud800", "scale put 1e999999999"]
)
async def test_no_text_breaks_the_control(bench: Bench, line: str) -> None:
    assert (await bench.control.answer(line)).split()[0] in ("ok", "error")


# The socket


async def echo(line: str) -> str:
    return f"ok {line}"


async def exchange(path: Path, sent: bytes) -> bytes:
    reader, writer = await asyncio.open_unix_connection(str(path))
    writer.write(sent)
    writer.write_eof()
    answer = await asyncio.wait_for(reader.read(), 20)
    writer.close()
    await writer.wait_closed()
    return answer


@pytest.fixture
async def door(tmp_path: Path) -> AsyncIterator[Path]:
    path = tmp_path / "control.sock"
    async with ControlSocket(path, echo) as socket, running(socket.serve()):
        yield path


async def test_each_line_gets_its_answer_in_order(door: Path) -> None:
    assert await exchange(door, b"one\ntwo\r\nthree\n") == b"ok one\nok two\nok three\n"


async def test_only_the_owner_may_connect(door: Path) -> None:
    assert stat.S_IMODE(os.stat(door).st_mode) == 0o600  # noqa: PTH116 - a local file


async def test_an_endless_line_is_refused_and_the_next_one_obeyed(door: Path) -> None:
    answer = await exchange(door, b"x" * (LINE_LIMIT + 100) + b"\nnext\n")
    assert answer == f"error a line has at most {LINE_LIMIT} bytes\nok next\n".encode()


async def test_bytes_that_are_no_text_are_answered(door: Path) -> None:
    assert await exchange(door, b"\xff\xfe\n") == "ok \ufffd\ufffd\n".encode()


async def test_too_many_sessions_are_turned_away(door: Path) -> None:
    held = [await asyncio.open_unix_connection(str(door)) for _ in range(SESSIONS)]
    for _, writer in held:
        writer.write(b"here\n")
    for reader, _ in held:
        assert await asyncio.wait_for(reader.readline(), 20) == b"ok here\n"
    reader, extra = await asyncio.open_unix_connection(str(door))
    assert await asyncio.wait_for(reader.read(), 20) == b""
    for writer in (extra, *(writer for _, writer in held)):
        writer.close()


async def test_the_socket_file_goes_with_its_owner_and_a_stale_one_is_replaced(tmp_path: Path) -> None:
    path = tmp_path / "control.sock"
    async with ControlSocket(path, echo):
        path.rename(tmp_path / "stale.sock")
    (tmp_path / "stale.sock").rename(path)
    async with ControlSocket(path, echo) as socket, running(socket.serve()):
        assert await exchange(path, b"x\n") == b"ok x\n"
    await until(lambda: not path.exists())


async def test_a_socket_in_use_is_not_taken_over(door: Path) -> None:
    with pytest.raises(ConfigError, match="cannot listen"):
        async with ControlSocket(door, echo):
            pass


async def test_a_file_in_the_way_is_not_removed(tmp_path: Path) -> None:
    (tmp_path / "control.sock").write_text("mine")
    with pytest.raises(ConfigError):
        async with ControlSocket(tmp_path / "control.sock", echo):
            pass
    assert (tmp_path / "control.sock").read_text() == "mine"
