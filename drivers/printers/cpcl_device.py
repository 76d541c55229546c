"""CPCL from the printer's side: what a strict printer makes of the byte stream.

Owns: parsing of exactly the lines that our encoder may send; anything else is reported as Refused.
Must not know: time, paper transport, links. Replies stand in cpcl_status.
"""

from __future__ import annotations

import binascii
import re
from collections.abc import Mapping
from typing import ClassVar

from drivers.printers.cpcl_status import EXTENDED_STATUS, STATUS
from drivers.printers.label_device import Cancelled, LabelEvent, LabelOrdered, Refused
from drivers.printers.line_parser import LineDevice, Raster
from edge_agent.sdk.driver import Options

HEX = re.compile(rb"EG (?P<stride>\d{1,3}) (?P<rows>\d{1,5}) 0 (?P<top>\d{1,5}) (?P<digits>[0-9A-F]+)")
SESSION = re.compile(rb"! 0 (?:203 203|300 300|600 600) (\d{1,5}) 1")
PLAIN = re.compile(rb"PAGE-WIDTH \d{1,4}|SPEED [1-5]|TONE \d{1,3}|GAP-SENSE|BAR-SENSE|FORM")


class CpclDevice(LineDevice):
    """The lines of CPCL, most of them only inside of a session."""

    RASTER = re.compile(rb"CG (?P<stride>\d{1,3}) (?P<rows>\d{1,5}) 0 (?P<top>\d{1,5}) ")
    IMMEDIATE = re.compile(rb"\x1b[hi]")
    QUESTIONS: ClassVar[Mapping[bytes, str]] = {b"\x1bh": STATUS, b"\x1bi": EXTENDED_STATUS}
    WHITE_IS_ONE = False

    def __init__(self, options: Options | None = None, width_dots: int = 832) -> None:
        super().__init__(options.integer("width_dots") if options else width_dots)

    @property
    def half_way(self) -> bool:
        return self._session

    def power_cycle(self) -> None:
        super().power_cycle()
        self._session = False
        self._again = True

    def obey(self, line: bytes) -> list[LabelEvent]:
        if begun := SESSION.fullmatch(line):
            nested = self._session
            self._session, self._again = True, True
            self._picture.clear(int(begun[1]))
            return [Refused(line)] if nested else []
        if line == b"ABORT":
            self._session = False
            self._picture.clear(0)
            return [Cancelled()]
        return self._in_session(line) if self._session else [Refused(line)]

    def _in_session(self, line: bytes) -> list[LabelEvent]:
        if line == b"PRINT":
            self._session = False
            page = self._picture.page()
            self._picture.clear(0)
            return [LabelOrdered(page, self._again)]
        if graphic := HEX.fullmatch(line):
            return self._draw_hex(graphic)
        if line == b"ON-OUT-OF-PAPER PURGE":
            self._again = False
        elif not PLAIN.fullmatch(line):
            return [Refused(line)]
        return []

    def _draw_hex(self, graphic: re.Match[bytes]) -> list[LabelEvent]:
        stride, digits = int(graphic["stride"]), graphic["digits"]
        if not stride or len(digits) != 2 * stride * int(graphic["rows"]):
            return [Refused(graphic[0][:64])]
        events: list[LabelEvent] = []
        self.draw(Raster(int(graphic["top"]), stride, binascii.unhexlify(digits)), events)
        return events
