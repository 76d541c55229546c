"""Serial ports, real and pseudo: pyserial opens and configures, the event loop does the rest.

Owns: line settings, exclusive use, DTR and RTS, opening and closing within a time limit.
Must not know: what is connected.

Opening a USB adapter means control transfers of up to 5 s each, and closing a port waits up to 30 s for bytes
that a stopped device does not take: both run in a thread of their own. In between there is no thread.
The kernel raises DTR and RTS for a moment at each opening; pyserial then puts them where the settings say.
A pty has neither parity nor modem lines: it is opened as 8N1 whatever is configured.
"""

from __future__ import annotations

import contextlib
import errno
import fcntl
import os
import termios
from pathlib import Path

import serial

from edge_agent.links.blocking import in_thread, is_occupied
from edge_agent.links.descriptor import DescriptorLink
from edge_agent.links.failures import node_permission_hint, opening_failure, opening_timeout
from edge_agent.sdk.driver import SerialSettings
from edge_agent.sdk.errors import ConfigError, LinkError

OPEN_TIMEOUT_S = 10.0  # two control transfers that time out in the kernel; a healthy adapter takes 50 ms
CLOSE_TIMEOUT_S = 2.0  # a re-plugged device must be back in 3 s; if it takes longer the thread goes on alone
BAUD_MAX = 4_000_000  # the fastest rate that common adapters have
PTY_MAJORS = range(136, 144)  # device numbers of Unix 98 pseudo-terminals


class SerialLink(DescriptorLink):
    """A ByteLink on a serial port."""

    @classmethod
    async def open(cls, path: str, settings: SerialSettings, *, device: str) -> SerialLink:
        """Open and configure the port for ourselves alone.

        The opening runs in a thread, the open port is adopted by the loop; an opening that is cancelled or
        late closes its port by itself.
        """
        url = f"serial:{path}"
        _check(settings)
        if is_occupied(url):
            raise LinkError(
                "link.busy",
                f"cannot open {url}: an earlier call still hangs in the kernel",
                device=device,
                hint="unplug the adapter and plug it in",
            )
        try:
            descriptor = await in_thread(
                url, lambda: _open_port(path, settings, url, device), OPEN_TIMEOUT_S, os.close
            )
        except TimeoutError:
            raise opening_timeout(url, device, OPEN_TIMEOUT_S) from None
        except OSError as error:
            raise opening_failure(error.errno, url, device, denied_hint="") from error
        return cls(descriptor, url, device)

    async def _release(self, descriptor: int) -> None:
        with contextlib.suppress(TimeoutError, OSError):  # the port is gone, or the thread goes on
            await in_thread(self._url, lambda: _close_port(descriptor, self._unfinished), CLOSE_TIMEOUT_S)


class _Port(serial.Serial):  # type: ignore[misc]  # pyserial ships no types
    """A port whose adapter may lack modem lines: some answer the request with an error."""

    def _update_dtr_state(self) -> None:
        with contextlib.suppress(OSError):
            super()._update_dtr_state()

    def _update_rts_state(self) -> None:
        with contextlib.suppress(OSError):
            super()._update_rts_state()


def _check(settings: SerialSettings) -> None:
    rules = (
        (50 <= settings.baud <= BAUD_MAX, f"baud must be 50 to {BAUD_MAX}, is {settings.baud}"),
        (settings.bits in {7, 8}, f"bits must be 7 or 8, is {settings.bits}"),
        (settings.parity in {"N", "E", "O"}, f"parity must be N, E or O, is {settings.parity!a}"),
        (settings.stop in {1, 2}, f"stop must be 1 or 2, is {settings.stop}"),
        (settings.flow in {"none", "rtscts", "xonxoff"}, f"unknown flow control {settings.flow!a}"),
    )
    for kept, message in rules:
        if not kept:
            raise ConfigError("config.serial", message, hint="correct the line settings of the device")


def _open_port(path: str, settings: SerialSettings, url: str, device: str) -> int:
    """The configured descriptor; pyserial's own object, with its four spare pipes, is let go."""
    bits, parity = (8, "N") if is_pty(path) else (settings.bits, settings.parity)
    port = _Port(
        baudrate=settings.baud,
        bytesize=bits,
        parity=parity,
        stopbits=settings.stop,
        rtscts=settings.flow == "rtscts",
        xonxoff=settings.flow == "xonxoff",
        dsrdtr=False,
        exclusive=True,
        inter_byte_timeout=0,  # makes a read without data fail with EAGAIN; otherwise it looks like a hang-up
    )
    port.dtr, port.rts = settings.dtr, settings.rts
    port.port = path
    try:
        port.open()
        try:
            return _adopted(port.fileno())
        finally:
            port.close()
    except (OSError, ValueError, termios.error) as error:
        raise _failure(error, path, url, device) from error


def is_pty(path: str) -> bool:
    """A pty keeps 8N1 whatever it is told, and the C library calls the second such order an error."""
    with contextlib.suppress(OSError, ValueError):
        return os.major(Path(path).stat().st_rdev) in PTY_MAJORS
    return False


def _adopted(descriptor: int) -> int:
    if os.major(os.fstat(descriptor).st_rdev) not in PTY_MAJORS:  # there it would outlive us and shut us out
        fcntl.ioctl(descriptor, termios.TIOCEXCL)
    return os.dup(descriptor)


def _failure(error: Exception, path: str, url: str, device: str) -> LinkError:
    number = _error_number(error) or _error_number(error.__context__)
    if number in {errno.ENOTTY, errno.EISDIR, errno.EINVAL}:
        return LinkError(
            "link.not_serial",
            f"cannot open {url}: it is no serial port that takes these settings",
            device=device,
            hint="check the port and its line settings in the configuration",
        )
    return opening_failure(number, url, device, denied_hint=node_permission_hint(path))


def _error_number(error: BaseException | None) -> int | None:
    """The errno; pyserial drops it at times, and termios has an error class of its own."""
    first = error.args[0] if error is not None and error.args else None
    return first if isinstance(first, int) else None


def _close_port(descriptor: int, unfinished: bool) -> None:
    """Close; the rest of a message that was cut off is dropped, not waited for."""
    try:
        if unfinished:
            termios.tcflush(descriptor, termios.TCOFLUSH)
    except termios.error:
        pass  # hung up: nothing is queued any more
    finally:
        os.close(descriptor)
