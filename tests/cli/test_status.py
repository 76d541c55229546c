"""`edge-agent status` on a booth that runs: what needs a person is told, with what to do about it."""

from __future__ import annotations

import asyncio
import io
import json
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import pytest

from edge_agent.cli.main import main
from simulators.demo.show import Show
from simulators.demo.stage import Pace, Stage, stage

pytestmark = [pytest.mark.system, pytest.mark.timeout(120)]


class Screen:
    """What `edge-agent status` shows of this booth."""

    def __init__(self, running: Stage, capture: pytest.CaptureFixture[str]) -> None:
        self.running = running
        self._capture = capture

    async def __call__(self, *words: str) -> tuple[int, str]:
        """Exit code and output."""
        self._capture.readouterr()
        socket = str(self.running.folder / "agent.sock")
        code = await asyncio.to_thread(main, ["status", *words, "--socket", socket])
        return code, self._capture.readouterr().out

    async def until(self, part: str) -> int:
        """Waits until it shows this; gives the exit code."""
        shown = ""
        try:
            async with asyncio.timeout(30):
                while True:
                    code, shown = await self()
                    if part in shown:
                        return code
                    await asyncio.sleep(0.02)
        except TimeoutError:
            pytest.fail(f"{part!r} is not in\n{shown}")


@pytest.fixture
async def screen(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> AsyncIterator[Screen]:
    async with stage(tmp_path, Show(io.StringIO()), Pace(settle_s=0.02, print_mm_s=2000)) as running:
        await running.devices_ready()
        yield Screen(running, capsys)


async def test_a_printer_without_paper_needs_somebody_and_says_what_to_do(screen: Screen) -> None:
    printer = screen.running.printer
    assert await screen.until("paper ok, cover closed") == 0
    printer.path.load_roll(0)
    printer.changed()
    assert await screen.until("\n             no label can be printed: insert paper\n") == 1
    _, as_json = await screen("--json")
    hints: dict[str, Any] = {device["id"]: device["hint"] for device in json.loads(as_json)["devices"]}
    assert hints == {
        "scanner-1": "",
        "scale-1": "",
        "printer-1": "no label can be printed: insert paper",
    }
    printer.path.load_roll()
    printer.changed()
    assert await screen.until("paper ok, cover closed\n") == 0
    assert "no label can be printed" not in (await screen())[1]


async def test_a_printer_with_an_open_cover_needs_somebody_and_says_what_to_do(screen: Screen) -> None:
    printer = screen.running.printer
    printer.path.cover_open = True
    printer.changed()
    assert await screen.until("no label can be printed: close the cover") == 1
    printer.path.cover_open = False
    printer.changed()
    assert await screen.until("cover closed") == 0


async def test_a_degraded_uplink_tells_why(screen: Screen) -> None:
    running = screen.running
    assert await screen.until("uplink   online\n") == 0
    running.broker.faults.publishers = frozenset({"DEMO-01"})
    running.broker.faults.puback_reason = 0x87  # not authorised
    await running.scanner.scan("RR102030405BD")
    assert await screen.until("uplink   degraded (forbidden)\n") == 1
    _, as_json = await screen("--json")
    uplink: dict[str, Any] = json.loads(as_json)["uplink"]
    assert (uplink["status"], uplink["reason"]) == ("degraded", "forbidden")
