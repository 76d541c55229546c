"""One run of the demo from start to summary.

Owns: how long it goes, the judgement at its end. Must not know: scenes.
"""

from __future__ import annotations

import asyncio
import contextlib
import signal
import tempfile
from collections import Counter
from pathlib import Path

from edge_agent.sdk.errors import EdgeError
from simulators.central.check import check
from simulators.central.report import Report
from simulators.demo.day import Day
from simulators.demo.show import Show
from simulators.demo.stage import Stage, stage

CLOSING_S = 4.0  # of the given seconds, kept for the last parcel, the last acknowledgement and the count


async def play(seconds: int | None, folder: Path | None) -> int:
    """Run the demo for so many seconds, or until Ctrl-C; 0 when every promise held."""
    show = Show()
    place = folder or Path(tempfile.mkdtemp(prefix="edge-demo-"))
    end = asyncio.Event()
    loop = asyncio.get_running_loop()
    for number in (signal.SIGINT, signal.SIGTERM):
        loop.add_signal_handler(number, end.set)
    show.line("demo", f"labels, log and centre's file are in {place}")
    show.line("demo", "press Ctrl-C to end" if seconds is None else f"ends after about {seconds} s")
    if seconds is not None:
        loop.call_later(max(1.0, seconds - CLOSING_S), end.set)
    broken: list[str] = []
    try:
        async with stage(place, show) as running:
            await running.devices_ready()
            day = Day(running, end)
            try:
                await day.play()
            except EdgeError as error:
                broken.append(error.message)
            broken += await _finish(running, day.given, place)
    except EdgeError as error:
        broken.append(error.message)
    finally:
        for number in (signal.SIGINT, signal.SIGTERM):
            loop.remove_signal_handler(number)
    for promise in broken:
        show.line("BROKEN", promise)
    return 1 if broken else 0


async def _finish(running: Stage, given: list[str], place: Path) -> list[str]:
    """Wait for the last acknowledgement and the last label, count, and say what does not add up."""
    broken: list[str] = []
    try:
        report = await running.drained()
    except EdgeError as error:
        broken.append(error.message)
        report = await running.central.report()
    with contextlib.suppress(EdgeError):
        await running.until("the last label", lambda: running.printer.idle, 5.0)
    _count(running, given, report, place)
    return broken + judge(running, report, place)


def judge(running: Stage, report: Report, place: Path) -> list[str]:
    """Every promise that broke, in words; empty when the run was right."""
    saved = running.record.saved
    broken = [f"accepted but not in the centre: {item}" for item in _lost(saved, report)]
    broken += [f"accepted twice: {item}" for item in _doubled(report)]
    broken += [f"{violation}" for violation in check(place / "central.db")]
    broken += [f"the printer was sent what it must not be sent: {odd}" for odd in running.printer.violations]
    if running.record.labels - running.record.slips != len(saved):
        slips = f" and {running.record.slips} slips" if running.record.slips else ""
        broken.append(f"{running.record.labels} labels for {len(saved)} accepted parcels{slips}")
    if not saved:
        broken.append("no parcel was accepted")
    return broken


def _count(running: Stage, given: list[str], report: Report, place: Path) -> None:
    rows = {
        "scanned": f"{len(given)} parcels",
        "accepted": f"{len(running.record.saved)} (told to the clerk)",
        "acknowledged": f"{len(report.accepted)} (in the centre's store)",
        "lost": f"{len(_lost(running.record.saved, report))}",
        "doubled": f"{len(_doubled(report))}",
        "labels": f"{running.record.labels} in {place / 'labels'}",
        "events": f"{report.events}, sent again {report.duplicates}, gaps {len(report.gaps)}",
    }
    running.show.chapter("Summary")
    for name, text in rows.items():
        running.show.line("demo", f"{name:<14} {text}")


def _lost(saved: list[str], report: Report) -> list[str]:
    return sorted(set(saved) - set(report.accepted))


def _doubled(report: Report) -> list[str]:
    return sorted(item for item, times in Counter(report.accepted).items() if times > 1)
