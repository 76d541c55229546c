"""`edge-agent print …` as a technician uses it, on a booth that runs; exit codes 0, 1 and 3."""

from __future__ import annotations

import asyncio
import io
import json
from collections.abc import AsyncIterator
from contextlib import redirect_stderr
from pathlib import Path
from typing import Any

import pytest

from edge_agent.cli.main import main
from edge_agent.cli.printed import end_of
from edge_agent.labels.page import from_png
from simulators.demo.show import Show
from simulators.demo.stage import Pace, Stage, stage
from tests.cli.program import edge_agent
from tests.labels.hostile import HOSTILE
from tests.local.test_client import answering
from tests.system.clerk import Clerk, codes_on, mark_on
from tools.label_samples import COD_RECEIPT

JOB: dict[str, Any] = {
    "job": "52f5a09bfcd0",
    "order": "L-1",
    "requester": "centre",
    "kind": "label",
    "printer": "printer-1",
    "subject": "RR102030405BD",
    "attempt": 2,
    "state": "unconfirmed",
    "proof": "",
    "reason": "link.lost",
    "can_reprint": True,
    "age_ms": 5_400_000,
    "age_known": True,
}
PRINTER: dict[str, Any] = {
    "id": "printer-1",
    "waiting": 0,
    "printing": None,
    "suspended": False,
    "labels_last_hour": 3,
    "labels_per_hour": 600,
    "paper_mm_last_hour": 1_500,
    "paper_mm_per_hour": 100_000,
    "paper_left_mm": 12_345,
    "paper_near_end": False,
}
QUEUE: dict[str, Any] = {"waiting": 0, "unconfirmed": 0, "printers": [PRINTER], "jobs": []}


class Shell:
    """The command line of this booth, in a thread of its own."""

    def __init__(self, running: Stage, capture: pytest.CaptureFixture[str]) -> None:
        self._running = running
        self._capture = capture

    async def __call__(self, *words: str) -> tuple[int, str]:
        """Exit code and what was printed, errors included."""
        self._capture.readouterr()
        socket = str(self._running.folder / "agent.sock")
        code = await asyncio.to_thread(main, ["print", *words, "--socket", socket])
        shown = self._capture.readouterr()
        return code, shown.out + shown.err


@pytest.fixture
async def running(tmp_path: Path) -> AsyncIterator[Stage]:
    async with stage(tmp_path, Show(io.StringIO()), Pace(settle_s=0.02, print_mm_s=2000)) as made:
        await made.devices_ready()
        yield made


@pytest.fixture
def shell(running: Stage, capsys: pytest.CaptureFixture[str]) -> Shell:
    return Shell(running, capsys)


async def printer_says(running: Stage, ready: str) -> None:
    """Wait until the agent has heard whether its printer can print."""
    async with asyncio.timeout(30):
        while True:
            devices: Any = (await running.agent.status())["devices"]
            if [device["printer"]["ready"] for device in devices if "printer" in device] == [ready]:
                return
            await asyncio.sleep(0.02)


async def on_record(shell: Shell, job: str) -> None:
    """Wait until the end of this job is on disk: a label falls before its printer has proved it."""
    async with asyncio.timeout(30):
        while True:
            _, shown = await shell("queue", "--json")
            if [one["state"] for one in json.loads(shown)["jobs"] if one["job"] == job] == ["confirmed"]:
                return
            await asyncio.sleep(0.02)


@pytest.mark.system
@pytest.mark.timeout(120)
async def test_a_test_page_comes_out_and_scanning_it_closes_the_loop(running: Stage, shell: Shell) -> None:
    code, shown = await shell("test")
    assert (code, "confirmed by printed" in shown) == (0, True), shown
    (label,) = running.printer.tray.labels
    assert len(codes_on(label.page)) == 1
    await running.scanner.scan(mark_on(label.page))
    await running.until("the scan is told", lambda: "label_confirmed" in running.record.told)


