"""A simulated ESC/POS printer: the strict parser in front of a paper path, with a buffer and a speed.

Owns: when things happen (parsed, printed, answered, pushed), what is answered at all, and power.
Must not know: the bytes of commands and replies (drivers.printers), how paper behaves (paper_path).

Real-time status is answered at once, GS r when the parser reaches it and the printer is online, a process id
when everything before it is on paper. Lack of paper keeps the buffer, and new paper goes on; lack of power
loses it.
"""

from __future__ import annotations

import asyncio
import random
from collections import deque
from collections.abc import Callable
from enum import StrEnum

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
from edge_agent.sdk.clock import Clock
from edge_agent.sdk.errors import ConfigError, LinkError
from simulators.endpoints import Endpoint
from simulators.label_tray import LabelTray
from simulators.paper_path import DOTS_PER_MM, PaperPath
from simulators.print_buffer import PrintBuffer, Rows, Work

SPEED_MM_S = 150.0  # a usual label and receipt printer
BUFFER_BYTES = 65_536  # receive buffer of better models; cheap ones have 4 KiB
VIOLATIONS_KEPT = 100  # enough to see a pattern
GARBAGE_BYTES = 4  # as long as a status reply
SENSORS = ("paper_out", "cover_open", "cutter_jammed", "unrecoverable", "overheated", "near_end")
PART_ROWS = 64  # 8 mm: how finely printing can be interrupted


class Answer(StrEnum):
    """What this printer knows how to answer; clones know less."""

    EOT = "eot"
    ASB = "asb"
    GS_R = "gs_r"
    GS_H = "gs_h"


