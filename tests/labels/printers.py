"""A page through a printer's encoder and the strict parser of the simulated printer: what comes out on paper.

Owns: which languages labels are tried in. Must not know: templates, what is on the page.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from decimal import Decimal

from drivers.printers import cpcl_page, epl2_page, escpos_device, label_device, tspl_page, zpl_page
from drivers.printers.cpcl_device import CpclDevice
from drivers.printers.epl2_device import Epl2Device
from drivers.printers.escpos_raster import bands
from drivers.printers.media import Media
from drivers.printers.tspl_device import TsplDevice
from drivers.printers.zpl_device import ZplDevice
from edge_agent.sdk.values import Page

HEADS = {203: (832, 8), 300: (1248, 12)}  # dots across, and dots to the mm as printers count them

Encode = Callable[[Page, Media], Iterator[bytes]]
ENCODERS: dict[str, Encode] = {
    "zpl-z64": lambda page, media: zpl_page.label(page, media, "z64", cut=True),
    "zpl-rle": lambda page, media: zpl_page.label(page, media, "rle", cut=True),
    "zpl-hex": lambda page, media: zpl_page.label(page, media, "hex", cut=True),
    "tspl": lambda page, media: tspl_page.label(page, media, cut=True),
    "epl2": lambda page, media: epl2_page.label(page, media, cut=True),
    "cpcl": lambda page, media: cpcl_page.label(page, media, "bytes"),
    "escpos": lambda page, media: bands(page, media.head_dots),
}
LANGUAGES = tuple(ENCODERS)
FAST = ("escpos", "tspl", "zpl-z64")

_STRAY = (
    escpos_device.Refused,
    escpos_device.InRaster,
    label_device.Refused,
    label_device.InRaster,
    label_device.Cancelled,
)


def media(dpi: int) -> Media:
    """A label printer with gap labels and the head of this resolution."""
    head_dots, dots_per_mm = HEADS[dpi]
    return Media(
        head_dots=head_dots,
        dots_per_mm=dots_per_mm,
        sensor="gap",
        gap_mm=Decimal(3),
        ribbon=False,
        after="tear",
        density=None,
        speed=None,
        x_offset_dots=0,
        y_offset_dots=0,
    )


def encoded(page: Page, language: str, dpi: int = 203) -> bytes:
    """The whole job as it is sent."""
    return b"".join(ENCODERS[language](page, media(dpi)))


def printed(page: Page, language: str, dpi: int = 203) -> Page:
    """What the simulated printer puts on paper; fails where it is sent a command that it does not expect."""
    job = encoded(page, language, dpi)
    head_dots, dots_per_mm = HEADS[dpi]
    if language == "escpos":
        receipt = escpos_device.EscposDevice(head_dots)
        assert [event for event in receipt.feed(job) if isinstance(event, _STRAY)] == []
        paper = receipt.take_page()
        assert paper is not None
        return paper
    device: ZplDevice | TsplDevice | Epl2Device | CpclDevice
    match language.partition("-")[0]:
        case "zpl":
            device = ZplDevice(width_dots=head_dots)
        case "tspl":
            device = TsplDevice(width_dots=head_dots, dots_per_mm=dots_per_mm)
        case "epl2":
            device = Epl2Device(width_dots=head_dots)
        case _:
            device = CpclDevice(width_dots=head_dots)
    events = device.feed(job)
    assert [event for event in events if isinstance(event, _STRAY)] == []
    [label] = [event for event in events if isinstance(event, label_device.LabelOrdered)]
    return label.page
