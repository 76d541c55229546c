"""Keyboard scanners set for another country or case: refused with the fix named, never turned back."""

from __future__ import annotations

import json
import logging
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from edge_agent.barcodes.booth_command import BoothCommand, CommandCode, make
from edge_agent.barcodes.keyboard import TYPED
from edge_agent.barcodes.parse import parse
from edge_agent.counter.mistyped import KeyboardScanners
from edge_agent.counter.parcel import Phase
from edge_agent.sdk.values import ClockQuality, Scan, Stamp
from tests.counter.counter_bench import BOOTH, ITEM, KEY, KEYBOARD, CounterBench, opened

COMMAND = make(CommandCode(BoothCommand.VOID, "K7Q2ZD", False, "20991231"), booth=BOOTH, key=KEY)
MARK = f"BXL1:0123456789ab:1:{ITEM}"
LINK = "https://id.gs1.org/01/09506000134352"
NEW_ZEALAND = "CP000000178NZ"


async def scans(bench: CounterBench) -> list[dict[str, Any]]:
    """The data of every barcode on record."""
    events = await bench.ledger.after(0, 1000)
    return [json.loads(event.data) for event in events if event.type == "scan.read"]


@pytest.mark.parametrize(
    ("layout", "code"),
    [
        ("German", NEW_ZEALAND),
        ("German", MARK),
        ("German", LINK),
        ("French", ITEM),
        ("French", MARK),
        ("French", LINK),
        ("French", "4006381333931"),
        ("French", "1424107"),
        ("Italian/Spanish", "https://id.gs1.org/01/09506000134352?17=271231"),
    ],
)
async def test_another_layout_is_refused_and_named(tmp_path: Path, layout: str, code: str) -> None:
    async with opened(tmp_path, accepts=("s10", "courier_ref", "text", "ean13", "gs1_digital_link")) as bench:
        typed = code.translate(TYPED[layout])
        await bench.weigh("0.000")
        await bench.type(typed)
        (record,) = await scans(bench)
        assert (record["text"], record["valid"], record["error"]) == (typed, False, "keyboard_layout")
        assert bench.prompts[-1] == "scanner_layout"
        assert bench.sounds("scanner_layout") == ["rejected"]
        assert (bench.phase, bench.counter.counts.refused) == (Phase.IDLE, 1)
        assert record["layout"] == bench.cues[-1].prompt.values["layout"]
        if "Y" in code or "Z" in code or layout == "French":
            assert record["layout"] == layout


@pytest.mark.parametrize("typed", [ITEM.swapcase(), MARK.swapcase()])
async def test_letters_that_come_turned_about_are_refused_and_named(tmp_path: Path, typed: str) -> None:
    async with opened(tmp_path, accepts=("s10", "text")) as bench:
        await bench.weigh("0.000")
        await bench.type(typed)
        (record,) = await scans(bench)
        assert (record["error"], record["layout"]) == ("caps_lock", "Caps Lock")
        assert (bench.prompts[-1], bench.phase) == ("scanner_caps", Phase.IDLE)


@pytest.mark.parametrize("layout", TYPED)
async def test_a_command_code_of_another_layout_is_neither_obeyed_nor_passed_on(
    tmp_path: Path, layout: str
) -> None:
    async with opened(tmp_path, accepts=("text",)) as bench:
        await bench.type(COMMAND.translate(TYPED[layout]))
        events = await bench.ledger.after(0, 1000)
        signature = COMMAND.rpartition("-")[2]
        for event in events:
            for table in TYPED.values():
                assert signature.translate(table) not in event.data
        assert bench.phase is Phase.IDLE
        assert bench.prompts[-1] in {"scanner_layout", "refused_command"}


@pytest.mark.parametrize(
    "code", [ITEM, MARK, LINK, "15BAEB8A", "4006381333931", "ST-12/3", "hello world", "https://example.org/a"]
)
async def test_a_scanner_that_is_set_right_is_never_blamed(tmp_path: Path, code: str) -> None:
    async with opened(tmp_path) as bench:
        await bench.type(code)
        assert not {"scanner_layout", "scanner_caps"} & set(bench.prompts)
        (record,) = await scans(bench)
        assert "layout" not in record


async def test_a_scanner_that_does_not_type_has_no_layout(tmp_path: Path) -> None:
    async with opened(tmp_path) as bench:
        await bench.scan(NEW_ZEALAND.translate(TYPED["German"]), ITEM.swapcase())
        assert not {"scanner_layout", "scanner_caps"} & set(bench.prompts)


async def test_after_the_fix_it_is_taken(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level(logging.WARNING)
    async with opened(tmp_path) as bench:
        await bench.weigh("0.000")
        typed = ITEM.translate(TYPED["French"])
        for _ in range(3):
            await bench.type(typed)
        await bench.type(ITEM)
        assert bench.phase is Phase.WEIGHING
        told = [message for message in caplog.messages if "keyboard country USA" in message]
        fix = "scan its set-up code 'keyboard country USA'"
        assert told == [f"{KEYBOARD}: the scanner is set for a French keyboard: {fix}"]


@given(st.text(max_size=400))
def test_any_text_is_looked_at_without_harm(text: str) -> None:
    scan = Scan(KEYBOARD, Stamp(0, 0, ClockQuality.NONE), text or "x")
    keyboards = KeyboardScanners(frozenset({KEYBOARD}), lambda scan: parse(scan.text, aim=scan.aim))
    found = keyboards.mistyped(scan, parse(scan.text))
    assert found is None or found.event.data["valid"] is False
