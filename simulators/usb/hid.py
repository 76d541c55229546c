"""A HID interface with one interrupt endpoint to the host: what keyboards, POS scanners and POS scales share.

Owns: the class requests (HID 1.11, 7.2), the queue of input reports. Must not know: what a report says.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Callable

from simulators.usb import descriptors
from simulators.usb.device import Answer, Handshake, Setup

GET_REPORT, GET_IDLE, GET_PROTOCOL = 0x01, 0x02, 0x03
SET_REPORT, SET_IDLE, SET_PROTOCOL = 0x09, 0x0A, 0x0B
GET_DESCRIPTOR_OF_INTERFACE = (0x81, 0x06)
MAX_REPORTS = 65_536  # a stuck key of a minute at one report a millisecond
NO_CLASS = (0, 0, 0)
BOOT_KEYBOARD = (3, 1, 1)
PLAIN_HID = (3, 0, 0)
REPORT_IN = 0x81


class HidFunction:
    """Input reports go out one for each poll, as on a real bus; `taken` tells how many have gone."""

    device_class = NO_CLASS
    interfaces = 1

    def __init__(
        self, report_descriptor: bytes, *, interface: tuple[int, int, int] = PLAIN_HID, poll_ms: int = 1
    ) -> None:
        self.report_descriptor = report_descriptor
        self.taken = 0
        self.lost_reports = 0
        self._interface = interface
        self._poll_ms = poll_ms
        self._queue: deque[bytes] = deque()
        self._news: Callable[[], None] = lambda: None
        self._present = False
        self.on_report: Callable[[bytes], None] = lambda _: None

    @property
    def queued(self) -> int:
        """Reports that the host has not fetched yet."""
        return len(self._queue)

    def push(self, *reports: bytes) -> None:
        """Queue input reports; an unplugged or overrun device loses them."""
        room = MAX_REPORTS - len(self._queue) if self._present else 0
        self._queue.extend(reports[:room])
        self.lost_reports += max(0, len(reports) - room)
        self._news()

    def configuration(self) -> bytes:
        return (
            descriptors.interface(0, 1, self._interface)
            + descriptors.hid(len(self.report_descriptor))
            + descriptors.endpoint(REPORT_IN, descriptors.INTERRUPT, poll_ms=self._poll_ms)
        )

    def abandoned(self, _endpoint: int) -> None:
        """Nothing: reports wait for the next program that opens the node, as in a real device."""

    def attached(self, news: Callable[[], None]) -> None:
        self._present = True
        self._news = news

    def detached(self) -> None:
        self._present = False
        self._queue.clear()

    def control(self, setup: Setup, data: bytes) -> Answer:
        if (setup.kind, setup.request) == GET_DESCRIPTOR_OF_INTERFACE:
            wanted = setup.value >> 8 == descriptors.REPORT
            return self.report_descriptor if wanted else Handshake.STALL
        if setup.request == SET_REPORT:
            return self.set_report(data)
        if setup.request == GET_REPORT:
            return self.get_report(setup.value & 0xFF)
        return b"" if setup.request in {SET_IDLE, SET_PROTOCOL} else Handshake.STALL

    def read(self, endpoint: int, room: int) -> Answer:
        if endpoint != REPORT_IN & 0x0F or not self._queue:
            return Handshake.NAK
        self.taken += 1
        return self._queue.popleft()[:room]

    def write(self, _endpoint: int, _data: bytes) -> Handshake:
        return Handshake.STALL

    def set_report(self, data: bytes, /) -> Answer:
        """An output or feature report from the host."""
        self.on_report(data)
        return b""

    def get_report(self, _number: int, /) -> Answer:
        """A report that the host asks for out of turn."""
        return Handshake.STALL
