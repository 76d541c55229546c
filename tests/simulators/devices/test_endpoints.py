"""Endpoints as a host sees them: through pyserial and plain sockets, plugged, unplugged, re-plugged."""

from __future__ import annotations

import asyncio
import socket
from collections.abc import AsyncIterator
from pathlib import Path

import pytest
import serial

from edge_agent.sdk.clock import ManualClock
from edge_agent.sdk.driver import SerialSettings
from edge_agent.sdk.errors import ConfigError, LinkError
from simulators.descriptors import byte_time_s
from simulators.endpoints import Endpoint, PtyEndpoint, TcpEndpoint
from tests.simulators.devices.conftest import until

OFF_THREAD = asyncio.to_thread


@pytest.fixture
async def pty(tmp_path: Path) -> AsyncIterator[PtyEndpoint]:
    endpoint = PtyEndpoint(tmp_path, "SCALE01")
    await endpoint.start()
    yield endpoint
    await endpoint.close()


@pytest.fixture
async def tcp() -> AsyncIterator[TcpEndpoint]:
    endpoint = TcpEndpoint()
    await endpoint.start()
    yield endpoint
    await endpoint.close()


def dial(endpoint: TcpEndpoint) -> socket.socket:
    _, host, port = endpoint.url.split(":")
    return socket.create_connection((host, int(port)), timeout=10)


def push(host: socket.socket, most: int) -> int:
    """Send until the line takes no more; gives how many bytes that were."""
    host.setblocking(False)
    sent = 0
    try:
        while sent < most:
            sent += host.send(bytes(65_536))
    except BlockingIOError:
        return sent
    return sent


def read_all(host: socket.socket, count: int) -> bytes:
    data = b""
    while len(data) < count and (piece := host.recv(65_536)):
        data += piece
    return data


def open_descriptors() -> int:
    return len(list(Path("/proc/self/fd").iterdir()))


async def test_pyserial_talks_both_ways_over_the_pty(pty: PtyEndpoint) -> None:
    assert pty.url == f"serial:{pty.path}"
    with serial.Serial(str(pty.path), 9600, timeout=10) as host:
        host.write(b"W\r")
        assert await pty.read() == b"W\r"
        await pty.write(b"\x02 1.234\r")
        assert await OFF_THREAD(host.read, 8) == b"\x02 1.234\r"


async def test_every_byte_crosses_the_pty_unchanged(pty: PtyEndpoint) -> None:
    every = bytes(range(256))
    with serial.Serial(str(pty.path), timeout=10) as host:
        host.write(every)
        got = b""
        while len(got) < 256:
            got += await pty.read()
        assert got == every
        await pty.write(every)
        assert await OFF_THREAD(host.read, 256) == every


async def test_the_pty_echoes_nothing_after_its_host_has_gone(pty: PtyEndpoint) -> None:
    with serial.Serial(str(pty.path)) as host:
        host.write(b"first")
        assert await pty.read() == b"first"
    await pty.write(b"to nobody")
    with serial.Serial(str(pty.path)) as host:
        host.write(b"second")
        assert await pty.read() == b"second"


async def test_unplugging_the_pty_ends_a_blocked_read_and_removes_the_name(pty: PtyEndpoint) -> None:
    with serial.Serial(str(pty.path), timeout=20) as host:
        blocked = asyncio.ensure_future(OFF_THREAD(host.read, 1))
        await asyncio.sleep(0)
        await pty.unplug()
        with pytest.raises(serial.SerialException):
            await blocked
    assert not pty.path.is_symlink()
    assert not pty.connected


async def test_the_device_is_told_of_a_hang_up_once_and_then_waits(pty: PtyEndpoint) -> None:
    await pty.unplug()
    with pytest.raises(LinkError):
        await pty.read()
    await pty.plug()
    with serial.Serial(str(pty.path)) as host:
        host.write(b"again")
        assert await pty.read() == b"again"


async def test_what_a_host_said_before_it_left_is_read_before_the_hang_up(tcp: TcpEndpoint) -> None:
    with dial(tcp) as host:
        await until(lambda: tcp.connected)
        host.sendall(b"last words")
    assert await tcp.read() == b"last words"
    with pytest.raises(LinkError):
        await tcp.read()


async def test_the_name_is_the_same_at_each_plug_and_points_to_a_fresh_port(pty: PtyEndpoint) -> None:
    first = pty.path.readlink()
    with serial.Serial(str(pty.path)) as held:
        await pty.unplug()
        await pty.plug()
        assert pty.path.readlink() != first or held.is_open
        with serial.Serial(str(pty.path), timeout=10) as host:
            await pty.write(b"hello")
            assert await OFF_THREAD(host.read, 5) == b"hello"


async def test_a_pty_whose_host_reads_nothing_loses_bytes_and_does_not_hang(pty: PtyEndpoint) -> None:
    async with asyncio.timeout(10):
        await pty.write(bytes(200_000))
    assert pty.lost_bytes > 0


async def test_a_file_of_that_name_is_not_overwritten(tmp_path: Path) -> None:
    (tmp_path / "SCALE01").write_text("mine")
    with pytest.raises(ConfigError, match="no symlink"):
        await PtyEndpoint(tmp_path, "SCALE01").start()
    assert (tmp_path / "SCALE01").read_text() == "mine"


async def test_a_name_taken_over_by_another_is_left_to_it(pty: PtyEndpoint, tmp_path: Path) -> None:
    other = PtyEndpoint(tmp_path, "SCALE01")
    await other.start()
    await pty.unplug()
    assert pty.path.is_symlink()
    await other.close()


