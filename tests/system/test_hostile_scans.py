"""Every hostile barcode through the counter to every exit, with a judge at each: refused, or passed on inert.

Exits: the message to the centre (read as its store reads it), the log line, the cue for page and monitor, the
terminal of `scan parse`, the printed label (read by a strict printer).
"""

from __future__ import annotations

import json
import logging
import re
from pathlib import Path

import pytest

from drivers.printers.escpos_device import BandBegun, EscposDevice, RowsDrawn
from drivers.printers.escpos_raster import bands
from drivers.scanners.line import SPEC as LINE
from drivers.scanners.line import LineScannerDevice
from drivers.scanners.wedge import SPEC as WEDGE
from drivers.scanners.wedge_events import WedgeDevice
from edge_agent.barcodes.parse import parse
from edge_agent.cli.scan import lines
from edge_agent.counter.feedback import Prompt
from edge_agent.counter.inputs import Policy
from edge_agent.counter.labelling import BoothName, label_data
from edge_agent.counter.parcel import Parcel, Phase
from edge_agent.labels.printery import Printery
from edge_agent.logs import LineFormatter
from edge_agent.sdk.driver import Options
from edge_agent.sdk.errors import CommandError, ConfigError
from edge_agent.sdk.testing import run_codec
from edge_agent.sdk.values import Page, Scan, ScanText
from edge_agent.uplink.messages import batches, compact
from simulators.central.cloudevents import Event, parse_batch
from simulators.hostile import HOSTILE
from tests.counter.counter_bench import opened

ITEMS = [pytest.param(text, id=name) for name, text in HOSTILE.items()]
STEERING = re.compile("[\x00-\x1f\x7f-\x9f\u200b-\u200f\u2028-\u202e\u2060-\u206f\ufeff\ud800-\udfff]")
EVERYTHING = ("text", "s10", "gs1", "gs1_digital_link", "sscc", "ean13", "courier_ref")


def is_inert(shown: str) -> bool:
    """Whether a terminal or a log shows it as one line that moves nothing."""
    return STEERING.search(shown) is None


@pytest.fixture(scope="module")
def printery() -> Printery:
    return Printery("parcel-80")


@pytest.mark.parametrize("text", ITEMS)
async def test_to_the_centre_it_is_one_string_and_nothing_else(text: str, tmp_path: Path) -> None:
    async with opened(tmp_path, Policy(unweighed=True), accepts=EVERYTHING) as bench:
        bench.devices.has_scale = False
        await bench.scan(text)
        await bench.until(lambda: bench.phase is Phase.IDLE)
        stored = await bench.ledger.after(0, 100)
        payloads = [payload for _, payload in batches(stored, "DHAKA-0001")]
        received = [item for payload in payloads for item in parse_batch("DHAKA-0001", payload)]
        assert all(isinstance(item, Event) for item in received), received
        assert [item.type for item in received] == [event.type for event in stored]
        assert not any(byte < 0x20 for payload in payloads for byte in payload)
        reads = [json.loads(event.data) for event in stored if event.type == "scan.read"]
        assert [read["text"] for read in reads] == ([] if text.startswith("BXC1-") else [text])
        assert bench.prompts or text.startswith("BXL1:"), "the clerk is told something"
        assert reads or bench.sounds("refused_command") == ["rejected"]
        for cue in bench.cues:
            news = compact({"text": cue.prompt.text("bn"), "english": cue.prompt.text("en")})
            assert json.loads(news)["text"] == cue.prompt.text("bn")
            assert b"\n" not in news


@pytest.mark.parametrize("text", ITEMS)
def test_in_the_log_and_on_the_terminal_it_is_one_inert_line(text: str) -> None:
    for journal in (True, False):
        record = logging.LogRecord("edge_agent", logging.WARNING, "", 0, "scanner: %s", (text,), None)
        shown = LineFormatter(journal=journal).format(record)
        assert is_inert(shown.removesuffix("\n")), shown
    for kind in (None, "text", "gs1", "courier"):
        assert all(is_inert(line) for line in lines(parse(text, kind)))
        assert is_inert(json.dumps(parse(text, kind).as_dict()))


@pytest.mark.parametrize("text", ITEMS)
def test_on_paper_it_is_dots_or_refused(text: str, printery: Printery) -> None:
    parcel = Parcel(text, "text", "0123456789ab", 0, flags=("no_scale",))
    page, refusal = drawn(printery, parcel)
    if page is None:
        assert refusal.startswith("label.")
        return
    printer = EscposDevice()
    events = [event for band in bands(page, 576) for event in printer.feed(band)]
    assert {type(event) for event in events} <= {BandBegun, RowsDrawn}, "nothing but rows of dots"
    assert printer.rows == page.height


def drawn(printery: Printery, parcel: Parcel) -> tuple[Page | None, str]:
    """The page, or the code of its refusal, whose words must be inert."""
    try:
        return printery.page(label_data(parcel, 1, BoothName("DHAKA-0001", "B", "", 360), 0), dpi=203), ""
    except (CommandError, ConfigError) as refused:
        return (None, refused.code) if is_inert(str(refused)) else (None, f"steers: {refused!a}")


@pytest.mark.parametrize("text", ITEMS)
def test_a_scanner_delivers_it_exactly_or_not_at_all(text: str) -> None:
    line = LineScannerDevice(Options(LINE.options, {"terminator": "etx"}))
    if not set(text) & {"\x02", "\x03"}:
        values = run_codec(LINE.decoder(Options(LINE.options, {"terminator": "etx"})), [line.encode(text)])
        assert [v.text for v in values if isinstance(v, ScanText)] in ([text], [])
    try:
        typed = WedgeDevice(Options(WEDGE.options)).encode(text)
    except CommandError:
        return  # no key types it
    values = run_codec(WEDGE.decoder(Options(WEDGE.options, {"terminator": "enter"})), [typed])
    for value in values:
        assert not isinstance(value, ScanText) or value.text in text or "\r" in text


def test_a_prompt_takes_a_barcode_as_text() -> None:
    for text in HOSTILE.values():
        assert Prompt("accepted", {"item": text}).text("en") == f"Accepted: {text}"


async def test_all_of_them_in_one_burst_leave_the_counter_at_work(tmp_path: Path) -> None:
    async with opened(tmp_path) as bench:
        await bench.weigh("0.000")
        await bench.scan(*HOSTILE.values())
        assert bench.phase is Phase.IDLE
        await bench.counter.scans([Scan("scanner-1", bench.clock.stamp(), "RR102030405BD")])
        assert bench.phase is Phase.WEIGHING
