"""The booth's own pages: the slip and the test page are drawn from what a booth really says of itself."""

from __future__ import annotations

import io
import json
from decimal import Decimal
from pathlib import Path
from typing import Any

import pytest

from edge_agent.counter.parcel import Parcel
from edge_agent.labels.faces import BOLD, DEBIAN_FONTS
from edge_agent.labels.printery import Printery
from edge_agent.labels.template import find_template
from edge_agent.pages import Pages, printery
from edge_agent.policies import resolutions, rules
from edge_agent.printing.mark import marked
from edge_agent.registry import Registry
from edge_agent.sdk.clock import ManualClock
from edge_agent.sdk.errors import ConfigError
from edge_agent.sdk.values import Page
from edge_agent.settings.load import load
from simulators.demo.agent import TEMPLATE
from simulators.demo.show import Show
from simulators.demo.stage import Pace, stage
from tests.labels.paper import HEAD, ink_bounds, read
from tests.system.clerk import Clerk, mark_on

MARK = "BXL1:0123456789ab:1:S-1"
STATUS: dict[str, Any] = {
    "uplink": {"status": "offline", "reason": "uplink.unreachable"},
    "backlog": {"count": 12},
    "clock": "none",
    "ledger": {"last": 117},
    "devices": [
        {"id": "scanner-1", "status": "ready", "reason": "", "hint": ""},
        {"id": "scale-1", "status": "faulty", "reason": "device.wrong", "hint": "check the protocol"},
        *({"id": f"more-{n}", "status": "absent", "reason": "link.absent", "hint": ""} for n in range(9)),
    ],
}


@pytest.fixture
def pages() -> Pages:
    settings = load(TEMPLATE, Registry.installed())
    return Pages(Printery("parcel-80"), settings, ManualClock(), boot="b", printer="printer-1", dpi=203)


async def test_a_slip_of_a_booth_in_trouble_is_drawn_with_its_mark(pages: Pages) -> None:
    data = pages.slip(STATUS)
    page = await pages.draw("status-80", marked(data, MARK), 0, 203)
    assert ("QRCode", MARK) in read(page)
    devices, faults = data["device"], data["fault"]
    assert isinstance(devices, list)
    assert isinstance(faults, list)
    assert devices[0] == {"name": "scale-1", "state": "ত্রুটি / faulty"}, "trouble comes first"
    assert faults[0] == {"code": "device.wrong", "text": "check the protocol"}
    assert (len(devices), len(faults)) == (8, 3)


async def test_only_a_broken_link_sends_somebody_to_the_network(pages: Pages) -> None:
    for uplink, reason, faults in (
        ("offline", "uplink.silent", 1),
        ("degraded", "disk_full", 0),
        ("draining", "backlog", 0),
    ):
        status = {**STATUS, "uplink": {"status": uplink, "reason": reason}, "devices": []}
        found = pages.slip(status)["fault"]
        assert isinstance(found, list)
        assert len(found) == faults


@pytest.mark.parametrize("uplink", ["online", "degraded", "offline", "disabled", "unheard-of"])
@pytest.mark.parametrize("clock", ["ntp", "rtc", "held", "none", "unheard-of"])
async def test_a_slip_is_drawn_whatever_the_state(pages: Pages, uplink: str, clock: str) -> None:
    status = {**STATUS, "uplink": {"status": uplink, "reason": ""}, "clock": clock, "devices": []}
    page = await pages.draw("status-80", marked(pages.slip(status), MARK), 0, 203)
    assert page.height > 800


async def test_a_test_page_is_drawn_with_its_mark(pages: Pages) -> None:
    page = await pages.draw("print-test-80", marked(pages.test(), MARK), 0, 203)
    assert list(read(page)) == [("QRCode", MARK)]


async def test_a_receipt_says_what_the_label_says_and_carries_its_own_mark(tmp_path: Path) -> None:
    file = tmp_path / "booth.toml"
    counter = '[counter]\nreceipt = "receipt-80"\nreceipt_printer = "printer-1"\n'
    file.write_text(TEMPLATE.read_text("utf-8").replace("[counter]\n", counter), "utf-8")
    settings = load(file, Registry.installed())
    made = Pages(printery(settings), settings, ManualClock(), boot="b", printer="printer-9", dpi=203)
    order = made.receipt(Parcel("RR102030405BD", "s10", "abcdefabcdef", 0), ManualClock().stamp())
    assert (order.template, order.printer, order.key) == ("receipt-80", "printer-1", "abcdefabcdef.receipt")
    assert (order.kind, order.requester, order.subject) == ("receipt", "flow", "RR102030405BD")
    page = await made.draw(order.template, marked(json.loads(order.data), MARK), 0, 203)
    assert set(read(page)) == {("Code128", "RR102030405BD"), ("QRCode", MARK)}


@pytest.mark.parametrize(("dpi", "size"), [("180", (510, 857)), ("203", (576, 968)), ("300", (850, 1429))])
async def test_a_label_is_as_large_on_every_head(tmp_path: Path, dpi: str, size: tuple[int, int]) -> None:
    """72 by 121 mm, drawn for the resolution that the settings give the printer, and its codes read."""
    file = tmp_path / "booth.toml"
    head = f'driver = "escpos"\ndpi = "{dpi}"\n'
    file.write_text(TEMPLATE.read_text("utf-8").replace('driver = "escpos"\n', head), "utf-8")
    settings = load(file, Registry.installed())
    assert resolutions(settings) == {"printer-1": int(dpi)}
    assert rules(settings).dpi == resolutions(settings)
    made = Pages(printery(settings), settings, ManualClock(), boot="b", printer="printer-1", dpi=int(dpi))
    parcel = Parcel("RR102030405BD", "s10", "abcdefabcdef", 0)
    page = await made.label(parcel, 1, ManualClock().stamp())
    assert (page.width, page.height) == size
    assert ("Code128", parcel.item) in read(page)
    assert len(read(page)) == 2