class PrinterSim:
    """One printer on one endpoint. The paper path and the flags may be played with while it runs."""

    def __init__(
        self,
        endpoint: Endpoint,
        clock: Clock,
        *,
        width_dots: int = 576,
        tray: LabelTray | None = None,
        speed_mm_s: float = SPEED_MM_S,
        buffer_bytes: int = BUFFER_BYTES,
        answers: frozenset[Answer] = frozenset(Answer),
        keeps_half_command: bool = False,
        seed: int = 0,
    ) -> None:
        if not speed_mm_s > 0 or buffer_bytes < 1:
            raise ConfigError("sim.printer", "a printer has a speed and a buffer")
        self.endpoint = endpoint
        self.tray = tray or LabelTray()
        self.path = PaperPath(self.tray.take, width_dots)
        self.violations: deque[Refused | InRaster] = deque(maxlen=VIOLATIONS_KEPT)
        self.answers = answers
        self.mute = False
        self.garbage = False
        self.blind = False  # takes everything, says yes to everything, prints nothing
        self.powered = True
        self.received_bytes = 0
        self._clock = clock
        self._row_s = 1 / DOTS_PER_MM / speed_mm_s
        self._room = buffer_bytes
        self._keeps_half_command = keeps_half_command
        self._dice = random.Random(seed)
        self._parser = EscposDevice(width_dots)
        self._stride = width_dots // 8
        self._work = PrintBuffer()
        self._busy = False
        self._asb = False
        self._told: PrinterCondition | None = None
        self._power_left: int | None = None
        self._changed = asyncio.Event()

    @property
    def condition(self) -> PrinterCondition:
        return PrinterCondition(**{name: getattr(self.path, name) for name in SENSORS})

    @property
    def idle(self) -> bool:
        """Whether everything received is printed and kept."""
        return not self._busy and not self._work and self.tray.idle

    async def run(self) -> None:
        """Be that printer until cancelled."""
        async with asyncio.TaskGroup() as parts:
            parts.create_task(self._receive())
            parts.create_task(self._print())
            parts.create_task(self._push())
            parts.create_task(self.tray.run())

    def changed(self) -> None:
        """The paper path or a flag was changed from outside: look again."""
        self._changed.set()

    def lose_power_after(self, received_bytes: int) -> None:
        """Have the power fail once so many more bytes have arrived."""
        self._power_left = received_bytes

    async def power(self, on: bool) -> None:
        """Switch. Without power the buffer is lost, and a half printed label stays half printed."""
        if on == self.powered:
            return
        self.powered = on
        self._power_left = None
        if on:
            self._parser = EscposDevice(self.path.width_dots)
            await self.endpoint.plug()
        else:
            self._work.clear()
            self._asb = False
            self.path.tear()
            await self.endpoint.unplug()
        self.changed()

    # --- receiving -----------------------------------------------------------------------------------------

    async def _receive(self) -> None:
        while True:
            await self._until(lambda: self._work.size < self._room)
            try:
                data = await self.endpoint.read()
            except LinkError:
                self._hung_up()
                continue
            await self._arrive(data)

    def _hung_up(self) -> None:
        """USB and network interfaces reset with their host; a serial printer waits on inside its band."""
        if not self._keeps_half_command:
            self._parser.power_cycle()
            self._asb = False

    async def _arrive(self, data: bytes) -> None:
        if not self.powered:
            return
        if self._power_left is not None and len(data) >= self._power_left:
            await self._take(data[: self._power_left])
            await self.power(False)
            return
        if self._power_left is not None:
            self._power_left -= len(data)
        await self._take(data)

    async def _take(self, data: bytes) -> None:
        self.received_bytes += len(data)
        events = self._parser.feed(data)
        page = self._parser.take_page()
        rows = page.data if page else b""
        for event in events:
            if isinstance(event, RowsDrawn):
                self._queue(Rows(rows[: event.rows * self._stride]))
                rows = rows[event.rows * self._stride :]
            else:
                await self._understand(event)

    async def _understand(self, event: Event) -> None:
        match event:
            case StatusAsked(n):
                await self._say(Answer.EOT, eot_reply(n, self.condition))
            case AsbSet(n):
                self._asb = n != 0
                self._told = None
                self.changed()
            case PaperAsked() if not self.condition.offline:
                await self._say(Answer.GS_R, paper_reply(self.condition))
            case Fed() | Cut() | PaperAsked() | ProcessIdAsked():
                self._queue(event)
            case Refused() | InRaster():
                self.violations.append(event)
            case _:
                return

    def _queue(self, work: Work) -> None:
        self._work.add(work)
        self.changed()

    # --- printing ------------------------------------------------------------------------------------------

    async def _print(self) -> None:
        while True:
            await self._until(lambda: self._work and not self._standing_still())
            self._busy = True
            await self._do(self._work.take())
            self._busy = False
            self.changed()

    async def _do(self, work: Work) -> None:
        match work:
            case Rows():
                await self._draw(work)
            case Fed(dots):
                await self._feed(dots)
            case Cut():
                self.path.cut()
            case PaperAsked():
                await self._say(Answer.GS_R, paper_reply(self.condition))
            case ProcessIdAsked(id_):
                await self._say(Answer.GS_H, process_id_reply(id_))

    def _standing_still(self) -> bool:
        return not self.powered or (self.path.halted and not self.blind)

    async def _draw(self, rows: Rows) -> None:
        """Print a part; what could not be printed, or was not yet, is the next work."""
        part = rows.data[: PART_ROWS * self._stride]
        if not await self._move(len(part) // self._stride):
            return
        printed = PART_ROWS if self.blind else self.path.draw(part)
        self._work.put_back(Rows(rows.data[printed * self._stride :]))

    async def _feed(self, dots: int) -> None:
        if not await self._move(dots):
            return
        moved = dots if self.blind else self.path.feed(dots)
        self._work.put_back(Fed(dots - moved))

    async def _move(self, rows: int) -> bool:
        """Let the time of so many rows pass; whether there was power all the while."""
        parser = self._parser
        await self._clock.sleep(rows * self._row_s)
        return self.powered and self._parser is parser

    # --- answering -----------------------------------------------------------------------------------------

    async def _push(self) -> None:
        """Automatic status back: at each change while it is switched on."""
        while True:
            await self._until(lambda: self._asb and self._told != self.condition)
            self._told = self.condition
            await self._say(Answer.ASB, asb_reply(self._told))

    async def _say(self, kind: Answer, reply: bytes) -> None:
        if self.mute or not self.powered or kind not in self.answers:
            return
        await self.endpoint.write(self._dice.randbytes(GARBAGE_BYTES) if self.garbage else reply)

    async def _until(self, condition: Callable[[], object]) -> None:
        while not condition():
            self._changed.clear()
            await self._changed.wait()
