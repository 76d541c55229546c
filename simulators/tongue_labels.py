"""ZPL, TSPL, EPL2 and CPCL as simulated printers speak them.

Owns: what each language tells of its printer, and when it says nothing. Must not know: bytes of commands and
replies (drivers.printers), time.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from typing import Protocol

from drivers.printers import cpcl_status, epl2_status, tspl_status, zpl_status
from drivers.printers.cpcl_device import CpclDevice
from drivers.printers.epl2_device import Epl2Device
from drivers.printers.label_device import (
    Acknowledged,
    Asked,
    InRaster,
    LabelEvent,
    LabelOrdered,
    Refused,
)
from drivers.printers.tspl_device import TsplDevice
from drivers.printers.zpl_device import ZplDevice
from simulators.print_buffer import Answer, Sheet
from simulators.tongue import Deed, Inside, Say


class Parser(Protocol):
    """A strict parser of one language."""

    @property
    def half_way(self) -> bool: ...
    def feed(self, data: bytes) -> list[LabelEvent]: ...
    def power_cycle(self) -> None: ...


class LabelTongue:
    """One label printer's language; `answers` gives the reply to a question, empty where there is none."""

    def __init__(self, parser: Parser, answers: Mapping[str, Callable[[], Say | None]]) -> None:
        self._parser = parser
        self._answers = answers

    def reset(self) -> None:
        self._parser.power_cycle()

    def push(self) -> Say | None:
        """Label printers say nothing unasked."""
        return None

    def feed(self, data: bytes) -> list[Deed]:
        return [deed for event in self._parser.feed(data) for deed in self._understand(event)]

    def _understand(self, event: LabelEvent) -> Iterator[Deed]:
        match event:
            case LabelOrdered(page, again):
                yield Sheet(page.data, page.data, again)
            case Asked(question):
                if reply := self._answers[question]():
                    yield reply
            case Acknowledged():
                if reply := self._answers[epl2_status.ACKNOWLEDGED]():
                    yield reply
            case Refused() | InRaster():
                yield event
            case _:
                return


def zpl(inside: Inside) -> LabelTongue:
    """ZPL: ~HS gets no reply at all while the printer cannot print, ~HQES always gets one."""
    parser = ZplDevice(width_dots=inside.path.width_dots)

    def now() -> zpl_status.HostStatus:
        path = inside.path
        return zpl_status.HostStatus(
            paper_out=path.paper_out,
            head_open=path.cover_open,
            cutter_jammed=path.cutter_jammed or path.unrecoverable,
            overheated=path.overheated,
            near_end=path.near_end,
            paused=path.paused,
            formats=max(0, inside.sheets - inside.printing),
            partial=parser.half_way,
            buffer_full=inside.full,
            remaining=int(inside.printing),
        )

    def host_status() -> Say | None:
        status = now()
        return None if status.speechless else Say(Answer.HS, zpl_status.host_status_reply(status))

    return LabelTongue(
        parser,
        {
            zpl_status.HOST_STATUS: host_status,
            zpl_status.ERROR_STATUS: lambda: Say(Answer.HQES, zpl_status.error_status_reply(now())),
            zpl_status.LABEL_COUNT: lambda: Say(Answer.COUNT, zpl_status.label_count_reply(inside.labels)),
        },
    )


def tspl(inside: Inside) -> LabelTongue:
    """TSPL: both questions are answered at any time."""

    def now() -> tspl_status.PrinterBits:
        path = inside.path
        return tspl_status.PrinterBits(
            head_open=path.cover_open,
            jammed=path.cutter_jammed or path.unrecoverable,
            paper_out=path.paper_out,
            paused=path.paused,
            printing=inside.printing,
            overheated=path.overheated,
            buffer_full=inside.full,
        )

    return LabelTongue(
        TsplDevice(width_dots=inside.path.width_dots, dots_per_mm=inside.path.dots_per_mm),
        {
            tspl_status.STATUS: lambda: Say(Answer.STATUS, tspl_status.status_reply(now())),
            tspl_status.FULL_STATUS: lambda: Say(Answer.FULL_STATUS, tspl_status.full_status_reply(now())),
        },
    )


def epl2(inside: Inside) -> LabelTongue:
    """EPL2: the error report at any time, an acknowledgement for each order once that is switched on."""

    def now() -> epl2_status.PrinterErrors:
        path = inside.path
        return epl2_status.PrinterErrors(
            paper_out=path.paper_out,
            head_open=path.cover_open,
            paused=path.paused,
            cutter_jammed=path.cutter_jammed or path.unrecoverable,
            overheated=path.overheated,
        )

    return LabelTongue(
        Epl2Device(width_dots=inside.path.width_dots),
        {
            epl2_status.ERROR_REPORT: lambda: Say(Answer.REPORT, epl2_status.error_report_reply(now())),
            epl2_status.ACKNOWLEDGED: lambda: Say(Answer.ACK, epl2_status.acknowledgement(now())),
        },
    )


def cpcl(inside: Inside) -> LabelTongue:
    """CPCL: both questions are answered at any time, with a bit for a printer that is busy."""

    def now() -> cpcl_status.PrinterBits:
        path = inside.path
        return cpcl_status.PrinterBits(
            busy=inside.sheets > 0,
            paper_out=path.paper_out,
            latch_open=path.cover_open,
            near_end=path.near_end,
            jammed=path.cutter_jammed or path.unrecoverable,
        )

    return LabelTongue(
        CpclDevice(width_dots=inside.path.width_dots),
        {
            cpcl_status.STATUS: lambda: Say(Answer.STATUS, cpcl_status.status_reply(now())),
            cpcl_status.EXTENDED_STATUS: lambda: Say(
                Answer.FULL_STATUS, cpcl_status.extended_status_reply(now())
            ),
        },
    )