@pytest.mark.parametrize("setting", ['font_bangla = "{bold}"', "black_from = 200"])
async def test_fonts_and_blackness_of_the_settings_are_on_the_label(tmp_path: Path, setting: str) -> None:
    file = tmp_path / "booth.toml"
    text = TEMPLATE.read_text("utf-8")

    async def drawn(more: str) -> Page:
        file.write_text(f"{text}\n[labels]\n{more}\n", "utf-8")
        settings = load(file, Registry.installed())
        made = Pages(printery(settings), settings, ManualClock(), boot="b", printer="printer-1", dpi=203)
        return await made.draw("print-test-80", marked(made.test(), MARK), 0, 203)

    usual, other = await drawn(""), await drawn(setting.format(bold=DEBIAN_FONTS.bangla[BOLD]))
    assert usual.height == other.height
    assert usual != other


async def test_a_receipt_template_that_is_not_there_stops_the_start(tmp_path: Path) -> None:
    file = tmp_path / "booth.toml"
    counter = '[counter]\nreceipt = "receipt-81"\n'
    file.write_text(TEMPLATE.read_text("utf-8").replace("[counter]\n", counter), "utf-8")
    with pytest.raises(ConfigError, match="receipt-80"):
        printery(load(file, Registry.installed()))


MARKED = '[[element]]\nid = "again"\ntype = "reprint"\nat = [2, 1]\nsize = [50, 5]\nfont_mm = 4\n'
GROUPED = '[[element]]\nid = "all"\ntype = "group"\nat = [0, 0]\n{}' + MARKED.replace(
    "element]]", "element.element]]"
)


@pytest.mark.parametrize(
    ("elements", "refused"),
    [
        ("", "label.no_reprint_mark"),
        (MARKED, ""),
        (MARKED + "when = []\n", ""),
        (MARKED + 'when = "note"\n', "label.no_reprint_mark"),
        (MARKED + 'unless = ["note"]\n', "label.no_reprint_mark"),
        (GROUPED.format(""), ""),
        (GROUPED.format('when = "note"\n'), "label.no_reprint_mark"),
        (GROUPED.format('each = "note"\n'), "label.no_reprint_mark"),
        ("[[element]]\ntype = 7\n[[element]]\n" + 'type = "group"\nelement = 7\n', "label.no_reprint_mark"),
        ("[[element", "template.syntax"),
    ],
    ids=[
        "none",
        "marked",
        "when-none",
        "when",
        "unless",
        "in-group",
        "in-when",
        "in-each",
        "nonsense",
        "no-toml",
    ],
)
def test_a_label_of_the_counter_that_could_not_be_told_from_its_reprint_stops_the_start(
    tmp_path: Path, elements: str, refused: str
) -> None:
    """Else its first reprint would give the parcel up. A receipt may be without: it is not printed again."""
    head = HEAD.format(kind="slip", width=60, height=60)
    (tmp_path / "own.toml").write_text(head + elements, "utf-8")

    def start(key: str) -> str:
        file = tmp_path / "booth.toml"
        text = TEMPLATE.read_text("utf-8").replace('label = "parcel-80"\n', f'{key} = "own"\n')
        file.write_text(f'{text}\n[labels]\ntemplates = "{tmp_path}"\n', "utf-8")
        try:
            printery(load(file, Registry.installed()))
        except ConfigError as refusal:
            return refusal.code
        return ""

    assert (start("label"), start("receipt")) == (refused, "")


@pytest.mark.system
@pytest.mark.timeout(120)
async def test_a_head_of_300_dpi_prints_labels_and_orders_in_their_true_size(tmp_path: Path) -> None:
    """On paper, in millimetres, as on one of 203 dpi: the parcel's own label, and an order of the centre."""
    pace = Pace(settle_s=0.02, print_mm_s=2000, head=(864, 12))
    async with stage(tmp_path, Show(io.StringIO()), pace) as running:
        await running.devices_ready()
        await Clerk(running).accept("RR102030405BD", "1.235")
        command = await running.central.command("DEMO-01", "print.slip", {"job": "S-1"})
        assert (await running.central.outcome(command, 30)).states[-1] == "done"
        await running.until("both are out", lambda: len(running.printer.tray.labels) == 2)
        for label, name in zip(running.printer.tray.labels, ("parcel-80", "status-80"), strict=True):
            height_mm = find_template(name).label.size_mm[1]
            left, top, right, bottom = ink_bounds(label.page) or (0, 0, 0, 0)
            assert 66 < (right - left) / 300 * 25.4 < 72
            assert 0 < height_mm - Decimal((bottom - top) / 300 * 25.4) < 8
            assert mark_on(label.page)


@pytest.mark.system
@pytest.mark.timeout(120)
async def test_the_centre_orders_a_slip_and_it_comes_out_once(tmp_path: Path) -> None:
    async with stage(tmp_path, Show(io.StringIO()), Pace(settle_s=0.02, print_mm_s=2000)) as running:
        await running.devices_ready()
        for _ in range(2):
            command = await running.central.command("DEMO-01", "print.slip", {"job": "S-1"})
            record = await running.central.outcome(command, 30)
            assert record.states[-1] == "done"
        await running.until("the slip is out", lambda: len(running.printer.tray.labels) == 1)
        await running.scanner.scan(mark_on(running.printer.tray.labels[0].page))
        await running.until("the scan is told", lambda: "label_confirmed" in running.record.told)
        await running.until("the printer has finished", lambda: running.printer.idle)
        assert len(running.printer.tray.labels) == 1
