"""A simulated label printer of any language and the driver that talks to it, in memory on a manual clock.

Owns: Bench, the page that is printed, a second session on the same printer. Must not know: what a test wants.
"""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

from drivers.printers import cpcl, epl2, escpos, tspl, zpl
from edge_agent.sdk.clock import ManualClock
from edge_agent.sdk.driver import Context, DriverSpec, Options
from edge_agent.sdk.errors import LinkError
from edge_agent.sdk.values import Page, PrintJob, PrintResult, Proof
from simulators.loopback import LoopbackEndpoint, LoopbackLink
from simulators.paper_path import Label, Mark
from simulators.print_buffer import Answer
from simulators.printer import PrinterSim
from simulators.wire import Wire
from tests.drivers.rig import SinkLog, turns

WIDTH = 384
PAGE = Page(WIDTH, 120, bytes((row * 31 + column * 7) % 256 for row in range(120) for column in range(48)))
JOB = PrintJob("job-1", PAGE)
SPECS = {"zpl": zpl.SPEC, "tspl": tspl.SPEC, "epl2": epl2.SPEC, "cpcl": cpcl.SPEC, "escpos": escpos.SPEC}
LABEL_LANGUAGES = ("zpl", "tspl", "epl2", "cpcl")
BEST = {
    "zpl": Proof.PRINTED,
    "tspl": Proof.PRINTED,
    "epl2": Proof.CONSUMED,
    "cpcl": Proof.CONSUMED,
    "escpos": Proof.PRINTED,
}
OPTIONS: dict[str, dict[str, object]] = {"epl2": {"acknowledge": True}}
EVERYTHING = frozenset(Answer)


class Narrow:
    """A link that takes so many bytes more; without a number all that come."""

    def __init__(self, link: LoopbackLink) -> None:
        self.url = link.url
        self.left: int | None = None
        self._link = link

    async def read(self) -> bytes:
        return await self._link.read()

    async def write(self, data: bytes, timeout_s: float) -> None:
        room = len(data) if self.left is None else min(self.left, len(data))
        if room:
            await self._link.write(data[:room], timeout_s)
            await asyncio.sleep(0)  # or the printer would never get to read
        if self.left is not None:
            self.left -= room
        if room < len(data):
            raise LinkError("link.write_timeout", "the port took no more", accepted=room)

    def discard_input(self) -> int:
        return self._link.discard_input()

    async def close(self) -> None:
        await self._link.close()


class Bench:
    """One printer, one clock, and drivers on it one after the other."""

    def __init__(
        self,
        language: str,
        answers: frozenset[Answer] = EVERYTHING,
        *,
        keeps_half_command: bool = False,
        speed_mm_s: float = 100.0,
        seed: int = 0,
        **options: object,
    ) -> None:
        self.spec: DriverSpec = SPECS[language]
        self.options = {"width_dots": WIDTH, **OPTIONS.get(language, {}), **options}
        self.clock = ManualClock()
        self.endpoint = LoopbackEndpoint()
        self.wire = Wire(self.endpoint, clock=self.clock)
        self.printer = PrinterSim(
            self.wire,
            self.clock,
            language=language,
            width_dots=WIDTH,
            answers=answers,
            keeps_half_command=keeps_half_command,
            speed_mm_s=speed_mm_s,
            seed=seed,
        )
        self.sink = SinkLog()
        self._link: Narrow | None = None
        self.driver: object = None
        self.running: asyncio.Task[None] | None = None

    @asynccontextmanager
    async def on(self) -> AsyncIterator[Bench]:
        """The printer runs, and a first driver on it."""
        await self.endpoint.plug()
        printer = asyncio.ensure_future(self.printer.run())
        try:
            await self.open()
            yield self
        finally:
            await self.close()
            printer.cancel()
            await asyncio.gather(printer, return_exceptions=True)

    async def open(self) -> None:
        """Open the port, as the supervisor does."""
        assert self.spec.build is not None
        link = self._link = Narrow(self.endpoint.host())
        context = Context("printer", link, self.clock, self.sink, Options(self.spec.options, self.options))
        self.driver = self.spec.build(context)
        self.running = asyncio.ensure_future(_until_lost(self.driver))
        await turns()

    def limit_port(self, more_bytes: int) -> None:
        """Have the port take so many bytes more, and none after that."""
        assert self._link is not None
        self._link.left = more_bytes

    @property
    def port_is_full(self) -> bool:
        return self._link is not None and self._link.left == 0

    async def close(self) -> None:
        if self.running is not None:
            self.running.cancel()
            await asyncio.gather(self.running, return_exceptions=True)
            self.running = None
        self.endpoint.hang_up()
        await turns()

    async def settle(self, seconds: float = 12.0) -> None:
        """Long enough to learn what the printer answers."""
        await self.clock.advance(seconds)

    async def start(self, job: PrintJob = JOB) -> PrintResult:
        """A print whose time passes as the test wants it."""
        return await self.driver.print(job)  # type: ignore[attr-defined, no-any-return]  # a printer's driver

    async def print(self, job: PrintJob = JOB, within_s: float = 120.0, step_s: float = 0.5) -> PrintResult:
        """The end of a print, however long it takes by the clock."""
        task = asyncio.ensure_future(self.start(job))
        for _ in range(round(within_s / step_s)):
            await turns()
            if task.done():
                break
            await self.clock.advance(step_s)
        else:
            task.cancel()
        return await task

    @property
    def labels(self) -> list[Label]:
        return list(self.printer.tray.labels)

    @property
    def whole(self) -> list[Label]:
        """Labels with everything on them."""
        return [label for label in self.labels if label.mark is Mark.WHOLE]


def shows(label: Label, page: Page, language: str) -> bool:
    """Whether a label shows this page; ESC/POS and TSPL nudge dots that would be commands."""
    data = label.page.data[: len(page.data)]
    nudged = [(old, new) for old, new in zip(page.data, data, strict=False) if old != new]
    return (
        len(data) == len(page.data)
        and all((old ^ new).bit_count() == 1 and old & ~new == 0 for old, new in nudged)
        and (language not in ("zpl", "epl2") or not nudged)
    )


async def _until_lost(driver: object) -> None:
    try:
        await driver.run()  # type: ignore[attr-defined]  # a printer's driver
    except LinkError:
        return
