"""EPL2 from the printer's side: what a strict printer makes of the byte stream.

Owns: parsing of exactly the lines that our encoder may send; anything else is reported as Refused.
Must not know: time, paper transport, links. Replies stand in epl2_status.
"""

from __future__ import annotations

import re

from drivers.printers.epl2_status import ERROR_REPORT
from drivers.printers.label_device import Acknowledged, Asked, LabelEvent, LabelOrdered, Refused
from drivers.printers.line_parser import LineDevice
from edge_agent.sdk.driver import Options

LENGTH = re.compile(rb"Q(\d{1,5}),B?\d{1,4}")
PLAIN = re.compile(rb"q\d{1,4}|R0,0|ZT|S[1-9]\d?|D(?:\d|1[0-5])|OD?[CP]?")


class Epl2Device(LineDevice):
    """The lines of EPL2. A label that was interrupted is printed again: no command is known against it."""

    RASTER = re.compile(rb"GW0,(?P<top>\d{1,5}),(?P<stride>\d{1,3}),(?P<rows>\d{1,5}),")

    def __init__(self, options: Options | None = None, width_dots: int = 832) -> None:
        super().__init__(options.integer("width_dots") if options else width_dots)

    def power_cycle(self) -> None:
        super().power_cycle()
        self._acknowledges = False

    def obey(self, line: bytes) -> list[LabelEvent]:
        if line == b"N":
            self._picture.clear(self._picture.rows)
        elif length := LENGTH.fullmatch(line):
            self._picture.clear(int(length[1]))
        elif line == b"^ee":
            return [Asked(ERROR_REPORT)]
        elif line == b"US":
            self._acknowledges = True
            return [Acknowledged()]
        elif line == b"P1" and self._picture.rows:
            told: list[LabelEvent] = [Acknowledged()] if self._acknowledges else []
            return [LabelOrdered(self._picture.page(), True), *told]
        elif not PLAIN.fullmatch(line):
            return [Refused(line)]
        return []
