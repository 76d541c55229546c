"""The counter of a booth in the guest, as the host sees it: its devices, its screen, its labels.

Owns: the line to the guest (tests.vm.counter_inside is the other end), the record of what people saw.
Must not know: disks, when the power goes. It offers what tests.system.clerk needs of a stage.
"""

from __future__ import annotations

import asyncio
import base64
import itertools
import json
import zlib
from collections.abc import Callable
from dataclasses import dataclass, field
from decimal import Decimal
from typing import Any

from edge_agent.sdk.errors import DeviceError
from edge_agent.sdk.values import Page
from simulators.demo.stage import ACCEPTED_BEFORE, SAVED, Record
from simulators.paper_path import Label, Mark
from tests.vm.machine import Machine

STEP_S = 300.0  # no step takes a twentieth of it on an idle machine
LINE_BYTES = 4 << 20


@dataclass(slots=True)
class Seen:
    """Everything that people at the counter saw, over all power cuts."""

    record: Record = field(default_factory=Record)
    labels: list[Label] = field(default_factory=list)
    weights: dict[str, str] = field(default_factory=dict)


class Counter:
    """One run of the guest. The tray holds the labels of all runs: they lie on the desk."""

    def __init__(self, seen: Seen) -> None:
        self.record = seen.record
        self.changed = asyncio.Event()
        self.scanner = self.scale = self.printer = self.agent = self.tray = self
        self.labels = seen.labels
        self.idle = True
        self.dark = asyncio.Event()
        self.listening = False
        self.crashed = ""  # why the counter in the guest ended by itself, which it must not
        self.on_saved: Callable[[str], None] = lambda _: None
        self.on_scan: Callable[[str], None] = lambda _: None
        self.on_label: Callable[[], None] = lambda: None
        self.on_line: Callable[[], None] = lambda: None
        self.lines = 0
        self._answers: dict[int, asyncio.Future[Any]] = {}
        self._number = itertools.count(1)
        self._writer: asyncio.StreamWriter | None = None
        self._reading: asyncio.Task[None] | None = None

    async def connect(self, machine: Machine) -> None:
        """Take up the line."""
        link = await asyncio.to_thread(machine.connect, "stream")
        link.setblocking(False)
        reader, self._writer = await asyncio.open_connection(sock=link, limit=LINE_BYTES)
        self._reading = asyncio.create_task(self._read(reader))

    def start(self, synchronous: str) -> None:
        """Switch the booth on: its disk is mounted, its agent started."""
        self._order(do="start", synchronous=synchronous)

    async def ended(self) -> None:
        """What was on the line when the power went has been seen."""
        if self._reading is not None:
            await self._reading
        if self._writer is not None:
            self._writer.close()

    async def scan(self, text: str) -> None:
        self._order(do="scan", text=text)
        self.on_scan(text)

    def put(self, load: Decimal) -> None:
        self._order(do="put", load=str(load))

    async def ask(self, **request: object) -> Any:
        """One operation on the agent's socket."""
        number = next(self._number)
        self._answers[number] = asyncio.get_running_loop().create_future()
        self._order(do="ask", id=number, request=request)
        async with asyncio.timeout(STEP_S):
            return await self._answers[number]

    async def status(self) -> dict[str, Any]:
        return dict((await self.ask(op="status"))["result"])

    async def until(self, what: str, true: Callable[[], object], timeout_s: float = STEP_S) -> None:
        """Wait for something to be told. Raises DeviceError with what did not happen, also at a power cut."""
        try:
            async with asyncio.timeout(timeout_s):
                while not true():
                    if self.crashed:
                        raise DeviceError("counter.crashed", self.crashed)
                    if self.dark.is_set():
                        raise DeviceError("counter.dark", f"the power went before: {what}")
                    self.changed.clear()
                    await self.changed.wait()
        except TimeoutError:
            raise DeviceError("counter.step", f"not within {timeout_s} s: {what}") from None

    async def devices_ready(self) -> None:
        await self.until("the agent listens", lambda: self.listening)
        await self._status_is(
            "devices ready", lambda told: all(d["status"] == "ready" for d in told["devices"])
        )

    async def connected(self) -> None:
        await self._status_is("the centre is reached", lambda told: told["uplink"]["status"] != "offline")

    async def drained(self) -> None:
        await self._status_is("nothing waits for the centre", lambda told: told["backlog"]["count"] == 0)

    async def _status_is(self, what: str, true: Callable[[dict[str, Any]], bool]) -> None:
        loop = asyncio.get_running_loop()
        end = loop.time() + STEP_S
        while not true(told := await self.status()):
            if loop.time() > end:
                raise DeviceError("counter.step", f"not within {STEP_S} s: {what}: {told}")
            await asyncio.sleep(0.1)

    def _order(self, **order: object) -> None:
        if self._writer is not None and not self.dark.is_set():
            self._writer.write(json.dumps(order).encode() + b"\n")

    async def _read(self, reader: asyncio.StreamReader) -> None:
        try:
            while (line := await reader.readline()).endswith(b"\n"):
                self._hear(json.loads(line))
                self.lines += 1
                self.on_line()
                self.changed.set()
        except ConnectionError:
            pass  # the power went
        finally:
            self.dark.set()
            for answer in self._answers.values():
                if not answer.done():
                    answer.set_exception(DeviceError("counter.dark", "the power went"))
            self.changed.set()

    def _hear(self, news: dict[str, Any]) -> None:
        if "answer" in news:
            answer = self._answers.pop(news["id"])
            if not answer.done():
                answer.set_result(news["answer"])
        elif "label" in news:
            self.labels.append(_unpacked(news["label"]))
            self.on_label()
        elif "idle" in news:
            self.idle = news["idle"]
        elif "crashed" in news:
            self.crashed = news["crashed"]
        elif "listening" in news:
            self.listening = True
        else:
            self._note(news["told"])

    def _note(self, news: dict[str, Any]) -> None:
        if news.get("news") != "cue":
            return
        self.record.prompt = str(news["prompt"])
        self.record.told.append(self.record.prompt)
        if self.record.prompt == ACCEPTED_BEFORE:
            self.record.known.add(str(news["item"]))
        if self.record.prompt == SAVED and news.get("sound") == "saved":
            self.record.saved.append(str(news["item"]))
            self.on_saved(str(news["item"]))


def _unpacked(label: dict[str, Any]) -> Label:
    data = zlib.decompress(base64.b64decode(label["data"]))
    return Label(Page(label["width"], label["height"], data), Mark(label["mark"]))
