"""The hot-plug signal: parsing, waking, coalescing, falling back, and sleeping when nobody waits."""

import asyncio
import errno
import socket
import struct
from collections.abc import Iterator
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from edge_agent.links import hotplug as module
from edge_agent.links.hotplug import MESSAGE_LIMIT, DeviceEvent, Hotplug, kernel_events, parse_uevent
from tests.links.far_end import soon

ADD = b"add@/devices/usb1/1-1/ttyUSB0/tty/ttyUSB0\0ACTION=add\0SUBSYSTEM=tty\0DEVNAME=ttyUSB0\0SEQNUM=9\0"
BATTERY = b"change@/devices/battery\0ACTION=change\0SUBSYSTEM=power_supply\0SEQNUM=10\0"


def from_udev(properties: bytes, *, magic: bytes = b"\xfe\xed\xca\xfe", start: int = 40) -> bytes:
    header = struct.pack("=8s4sIII", b"libudev\0", magic, 40, start, len(properties))
    return header.ljust(40, b"\0") + properties


class Kernel:
    """Stands where the kernel does: what it says arrives as datagrams."""

    def __init__(self) -> None:
        self.ours, self.theirs = socket.socketpair(socket.AF_UNIX, socket.SOCK_DGRAM)
        self.theirs.setblocking(False)

    def source(self) -> socket.socket:
        return self.theirs

    def say(self, message: bytes = ADD) -> None:
        self.ours.send(message)


@pytest.fixture
def kernel() -> Iterator[Kernel]:
    kernel = Kernel()
    yield kernel
    kernel.ours.close()
    kernel.theirs.close()


def test_a_message_of_the_kernel_is_understood() -> None:
    assert parse_uevent(ADD) == DeviceEvent("add", "tty", "ttyUSB0")


def test_a_message_of_udev_is_understood() -> None:
    message = from_udev(b"ACTION=remove\0SUBSYSTEM=hidraw\0DEVNAME=/dev/hidraw0\0")
    assert parse_uevent(message) == DeviceEvent("remove", "hidraw", "/dev/hidraw0")


@pytest.mark.parametrize(
    "message",
    [
        b"",
        BATTERY,
        ADD.replace(b"ACTION=add", b"ACTION=change"),
        ADD.replace(b"SUBSYSTEM=tty", b"SUBSYSTEM=block"),
        ADD.replace(b"DEVNAME=ttyUSB0", b"X=1"),
        ADD + b"x" * MESSAGE_LIMIT,
        from_udev(ADD, magic=b"\xca\xfe\xfe\xed"),
        from_udev(ADD, start=4_000_000_000),
        b"libudev\0\xfe\xed\xca\xfe",
        b"libudev\0",
    ],
)
def test_what_tells_of_no_device_node_of_ours_is_nothing(message: bytes) -> None:
    assert parse_uevent(message) is None


@given(st.binary(max_size=600) | st.binary(max_size=600).map(from_udev) | st.binary().map(lambda b: ADD + b))
def test_rubbish_is_an_event_or_nothing(message: bytes) -> None:
    assert isinstance(parse_uevent(message), DeviceEvent | None)


async def test_a_plug_wakes_who_waits(kernel: Kernel) -> None:
    with Hotplug(kernel.source) as hotplug:
        waiting = asyncio.create_task(hotplug.changed(10))
        await asyncio.sleep(0)
        kernel.say()
        assert await soon(waiting) is True


async def test_a_plug_wakes_all_who_wait(kernel: Kernel) -> None:
    with Hotplug(kernel.source) as hotplug:
        waiting = [asyncio.create_task(hotplug.changed(10)) for _ in range(5)]
        await asyncio.sleep(0)
        kernel.say()
        assert await soon(asyncio.gather(*waiting)) == [True] * 5


async def test_a_plug_before_the_wait_is_not_missed(kernel: Kernel) -> None:
    with Hotplug(kernel.source) as hotplug:
        kernel.say()
        assert await soon(hotplug.changed(10)) is True


async def test_the_many_events_of_one_plug_wake_once(kernel: Kernel) -> None:
    with Hotplug(kernel.source) as hotplug:
        for _ in range(9):
            kernel.say()
        assert await soon(hotplug.changed(10)) is True
        assert await hotplug.changed(0.02) is False


