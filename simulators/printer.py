"""A simulated printer: the strict parser of its language before a paper path, with a buffer and a speed.

Owns: when things happen (parsed, printed, answered, pushed), what is answered at all, and power.
Must not know: commands and replies (tongue_escpos, tongue_labels), how paper behaves (paper_path).

Lack of paper keeps the buffer, and new paper goes on; lack of power loses it. A label printer draws a whole
label before it prints it: an interrupted one begins again on new paper, or is given up if it was told so.
"""

from __future__ import annotations

import asyncio
import random
from collections import deque
from collections.abc import Callable, Mapping

from edge_agent.sdk.clock import Clock
from edge_agent.sdk.errors import ConfigError, LinkError
from simulators import tongue_labels
from simulators.endpoints import Endpoint
from simulators.label_tray import LabelTray
from simulators.paper_path import DOTS_PER_MM, PaperPath
from simulators.print_buffer import SHEETS_HELD, Answer, Feed, PrintBuffer, Reply, Rows, Sever, Sheet, Work
from simulators.tongue import Inside, Say, Tongue, Violation
from simulators.tongue_escpos import EscposTongue

SPEED_MM_S = 150.0  # a usual label and receipt printer
BUFFER_BYTES = 65_536  # receive buffer of better models; cheap ones have 4 KiB
VIOLATIONS_KEPT = 100  # enough to see a pattern
GARBAGE_BYTES = 4  # as long as a status reply
PART_ROWS = 64  # 8 mm: how finely printing can be interrupted

LANGUAGES: Mapping[str, Callable[[Inside], Tongue]] = {
    "escpos": EscposTongue,
    "zpl": tongue_labels.zpl,
    "tspl": tongue_labels.tspl,
    "epl2": tongue_labels.epl2,
    "cpcl": tongue_labels.cpcl,
}


