"""A simulated ESC/POS printer, fed by the driver's own encoder: labels, answers, faults, violations."""

from __future__ import annotations

import asyncio
import io
from collections.abc import AsyncIterator
from pathlib import Path

import pytest
import serial
import zxingcpp
from PIL import Image

from drivers.printers.escpos_raster import (
    INITIALISE,
    PAPER_STATUS,
    PUSH_STATUS,
    bands,
    end_of_page,
    report_printed,
    status_question,
)
from edge_agent.sdk.clock import ManualClock, SystemClock
from edge_agent.sdk.errors import ConfigError
from edge_agent.sdk.values import Page
from simulators.endpoints import PtyEndpoint
from simulators.faults import SlowDrain
from simulators.label_tray import LabelTray
from simulators.loopback import LoopbackEndpoint, LoopbackLink
from simulators.paper_path import Mark
from simulators.print_buffer import Answer
from simulators.printer import PrinterSim
from simulators.wire import Toward, Wire
from tests.simulators.devices.conftest import running, until

WIDTH = 576
CODE = "RR123456785BD"
ID = b"0042"
PRINTED = b"\x37\x22" + ID + b"\0"
ONLINE = b"\x12"
PAPER_IS_OUT = b"\x72"


def stripes(rows: int = 100) -> Page:
    return Page(WIDTH, rows, b"".join(bytes([row % 251 + 1]) * 72 for row in range(rows)))


def label_of(page: Page) -> bytes:
    return INITIALISE + b"".join(bands(page, WIDTH)) + end_of_page("partial", 0)


def barcode_page(text: str) -> Page:
    code = zxingcpp.create_barcode(text, zxingcpp.BarcodeFormat.Code128)
    picture = (
        Image.fromarray(zxingcpp.write_barcode_to_image(code, scale=3)).convert("L").resize((520, 160), 0)
    )
    sheet = Image.new("L", (WIDTH, 240), 255)
    sheet.paste(picture, (28, 40))
    ones = sheet.point(lambda dot: 255 if dot < 128 else 0).convert("1")
    return Page(WIDTH, 240, ones.tobytes())


class Desk:
    """A printer in memory that prints at a metre a second, on a manual clock."""

    def __init__(self, **settings: object) -> None:
        self.clock = ManualClock()
        self.endpoint = LoopbackEndpoint()
        self.wire = Wire(self.endpoint, clock=self.clock)
        self.printer = PrinterSim(self.wire, self.clock, speed_mm_s=1000, **settings)  # type: ignore[arg-type]

    async def open(self) -> LoopbackLink:
        await self.endpoint.plug()
        return self.endpoint.host()

    async def send(self, link: LoopbackLink, data: bytes, seconds: float = 60.0) -> bytes:
        """Send, let time pass, and give all answers."""
        await link.write(data, 1)
        await self.clock.advance(seconds)
        return await self.said(link)

    async def said(self, link: LoopbackLink) -> bytes:
        await self.clock.advance(0)
        lane = self.endpoint.to_host
        return b"".join([await link.read() for _ in range(lane.chunks if lane else 0)])

    @property
    def pages(self) -> list[Page]:
        return [label.page for label in self.printer.tray.labels]

    @property
    def marks(self) -> list[Mark]:
        return [label.mark for label in self.printer.tray.labels]


@pytest.fixture
async def desk() -> AsyncIterator[Desk]:
    desk = Desk()
    async with running(desk.printer.run()):
        yield desk


# Labels


async def test_a_page_of_the_driver_comes_out_dot_by_dot(desk: Desk) -> None:
    link = await desk.open()
    await desk.send(link, label_of(stripes(700)))
    assert desk.pages == [stripes(700)]
    assert not desk.printer.violations


async def test_two_labels_in_one_chunk_are_cut_where_the_cut_stands(desk: Desk) -> None:
    link = await desk.open()
    await desk.send(link, label_of(stripes(30)) + label_of(stripes(20)))
    assert desk.pages == [stripes(30), stripes(20)]


