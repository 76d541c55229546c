"""One run of the demo from start to summary.

Owns: how long it goes, the judgement at its end. Must not know: scenes.
"""

from __future__ import annotations

import asyncio
import contextlib
import signal
import tempfile
from collections import Counter
from collections.abc import Coroutine, Iterator
from pathlib import Path

from edge_agent.sdk.errors import EdgeError
from simulators.central.check import check
from simulators.central.report import Report
from simulators.demo.day import Day
from simulators.demo.show import Show
from simulators.demo.stage import Stage, stage

CLOSING_S = 4.0  # of the given seconds, kept for the last parcel, the last acknowledgement and the count
LABEL_S = 5.0  # for the last label to come out
HURRY_S = 1.0  # the same when a person waits for the end; without paper it never comes
SIGNALS = (signal.SIGINT, signal.SIGTERM, signal.SIGHUP, signal.SIGQUIT)  # what a terminal or a person sends


async def play(seconds: int | None, folder: Path | None) -> int:
    """Run the demo for so many seconds, or until Ctrl-C; 0 when every promise held."""
    show = Show()
    place = folder or Path(tempfile.mkdtemp(prefix="edge-demo-"))
    end, cut = asyncio.Event(), asyncio.Event()
    if seconds is not None:
        asyncio.get_running_loop().call_later(max(1.0, seconds - CLOSING_S), end.set)
    broken: list[str] = []
    with _signals(cut):
        show.line("demo", f"labels, log and centre's file are in {place}")
        show.line("demo", "press Ctrl-C to end" if seconds is None else f"ends after about {seconds} s")
        try:
            async with stage(place, show) as running:
                broken += await _run(running, end, cut, place)
        except EdgeError as error:
            broken.append(error.message)
    for promise in broken:
        show.line("BROKEN", promise)
    return 1 if broken else 0


@contextlib.contextmanager
def _signals(cut: asyncio.Event) -> Iterator[None]:
    """Within, a person's signal to end sets `cut`; the agent, in its own session, gets none of them."""
    loop = asyncio.get_running_loop()
    for number in SIGNALS:
        loop.add_signal_handler(number, cut.set)
    try:
        yield
    finally:
        for number in SIGNALS:
            loop.remove_signal_handler(number)


async def _run(running: Stage, end: asyncio.Event, cut: asyncio.Event, place: Path) -> list[str]:
    """The day and the judgement: every promise that broke."""
    day = Day(running, end)
    broken: list[str] = []
    in_hand = False
    try:
        in_hand = await _cut_short(_day(running, day), cut)
    except EdgeError as error:
        broken.append(error.message)
    return broken + await _finish(running, day.given, place, in_hand=in_hand)


async def _day(running: Stage, day: Day) -> None:
    await running.devices_ready()
    await day.play()


async def _cut_short(work: Coroutine[None, None, None], cut: asyncio.Event) -> bool:
    """Work until it is done, or drop it when `cut` is set: true then. Raises what the work raises."""
    working, asked = asyncio.create_task(work), asyncio.create_task(cut.wait())
    try:
        await asyncio.wait({working, asked}, return_when=asyncio.FIRST_COMPLETED)
    finally:
        working.cancel()
        asked.cancel()
        await asyncio.wait({working, asked})
    if not working.cancelled():
        working.result()
    return working.cancelled()


async def _finish(running: Stage, given: list[str], place: Path, *, in_hand: bool) -> list[str]:
    """Wait for the last label and the last acknowledgement, count, and say what does not add up."""
    broken: list[str] = []
    if in_hand:
        await running.broker.heal()  # the day may have been cut short while the network was
    with contextlib.suppress(EdgeError):
        await running.until("the last label", lambda: running.printer.idle, HURRY_S if in_hand else LABEL_S)
    try:
        report = await _settled(running)
    except EdgeError as error:
        broken.append(error.message)
        report = await running.central.report()
    _count(running, given, report, place)
    return broken + judge(running, report, place, in_hand=in_hand)


async def _settled(running: Stage) -> Report:
    """What the centre has, with everything accepted until now. Raises DeviceError.

    A parcel in hand may be accepted while the report is made: then it is made again.
    """
    while True:
        before = len(running.record.saved)
        report = await running.drained()
        if len(running.record.saved) == before:
            return report


def judge(running: Stage, report: Report, place: Path, *, in_hand: bool = False) -> list[str]:
    """Every promise that broke, in words; empty when the run was right.

    `in_hand`: a person cut the day short, so one label may be out whose parcel is not accepted yet.
    """
    saved = running.record.saved
    broken = [f"accepted but not in the centre: {item}" for item in _lost(saved, report)]
    broken += [f"accepted twice: {item}" for item in _doubled(report)]
    broken += [f"{violation}" for violation in check(place / "central.db")]
    broken += [f"the printer was sent what it must not be sent: {odd}" for odd in running.printer.violations]
    spare = running.record.labels - running.record.slips - len(saved)
    if spare != 0 and not (in_hand and spare == 1):
        slips = f" and {running.record.slips} slips" if running.record.slips else ""
        broken.append(f"{running.record.labels} labels for {len(saved)} accepted parcels{slips}")
    if not saved and not in_hand:
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
