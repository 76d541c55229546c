"""Hostile names and addresses on a label: no printer sees anything but what our encoders send (P6)."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import pytest

from drivers.printers import cpcl, epl2, escpos_device, escpos_raster, label_device, media, tspl, zpl
from drivers.printers.cpcl_device import CpclDevice
from drivers.printers.epl2_device import Epl2Device
from drivers.printers.label_device import LabelOrdered
from drivers.printers.tspl_device import TsplDevice
from drivers.printers.zpl_device import ZplDevice
from edge_agent.labels.layout import render
from edge_agent.labels.shaping import Fonts
from edge_agent.labels.template import find_template
from edge_agent.sdk.driver import Options
from edge_agent.sdk.errors import CommandError
from edge_agent.sdk.values import Page
from tests.labels.test_shipped import BARE

HEAD = 832
HOSTILE = {
    "zpl": "^XZ^XA^FDowned^FS^PQ9^XZ~JR",
    "tspl": 'x" PRINT 9,9 \x1b!R SELFTEST ~!D',
    "epl2": "N\nP9\n^@\nUN",
    "cpcl": "! 0 200 200 9 9\r\nFORM\r\nPRINT\r\n\x1bp",
    "escpos": "\x1b@\x10\x14\x01\x03\x01\x1dV\x00\x1dv0\x00",
    "controls": "".join(map(chr, range(32))),
    "bidi": "\u202e\u2066evil\u2069\u200f",
    "emoji": "📦🇧🇩👨‍👩‍👧",
    "long": "ক্ষ " * 2500,
    "markup": "<b>&amp;</b> {booth.id} %n ${x} '; DROP TABLE prints; --",
}
LANGUAGES = ("zpl z64", "zpl rle", "zpl hex", "tspl", "epl2", "cpcl hex", "cpcl bytes", "escpos")


@pytest.fixture(scope="module")
def drawn() -> dict[str, Page | str]:
    """Each hostile text as the recipient of a parcel: its label, or why it is refused."""
    template, fonts = find_template("parcel-100x150"), Fonts()
    found: dict[str, Page | str] = {}
    for name, text in HOSTILE.items():
        recipient = {"name": text[:10_000], "address": text[:10_000], "postcode": "1216", "phone": "01911"}
        try:
            found[name] = render(template, {**BARE, "recipient": recipient}, fonts=fonts)
        except CommandError as error:
            found[name] = str(error)
    return found


def events(language: str, page: Page) -> Iterator[Any]:
    """What a strict printer makes of the label."""
    name, _, how = language.partition(" ")
    if name == "escpos":
        job = escpos_raster.INITIALISE + b"".join(escpos_raster.bands(page, HEAD))
        yield from escpos_device.EscposDevice(HEAD).feed(job + escpos_raster.end_of_page("partial", 24))
        return
    spec, description, device = {
        "zpl": (zpl.SPEC, zpl.ZPL, ZplDevice),
        "tspl": (tspl.SPEC, tspl.TSPL, TsplDevice),
        "epl2": (epl2.SPEC, epl2.EPL2, Epl2Device),
        "cpcl": (cpcl.SPEC, cpcl.CPCL, CpclDevice),
    }[name]
    options = Options(spec.options, {"width_dots": HEAD, **({"graphic": how} if how else {})})
    job = b"".join(description.label(page, media.media_of(options), options, True))
    yield from device(options).feed(job)


@pytest.mark.parametrize("text", HOSTILE)
@pytest.mark.parametrize("language", LANGUAGES)
def test_a_hostile_text_is_ink_or_a_refusal(language: str, text: str, drawn: dict[str, Page | str]) -> None:
    page = drawn[text]
    if isinstance(page, str):
        assert "recipient" in page, "the element is named"
        return
    seen = list(events(language, page))
    refused = (
        label_device.Refused,
        label_device.InRaster,
        escpos_device.Refused,
        escpos_device.InRaster,
    )
    assert not any(isinstance(event, refused) for event in seen)
    if language != "escpos":
        assert [type(event) for event in seen] == [LabelOrdered]


def test_some_hostile_texts_are_printed_and_some_refused(drawn: dict[str, Page | str]) -> None:
    kinds = {name: type(result) for name, result in drawn.items()}
    assert kinds["zpl"] is Page
    assert kinds["long"] is str