async def test_paper_that_is_fed_is_white_and_takes_its_time(desk: Desk) -> None:
    link = await desk.open()
    data = b"".join(bands(stripes(10), WIDTH)) + end_of_page("none", 600)
    await desk.send(link, data, seconds=0.05)
    assert desk.printer.path.left_mm > 50_000 - 76
    await desk.send(link, end_of_page("full", 0))
    assert desk.pages == [Page(WIDTH, 610, stripes(10).data + bytes(600 * 72))]


async def test_a_power_cut_while_paper_is_fed_loses_the_rest(desk: Desk) -> None:
    link = await desk.open()
    await desk.send(link, b"".join(bands(stripes(10), WIDTH)) + end_of_page("none", 250), seconds=0.01)
    await desk.printer.power(False)
    await desk.clock.advance(60)
    assert [page.height for page in desk.pages] == [10]


async def test_any_chunking_gives_the_same_label(desk: Desk) -> None:
    link = await desk.open()
    data = label_of(stripes(40))
    for at in range(0, len(data), 7):
        await link.write(data[at : at + 7], 1)
    await desk.clock.advance(60)
    assert desk.pages == [stripes(40)]


async def test_printing_takes_the_time_of_its_length(desk: Desk) -> None:
    link = await desk.open()
    await desk.send(link, label_of(stripes(800)), seconds=0.09)
    assert desk.pages == []
    await desk.clock.advance(0.02)
    assert desk.pages == [stripes(800)]


async def test_the_saved_picture_of_a_label_is_scanned_back(tmp_path: Path) -> None:
    tray = LabelTray(tmp_path)
    printer = PrinterSim(PtyEndpoint(tmp_path, "printer"), SystemClock(), tray=tray, speed_mm_s=10_000)
    await printer.endpoint.start()
    with serial.Serial(str(tmp_path / "printer"), timeout=20) as host:
        async with running(printer.run()):
            await asyncio.to_thread(host.write, label_of(barcode_page(CODE)) + report_printed(ID))
            assert await asyncio.to_thread(host.read, len(PRINTED)) == PRINTED
            await until(lambda: printer.idle)
    await printer.endpoint.close()
    picture = Image.open(io.BytesIO((tmp_path / "0001.png").read_bytes())).convert("L")
    assert [code.text for code in zxingcpp.read_barcodes(picture)] == [CODE]


# Answers


async def test_real_time_status_tells_the_condition(desk: Desk) -> None:
    link = await desk.open()
    assert await desk.send(link, status_question(1)) == ONLINE
    desk.printer.path.cover_open = True
    assert await desk.send(link, status_question(1) + status_question(2)) == b"\x1a\x16"
    desk.printer.path.cover_open = False
    desk.printer.path.load_roll(500)
    assert await desk.send(link, status_question(4)) == b"\x1e"
    desk.printer.path.load_roll(0)
    assert await desk.send(link, status_question(4)) == b"\x7e"


async def test_a_process_id_is_answered_only_after_its_label_is_on_paper(desk: Desk) -> None:
    link = await desk.open()
    assert await desk.send(link, label_of(stripes(800)) + report_printed(ID), seconds=0.09) == b""
    await desk.clock.advance(0.1)
    assert await desk.said(link) == PRINTED


async def test_in_order_status_is_answered_when_parsed_before_anything_is_printed(desk: Desk) -> None:
    link = await desk.open()
    assert await desk.send(link, label_of(stripes(800)) + PAPER_STATUS, seconds=0.0) == b"\0"
    assert desk.pages == []


async def test_in_order_status_waits_while_the_printer_is_offline(desk: Desk) -> None:
    link = await desk.open()
    desk.printer.path.cover_open = True
    assert await desk.send(link, PAPER_STATUS) == b""
    desk.printer.path.cover_open = False
    desk.printer.changed()
    assert await desk.said(link) == b"\0"


async def test_automatic_status_is_pushed_at_once_and_at_each_change(desk: Desk) -> None:
    link = await desk.open()
    assert await desk.send(link, PUSH_STATUS) == b"\x10\0\0\x0f"
    desk.printer.path.load_roll(0)
    desk.printer.changed()
    assert (await desk.said(link))[:1] == b"\x18"
    desk.printer.path.load_roll()
    desk.printer.changed()
    assert await desk.said(link) == b"\x10\0\0\x0f"


