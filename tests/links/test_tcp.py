"""TCP devices over real sockets: FIN, RST, half-open, stalled reader, addresses."""

import asyncio
import os
import random
import shutil
import socket
import subprocess
import sys
from pathlib import Path

import pytest

from edge_agent.links import tcp
from edge_agent.links.tcp import TcpLink, split_address
from edge_agent.links.waiting import WAITING_LIMIT
from edge_agent.sdk.errors import ConfigError
from tests.links.far_end import Server, eventually, lost, read_exactly, reset, soon

HALF_OPEN = Path(__file__).with_name("half_open.py")


async def connect(server: Server, host: str = "127.0.0.1") -> TcpLink:
    return await TcpLink.open(f"{host}:{server.port}", device="printer")


async def test_bytes_go_both_ways() -> None:
    with Server() as server:
        link = await connect(server)
        device = server.accept()
        await link.write(b"~HS\r\n", 1)
        assert device.recv(100) == b"~HS\r\n"
        device.sendall(b"\x02030\x03")
        assert await read_exactly(link, 5) == b"\x02030\x03"
        assert link.url == f"tcp:127.0.0.1:{server.port}"
        await link.close()


async def test_200_kb_arrive_complete_and_in_order_and_then_the_end_is_a_lost_link() -> None:
    data = random.Random(3).randbytes(200_000)
    with Server() as server:
        link = await connect(server)
        device = server.accept()
        sending = asyncio.create_task(asyncio.to_thread(device.sendall, data))
        assert await read_exactly(link, len(data)) == data
        await sending
        device.close()
        assert (await lost(link.read())).code == "link.lost"
        await link.close()
    await asyncio.get_running_loop().shutdown_default_executor()


async def test_a_reset_is_a_lost_link() -> None:
    with Server() as server:
        link = await connect(server)
        reading = asyncio.create_task(link.read())
        await asyncio.sleep(0)
        reset(server.accept())
        error = await lost(reading)
        assert (error.code, error.device) == ("link.lost", "printer")
        assert (await lost(link.write(b"x", 1))).code == "link.lost"
        await link.close()


async def test_a_peer_that_ends_while_nobody_reads_is_noticed_before_the_next_write() -> None:
    with Server() as server:
        link = await connect(server)
        server.accept().close()
        await eventually(lambda: bool(link._loss), "the end was not noticed")
        assert (await lost(link.write(b"label", 1))).accepted == 0
        await link.close()


async def test_a_stalled_reader_times_out_with_the_accepted_count() -> None:
    with Server(receive_buffer=4096) as server:
        link = await connect(server)
        device = server.accept()
        page = random.Random(4).randbytes(16_000_000)
        error = await lost(link.write(page, 0.3))
        assert error.code == "link.write_timeout"
        assert 0 < error.accepted < len(page)
        device.setblocking(False)
        got = bytearray()
        while len(got) < error.accepted:
            try:
                got += device.recv(1 << 20)
            except BlockingIOError:
                await asyncio.sleep(0.001)
        assert got == page[: error.accepted]
        await link.close()


async def test_a_reset_while_writing_is_a_lost_link_with_the_accepted_count() -> None:
    with Server(receive_buffer=4096) as server:
        link = await connect(server)
        device = server.accept()
        writing = asyncio.create_task(link.write(bytes(16_000_000), 10))
        await eventually(lambda: link._room is not None, "the write never waited")
        reset(device)
        error = await lost(writing)
        assert error.code == "link.lost"
        assert 0 < error.accepted < 16_000_000
        await link.close()


async def test_unread_answers_do_not_cut_off_what_was_written_before_closing() -> None:
    with Server() as server:
        link = await connect(server)
        device = server.accept()
        link._unwatch()
        device.sendall(b"status nobody reads")
        await link.write(b"last label" * 1000, 1)
        await link.close()
        got = b""
        device.settimeout(5)
        while data := device.recv(65536):
            got += data
        assert got == b"last label" * 1000


async def test_small_writes_are_not_delayed_and_a_silent_peer_is_asked() -> None:
    with Server() as server:
        link = await connect(server)
        with socket.socket(fileno=os.dup(link._descriptor)) as seen:
            values = {
                name: seen.getsockopt(level, option)
                for name, level, option in (
                    ("no delay", socket.IPPROTO_TCP, socket.TCP_NODELAY),
                    ("keepalive", socket.SOL_SOCKET, socket.SO_KEEPALIVE),
                    ("give up after ms", socket.IPPROTO_TCP, socket.TCP_USER_TIMEOUT),
                )
            }
        await link.close()
    assert values == {"no delay": 1, "keepalive": 1, "give up after ms": 30_000}


@pytest.mark.skipif(
    shutil.which("unshare") is None
    or subprocess.run(["unshare", "-rn", "ip", "link"], capture_output=True, check=False).returncode != 0,
    reason="needs unshare and ip: a network that can be cut",
)
def test_a_peer_that_vanishes_without_a_word_is_noticed() -> None:
    environment = {**os.environ, "PYTHONPATH": os.pathsep.join(path for path in sys.path if path)}
    ran = subprocess.run(
        ["unshare", "-rn", sys.executable, str(HALF_OPEN)],
        capture_output=True,
        text=True,
        timeout=30,
        check=False,
        env=environment,
    )
    assert ran.stdout.strip() == "link.lost", ran.stderr