@pytest.mark.system
@pytest.mark.timeout(120)
async def test_a_cod_receipt_is_printed_from_a_file_once_for_its_name(
    running: Stage, shell: Shell, tmp_path: Path
) -> None:
    file = tmp_path / "cod.json"
    fields = {
        "item": {"number": "RR102030405BD"},
        "receipt": {"number": "COD-1"},
        "cod": {"poisha": 1_234_550},
    }
    file.write_text(json.dumps(fields), encoding="utf-8")
    words = ("label", "cod-receipt-80", "--data", str(file), "--item", "RR102030405BD", "--job", "COD-1")
    code, shown = await shell(*words)
    assert (code, "confirmed by printed" in shown) == (0, True), shown
    code, again = await shell(*words)
    assert (code, again) == (0, shown), "the same name is the same receipt"
    (label,) = running.printer.tray.labels
    assert codes_on(label.page) == {"Code 128": "RR102030405BD"}
    file.write_text(json.dumps({**fields, "cod": {"poisha": 12345.5}}), encoding="utf-8")
    code, shown = await shell("label", "cod-receipt-80", "--data", str(file))
    assert (code, "cod.poisha is a number with decimals" in shown) == (1, True), shown
    code, shown = await shell("label", "cod-receipt-80", "--data", str(tmp_path / "none.json"))
    assert (code, "cannot be read" in shown) == (2, True), shown


@pytest.mark.system
@pytest.mark.timeout(120)
async def test_the_preview_is_what_comes_out_on_paper(running: Stage, shell: Shell, tmp_path: Path) -> None:
    """Dot for dot, but for the dots that keep commands out of the raster."""
    file, picture = tmp_path / "cod.json", tmp_path / "cod.png"
    file.write_text(json.dumps(COD_RECEIPT["bangla"]), encoding="utf-8")
    words = ("cod-receipt-80", "--data", str(file))
    previewed = await asyncio.to_thread(
        edge_agent, "print", "preview", *words, "--out", picture, "-c", running.folder / "booth.toml"
    )
    assert previewed.returncode == 0, previewed.stderr
    code, shown = await shell("label", *words)
    assert code == 0, shown
    page, (label,) = from_png(picture.read_bytes()), running.printer.tray.labels
    paper = label.page.data[: len(page.data)]
    assert sum((ours ^ theirs).bit_count() for ours, theirs in zip(page.data, paper, strict=True)) < 12
    assert not any(label.page.data[len(page.data) :]), "only feed follows"


@pytest.mark.system
@pytest.mark.timeout(120)
async def test_hostile_names_come_out_as_ink_or_are_refused_by_element(
    running: Stage, shell: Shell, tmp_path: Path
) -> None:
    """From the file through ledger, queue and driver: the strict printer sees only our own commands."""
    file = tmp_path / "cod.json"
    for kind in (
        "escpos-words",
        "zpl-words",
        "toml",
        "html",
        "bidi",
        "esc-pos",
        "real-time",
        "emoji",
        "10-kB",
    ):
        before = len(running.printer.tray.labels)
        fields = {**COD_RECEIPT["bangla"], "recipient": {"name": HOSTILE[kind]}}
        file.write_text(json.dumps(fields), encoding="utf-8")
        code, shown = await shell("label", "cod-receipt-80", "--data", str(file))
        await running.until("the printer has finished", lambda: running.printer.idle)
        came_out = len(running.printer.tray.labels) - before
        assert came_out == (1 if code == 0 else 0), (kind, shown)
        assert code == 0 or "element 'recipient'" in shown, (kind, shown)
        assert (code == 0) == (kind not in {"esc-pos", "real-time", "emoji", "10-kB"}), (kind, shown)
    assert not running.printer.violations


@pytest.mark.system
@pytest.mark.timeout(120)
async def test_a_waiting_job_is_listed_and_cancelled(running: Stage, shell: Shell) -> None:
    running.printer.path.load_roll(0)
    running.printer.changed()
    await printer_says(running, "no")
    code, shown = await shell("test", "--no-wait", "--json")
    job = json.loads(shown)["job"]
    assert code == 0
    code, shown = await shell("queue")
    assert code == 0
    assert f"{job}  test" in shown
    assert "1 waiting" in shown
    code, shown = await shell("cancel", job)
    assert (code, shown.startswith(f"{job}  test"), shown.endswith("cancelled (ordered)\n")) == (
        0,
        True,
        True,
    )
    code, shown = await shell("cancel", job)
    assert (code, "print.ended" in shown) == (1, True)
    running.printer.path.load_roll()
    running.printer.changed()
    code, _ = await shell("test")
    assert code == 0
    assert len(running.printer.tray.labels) == 1


