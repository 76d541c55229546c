"""What every simulated serial adapter shares: its line, its pipe, and their end when the host goes.

Owns: the end of a connection as the serial side sees it. Must not know: requests, descriptors, packets.
"""

from __future__ import annotations

from collections.abc import Callable

from simulators.usb.pipe import Pipe
from simulators.usb.serial_line import SerialLine


class SerialFunction:
    """One serial port. `data_in` is the address of the endpoint that brings data to the host."""

    data_in: int

    def __init__(self, line: SerialLine | None = None) -> None:
        self.line = line or SerialLine()
        self.pipe = Pipe()

    def abandoned(self, endpoint: int) -> None:
        if endpoint == self.data_in & 0x0F:
            self.pipe.hung_up()

    def attached(self, news: Callable[[], None]) -> None:
        self.pipe.on_news(news)

    def detached(self) -> None:
        self.line.dtr = self.line.rts = False
        self.pipe.hung_up()
