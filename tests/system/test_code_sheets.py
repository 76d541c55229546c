"""Code sheets as they come out of the booth's printer: read by another reader, and believed by the booth."""

from __future__ import annotations

import asyncio
import io
import json
import os
import pty
import re
import tomllib
import tty
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager, contextmanager
from pathlib import Path

import pytest

from edge_agent.barcodes.booth_command import BoothCommand, CommandCode, read
from edge_agent.cli import printed
from edge_agent.cli.code_sheets import NAMES
from edge_agent.discovery.challenge import LETTERS, new_code
from edge_agent.labels.template import find_template, sample_data
from simulators.demo.show import Show
from simulators.demo.stage import Pace, Stage, stage
from tests.cli.program import PROGRAM, edge_agent, settings_file
from tests.cli.test_print import printer_says
from tests.system.clerk import every_code_on

KEY = bytes(range(32))
ENDED_S = 60.0

pytestmark = [pytest.mark.system, pytest.mark.timeout(120)]


@asynccontextmanager
async def booth(folder: Path, counter: str = "") -> AsyncIterator[Stage]:
    async with stage(folder, Show(io.StringIO()), Pace(settle_s=0.02, print_mm_s=2000)) as running:
        if counter:
            await running.agent.stop()
            settings = folder / "booth.toml"
            settings.write_text(settings.read_text().replace("[counter]\n", f"[counter]\n{counter}\n"))
            await running.agent.start()
        await running.devices_ready()
        yield running


@pytest.fixture
async def keyed(tmp_path: Path) -> AsyncIterator[Stage]:
    key = tmp_path / "command.key"
    key.write_text(KEY.hex())
    async with booth(tmp_path, f'command_key_file = "{key}"') as running:
        yield running


@pytest.fixture
async def running(tmp_path: Path) -> AsyncIterator[Stage]:
    async with booth(tmp_path) as running:
        yield running


async def told(running: Stage, *words: str) -> tuple[int, str]:
    """Exit code and output of the command line of this booth."""
    ended = await asyncio.to_thread(edge_agent, *words, "-c", str(running.folder / "booth.toml"))
    return ended.returncode, ended.stdout + ended.stderr


def texts_on_last(running: Stage) -> list[str]:
    return [text for _, text in every_code_on(running.printer.tray.labels[-1].page)]


# Command codes


async def test_every_code_of_the_printed_sheet_is_one_the_booth_believes(keyed: Stage) -> None:
    code, shown = await told(keyed, "scan", "codes", "--print", "--days", "30")
    assert (code, "command-codes  confirmed by printed" in shown) == (0, True), shown
    assert "BXC1" not in shown, "whoever looks over a shoulder sees no code"
    codes = [read(text, booth="DEMO-01", key=KEY, today="20200101") for text in texts_on_last(keyed)]
    assert {code.command for code in codes if isinstance(code, CommandCode)} == set(BoothCommand)
    assert len(codes) == len(BoothCommand)


async def test_a_printed_code_is_obeyed_at_the_counter(keyed: Stage) -> None:
    code, shown = await told(keyed, "scan", "codes", "--print", "--only", "zero", "--once", "--json")
    sheet = json.loads(shown)
    assert (code, sheet["print"]["state"], sheet["print"]["subject"]) == (0, "confirmed", "command-codes")
    (text,) = texts_on_last(keyed)
    assert text == sheet["codes"][0]["text"]
    await keyed.scanner.scan(text)
    await keyed.until("the scale is zeroed", lambda: "scale_set" in keyed.record.told)
    await keyed.scanner.scan(text.replace("ZERO", "TARE"))
    await keyed.until("another is refused", lambda: "refused_command" in keyed.record.told)


async def test_a_sheet_that_found_no_paper_does_not_come_out_later(
    keyed: Stage, monkeypatch: pytest.MonkeyPatch
) -> None:
    keyed.printer.path.load_roll(0)
    keyed.printer.changed()
    await printer_says(keyed, "no")
    monkeypatch.setattr(printed, "WAIT_S", 1.0)
    code, shown = await told(keyed, "scan", "codes", "--print")
    assert (code, "cancelled" in shown) == (1, True), shown
    keyed.printer.path.load_roll()
    keyed.printer.changed()
    await printer_says(keyed, "yes")
    monkeypatch.undo()
    assert (await told(keyed, "scan", "codes", "--print", "--only", "void"))[0] == 0
    assert len(keyed.printer.tray.labels) == 1


async def test_an_unknown_printer_is_told(running: Stage) -> None:
    words = ("devices", "adopt", "--scanner", "--print", "--printer", "no-such-printer", "--wait", "1")
    with new_scanner() as (_, name):
        code, shown = await told(running, *words, f"serial:{name}")
    assert (code, "device.unknown" in shown) == (1, True), shown
    assert not running.printer.tray.labels


def test_without_the_agent_no_sheet_is_printed(tmp_path: Path) -> None:
    key = tmp_path / "command.key"
    key.write_text(KEY.hex())
    settings = settings_file(tmp_path, f'[counter]\nflow = "none"\ncommand_key_file = "{key}"\n')
    ended = edge_agent("scan", "codes", "--print", "-c", settings)
    assert (ended.returncode, "systemctl status edge-agent" in ended.stderr) == (3, True), ended.stderr
    ended = edge_agent("scan", "codes", "--printer", "printer-1", "-c", settings)
    assert (ended.returncode, "add --print" in ended.stderr) == (2, True)
    ended = edge_agent("devices", "adopt", "--print", "-c", settings)
    assert (ended.returncode, "--print goes with --scanner" in ended.stderr) == (2, True)


# A new scanner


@contextmanager
def new_scanner() -> Iterator[tuple[int, str]]:
    far, near = pty.openpty()
    tty.setraw(far)
    try:
        yield far, os.ttyname(near)
    finally:
        os.close(far)
        os.close(near)


async def test_a_scanner_that_reads_the_printed_code_is_adopted(running: Stage) -> None:
    settings = running.folder / "booth.toml"
    before = tomllib.loads(settings.read_text())["scanner"]
    with new_scanner() as (far, name):
        adopting = await asyncio.create_subprocess_exec(
            *PROGRAM, "devices", "adopt", "--scanner", "--print", f"serial:{name}",
            "-c", str(settings), "--yes", "--wait", "60",
            stdin=asyncio.subprocess.DEVNULL, stdout=asyncio.subprocess.PIPE, stderr=asyncio.subprocess.PIPE,
        )  # fmt: skip
        await running.until("the code is printed", lambda: bool(running.printer.tray.labels))
        (text,) = texts_on_last(running)
        os.write(far, f"{text}\r".encode())
        async with asyncio.timeout(ENDED_S):
            _, errors = await adopting.communicate()
    assert adopting.returncode == 0, errors
    assert b"It is printed" in errors
    after = tomllib.loads(settings.read_text())["scanner"]
    assert after == [*before, {"id": "scanner", "driver": "line", "port": f"serial:{name}"}]


def test_the_samples_of_the_challenge_are_codes_as_they_are_made() -> None:
    code = sample_data(find_template("challenge-80"))["challenge"]["code"]  # type: ignore[index]  # data of a label
    made = new_code(lambda letters: letters[0])
    assert re.sub("(?<=/)....|(?<=_)....", made[4:8], str(code)) == made
    assert set(f"{code}"[4:8] + f"{code}"[13:]) <= set(LETTERS)


def test_the_sheet_names_every_command() -> None:
    assert set(NAMES) == set(BoothCommand)
