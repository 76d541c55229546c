"""ESC/POS as a simulated printer speaks it.

Owns: which event of the strict parser becomes which work or answer. Must not know: bytes of commands and
replies (drivers.printers), time. Real-time status is answered at once, GS r when the parser reaches it and
the printer is online, a process id when everything before it is on paper.
"""

from __future__ import annotations

from collections.abc import Iterator

from drivers.printers.escpos_device import (
    AsbSet,
    Cut,
    EscposDevice,
    Event,
    Fed,
    InRaster,
    PaperAsked,
    ProcessIdAsked,
    Refused,
    RowsDrawn,
    StatusAsked,
)
from drivers.printers.escpos_status import (
    PrinterCondition,
    asb_reply,
    eot_reply,
    paper_reply,
    process_id_reply,
)
from simulators.print_buffer import Answer, Feed, Reply, Rows, Sever
from simulators.tongue import Deed, Inside, Say

SENSORS = ("paper_out", "cover_open", "cutter_jammed", "unrecoverable", "overheated", "near_end")


class EscposTongue:
    """One ESC/POS printer's language."""

    def __init__(self, inside: Inside) -> None:
        self._inside = inside
        self._width_dots = inside.path.width_dots
        self._stride = self._width_dots // 8
        self.reset()

    @property
    def condition(self) -> PrinterCondition:
        return PrinterCondition(**{name: getattr(self._inside.path, name) for name in SENSORS})

    def reset(self) -> None:
        self._parser = EscposDevice(self._width_dots)
        self._asb = False
        self._told: PrinterCondition | None = None

    def feed(self, data: bytes) -> list[Deed]:
        events = self._parser.feed(data)
        page = self._parser.take_page()
        rows = page.data if page else b""
        deeds: list[Deed] = []
        for event in events:
            if isinstance(event, RowsDrawn):
                deeds.append(Rows(rows[: event.rows * self._stride]))
                rows = rows[event.rows * self._stride :]
            else:
                deeds += self._understand(event)
        return deeds

    def push(self) -> Say | None:
        """Automatic status back: at each change while it is switched on."""
        if not self._asb or self._told == self.condition:
            return None
        self._told = self.condition
        return Say(Answer.ASB, asb_reply(self._told))

    def _understand(self, event: Event) -> Iterator[Deed]:
        match event:
            case StatusAsked(n):
                yield Say(Answer.EOT, eot_reply(n, self.condition))
            case AsbSet(n):
                self._asb = n != 0
                self._told = None
            case PaperAsked() if not self.condition.offline:
                yield Say(Answer.GS_R, paper_reply(self.condition))
            case PaperAsked():
                yield Reply(Answer.GS_R, lambda: paper_reply(self.condition))
            case ProcessIdAsked(id_):
                yield Reply(Answer.GS_H, lambda: process_id_reply(id_))
            case Fed(dots):
                yield Feed(dots)
            case Cut():
                yield Sever()
            case Refused() | InRaster():
                yield event
            case _:
                return