class PrinterSim:
    """One printer on one endpoint. The paper path and the flags may be played with while it runs."""

    def __init__(
        self,
        endpoint: Endpoint,
        clock: Clock,
        *,
        language: str = "escpos",
        width_dots: int = 576,
        dots_per_mm: int = DOTS_PER_MM,
        tray: LabelTray | None = None,
        speed_mm_s: float = SPEED_MM_S,
        buffer_bytes: int = BUFFER_BYTES,
        answers: frozenset[Answer] = frozenset(Answer),
        keeps_half_command: bool = False,
        seed: int = 0,
    ) -> None:
        _check(language, speed_mm_s, buffer_bytes)
        self.endpoint = endpoint
        self.tray = tray or LabelTray()
        self.path = PaperPath(self.tray.take, width_dots, dots_per_mm=dots_per_mm)
        self.violations: deque[Violation] = deque(maxlen=VIOLATIONS_KEPT)
        self.answers = answers
        self.mute = self.garbage = False
        self.blind = False  # takes everything, says yes to everything, prints nothing
        self.powered = True
        self.received_bytes = 0
        self.labels = 0
        self._clock = clock
        self._row_s = 1 / dots_per_mm / speed_mm_s
        self._room = buffer_bytes
        self._keeps_half_command = keeps_half_command
        self._dice = random.Random(seed)
        self._stride = width_dots // 8
        self._work = PrintBuffer()
        self._in_hand: Work | None = None
        self._power_cuts = 0
        self._power_left: int | None = None
        self._clear_left: int | None = None
        self._outburst = b""
        self._changed = asyncio.Event()
        self._tongue = LANGUAGES[language](self)

    @property
    def idle(self) -> bool:
        """Whether everything received is printed and kept."""
        return self._in_hand is None and not self._work and self.tray.idle

    @property
    def sheets(self) -> int:
        return self._work.sheets + isinstance(self._in_hand, Sheet)

    @property
    def printing(self) -> bool:
        return isinstance(self._in_hand, Sheet) or (
            isinstance(self._work.first, Sheet) and self._work.first.begun and not self._standing_still()
        )

    @property
    def full(self) -> bool:
        return self._work.size >= self._room or self.sheets >= SHEETS_HELD

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

    def garbage_after(self, received_bytes: int, outburst: bytes = b"") -> None:
        """Have the answers turn into rubbish after so many more bytes; `outburst` then comes unasked."""
        self._clear_left = received_bytes
        self._outburst = outburst

    async def power(self, on: bool) -> None:
        """Switch. Without power the buffer is lost, and a half printed label stays half printed."""
        if on == self.powered:
            return
        self.powered = on
        self._power_left = None
        if on:
            self._tongue.reset()
            await self.endpoint.plug()
        else:
            self._power_cuts += 1
            self._work.clear()
            self._tongue.reset()
            self.path.tear()
            await self.endpoint.unplug()
        self.changed()

    # --- receiving -----------------------------------------------------------------------------------------

    async def _receive(self) -> None:
        while True:
            await self._until(lambda: not self.full)
            try:
                data = await self.endpoint.read()
            except LinkError:
                self._hung_up()
                continue
            await self._arrive(data)

    def _hung_up(self) -> None:
        """USB and network interfaces reset with their host; a serial printer waits on inside its band."""
        if not self._keeps_half_command:
            self._tongue.reset()

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
        if self._clear_left is not None:
            self._clear_left -= len(data)
            if self._clear_left <= 0:
                await self._begin_garbage()
        for deed in self._tongue.feed(data):
            match deed:
                case Say(answer, reply):
                    await self._say(answer, reply)
                case Rows() | Feed() | Sever() | Sheet() | Reply():
                    self._work.add(deed)
                case _:
                    self.violations.append(deed)
        self.changed()

    async def _begin_garbage(self) -> None:
        self._clear_left = None
        self.garbage = True
        if self._outburst:
            await self.endpoint.write(self._outburst)

    # --- printing ------------------------------------------------------------------------------------------

    async def _print(self) -> None:
        while True:
            await self._until(lambda: self._work and not self._standing_still())
            self._in_hand = self._work.take()
            await self._do(self._in_hand)
            self._in_hand = None
            self.changed()

    async def _do(self, work: Work) -> None:
        match work:
            case Rows():
                await self._draw(work)
            case Feed(dots):
                await self._feed(dots)
            case Sheet():
                await self._print_sheet(work)
            case Sever():
                self.path.cut()
            case Reply(answer, make):
                await self._say(answer, make())

    def _standing_still(self) -> bool:
        return not self.powered or (self.path.halted and not self.blind)

    async def _draw(self, rows: Rows) -> None:
        """Print a part; what could not be printed, or was not yet, is the next work."""
        part = rows.data[: PART_ROWS * self._stride]
        if not await self._move(len(part) // self._stride):
            return
        printed = PART_ROWS if self.blind else self.path.draw(part)
        self._work.put_back(Rows(rows.data[printed * self._stride :]))

    async def _print_sheet(self, sheet: Sheet) -> None:
        """Print a part of a label; the last part ends it, and lack of paper or an open cover spoils it."""
        part = sheet.left[: PART_ROWS * self._stride]
        rows = len(part) // self._stride
        if not await self._move(rows):
            return
        printed = rows if self.blind else 0 if self.path.cover_open else self.path.draw(part)
        if printed < rows:
            self.path.tear()
            self._work.put_back(Sheet(sheet.data, sheet.data if sheet.again else b"", sheet.again))
        elif len(part) < len(sheet.left):
            self._work.put_back(Sheet(sheet.data, sheet.left[len(part) :], sheet.again))
        elif not self.blind:
            self.path.cut()
            self.labels += 1

    async def _feed(self, dots: int) -> None:
        if not await self._move(dots):
            return
        moved = dots if self.blind else self.path.feed(dots)
        self._work.put_back(Feed(dots - moved))

    async def _move(self, rows: int) -> bool:
        """Let the time of so many rows pass; whether there was power all the while."""
        cuts = self._power_cuts
        await self._clock.sleep(rows * self._row_s)
        return self.powered and self._power_cuts == cuts

    # --- answering -----------------------------------------------------------------------------------------

    async def _push(self) -> None:
        """What the language says unasked, at each change."""
        while True:
            while (said := self._tongue.push()) is not None:
                await self._say(said.answer, said.data)
            self._changed.clear()
            await self._changed.wait()

    async def _say(self, answer: Answer, reply: bytes) -> None:
        if self.mute or not self.powered or answer not in self.answers:
            return
        await self.endpoint.write(self._dice.randbytes(GARBAGE_BYTES) if self.garbage else reply)

    async def _until(self, condition: Callable[[], object]) -> None:
        while not condition():
            self._changed.clear()
            await self._changed.wait()


def _check(language: str, speed_mm_s: float, buffer_bytes: int) -> None:
    if not speed_mm_s > 0 or buffer_bytes < 1:
        raise ConfigError("sim.printer", "a printer has a speed and a buffer")
    if language not in LANGUAGES:
        raise ConfigError("sim.printer", f"a printer speaks {', '.join(LANGUAGES)}, not {language[:20]!r}")
