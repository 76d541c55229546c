"""Opening serial ports: settings, exclusive use, refusals, hanging and cancelled openings. Real ptys."""

import asyncio
import errno
import os
import resource
import termios
import threading
from pathlib import Path

import pytest
import serial

from edge_agent.links import serial as serial_port
from edge_agent.links.serial import SerialLink
from edge_agent.sdk.driver import SerialSettings
from edge_agent.sdk.errors import ConfigError, LinkError
from tests.links.far_end import LINE, Cable, eventually, lost, open_port, read_exactly, soon


def highest_descriptor() -> int:
    return max(int(path.name) for path in Path("/proc/self/fd").iterdir())


@pytest.mark.parametrize(
    "settings",
    [
        SerialSettings(4800, 7, "E", 1),
        SerialSettings(250_000, 7, "O", 2),
        SerialSettings(9600, flow="rtscts"),
        SerialSettings(9600, flow="xonxoff"),
        SerialSettings(9600, dtr=True, rts=True),
    ],
)
async def test_a_pty_takes_any_settings(settings: SerialSettings) -> None:
    async with Cable() as cable:
        link = await open_port(cable, settings)
        await cable.device.write(b"ok", 1)
        assert await read_exactly(link, 2) == b"ok"
        await link.close()


@pytest.mark.parametrize(
    "settings",
    [
        SerialSettings(baud=0),
        SerialSettings(baud=-9600),
        SerialSettings(baud=10**9),
        SerialSettings(bits=5),
        SerialSettings(parity="even"),
        SerialSettings(stop=3),
        SerialSettings(flow="\x1b[2J"),
    ],
)
async def test_impossible_settings_are_a_config_error(settings: SerialSettings) -> None:
    with pytest.raises(ConfigError) as refusal:
        await SerialLink.open("/dev/ttyUSB0", settings, device="scale")
    assert refusal.value.code == "config.serial"
    assert str(refusal.value).isprintable()


async def test_a_port_in_use_is_busy() -> None:
    async with Cable() as cable:
        link = await open_port(cable)
        assert (await lost(open_port(cable))).code == "link.busy"
        await link.close()


async def test_a_closed_port_can_be_opened_again_at_once() -> None:
    async with Cable() as cable:
        for turn in range(20):
            link = await open_port(cable)
            await cable.device.write(b"%02d" % turn, 1)
            assert await read_exactly(link, 2) == b"%02d" % turn
            await link.close()


async def test_a_replugged_port_is_found_under_its_name(tmp_path: Path) -> None:
    name = tmp_path / "usb-FTDI_SCALE-if00-port0"
    for turn in (b"first", b"second"):
        async with Cable() as cable:
            name.unlink(missing_ok=True)
            name.symlink_to(cable.path)
            link = await SerialLink.open(str(name), LINE, device="scale")
            await cable.device.write(turn, 1)
            assert await read_exactly(link, len(turn)) == turn
            await cable.unplug()
            await lost(link.read())
            await link.close()


async def test_a_missing_port_is_absent(tmp_path: Path) -> None:
    error = await lost(SerialLink.open(str(tmp_path / "ttyUSB0"), LINE, device="scale"))
    assert (error.code, error.device) == ("link.absent", "scale")


async def test_a_file_is_no_serial_port(tmp_path: Path) -> None:
    (tmp_path / "file").write_bytes(b"")
    for path in (tmp_path / "file", tmp_path):
        assert (await lost(SerialLink.open(str(path), LINE, device="scale"))).code == "link.not_serial"