@pytest.mark.parametrize(
    ("missing", "question"),
    [
        (Answer.EOT, status_question(1)),
        (Answer.ASB, PUSH_STATUS),
        (Answer.GS_R, PAPER_STATUS),
        (Answer.GS_H, report_printed(ID)),
    ],
)
async def test_a_clone_is_silent_about_what_it_does_not_know(missing: Answer, question: bytes) -> None:
    desk = Desk(answers=frozenset(Answer) - {missing})
    async with running(desk.printer.run()):
        link = await desk.open()
        assert await desk.send(link, question) == b""
        assert await desk.send(link, status_question(1)) == (b"" if missing is Answer.EOT else ONLINE)


# Faults


async def test_paper_out_at_a_row_tears_there_and_goes_on_with_new_paper(desk: Desk) -> None:
    link = await desk.open()
    desk.printer.path.end_after(123)
    told = await desk.send(link, PUSH_STATUS + label_of(stripes(300)) + report_printed(ID))
    assert PRINTED not in told
    assert desk.marks == [Mark.TORN]
    desk.printer.path.load_roll()
    desk.printer.changed()
    await desk.clock.advance(60)
    assert PRINTED in await desk.said(link)
    assert desk.marks == [Mark.TORN, Mark.REST]
    first, rest = desk.pages
    assert (first.height, first.data + rest.data) == (123, stripes(300).data)


@pytest.mark.parametrize("after", [0, 1, 9, 10, 500, 5000, 7209])
async def test_a_power_cut_after_any_byte_keeps_what_was_printed_and_marks_it(after: int) -> None:
    desk = Desk()
    async with running(desk.printer.run()):
        link = await desk.open()
        desk.printer.lose_power_after(after)
        await desk.send(link, label_of(stripes(100)))
        assert not desk.printer.powered
        assert desk.printer.received_bytes == after
        assert not desk.wire.connected
        assert Mark.WHOLE not in desk.marks


async def test_a_label_interrupted_by_power_is_torn_at_the_row_it_had_reached(desk: Desk) -> None:
    link = await desk.open()
    await desk.send(link, label_of(stripes(800)), seconds=0.05)
    await desk.printer.power(False)
    (torn,) = desk.printer.tray.labels
    assert torn.mark is Mark.TORN
    assert 0 < torn.page.height < 800
    assert stripes(800).data.startswith(torn.page.data)


async def test_power_back_means_an_empty_buffer_and_a_fresh_parser(desk: Desk) -> None:
    link = await desk.open()
    desk.printer.lose_power_after(2000)
    await desk.send(link, label_of(stripes(100)))
    await desk.printer.power(True)
    link = desk.endpoint.host()
    assert await desk.send(link, label_of(stripes(20)) + report_printed(ID)) == PRINTED
    assert desk.pages[-1] == stripes(20)
    assert desk.marks[-1] is Mark.WHOLE


async def test_ids_of_lost_labels_are_never_answered(desk: Desk) -> None:
    link = await desk.open()
    desk.printer.path.cover_open = True
    await desk.send(link, label_of(stripes(10)) + report_printed(ID))
    await desk.printer.power(False)
    desk.printer.path.cover_open = False
    await desk.printer.power(True)
    link = desk.endpoint.host()
    assert await desk.send(link, status_question(1)) == ONLINE


async def test_an_open_cover_and_a_pause_halt_without_tearing(desk: Desk) -> None:
    link = await desk.open()
    desk.printer.path.cover_open = True
    await desk.send(link, label_of(stripes(50)))
    assert desk.pages == []
    desk.printer.path.cover_open = False
    desk.printer.path.paused = True
    await desk.clock.advance(60)
    assert desk.pages == []
    desk.printer.path.paused = False
    desk.printer.changed()
    await desk.clock.advance(60)
    assert desk.pages == [stripes(50)]


async def test_a_pause_is_not_told_to_the_host(desk: Desk) -> None:
    link = await desk.open()
    desk.printer.path.paused = True
    assert await desk.send(link, status_question(1)) == ONLINE


