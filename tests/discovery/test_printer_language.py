"""Which driver an unknown printer needs: by its id, by a person, by its answers, or refused."""

from __future__ import annotations

import asyncio

import pytest

from edge_agent.discovery.printer_language import Basis, language_of
from edge_agent.discovery.printer_probe import ask_printer
from edge_agent.registry import Registry
from edge_agent.sdk.clock import ManualClock
from edge_agent.sdk.driver import HARMLESS_PROBE, DriverSpec, Kind
from edge_agent.sdk.ieee1284 import parse_device_id
from simulators.loopback import LoopbackEndpoint
from simulators.print_buffer import Answer
from simulators.printer import PrinterSim
from tests.drivers.rig import turns

SPECS = Registry.installed().of_kind(Kind.PRINTER)


@pytest.mark.parametrize(
    ("device_id", "driver", "basis"),
    [
        ("MANUFACTURER:Zebra Technologies ;COMMAND SET:ZPL;MODEL:ZTC ZD611;", "zpl", Basis.COMMAND_SET),
        ("MFG:MARKLIFE ;CMD:XPP,XL;MDL:X4;CLS:PRINTER;", "tspl", Basis.COMMAND_SET),
        ("MFG: ;CMD:XPP,XL;MDL:PM-241-BT;", "tspl", Basis.COMMAND_SET),
        ("MFG:EPSON;CMD:ESC/POS;MDL:TM-T82;CLS:PRINTER;", "escpos", Basis.COMMAND_SET),
        ("MFG:Zebra;CMD:EPL;MDL:LP2844;", "epl2", Basis.COMMAND_SET),
        ("MFG:HP ;CMD:Bixolon_01;MODEL:KE103;", "zpl", Basis.MODEL),
        ("MFG:4BARCODE;CMD:CEZD;MDL:4B-2054A;", "", Basis.NOTHING),
        ("MFG:VEVOR ;CMD: ;MODEL:Y428BT;DES:LabelPrinter;", "", Basis.NOTHING),
        ("MFG:Xprinter;CMD:ESC/POS,TSPL,EPL2,ZPL;MDL:XP-237B;", "", Basis.NOTHING),
        ("", "", Basis.NOTHING),
    ],
)
def test_an_id_decides_or_nothing_does(device_id: str, driver: str, basis: Basis) -> None:
    found = language_of(parse_device_id(device_id), SPECS)
    assert (found.driver, found.basis) == (driver, basis)


def test_several_languages_are_named_and_none_is_chosen() -> None:
    found = language_of(parse_device_id("MFG:X;CMD:ESC/POS,TSPL;MDL:Y;"), SPECS)
    assert (found.driver, set(found.claims)) == ("", {"escpos", "tspl"})


def test_a_persons_word_counts_more_than_the_printers_and_the_contradiction_is_told() -> None:
    found = language_of(parse_device_id("CMD:ZPL;"), SPECS, told="tspl")
    assert (found.driver, found.basis, found.contradicted) == ("tspl", Basis.TOLD, True)
    assert not language_of(parse_device_id("CMD:ZPL;"), SPECS, told="zpl").contradicted


def test_an_answer_decides_where_the_id_does_not() -> None:
    found = language_of(parse_device_id("MFG:VEVOR ;CMD: ;"), SPECS, answered=["tspl"])
    assert (found.driver, found.basis) == ("tspl", Basis.ANSWER)


def test_only_languages_with_a_question_that_harms_nothing_are_asked() -> None:
    asked = {spec.name: spec.probe for spec in SPECS if HARMLESS_PROBE in spec.capabilities}
    assert asked == {"escpos": b"\x10\x04\x01", "tspl": b"\x1b!?", "zpl": b"~HS"}


async def asked(language: str, answers: frozenset[Answer] = frozenset(Answer)) -> tuple[list[str], list[str]]:
    """What a printer answered as, and the questions that it was asked."""
    clock, endpoint, told = ManualClock(), LoopbackEndpoint(), list[str]()
    printer = PrinterSim(endpoint, clock, language=language, answers=answers)
    running = asyncio.ensure_future(printer.run())
    await endpoint.plug()
    asking = asyncio.ensure_future(
        ask_printer(endpoint.host(), SPECS, clock, lambda spec: told.append(spec.name))
    )
    for _ in range(40):
        await turns()
        if asking.done():
            break
        await clock.advance(0.25)
    running.cancel()
    await asyncio.gather(running, return_exceptions=True)
    assert not printer.tray.labels
    return await asking, told


@pytest.mark.parametrize("language", ["escpos", "tspl", "zpl"])
async def test_a_printer_is_known_by_its_answer(language: str) -> None:
    found, told = await asked(language)
    assert found == [language]
    assert told[-1] == language


async def test_a_printer_that_answers_nothing_stays_unknown() -> None:
    found, told = await asked("zpl", frozenset())
    assert (found, told) == ([], ["escpos", "tspl", "zpl"])


def test_a_driver_names_its_words_in_capitals() -> None:
    words: list[DriverSpec] = [
        spec for spec in SPECS if any(word != word.upper() for word in spec.command_sets)
    ]
    assert words == []