@pytest.mark.parametrize(
    ("number", "code"),
    [
        (errno.EACCES, "link.denied"),
        (errno.EPERM, "link.denied"),
        (errno.EBUSY, "link.busy"),
        (errno.ENODEV, "link.absent"),
        (errno.ENXIO, "link.absent"),
        (errno.ETIMEDOUT, "link.open_timeout"),
        (errno.EMFILE, "link.open_failed"),
    ],
)
async def test_what_the_system_answers_has_its_own_code(
    number: int, code: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    def refuse(*_: object) -> int:
        raise OSError(number, os.strerror(number))

    async with Cable() as cable:
        monkeypatch.setattr(serial.serialposix.os, "open", refuse)
        error = await lost(open_port(cable))
        monkeypatch.undo()
        assert error.code == code
        assert error.hint


async def test_a_denied_port_names_the_group_and_the_rule(monkeypatch: pytest.MonkeyPatch) -> None:
    def refuse(*_: object) -> int:
        raise PermissionError(errno.EACCES, "Permission denied")

    async with Cable() as cable:
        monkeypatch.setattr(serial.serialposix.os, "open", refuse)
        error = await lost(open_port(cable))
        monkeypatch.undo()
        assert "group" in error.hint
        assert "udev" in error.hint


async def test_an_adapter_without_modem_lines_opens(monkeypatch: pytest.MonkeyPatch) -> None:
    real = serial.serialposix.fcntl.ioctl

    def stall(descriptor: int, request: int, *rest: object) -> object:
        if request in {serial.serialposix.TIOCMBIC, serial.serialposix.TIOCMBIS}:
            raise BrokenPipeError(errno.EPIPE, "Broken pipe")
        return real(descriptor, request, *rest)

    async with Cable() as cable:
        monkeypatch.setattr(serial.serialposix.fcntl, "ioctl", stall)
        link = await open_port(cable)
        await link.close()


@pytest.mark.parametrize(("high", "request_"), [(False, "TIOCMBIC"), (True, "TIOCMBIS")])
async def test_dtr_and_rts_are_low_unless_asked_for(
    high: bool, request_: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    asked: list[int] = []
    real = serial.serialposix.fcntl.ioctl

    def watch(descriptor: int, request: int, *rest: object) -> object:
        asked.append(request)
        return real(descriptor, request, *rest)

    async with Cable() as cable:
        monkeypatch.setattr(serial.serialposix.fcntl, "ioctl", watch)
        link = await open_port(cable, SerialSettings(dtr=high, rts=high))
        await link.close()
    lines = [r for r in asked if r in {serial.serialposix.TIOCMBIC, serial.serialposix.TIOCMBIS}]
    assert lines == [getattr(serial.serialposix, request_)] * 2


@pytest.mark.parametrize(("pty", "exclusive"), [(True, False), (False, True)])
async def test_a_real_port_is_closed_to_other_programs_but_a_pty_is_not(
    pty: bool, exclusive: bool, monkeypatch: pytest.MonkeyPatch
) -> None:
    asked: list[int] = []
    if not pty:
        monkeypatch.setattr(serial_port, "PTY_MAJORS", range(0))
    monkeypatch.setattr(serial_port.fcntl, "ioctl", lambda _, request, *__: asked.append(request))
    async with Cable() as cable:
        link = await open_port(cable)
        await link.close()
    assert (termios.TIOCEXCL in asked) is exclusive


async def test_an_opening_that_hangs_times_out_and_its_port_is_closed_later(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    hanging, real = threading.Event(), serial_port._open_port

    def hang(*args: object) -> int:
        hanging.wait(10)
        return real(*args)  # type: ignore[arg-type]  # the arguments of the real thing

    monkeypatch.setattr(serial_port, "_open_port", hang)
    monkeypatch.setattr(serial_port, "OPEN_TIMEOUT_S", 0.05)
    async with Cable() as cable:
        assert (await lost(open_port(cable))).code == "link.open_timeout"
        assert (await lost(open_port(cable))).code == "link.busy"
        hanging.set()
        monkeypatch.undo()
        await eventually(lambda: not serial_port.is_occupied(f"serial:{cable.path}"), "still hangs")
        link = await soon(_opened_when_free(cable))
        await link.close()


async def _opened_when_free(cable: Cable) -> SerialLink:
    while True:
        try:
            return await open_port(cable)
        except LinkError:  # the late opening is being given back
            await asyncio.sleep(0.005)


async def test_a_cancelled_opening_leaves_no_open_port(monkeypatch: pytest.MonkeyPatch) -> None:
    hanging, real = threading.Event(), serial_port._open_port

    def hang(*args: object) -> int:
        hanging.wait(10)
        return real(*args)  # type: ignore[arg-type]  # the arguments of the real thing

    monkeypatch.setattr(serial_port, "_open_port", hang)
    async with Cable() as cable:
        opening = asyncio.create_task(open_port(cable))
        await eventually(lambda: serial_port.is_occupied(f"serial:{cable.path}"), "no thread")
        opening.cancel()
        hanging.set()
        with pytest.raises(asyncio.CancelledError):
            await opening
        monkeypatch.undo()
        link = await soon(_opened_when_free(cable))
        await link.close()


async def test_an_opening_cancelled_at_any_moment_leaves_no_open_port() -> None:
    async with Cable() as cable:
        for turns in range(30):
            opening = asyncio.create_task(open_port(cable))
            for _ in range(turns % 10):
                await asyncio.sleep(0.0002 if turns > 10 else 0)
            opening.cancel()
            for link in await asyncio.gather(opening, return_exceptions=True):
                if isinstance(link, SerialLink):
                    await link.close()
        link = await soon(_opened_when_free(cable))
        await link.close()


async def test_without_free_descriptors_opening_fails_cleanly() -> None:
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    async with Cable() as cable:
        used = highest_descriptor()
        for extra in range(6):
            resource.setrlimit(resource.RLIMIT_NOFILE, (used + extra, hard))
            try:
                link = await open_port(cable)
            except LinkError as error:
                assert error.code == "link.open_failed"  # noqa: PT017 - some of the rounds succeed
            else:
                await link.close()
            finally:
                resource.setrlimit(resource.RLIMIT_NOFILE, (soft, hard))


async def test_without_threads_left_opening_fails_cleanly(monkeypatch: pytest.MonkeyPatch) -> None:
    def refuse(_: threading.Thread) -> None:
        raise RuntimeError("can't start new thread")

    async with Cable() as cable:
        monkeypatch.setattr(threading.Thread, "start", refuse)
        error = await lost(open_port(cable))
        monkeypatch.undo()
        assert error.code == "link.open_failed"
