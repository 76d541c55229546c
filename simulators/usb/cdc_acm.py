"""A CDC-ACM serial device: a scanner or scale with its own USB port, /dev/ttyACM to the host.

Owns: the abstract control model (USB CDC 1.2, PSTN 1.2). Must not know: what the bytes mean.

Unlike a pseudo-terminal it sees the host's line settings, DTR and RTS.
"""

from __future__ import annotations

import struct

from edge_agent.sdk.driver import SerialSettings
from simulators.usb import descriptors
from simulators.usb.descriptors import Identity
from simulators.usb.device import Answer, Handshake, Setup
from simulators.usb.serial_function import SerialFunction
from simulators.usb.serial_line import SerialLine

SCANNER = Identity(0x1EAB, 0x1D06, "Booth", "Sim CDC scanner", "CS0001")
SCALE = Identity(0x1D6B, 0x0104, "Booth", "Sim CDC scale", "CW0001")

SET_LINE_CODING, GET_LINE_CODING, SET_CONTROL_LINE_STATE, SEND_BREAK = 0x20, 0x21, 0x22, 0x23
DATA_IN, DATA_OUT, NOTIFY_IN = 0x82, 0x01, 0x83
PARITIES, STOPS = "NOEMS", {0: 1, 2: 2}
_CODING = struct.Struct("<IBBB")  # baud, stop bits, parity, data bits


class CdcAcm(SerialFunction):
    """One serial port."""

    data_in = DATA_IN
    device_class = (2, 0, 0)
    interfaces = 2

    def __init__(self, line: SerialLine | None = None) -> None:
        super().__init__(line)
        self._coding = _CODING.pack(9600, 0, 0, 8)

    def port_name(self, by_path: str) -> str:
        return f"serial:/dev/serial/by-path/{by_path}:1.0"

    def configuration(self) -> bytes:
        return b"".join(
            (
                descriptors.interface(0, 1, (2, 2, 1)),
                bytes((5, 0x24, 0x00, 0x10, 0x01)),  # header: CDC 1.10
                bytes((5, 0x24, 0x01, 0x00, 1)),  # call management: none, data on interface 1
                bytes((4, 0x24, 0x02, 0x06)),  # line coding, control lines and break are understood
                bytes((5, 0x24, 0x06, 0, 1)),  # union of interfaces 0 and 1
                descriptors.endpoint(NOTIFY_IN, descriptors.INTERRUPT, packet=16, poll_ms=16),
                descriptors.interface(1, 2, (10, 0, 0)),
                descriptors.endpoint(DATA_OUT, descriptors.BULK),
                descriptors.endpoint(DATA_IN, descriptors.BULK),
            )
        )

    def control(self, setup: Setup, data: bytes) -> Answer:
        if setup.request == GET_LINE_CODING and setup.to_host:
            return self._coding
        if setup.request == SET_LINE_CODING and len(data) == _CODING.size:
            return self._set_coding(data)
        if setup.request == SET_CONTROL_LINE_STATE:
            return self._set_lines(setup.value)
        if setup.request == SEND_BREAK:
            self.line.breaks += bool(setup.value)
            return b""
        return Handshake.STALL

    def read(self, endpoint: int, room: int) -> Answer:
        if endpoint != DATA_IN & 0x0F:
            return Handshake.NAK
        self.pipe.opened()
        data = self.pipe.take(room)
        return self.line.to_host(data) if data else Handshake.NAK

    def write(self, endpoint: int, data: bytes) -> Handshake:
        return self.pipe.put(self.line.to_device(data)) if endpoint == DATA_OUT else Handshake.STALL

    def _set_coding(self, data: bytes) -> Answer:
        baud, stop, parity, bits = _CODING.unpack(data)
        if parity >= len(PARITIES) or stop not in STOPS:
            return Handshake.STALL
        self._coding = data
        self.line.set_host(SerialSettings(baud, bits, PARITIES[parity], STOPS[stop]))
        return b""

    def _set_lines(self, lines: int) -> bytes:
        self.line.dtr, self.line.rts = bool(lines & 1), bool(lines & 2)
        return b""