async def test_a_flapping_plug_wakes_ten_times_a_second_at_most(kernel: Kernel) -> None:
    async def flap() -> None:
        while True:
            kernel.say()
            await asyncio.sleep(0.001)

    with Hotplug(kernel.source) as hotplug:
        flapping = asyncio.create_task(flap())
        loop = asyncio.get_running_loop()
        began = loop.time()
        for _ in range(3):
            assert await soon(hotplug.changed(10))
        assert loop.time() - began >= 2.9 * module.SETTLE_S
        flapping.cancel()
        await asyncio.gather(flapping, return_exceptions=True)


async def test_other_events_wake_nobody(kernel: Kernel) -> None:
    with Hotplug(kernel.source) as hotplug:
        kernel.say(BATTERY)
        kernel.say(b"\xff" * 3000)
        assert await hotplug.changed(0.05) is False


async def test_while_nobody_waits_nothing_is_watched(kernel: Kernel) -> None:
    with Hotplug(kernel.source) as hotplug:
        assert await hotplug.changed(0.01) is False
        assert not asyncio.get_running_loop().remove_reader(kernel.theirs)


async def test_a_cancelled_wait_leaves_nothing_watched(kernel: Kernel) -> None:
    with Hotplug(kernel.source) as hotplug:
        waiting = asyncio.create_task(hotplug.changed(10))
        await asyncio.sleep(0)
        waiting.cancel()
        await asyncio.gather(waiting, return_exceptions=True)
        assert not asyncio.get_running_loop().remove_reader(kernel.theirs)


async def test_missed_events_count_as_a_change(kernel: Kernel) -> None:
    class Overflowing(socket.socket):
        def recv(self, *_: object) -> bytes:
            raise OSError(errno.ENOBUFS, "No buffer space available")

    overflowing = Overflowing(fileno=kernel.theirs.detach())
    with Hotplug(lambda: overflowing) as hotplug:
        kernel.say()
        assert await soon(hotplug.changed(10)) is True
        assert not hotplug.is_polling


async def test_a_broken_source_falls_back_to_looking_at_the_folders(
    kernel: Kernel, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    class Broken(socket.socket):
        def recv(self, *_: object) -> bytes:
            raise OSError(errno.EIO, "Input/output error")

    monkeypatch.setattr(module, "POLL_S", 0.01)
    broken = Broken(fileno=kernel.theirs.detach())
    with Hotplug(lambda: broken, [tmp_path]) as hotplug:
        kernel.say()
        assert await soon(hotplug.changed(10)) is True
        assert hotplug.is_polling
        (tmp_path / "ttyUSB0").touch()
        assert await soon(hotplug.changed(10)) is True


@pytest.mark.parametrize("early", [True, False])
async def test_without_a_source_the_folders_are_looked_at(
    early: bool, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(module, "POLL_S", 0.01)
    by_id = tmp_path / "by-id"
    with Hotplug(lambda: None, [by_id]) as hotplug:
        if early:
            by_id.mkdir()
        waiting = asyncio.create_task(hotplug.changed(10))
        await asyncio.sleep(0.03)
        if not early:
            by_id.mkdir()
        assert await soon(waiting) is True
        assert await hotplug.changed(0.05) is False
        (by_id / "usb-SCALE").symlink_to("../ttyUSB0")
        assert await soon(hotplug.changed(10)) is True
        (by_id / "usb-SCALE").unlink()
        assert await soon(hotplug.changed(10)) is True


async def test_polling_ends_with_the_wait(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(module, "POLL_S", 0.005)
    looks: list[int] = []
    with Hotplug(lambda: None, [tmp_path]) as hotplug:
        assert await hotplug.changed(0.02) is False
        monkeypatch.setattr(module, "_snapshot", lambda _: looks.append(1) or ())
        await asyncio.sleep(0.03)
    assert not looks


async def test_the_real_kernel_can_be_listened_to_or_is_polled() -> None:
    with Hotplug(kernel_events) as hotplug:
        assert await hotplug.changed(0.01) in {True, False}


@pytest.mark.parametrize("step", ["socket", "bind"])
async def test_where_listening_is_forbidden_it_polls(step: str, monkeypatch: pytest.MonkeyPatch) -> None:
    class Forbidden(socket.socket):
        def __init__(self, *_: object) -> None:
            if step == "socket":
                raise OSError(errno.EAFNOSUPPORT, "Address family not supported")
            super().__init__(socket.AF_UNIX, socket.SOCK_DGRAM)

        def bind(self, _: object) -> None:
            raise PermissionError(errno.EPERM, "Operation not permitted")

    monkeypatch.setattr(module.socket, "socket", Forbidden)
    with Hotplug() as hotplug:
        assert hotplug.is_polling
