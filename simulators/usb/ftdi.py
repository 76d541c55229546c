"""An FT232R USB-serial adapter, as the kernel's ftdi_sio drives it: /dev/ttyUSB to the host.

Owns: the vendor requests (FTDI AN232B-05 for the divisors; names as in the kernel's ftdi_sio.h), the two
status bytes that lead every packet. Must not know: what hangs on the serial side.
"""

from __future__ import annotations

from collections.abc import Iterator

from edge_agent.sdk.driver import SerialSettings
from simulators.usb import descriptors
from simulators.usb.descriptors import PACKET_BYTES, Identity
from simulators.usb.device import Answer, Handshake, Setup
from simulators.usb.serial_function import SerialFunction
from simulators.usb.serial_line import SerialLine

FT232R_RELEASE = 0x0600  # by this the kernel knows the chip
ADAPTER = Identity(0x0403, 0x6001, "FTDI", "FT232R USB UART", "", FT232R_RELEASE)

RESET, SET_MODEM, SET_FLOW, SET_BAUD, SET_DATA, GET_MODEM = 0, 1, 2, 3, 4, 5
SET_EVENT_CHAR, SET_ERROR_CHAR, SET_LATENCY, GET_LATENCY, READ_EEPROM = 6, 7, 9, 10, 0x90
PURGE_FROM_DEVICE, PURGE_TO_DEVICE = 1, 2  # values of RESET; 0 is the whole chip
ACCEPTED = frozenset({SET_FLOW, SET_EVENT_CHAR, SET_ERROR_CHAR})
STATUS = bytes((0x31, 0x60))  # CTS and DSR on; transmitter empty
PAYLOAD_BYTES = PACKET_BYTES - len(STATUS)
DATA_IN, DATA_OUT = 0x81, 0x02
CLOCK_HZ = 3_000_000
EIGHTHS_BY_CODE = (0, 4, 2, 1, 3, 5, 6, 7)  # of the divisor, by its three fraction bits
WHOLE_DIVISORS = {0: 3_000_000, 1: 2_000_000}  # two codes that are no divisors
RATES = (300, 600, 1200, 2400, 4800, 9600, 19200, 38400, 57600, 115200, 230400, 460800, 921600)
PARITIES, STOPS = "NOEMS", {0: 1, 2: 2}


class Ftdi(SerialFunction):
    """One adapter. With no serial number in its identity, two of them differ only by their USB port."""

    data_in = DATA_IN
    device_class = (0, 0, 0)
    interfaces = 1

    def __init__(self, line: SerialLine | None = None) -> None:
        super().__init__(line)
        self._baud = 9600
        self._frame = (8, "N", 1)
        self._latency_ms = 16

    def port_name(self, by_path: str) -> str:
        return f"serial:/dev/serial/by-path/{by_path}:1.0-port0"

    def configuration(self) -> bytes:
        return (
            descriptors.interface(0, 2, (0xFF, 0xFF, 0xFF))
            + descriptors.endpoint(DATA_IN, descriptors.BULK)
            + descriptors.endpoint(DATA_OUT, descriptors.BULK)
        )

    def control(self, setup: Setup, _data: bytes) -> Answer:
        if setup.to_host:
            return self._tell(setup)
        if setup.request == RESET:
            self._reset(setup.value)
        elif setup.request == SET_MODEM:
            self._set_modem(setup.value)
        elif setup.request == SET_BAUD:
            self._baud = baud_of(setup.value, setup.index)
            self._settle()
        elif setup.request == SET_DATA:
            return self._set_data(setup.value)
        elif setup.request == SET_LATENCY:
            self._latency_ms = setup.value & 0xFF
        elif setup.request not in ACCEPTED:
            return Handshake.STALL
        return b""

    def read(self, endpoint: int, room: int) -> Answer:
        if endpoint != DATA_IN & 0x0F:
            return Handshake.STALL
        self.pipe.opened()
        packets = max(1, room // PACKET_BYTES)
        data = self.line.to_host(self.pipe.take(packets * PAYLOAD_BYTES))
        return b"".join(_packets(data)) if data else Handshake.NAK

    def write(self, endpoint: int, data: bytes) -> Handshake:
        return self.pipe.put(self.line.to_device(data)) if endpoint == DATA_OUT else Handshake.STALL

    def _tell(self, setup: Setup) -> Answer:
        if setup.request == GET_MODEM:
            return STATUS
        if setup.request == GET_LATENCY:
            return bytes((self._latency_ms,))
        return bytes(2) if setup.request == READ_EEPROM else Handshake.STALL

    def _reset(self, what: int) -> None:
        if what != PURGE_TO_DEVICE:
            self.pipe.drop_to_host()
        if what != PURGE_FROM_DEVICE:
            self.pipe.drop_from_host()

    def _set_modem(self, value: int) -> None:
        if value & 0x0100:
            self.line.dtr = bool(value & 1)
        if value & 0x0200:
            self.line.rts = bool(value & 2)

    def _set_data(self, value: int) -> Answer:
        parity, stop = value >> 8 & 7, value >> 11 & 3
        if parity >= len(PARITIES) or stop not in STOPS:
            return Handshake.STALL
        self.line.breaks += bool(value & 0x4000)
        self._frame = (value & 0xFF, PARITIES[parity], STOPS[stop])
        self._settle()
        return b""

    def _settle(self) -> None:
        self.line.set_host(SerialSettings(self._baud, *self._frame))


def baud_of(value: int, index: int) -> int:
    """The rate that a divisor stands for, as the standard rate that it was meant to be."""
    divisor = value & 0x3FFF
    eighths = EIGHTHS_BY_CODE[value >> 14 | (index & 1) << 2]
    if not eighths and divisor in WHOLE_DIVISORS:
        return WHOLE_DIVISORS[divisor]
    exact = CLOCK_HZ * 8 // (divisor * 8 + eighths)
    return next((rate for rate in RATES if abs(rate - exact) * 33 < rate), exact)


def _packets(data: bytes) -> Iterator[bytes]:
    for at in range(0, len(data), PAYLOAD_BYTES):
        yield STATUS + data[at : at + PAYLOAD_BYTES]