async def test_a_blind_printer_says_yes_and_prints_nothing(desk: Desk) -> None:
    link = await desk.open()
    desk.printer.blind = True
    assert await desk.send(link, label_of(stripes(100)) + report_printed(ID)) == PRINTED
    assert desk.pages == []


async def test_a_mute_printer_prints_and_says_nothing(desk: Desk) -> None:
    link = await desk.open()
    desk.printer.mute = True
    assert await desk.send(link, status_question(1) + label_of(stripes(5)) + report_printed(ID)) == b""
    assert desk.pages == [stripes(5)]


async def test_a_garbling_printer_answers_with_other_bytes(desk: Desk) -> None:
    link = await desk.open()
    desk.printer.garbage = True
    told = await desk.send(link, status_question(1))
    assert len(told) == 4
    assert told != ONLINE


async def test_a_full_buffer_holds_the_host_back_and_loses_nothing() -> None:
    desk = Desk(buffer_bytes=4096)
    async with running(desk.printer.run()):
        link = await desk.open()
        desk.printer.path.cover_open = True
        data = label_of(stripes(800))
        for at in range(0, len(data), 4096):
            await link.write(data[at : at + 4096], 1)
        await desk.clock.advance(60)
        assert desk.printer.received_bytes <= 3 * 4096
        desk.printer.path.cover_open = False
        desk.printer.changed()
        await desk.clock.advance(60)
        assert desk.pages == [stripes(800)]


async def test_a_slow_drain_takes_bytes_at_its_rate(desk: Desk) -> None:
    desk.wire.impair(SlowDrain(1000), toward=Toward.DEVICE)
    link = await desk.open()
    await desk.send(link, label_of(stripes(100)), seconds=3.0)
    assert 2500 < desk.printer.received_bytes <= 3100
    await desk.clock.advance(10)
    assert desk.pages == [stripes(100)]


async def test_a_hang_up_drops_half_a_command(desk: Desk) -> None:
    link = await desk.open()
    await desk.send(link, label_of(stripes(100))[:3000])
    await link.close()
    link = desk.endpoint.host()
    assert await desk.send(link, label_of(stripes(10)) + report_printed(ID)) == PRINTED
    assert not desk.printer.violations


async def test_a_serial_printer_waits_on_inside_its_band_after_a_hang_up() -> None:
    desk = Desk(keeps_half_command=True)
    async with running(desk.printer.run()):
        link = await desk.open()
        await desk.send(link, label_of(stripes(100))[:3000])
        await link.close()
        link = desk.endpoint.host()
        await desk.send(link, label_of(stripes(10)))
        assert desk.pages == []


# Violations


@pytest.mark.parametrize(
    "foreign",
    [
        b"Hello\n",
        b"^XA^XZ",
        b"\x1b!\x00",
        b"\x1dk\x49\x03abc",
        b"\x1dv0\x00\x00\x00\x00\x00",
        b"\x10\x14\x01\x00\x01",
    ],
)
async def test_what_our_encoder_never_sends_is_a_violation(desk: Desk, foreign: bytes) -> None:
    link = await desk.open()
    await desk.send(link, foreign)
    assert desk.printer.violations


async def test_a_real_time_command_inside_raster_data_is_a_violation(desk: Desk) -> None:
    link = await desk.open()
    await desk.send(link, b"\x1dv0\0" + b"\x48\0" + b"\x01\0" + b"\x10\x04\x01".ljust(72, b"\0"))
    assert [violation.data for violation in desk.printer.violations] == [b"\x10\x04"]


async def test_violations_are_bounded(desk: Desk) -> None:
    link = await desk.open()
    for _ in range(300):
        await desk.send(link, b"\x1b!\0", seconds=0)
    assert len(desk.printer.violations) == 100


@pytest.mark.parametrize("settings", [{"speed_mm_s": 0}, {"buffer_bytes": 0}, {"width_dots": 100}])
def test_an_impossible_printer_is_refused(settings: dict[str, int]) -> None:
    with pytest.raises(ConfigError):
        PrinterSim(LoopbackEndpoint(), ManualClock(), **settings)  # type: ignore[arg-type]
