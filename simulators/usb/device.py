"""One simulated USB device: answers the host's transfers for a function, and its faults.

Owns: standard requests (USB 2.0, 9.4), transfers that wait, stall, hang and babble.
Must not know: how it is attached (simulators.usb.bus), what the function is for.
"""

from __future__ import annotations

import errno
import struct
from collections.abc import Callable
from dataclasses import dataclass, field
from enum import Enum
from typing import Protocol

from simulators.usb import descriptors
from simulators.usb.descriptors import Identity, Spoiled
from simulators.usb.wire import Submit, Unlink, submit_result, unlink_result

GET_STATUS, GET_DESCRIPTOR, GET_CONFIGURATION, GET_INTERFACE = 0x00, 0x06, 0x08, 0x0A
TO_HOST, STANDARD, TYPE_MASK = 0x80, 0x00, 0x60
MAX_WAITING = 256  # URBs: class drivers keep at most 16 in flight for each endpoint


class Handshake(Enum):
    """A device's answer that is no data: taken, not now (the host asks again), or refused."""

    ACK = "ack"
    NAK = "nak"
    STALL = "stall"


Answer = bytes | Handshake


@dataclass(frozen=True, slots=True)
class Setup:
    """The eight bytes that start a control transfer."""

    kind: int
    request: int
    value: int
    index: int
    length: int

    @property
    def standard(self) -> bool:
        return self.kind & TYPE_MASK == STANDARD

    @property
    def to_host(self) -> bool:
        return bool(self.kind & TO_HOST)

    @staticmethod
    def parse(data: bytes) -> Setup:
        return Setup(*struct.unpack("<BBHHH", data))


class Function(Protocol):
    """What a device does beyond the standard requests. Called from the event loop; must not wait."""

    device_class: tuple[int, int, int]
    interfaces: int

    def configuration(self) -> bytes:
        """The interface, class and endpoint descriptors."""

    def control(self, setup: Setup, data: bytes, /) -> Answer:
        """A request on endpoint 0 that is not answered by the device itself."""

    def read(self, endpoint: int, room: int, /) -> Answer:
        """What goes to the host now, at most `room` bytes."""

    def write(self, endpoint: int, data: bytes, /) -> Handshake:
        """What the host sent."""

    def abandoned(self, endpoint: int, /) -> None:
        """The host took back the last transfer that waited for data: the program there closed the port."""

    def attached(self, news: Callable[[], None]) -> None:
        """Plugged in: `news` has waiting transfers tried again."""

    def detached(self) -> None:
        """Pulled out."""


@dataclass(slots=True)
class UsbFaults:
    """What is wrong with a device just now; everything may change while it runs.

    `stalled` are endpoint numbers; `hung` takes no part in anything any more (NAK for ever);
    `babbling` sends more than was asked for, which the host controller reports as an overflow.
    """

    stalled: set[int] = field(default_factory=set)
    hung: bool = False
    babbling: bool = False
    spoiled: Spoiled | None = None

    def heal(self) -> None:
        self.stalled.clear()
        self.hung = self.babbling = False
        self.spoiled = None


class UsbDevice:
    """The device's side of every URB, sans-IO: URBs in, answers out through `send`."""

    def __init__(self, function: Function, identity: Identity) -> None:
        self.function = function
        self.identity = identity
        self.faults = UsbFaults()
        self._waiting: dict[int, Submit] = {}
        self._send: Callable[[bytes], None] | None = None

    @property
    def waiting(self) -> int:
        """Transfers that the host has asked for and not got."""
        return len(self._waiting)

    def plugged(self, send: Callable[[bytes], None]) -> None:
        """Attached: answers go through `send` from now on."""
        self._send = send
        self.function.attached(self.offer)

    def pulled(self) -> None:
        """Detached; what waited is forgotten."""
        self._send = None
        self._waiting.clear()
        self.function.detached()

    def handle(self, urb: Submit | Unlink) -> None:
        """Serve one URB, or have it wait."""
        if isinstance(urb, Unlink):
            self._take_back(urb)
        elif not self._serve(urb):
            self._wait(urb)

    def offer(self) -> None:
        """Something changed: try the waiting transfers again, oldest first."""
        for urb in tuple(self._waiting.values()):
            if self._serve(urb):
                self._waiting.pop(urb.number, None)

    def _take_back(self, urb: Unlink) -> None:
        victim = self._waiting.pop(urb.victim, None)
        self._answer(unlink_result(urb.number, -errno.ECONNRESET if victim else 0))
        if victim is None or not victim.to_host or victim.endpoint == 0:
            return
        if not any(other.to_host and other.endpoint == victim.endpoint for other in self._waiting.values()):
            self.function.abandoned(victim.endpoint)

    def _wait(self, urb: Submit) -> None:
        if len(self._waiting) < MAX_WAITING:
            self._waiting[urb.number] = urb
        else:
            self._answer(submit_result(urb.number, -errno.ENOMEM))

    def _serve(self, urb: Submit) -> bool:
        """Whether the URB is done with."""
        answer = self._outcome(urb)
        if answer is Handshake.NAK:
            return False
        if answer is Handshake.STALL:
            result = submit_result(urb.number, -errno.EPIPE)
        elif isinstance(answer, bytes) and urb.to_host:
            status = -errno.EOVERFLOW if self.faults.babbling and urb.endpoint else 0
            result = submit_result(urb.number, status, answer[: urb.room])
        else:
            result = submit_result(urb.number, 0, taken=len(urb.data))
        self._answer(result)
        return True

    def _outcome(self, urb: Submit) -> Answer:
        if self.faults.hung:
            return Handshake.NAK
        if urb.endpoint in self.faults.stalled:
            return Handshake.STALL
        if urb.endpoint == 0:
            return self._control(Setup.parse(urb.setup), urb.data)
        if urb.to_host:
            return self.function.read(urb.endpoint, urb.room)
        return self.function.write(urb.endpoint, urb.data)

    def _control(self, setup: Setup, data: bytes) -> Answer:
        if setup.standard and setup.request == GET_DESCRIPTOR and setup.kind == TO_HOST:
            answer = self._descriptor(setup.value >> 8, setup.value & 0xFF)
        elif setup.standard and setup.request != GET_DESCRIPTOR:
            answer = _standard(setup)
        else:
            answer = self.function.control(setup, data)
        return answer[: setup.length] if isinstance(answer, bytes) else answer

    def _descriptor(self, kind: int, index: int) -> Answer:
        if kind == descriptors.DEVICE:
            return descriptors.device(self.identity, self.function.device_class)
        if kind == descriptors.CONFIGURATION and index == 0:
            return self._configuration()
        if kind == descriptors.STRING and index == 0:
            return descriptors.languages()
        if kind == descriptors.STRING and index <= len(self.identity.strings):
            return descriptors.text(self.identity.strings[index - 1])
        return Handshake.STALL

    def _configuration(self) -> bytes:
        whole = descriptors.configuration(self.function.configuration(), self.function.interfaces)
        return descriptors.spoil(whole, self.faults.spoiled) if self.faults.spoiled else whole

    def _answer(self, message: bytes) -> None:
        if self._send is not None:
            self._send(message)


def _standard(setup: Setup) -> bytes:
    """Requests whose answer is the same for every device here; the rest needs no more than a yes."""
    return {GET_STATUS: b"\0\0", GET_CONFIGURATION: b"\1", GET_INTERFACE: b"\0"}.get(setup.request, b"")