@pytest.mark.parametrize("name", ["", "a/b", "..", "/tmp/x"])
def test_a_port_name_is_one_file_name(tmp_path: Path, name: str) -> None:
    with pytest.raises(ConfigError):
        PtyEndpoint(tmp_path, name)


async def test_a_paced_pty_takes_the_time_of_its_line(tmp_path: Path) -> None:
    clock = ManualClock()
    endpoint = PtyEndpoint(tmp_path, "SLOW", line=SerialSettings(9600), clock=clock)
    await endpoint.start()
    with serial.Serial(str(endpoint.path), timeout=10) as host:
        sending = asyncio.ensure_future(endpoint.write(b"x" * 960))
        await clock.advance(0.9)
        assert not sending.done()
        await clock.advance(0.2)
        await sending
        assert await OFF_THREAD(host.read, 960) == b"x" * 960
    await endpoint.close()


def test_a_byte_takes_ten_bits_at_8n1_and_as_many_at_7e1() -> None:
    assert byte_time_s(SerialSettings(9600)) == pytest.approx(10 / 9600)
    assert byte_time_s(SerialSettings(9600, 7, "E", 1)) == pytest.approx(10 / 9600)
    assert byte_time_s(None) == 0


async def test_a_socket_talks_both_ways(tcp: TcpEndpoint) -> None:
    with dial(tcp) as host:
        host.sendall(b"W\r")
        assert await tcp.read() == b"W\r"
        await tcp.write(b"ok")
        assert host.recv(10) == b"ok"


async def test_unplugging_tcp_hangs_up_and_refuses_until_plugged_at_the_same_port(tcp: TcpEndpoint) -> None:
    url = tcp.url
    with dial(tcp) as host:
        await until(lambda: tcp.connected)
        await tcp.unplug()
        assert await OFF_THREAD(host.recv, 1) == b""
    with pytest.raises(ConnectionRefusedError):
        dial(tcp)
    with pytest.raises(LinkError):
        await tcp.read()
    await tcp.plug()
    assert tcp.url == url
    with dial(tcp) as host:
        host.sendall(b"again")
        assert await tcp.read() == b"again"


async def test_a_second_host_is_turned_away_while_the_first_talks(tcp: TcpEndpoint) -> None:
    with dial(tcp) as first, dial(tcp) as second:
        assert await OFF_THREAD(second.recv, 1) == b""
        await tcp.write(b"first")
        assert first.recv(5) == b"first"


async def test_the_next_host_is_served_after_the_first_has_gone(tcp: TcpEndpoint) -> None:
    with dial(tcp):
        await until(lambda: tcp.connected)
    with pytest.raises(LinkError):
        await tcp.read()
    with dial(tcp) as host:
        host.sendall(b"x")
        assert await tcp.read() == b"x"


async def test_several_hosts_all_hear_the_device_where_that_is_wanted() -> None:
    tcp = TcpEndpoint(one_client=False)
    await tcp.start()
    with dial(tcp) as one, dial(tcp) as two:
        await until(lambda: tcp.hosts == 2)
        await tcp.write(b"all")
        assert (one.recv(3), two.recv(3)) == (b"all", b"all")
    await tcp.close()


async def test_a_device_that_reads_nothing_holds_the_host_back(tcp: TcpEndpoint) -> None:
    with dial(tcp) as host:
        await until(lambda: tcp.connected)
        assert push(host, 16 * 1024 * 1024) < 16 * 1024 * 1024


async def test_a_slow_host_gets_everything_if_it_keeps_reading(tcp: TcpEndpoint) -> None:
    big = bytes(range(256)) * 8192
    with dial(tcp) as host:
        await until(lambda: tcp.connected)
        reading = asyncio.ensure_future(OFF_THREAD(read_all, host, len(big)))
        await tcp.write(big)
        assert await reading == big
    assert tcp.lost_bytes == 0


async def test_a_host_that_resets_is_a_hang_up_and_loses_what_is_sent(tcp: TcpEndpoint) -> None:
    with dial(tcp) as host:
        await until(lambda: tcp.connected)
        host.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, b"\1\0\0\0\0\0\0\0")
    await tcp.write(b"12345")
    assert (tcp.connected, tcp.lost_bytes) == (False, 5)
    with pytest.raises(LinkError):
        await tcp.read()


async def test_an_unplug_ends_a_write_to_a_host_that_takes_nothing(tcp: TcpEndpoint) -> None:
    with dial(tcp):
        await until(lambda: tcp.connected)
        writing = asyncio.ensure_future(tcp.write(bytes(64_000_000)))
        await asyncio.sleep(0)
        await tcp.unplug()
        await asyncio.wait_for(writing, 20)
    assert tcp.lost_bytes > 0


async def test_a_taken_port_is_told(tcp: TcpEndpoint) -> None:
    port = int(tcp.url.rpartition(":")[2])
    with pytest.raises(ConfigError, match="cannot listen"):
        await TcpEndpoint(port=port).start()


async def test_writing_to_nobody_is_lost_and_counted(tcp: TcpEndpoint) -> None:
    await tcp.write(b"12345")
    assert tcp.lost_bytes == 5


async def test_plugging_and_unplugging_twice_changes_nothing(pty: PtyEndpoint, tcp: TcpEndpoint) -> None:
    ends: list[Endpoint] = [pty, tcp]
    for endpoint in ends:
        await endpoint.plug()
        await endpoint.unplug()
        await endpoint.unplug()
        await endpoint.close()


async def test_a_flapping_plug_leaves_no_descriptor_open(pty: PtyEndpoint) -> None:
    await pty.unplug()
    before = open_descriptors()
    for _ in range(50):
        await pty.plug()
        await pty.unplug()
    assert open_descriptors() == before
