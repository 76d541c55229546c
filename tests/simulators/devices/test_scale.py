"""A simulated scale: any device half, any endpoint; here Toledo on real ptys and made-up halves in memory."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from decimal import Decimal
from pathlib import Path
from typing import Any

import pytest
import serial

from drivers.scales.toledo_8217 import SPEC as TOLEDO
from edge_agent.sdk.clock import ManualClock, SystemClock
from edge_agent.sdk.driver import Ask, DriverSpec, Indication, Kind, Options, Request
from edge_agent.sdk.errors import ConfigError, ProtocolError
from edge_agent.sdk.testing import good
from edge_agent.sdk.values import Status
from simulators.endpoints import PtyEndpoint, TcpEndpoint
from simulators.loopback import LoopbackEndpoint, LoopbackLink
from simulators.scale import ScaleSim
from simulators.scale_physics import ScalePhysics
from tests.simulators.devices.conftest import running

OFF_THREAD = asyncio.to_thread
UNKG = {"unit": "kg"}


class WordsHalf:
    """A made-up protocol: one word is one request, each answer tells everything."""

    def __init__(self, options: Options) -> None:
        self.fed = 0

    def feed(self, data: bytes) -> list[Request | ProtocolError]:
        self.fed += 1
        return [self._request(word) for word in data.decode().split()]

    def _request(self, word: str) -> Request | ProtocolError:
        name, _, value = word.partition(":")
        if name == "bad":
            return ProtocolError("frame.grammar", "no request", name.encode())
        return Request(Ask(name), value)

    def reply(self, request: Request, now: Indication, *, done: bool = True) -> bytes:
        return f"{request.ask} {now.net} {'done' if done else 'refused'} #{self.fed}".encode()

    def broadcast(self, now: Indication) -> bytes:
        return f"unasked {now.net}".encode()


def made_up(device_half: Any = WordsHalf) -> DriverSpec:
    return DriverSpec("words", Kind.SCALE, "made up", decoder=TOLEDO.decoder, device_half=device_half)


class Stage:
    """A made-up scale in memory on a manual clock."""

    def __init__(self, load: str = "0") -> None:
        self.clock = ManualClock()
        self.endpoint = LoopbackEndpoint()
        physics = ScalePhysics(noise=0.0)
        self.scale = ScaleSim(made_up(), {}, self.endpoint, physics, self.clock, rate_hz=1)
        self.scale.put(Decimal(load))

    async def open(self) -> LoopbackLink:
        await self.endpoint.plug()
        return self.endpoint.host()

    async def ask(self, link: LoopbackLink, words: str) -> str:
        link.discard_input()
        await link.write(words.encode(), 1)
        await self.clock.advance(0)
        return (await link.read()).decode()


@pytest.fixture
async def stage() -> AsyncIterator[Stage]:
    stage = Stage()
    async with running(stage.scale.run()):
        yield stage


# Toledo, over real ports


async def ask_toledo(host: serial.Serial, request: bytes, until: bytes = b"\r") -> bytes:
    host.write(request)
    return bytes(await OFF_THREAD(host.read_until, until))


def toledo(tmp_path: Path, load: str, **options: object) -> ScaleSim:
    physics = ScalePhysics(noise=0.0)
    scale = ScaleSim(TOLEDO, options or UNKG, PtyEndpoint(tmp_path, "scale"), physics, SystemClock())
    physics.put(Decimal(load))
    physics.advance(60)
    return scale


async def test_a_toledo_scale_is_weighed_over_a_pty(tmp_path: Path) -> None:
    scale = toledo(tmp_path, "7.650")
    await scale.endpoint.start()
    with serial.Serial(scale.endpoint.url.removeprefix("serial:"), timeout=20) as host:
        async with running(scale.run()):
            assert await ask_toledo(host, b"W") == b"\x0207.650\r"
    await scale.endpoint.close()


async def test_a_toledo_scale_is_tared_and_zeroed_over_a_pty(tmp_path: Path) -> None:
    scale = toledo(tmp_path, "1.250")
    await scale.endpoint.start()
    with serial.Serial(scale.endpoint.url.removeprefix("serial:"), timeout=20) as host:
        async with running(scale.run()):
            await ask_toledo(host, b"T")
            assert await ask_toledo(host, b"W") == b"\x0200.000N\r"
            await ask_toledo(host, b"C")
            assert await ask_toledo(host, b"W") == b"\x0201.250\r"
            await ask_toledo(host, b"Z")
            assert await ask_toledo(host, b"W") == b"\x0201.250\r"
    await scale.endpoint.close()


async def test_overload_on_the_wire_reads_as_no_number(tmp_path: Path) -> None:
    scale = toledo(tmp_path, "31")
    decoder = TOLEDO.decoder(Options(TOLEDO.options, UNKG))
    await scale.endpoint.start()
    with serial.Serial(scale.endpoint.url.removeprefix("serial:"), timeout=20) as host:
        async with running(scale.run()):
            frame = await ask_toledo(host, b"W")
    assert [(reading.status, reading.weight) for reading in good(decoder.feed(frame))] == [
        (Status.OVERLOAD, None)
    ]
    await scale.endpoint.close()


async def test_a_scale_without_power_is_silent_and_answers_after_its_self_test(tmp_path: Path) -> None:
    scale = toledo(tmp_path, "0")
    await scale.endpoint.start()
    with serial.Serial(scale.endpoint.url.removeprefix("serial:"), timeout=0.2) as host:
        async with running(scale.run()):
            scale.physics.power(False)
            assert await ask_toledo(host, b"W") == b""
            scale.physics.power(True)
            scale.physics.advance(10)
            host.timeout = 20
            assert await ask_toledo(host, b"W") == b"\x0200.000\r"
    await scale.endpoint.close()


async def test_the_same_scale_serves_tcp() -> None:
    endpoint = TcpEndpoint()
    scale = ScaleSim(TOLEDO, UNKG, endpoint, ScalePhysics(), SystemClock())
    await endpoint.start()
    host, port = endpoint.url.split(":")[1:]
    async with running(scale.run()):
        reader, writer = await asyncio.open_connection(host, int(port))
        writer.write(b"W")
        assert await asyncio.wait_for(reader.readuntil(b"\r"), 20) == b"\x0200.000\r"
        writer.close()
        await writer.wait_closed()
    await endpoint.close()


def test_a_unit_that_the_protocol_cannot_tell_is_refused() -> None:
    with pytest.raises(ConfigError, match="only kg or lb"):
        ScaleSim(TOLEDO, UNKG, LoopbackEndpoint(), ScalePhysics(unit="g"), ManualClock())


def test_a_protocol_without_a_device_half_is_refused() -> None:
    with pytest.raises(ConfigError, match="no simulated scale"):
        ScaleSim(made_up(None), {}, LoopbackEndpoint(), ScalePhysics(), ManualClock())


# Any protocol


async def test_a_continuous_scale_sends_unasked_at_its_rate(stage: Stage) -> None:
    link = await stage.open()
    await stage.clock.advance(3.0)
    assert [await link.read() for _ in range(3)] == [b"unasked 0.000"] * 3


async def test_a_stream_repeats_its_answer_until_stopped(stage: Stage) -> None:
    link = await stage.open()
    assert (await stage.ask(link, "stream")).startswith("stream")
    await stage.clock.advance(1.0)
    assert (await link.read()).startswith(b"stream")
    await stage.ask(link, "stop")
    await stage.clock.advance(5.0)
    assert link.discard_input() == 0


async def test_a_stream_ends_with_its_host(stage: Stage) -> None:
    link = await stage.open()
    await stage.ask(link, "stream")
    await link.close()
    link = await stage.open()
    await stage.clock.advance(1.0)
    assert await link.read() == b"unasked 0.000"


async def test_half_a_request_does_not_survive_a_hang_up(stage: Stage) -> None:
    link = await stage.open()
    assert (await stage.ask(link, "weight")).endswith("#1")
    await link.close()
    link = await stage.open()
    assert (await stage.ask(link, "weight")).endswith("#1")


async def test_a_stable_weight_is_waited_for(stage: Stage) -> None:
    link = await stage.open()
    stage.scale.put(Decimal(10))
    await link.write(b"stable_weight", 1)
    await stage.clock.advance(5)
    answers = [await link.read() for _ in range(5)]
    assert b"stable_weight 10.000 done #1" in answers


async def test_a_stable_weight_that_never_comes_is_refused_in_the_end(stage: Stage) -> None:
    link = await stage.open()
    await link.write(b"stable_weight", 1)
    for _ in range(60):
        stage.scale.physics.disturb(500)
        await stage.clock.advance(0.1)
    told = b""
    while b"stable" not in told:
        told = await link.read()
    assert told.endswith(b"refused #1")


async def test_zero_in_motion_is_refused(stage: Stage) -> None:
    link = await stage.open()
    stage.scale.put(Decimal("0.1"))
    assert "refused" in await stage.ask(link, "zero")


async def test_a_keyed_tare_is_taken_or_refused(stage: Stage) -> None:
    link = await stage.open()
    assert await stage.ask(link, "tare:0.250") == "tare -0.250 done #1"
    assert "refused" in await stage.ask(link, "tare:nonsense")
    assert "refused" in await stage.ask(link, "tare:NaN")
    assert await stage.ask(link, "clear_tare") == "clear_tare 0.000 done #4"


async def test_rubbish_is_kept_for_the_person_who_looks_and_answered_by_silence(stage: Stage) -> None:
    link = await stage.open()
    assert (await stage.ask(link, "bad weight")).startswith("weight")
    assert [error.code for error in stage.scale.rubbish] == ["frame.grammar"]
