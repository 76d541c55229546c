"""`edge-agent devices`: USB printers in the list, and finding out which language a printer speaks."""

from __future__ import annotations

import asyncio
import json
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest

from edge_agent.cli.devices_printers import printer_lines, shown_printers
from edge_agent.cli.main import main
from edge_agent.registry import Registry
from edge_agent.sdk.clock import SystemClock
from edge_agent.sdk.driver import Kind
from edge_agent.settings.model import Device
from simulators.endpoints import TcpEndpoint
from simulators.print_buffer import Answer
from simulators.printer import PrinterSim
from simulators.usb.descriptors import Identity
from simulators.usb.printer import ESCPOS, ESCPOS_ID, TSPL, TSPL_ID, UsbPrinter
from tests.links.usb_box import UsbBox

SPECS = Registry.installed().of_kind(Kind.PRINTER)


@contextmanager
def printing(language: str, answers: frozenset[Answer] = frozenset(Answer)) -> Iterator[str]:
    """A simulated printer on a network port, in a loop and a thread of its own; gives its port."""
    loop, ready, endpoint = asyncio.new_event_loop(), threading.Event(), TcpEndpoint()

    async def serve() -> None:
        await endpoint.start()
        printer = PrinterSim(endpoint, SystemClock(), language=language, answers=answers)
        ready.set()
        try:
            await printer.run()
        finally:
            await endpoint.close()

    def run() -> None:
        with asyncio.Runner(loop_factory=lambda: loop) as runner:
            try:
                runner.run(serve())
            except asyncio.CancelledError:
                return

    thread = threading.Thread(target=run)
    thread.start()
    assert ready.wait(20)
    try:
        yield endpoint.url
    finally:
        loop.call_soon_threadsafe(lambda: [task.cancel() for task in asyncio.all_tasks(loop)])
        thread.join(20)


def identified(capsys: pytest.CaptureFixture[str], *arguments: str) -> tuple[int, Any, str]:
    code = main(["devices", "identify", *arguments, "--json"])
    captured = capsys.readouterr()
    return code, json.loads(captured.out), captured.err


# List


@pytest.fixture
async def box(tmp_path: Path) -> UsbBox:
    return UsbBox(tmp_path)


def told(box: UsbBox, node: str, device_id: str) -> None:
    """What the kernel has read from the printer."""
    folder = box.root / "sys/class/usbmisc" / node / "device"
    folder.mkdir(parents=True)
    (folder / "ieee1284_id").write_text(device_id + "\n")


async def test_usb_printers_are_listed_with_what_they_speak(box: UsbBox) -> None:
    box.plug(UsbPrinter(), ESCPOS, "1", "lp0")
    box.plug(UsbPrinter(TSPL_ID), TSPL, "2", "lp1")
    told(box, "lp0", ESCPOS_ID)
    told(box, "lp1", TSPL_ID)
    ours = Device(id="label", driver="tspl", port="lp:/dev/usb/lp1")
    first, second = shown_printers(SPECS, [("printer", ours)], box.root)
    assert (first["port"], first["driver"], first["basis"], first["device"]) == (
        "lp:/dev/usb/lp0",
        "escpos",
        "command_set",
        "",
    )
    assert (second["driver"], second["device_id"], second["device"]) == ("tspl", TSPL_ID, "label")
    assert "escpos" in next(iter(printer_lines([first])))


async def test_a_printer_whose_language_is_not_clear_is_listed_as_such(box: UsbBox) -> None:
    box.plug(UsbPrinter(), ESCPOS, "1", "lp0")
    box.plug(UsbPrinter(), ESCPOS, "2", "lp1")
    told(box, "lp0", "MFG:Xprinter;CMD:ESC/POS,TSPL;MDL:XP-237B;")
    unclear, silent = shown_printers(SPECS, [], box.root)
    assert (unclear["driver"], set(unclear["claims"])) == ("", {"escpos", "tspl"})
    assert (silent["driver"], silent["claims"], silent["device_id"]) == ("", [], "")
    assert "escpos or tspl" in "".join(printer_lines([unclear]))
    assert "language unknown" in "".join(printer_lines([silent]))


async def test_foreign_text_of_a_printer_cannot_steer_a_terminal(box: UsbBox) -> None:
    box.plug(UsbPrinter(), Identity(0x04B8, 0x0E15, "\x1b[2J", "a\u202eb", "s"), "1", "lp0")
    told(box, "lp0", "MFG:\x1b[31m;MDL:\x07;")
    assert "".join(printer_lines(shown_printers(SPECS, [], box.root))).isprintable()


# Identify


@pytest.mark.parametrize("language", ["escpos", "tspl", "zpl"])
def test_a_printer_is_asked_only_when_a_person_says_so(
    language: str, capsys: pytest.CaptureFixture[str]
) -> None:
    with printing(language) as port:
        code, found, err = identified(capsys, port, "--printer")
        assert (code, found["driver"], err) == (1, "", "")
        code, found, err = identified(capsys, port, "--printer", "--probe")
    assert (code, found["driver"], found["basis"]) == (0, language, "answer")
    assert f"asking as {language}" in err
    assert f'driver = "{language}"' in found["stanza"]


def test_a_persons_word_gives_the_table(capsys: pytest.CaptureFixture[str]) -> None:
    with printing("epl2") as port:
        code, found, _ = identified(capsys, port, "--driver", "epl2")
    assert (code, found["driver"], found["basis"]) == (0, "epl2", "told")
    assert found["stanza"].splitlines() == [
        "[[printer]]",
        'id = "printer-1"',
        'driver = "epl2"',
        f'port = "{port}"',
    ]


def test_a_printer_that_answers_nothing_is_refused_with_what_to_try(
    capsys: pytest.CaptureFixture[str],
) -> None:
    with printing("zpl", frozenset()) as port:
        code = main(["devices", "identify", port, "--printer", "--probe"])
    shown = capsys.readouterr().out
    assert code == 1
    assert "says nothing of itself" in shown
    assert "--driver zpl" in shown


def test_a_language_that_nobody_speaks_is_wrong_usage(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["devices", "identify", "tcp:127.0.0.1:9", "--driver", "morse"]) == 2
    assert "zpl" in capsys.readouterr().err


def test_a_printer_that_is_not_there_is_told(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["devices", "identify", "lp:/dev/usb/none"]) != 0
    assert "lp:/dev/usb/none" in capsys.readouterr().err
