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
from edge_agent.cli.status import _trial
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


async def test_a_device_that_is_gone_is_not_shown_as_it_last_was(screen: Screen) -> None:
    printer = screen.running.printer
    assert await screen.until("paper ok, cover closed\n") == 0
    await printer.endpoint.close()
    assert await screen.until("escpos       absent") == 1
    _, shown = await screen()
    assert "paper ok" not in shown
    _, as_json = await screen("--json")
    assert "printer" not in next(one for one in json.loads(as_json)["devices"] if one["id"] == "printer-1")


async def test_the_verbs_for_dead_letters_and_parcels_reach_the_agent(
    screen: Screen, capsys: pytest.CaptureFixture[str]
) -> None:
    async def verb(*words: str) -> tuple[int, str]:
        capsys.readouterr()
        socket = str(screen.running.folder / "agent.sock")
        code = await asyncio.to_thread(main, [*words, "--socket", socket])
        told = capsys.readouterr()
        return code, told.out + told.err

    assert await verb("letters", "list") == (0, "0 dead letters\n")
    code, told = await verb("letters", "show", "7")
    assert (code, "[letters.unknown]" in told) == (1, True)
    code, told = await verb("letters", "release", "7")
    assert (code, told) == (1, "no dead letter has such a number: 0 released, 0 left\n")
    code, told = await verb("parcel", "void")
    assert (code, "nothing_to_do" in told) == (1, True)
    assert "there is nothing to void now: no parcel is in hand" in told
    code, told = await verb("parcel", "number")
    assert (code, "number" in told) == (1, True), told
    assert "the centre must lease numbers" in told
    following = screen.running.record.events + 1
    screen.running.central.moods.reject_seqs = dict.fromkeys(range(following, following + 4), "event.type")
    await screen.running.scanner.scan("HELLO")
    assert await screen.until("that the centre does not take: edge-agent letters list") == 0
    code, told = await verb("letters", "list")
    assert (code, "event.type" in told) == (1, True)


def test_a_configuration_on_trial_has_a_line() -> None:
    (person,) = _trial({"waits_for": "person", "undone_in_s": 125})
    assert person == "config   on trial: undone in 0:02:05 unless edge-agent config confirm"
    (link,) = _trial({"waits_for": "link", "undone_in_s": 599})
    assert link == "config   on trial: undone in 0:09:59 unless the centre answers"
    assert list(_trial(None)) == []
