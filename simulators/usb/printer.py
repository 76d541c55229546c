"""A USB printer of class 7, bidirectional: /dev/usb/lp to the host.

Owns: the class requests (USB Printer Class 1.1, 4.2), bulk in and out. Must not know: languages, paper.
"""

from __future__ import annotations

import struct
from collections.abc import Callable, Mapping
from dataclasses import dataclass

from simulators.usb import descriptors
from simulators.usb.descriptors import Identity
from simulators.usb.device import Answer, Handshake, Setup
from simulators.usb.pipe import Pipe

Speaker = tuple[Identity, str]
ESCPOS = Identity(0x04B8, 0x0E15, "Booth", "Sim receipt printer", "PR0001")
ESCPOS_ID = "MFG:BOOTH;CMD:ESC/POS;MDL:SIM-80;CLS:PRINTER;"
TSPL = Identity(0x1203, 0x0272, "Booth", "Sim label printer", "PL0001")
TSPL_ID = "MFG: ;CMD:XPP,XL;MDL:PM-241-BT;"  # a maker that left its name out, as in the field

ZPL = Identity(0x0A5F, 0x0166, "Booth", "Sim ZPL printer", "PZ0001")
ZPL_ID = "MANUFACTURER:Zebra Technologies ;COMMAND SET:ZPL;MODEL:ZTC ZD220-203dpi ZPL;"
EPL2 = Identity(0x0A5F, 0x000A, "Booth", "Sim EPL2 printer", "PE0001")
EPL2_ID = "MFG:Eltron;CMD:EPL2;MDL:LP2844;CLS:PRINTER;"
CPCL = Identity(0x0A5F, 0x00D2, "Booth", "Sim mobile printer", "PC0001")
CPCL_ID = "MFG:Zebra;CMD:CPCL;MDL:QLn220;CLS:PRINTER;"
SPEAKERS: Mapping[str, Speaker] = {
    "escpos": (ESCPOS, ESCPOS_ID),
    "tspl": (TSPL, TSPL_ID),
    "zpl": (ZPL, ZPL_ID),
    "epl2": (EPL2, EPL2_ID),
    "cpcl": (CPCL, CPCL_ID),
}

GET_DEVICE_ID, GET_PORT_STATUS, SOFT_RESET = 0, 1, 2
DATA_OUT, DATA_IN = 0x01, 0x82


@dataclass(slots=True)
class PortStatus:
    """The one status byte of the class, from the days of the parallel port."""

    paper_empty: bool = False
    selected: bool = True
    fault: bool = False

    def encode(self) -> int:
        """Bit 3 is active low: set means that all is well."""
        return self.paper_empty << 5 | self.selected << 4 | (not self.fault) << 3


class UsbPrinter:
    """The interface of a printer; what it prints is decided by the simulator on its pipe.

    `sense`, where it is set, tells the port's status as the mechanism has it; else it is `status`.
    `empty_answers`: it answers a poll for data with an empty packet instead of making the host wait.
    """

    device_class = (0, 0, 0)
    interfaces = 1

    def __init__(self, device_id: str = ESCPOS_ID, *, empty_answers: bool = False) -> None:
        self.device_id = device_id
        self.empty_answers = empty_answers
        self.status = PortStatus()
        self.sense: Callable[[], PortStatus] | None = None
        self.pipe = Pipe()
        self.resets = 0
        self.empty_reads = 0

    def port_name(self, by_path: str) -> str:
        return f"lp:/dev/edge-agent/lp-{by_path}:1.0"

    def configuration(self) -> bytes:
        return (
            descriptors.interface(0, 2, (7, 1, 2))
            + descriptors.endpoint(DATA_OUT, descriptors.BULK)
            + descriptors.endpoint(DATA_IN, descriptors.BULK)
        )

    def abandoned(self, _endpoint: int) -> None:
        """Nothing: a printer does not know whether a program has its node open."""

    def attached(self, news: Callable[[], None]) -> None:
        self.pipe.on_news(news)
        self.pipe.opened()

    def detached(self) -> None:
        self.pipe.hung_up()

    def control(self, setup: Setup, _data: bytes) -> Answer:
        if setup.request == GET_DEVICE_ID and setup.to_host:
            name = self.device_id.encode("ascii", "replace")
            return struct.pack(">H", 2 + len(name)) + name
        if setup.request == GET_PORT_STATUS and setup.to_host:
            status = self.sense() if self.sense else self.status
            return bytes((status.encode(),))
        if setup.request == SOFT_RESET:
            self.resets += 1
            self.pipe.drop_from_host()
            self.pipe.drop_to_host()
            return b""
        return Handshake.STALL

    def read(self, endpoint: int, room: int) -> Answer:
        if endpoint != DATA_IN & 0x0F:
            return Handshake.STALL
        data = self.pipe.take(room)
        if data or not self.empty_answers:
            return data or Handshake.NAK
        self.empty_reads += 1
        return b""

    def write(self, endpoint: int, data: bytes) -> Handshake:
        return self.pipe.put(data) if endpoint == DATA_OUT else Handshake.STALL