@pytest.mark.system
@pytest.mark.timeout(120)
async def test_an_accepted_parcels_label_is_printed_again_marked(running: Stage, shell: Shell) -> None:
    await Clerk(running).accept("RR102030405BD", "1.235")
    code, shown = await shell("queue", "--json")
    (job,) = json.loads(shown)["jobs"]
    assert (code, job["requester"], job["subject"]) == (0, "flow", "RR102030405BD")
    code, shown = await shell("reprint", job["job"])
    assert code == 0
    assert "reprint 1" in shown
    await running.until("two labels", lambda: len(running.printer.tray.labels) == 2)
    marks = [mark_on(label.page) for label in running.printer.tray.labels]
    assert [mark.split(":")[1:3] for mark in marks] == [[job["job"], "1"], [job["job"], "2"]]
    code, shown = await shell("reprint", job["job"])
    assert (code, "print." in shown) == (1, True), "one key pressed twice is one reprint"
    await on_record(shell, job["job"])
    report = await running.drained()
    assert report.by_type["label.reprinted"] == 1
    assert report.by_type["parcel.accepted"] == 1


@pytest.mark.system
@pytest.mark.timeout(120)
async def test_without_a_printer_a_test_page_is_no_success(running: Stage, shell: Shell) -> None:
    code, shown = await shell("test", "no-such-printer")
    assert (code, "device.unknown" in shown) == (1, True)
    code, shown = await shell("reprint", "000000000000")
    assert (code, "print.unknown" in shown) == (1, True)
    code, shown = await shell("confirm")
    assert (code, "flow.nothing_to_do" in shown) == (1, True)
    assert await shell("roll") == (0, "printer-1: a full roll is in\n")


# What is shown


def show(tmp_path: Path, answer: dict[str, Any], *words: str) -> tuple[int, str]:
    with answering(tmp_path / "s", json.dumps({"ok": True, "result": answer}).encode() + b"\n"):
        ended = edge_agent("print", *words, "--socket", tmp_path / "s")
    return ended.returncode, ended.stdout


def test_a_label_in_doubt_ends_with_1_and_says_which(tmp_path: Path) -> None:
    code, shown = show(tmp_path, {**QUEUE, "unconfirmed": 1, "jobs": [JOB]}, "queue")
    assert code == 1
    assert shown == (
        "printer-1: 3 of 600 labels this hour, 1 of 100 m, about 12 m left\n"
        "0 waiting, 1 in doubt\n"
        "  52f5a09bfcd0  label reprint 1  RR102030405BD  unconfirmed (link.lost)  1 h 30 min\n"
    )


def test_orders_that_are_held_end_with_1_and_say_what_to_do(tmp_path: Path) -> None:
    code, shown = show(tmp_path, {**QUEUE, "printers": [{**PRINTER, "suspended": True}]}, "queue")
    assert code == 1
    assert "print a test" in shown


def test_no_name_in_the_queue_can_act_on_the_terminal(tmp_path: Path) -> None:
    hostile = {**JOB, "subject": "\x1b]0;owned\x07\u202e"}
    _, shown = show(tmp_path, {**QUEUE, "jobs": [hostile]}, "queue")
    assert all(line.isprintable() for line in shown.splitlines())


@pytest.mark.parametrize("state", ["failed", "unconfirmed", "expired"])
def test_a_test_page_that_did_not_come_out_ends_with_1(tmp_path: Path, state: str) -> None:
    code, shown = show(tmp_path, {**JOB, "kind": "test", "state": state}, "test")
    assert (code, state in shown) == (1, True)


def test_who_waits_for_a_test_page_is_told_why(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    waiting = {**JOB, "state": "queued", "reason": "printer.not_ready"}
    answers = iter([waiting, waiting, {**waiting, "state": "expired"}])
    monkeypatch.setattr("edge_agent.cli.printed.ask", lambda *_: next(answers))
    told = io.StringIO()
    with redirect_stderr(told):
        assert end_of(tmp_path / "s", waiting)["state"] == "expired"
    assert told.getvalue() == "it waits: the printer is not ready: edge-agent status says what it needs\n"


@pytest.mark.parametrize("words", [("test",), ("queue",), ("cancel", "x"), ("reprint", "x"), ("roll",)])
def test_without_the_agent_it_ends_with_3_and_says_where_to_look(
    tmp_path: Path, words: tuple[str, ...]
) -> None:
    ended = edge_agent("print", *words, "--socket", tmp_path / "none")
    assert ended.returncode == 3
    assert "systemctl status edge-agent" in ended.stderr


@pytest.mark.parametrize("words", [("cancel",), ("queue", "x"), ("void", "x")])
def test_wrong_usage_ends_with_2(words: tuple[str, ...]) -> None:
    assert edge_agent("print", *words).returncode == 2