async def test_a_port_without_listener_is_refused() -> None:
    with Server() as server:
        address = f"127.0.0.1:{server.port}"
    error = await lost(TcpLink.open(address, device="printer"))
    assert (error.code, error.device) == ("link.refused", "printer")
    assert error.hint


async def test_a_connection_that_met_itself_is_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    real = socket.socket

    def bound_first(family: int, kind: int) -> socket.socket:
        made = real(family, kind)
        made.bind(("127.0.0.1", port))
        return made

    monkeypatch.setattr(tcp.socket, "socket", bound_first)
    error = await lost(TcpLink.open(f"127.0.0.1:{port}", device="printer"))
    monkeypatch.undo()
    assert error.code == "link.refused"


async def test_a_host_that_never_answers_is_given_up(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(tcp, "CONNECT_TIMEOUT_S", 0.1)
    with socket.socket() as full:
        full.bind(("127.0.0.1", 0))
        full.listen(0)
        port = full.getsockname()[1]
        crowd = []
        for _ in range(4):
            one = socket.socket()
            one.setblocking(False)
            one.connect_ex(("127.0.0.1", port))
            crowd.append(one)
        error = await lost(TcpLink.open(f"127.0.0.1:{port}", device="printer"))
        for one in crowd:
            one.close()
    assert error.code == "link.open_timeout"


async def test_an_unknown_name_is_absent() -> None:
    error = await lost(TcpLink.open("printer.invalid:9100", device="printer"))
    assert error.code in {"link.absent", "link.open_timeout"}  # a box whose resolver is down does not answer


async def test_a_name_is_looked_up() -> None:
    with Server() as server:
        link = await connect(server, "localhost")
        await link.close()


async def test_version_6_addresses_stand_in_brackets() -> None:
    try:
        server = Server(socket.AF_INET6)
    except OSError:
        pytest.skip("no IPv6 here")
    with server:
        link = await connect(server, "[::1]")
        await link.close()


async def test_a_cancelled_connect_leaves_nothing(monkeypatch: pytest.MonkeyPatch) -> None:
    with Server() as server:
        for turns in range(8):
            opening = asyncio.create_task(connect(server))
            for _ in range(turns):
                await asyncio.sleep(0)
            opening.cancel()
            for link in await asyncio.gather(opening, return_exceptions=True):
                if isinstance(link, TcpLink):
                    await link.close()


async def test_closing_during_a_read_ends_it() -> None:
    with Server() as server:
        link = await connect(server)
        reading = asyncio.create_task(link.read())
        await asyncio.sleep(0)
        await link.close()
        await link.close()
        assert (await lost(reading)).code == "link.lost"


async def test_a_flood_without_a_reader_is_held_back() -> None:
    with Server() as server:
        link = await connect(server)
        device = server.accept()
        device.setblocking(False)
        sent = refused = 0
        while refused < 200 and sent < 32 * 1024 * 1024:
            try:
                sent += device.send(bytes(65536))
                refused = 0
            except BlockingIOError:
                refused += 1
                await asyncio.sleep(0.0005)
        assert len(link._waiting) == WAITING_LIMIT
        assert sent < 32 * 1024 * 1024
        assert len(await soon(link.read())) == WAITING_LIMIT
        await link.close()


@pytest.mark.parametrize(
    ("address", "parts"),
    [
        ("192.168.1.50:9100", ("192.168.1.50", 9100)),
        ("printer_1.local:1", ("printer_1.local", 1)),
        ("printer.local.:65535", ("printer.local.", 65535)),
        ("[::1]:9100", ("::1", 9100)),
        ("[fe80::1%eth0]:9100", ("fe80::1%eth0", 9100)),
    ],
)
def test_addresses_that_are_understood(address: str, parts: tuple[str, int]) -> None:
    assert split_address(address) == parts


@pytest.mark.parametrize(
    "address",
    [
        "", ":", "host", "host:", ":9100", "host:0", "host:65536", "host:+9100", "host: 9100",
        "host:９１００", "::1:9100", "[::1]", "[]:9100", "[host]:9100", "[::1:9100", "a..b:1", "-a:1",
        "a b:1", "a/b:1", "user@host:1", "host:1:2", "host:99999999999", "x" * 300 + ":1", "host:9100\n",
        "ho\x00st:1", "[::1%\n]:1", "[fe80::1%পথ]:1", "দোকান:9100",
    ],
)  # fmt: skip
def test_addresses_that_are_refused_with_a_hint(address: str) -> None:
    with pytest.raises(ConfigError) as refusal:
        split_address(address)
    assert refusal.value.code == "config.port_url"
    assert refusal.value.hint
    assert str(refusal.value).isascii()
