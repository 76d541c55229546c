"""TSPL from the printer's side: what a strict printer makes of the byte stream.

Owns: parsing of exactly the lines that our encoder may send; anything else is reported as Refused.
Must not know: time, paper transport, links. Replies stand in tspl_status.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from decimal import Decimal
from typing import ClassVar

from drivers.printers.label_device import LabelEvent, LabelOrdered, Refused
from drivers.printers.line_parser import LineDevice
from drivers.printers.media import DOTS_PER_MM
from drivers.printers.tspl_status import FULL_STATUS, STATUS
from edge_agent.sdk.driver import Options

SIZE = re.compile(rb"SIZE (\d{1,4}(?:\.\d+)?) mm,(\d{1,4}(?:\.\d+)?) mm")
PLAIN = re.compile(
    rb"(?:GAP|BLINE) \d{1,2}(?:\.\d+)? mm,0 mm|DIRECTION 0,0|REFERENCE 0,0|OFFSET 0 mm|SHIFT 0"
    rb"|SPEED [1-9]\d?|DENSITY (?:\d|1[0-5])|SET (?:RIBBON|PEEL|TEAR) (?:ON|OFF)|SET CUTTER (?:1|OFF)"
)


class TsplDevice(LineDevice):
    """The lines of TSPL."""

    RASTER = re.compile(rb"BITMAP 0,(?P<top>\d{1,5}),(?P<stride>\d{1,3}),(?P<rows>\d{1,5}),0,")
    IMMEDIATE = re.compile(rb"\x1b![?S]")
    QUESTIONS: ClassVar[Mapping[bytes, str]] = {b"\x1b!?": STATUS, b"\x1b!S": FULL_STATUS}

    def __init__(self, options: Options | None = None, width_dots: int = 832, dots_per_mm: int = 8) -> None:
        self._dots_per_mm = DOTS_PER_MM[options.text("dpi")] if options else dots_per_mm
        super().__init__(options.integer("width_dots") if options else width_dots)

    def power_cycle(self) -> None:
        super().power_cycle()
        self._rows = 0
        self._again = True

    def obey(self, line: bytes) -> list[LabelEvent]:
        if size := SIZE.fullmatch(line):
            self._rows = int(Decimal(size[2].decode("ascii")) * self._dots_per_mm)
        elif line == b"CLS":
            self._picture.clear(self._rows)
        elif line == b"SET REPRINT OFF":
            self._again = False
        elif line == b"PRINT 1,1" and self._picture.rows:
            return [LabelOrdered(self._picture.page(), self._again)]
        elif not PLAIN.fullmatch(line):
            return [Refused(line)]
        return []
