"""Whether the counter's labels can be drawn and fit their printers, for `edge-agent config check`.

Owns: trying them with what a parcel gives. Must not know: how labels are drawn, what printers are sent.

The agent looks at a template when it prints the first label: a booth that only scans pays nothing for it.
Here a person waits, who can still mend it.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import TYPE_CHECKING

from edge_agent.counter.labelling import BoothName, label_data
from edge_agent.counter.parcel import AcceptedWeight, Parcel
from edge_agent.labels.faces import check_fonts
from edge_agent.policies import resolutions
from edge_agent.printing.roll import USUAL_DPI
from edge_agent.sdk.errors import EdgeError
from edge_agent.settings.problems import Finding

if TYPE_CHECKING:
    from edge_agent.registry import Registry
    from edge_agent.sdk.values import Page
    from edge_agent.settings.model import Printer, Settings

WEIGHT = AcceptedWeight("12.345", "kg", None, "", "", 1, 0, "")
PARCEL = Parcel("RR123456785BD", "s10", "0123456789ab", 0, WEIGHT)
LABEL, RECEIPT = "label", "receipt"  # keys of [counter]
NOON_MS = 1_795_428_000_000  # of some day in 2026: every date is as wide


def label_faults(settings: Settings, drivers: Registry) -> Iterator[Finding]:
    """One for each of the counter's templates that gives no label, or one that its printer would refuse."""
    counter = settings.counter
    wanted = {LABEL: ("", counter.label), RECEIPT: (counter.receipt_printer, counter.receipt)}
    try:
        check_fonts(settings.labels.fonts)
    except EdgeError as error:
        yield Finding(("labels",), _words(error))
        return
    for key, (printer_id, template) in wanted.items():
        if template and counter.flow != "none":
            yield from _faults(key, template, settings, _printer(settings, printer_id), drivers)


def _printer(settings: Settings, wanted: str) -> Printer | None:
    """The one that is named, else the first, as the agent has it."""
    named = (printer for printer in settings.printer if wanted in {"", printer.id})
    return next(named, None)


def _faults(
    key: str, template: str, settings: Settings, printer: Printer | None, drivers: Registry
) -> Iterator[Finding]:
    dpi = resolutions(settings).get(printer.id if printer else "", USUAL_DPI)
    try:
        pages = _pages(key, template, settings, dpi)
    except EdgeError as error:
        yield Finding(("counter", key), _words(error))
        return
    check_page = drivers.load(printer.driver).check_page if printer else None
    if printer is None or check_page is None:
        return
    try:
        for page in pages:
            check_page(page, printer.driver_options)
    except EdgeError as error:
        where = f"template {template!r} at {dpi} dpi does not fit printer {printer.id}"
        yield Finding(("counter", key), f"{where}: {_words(error)}")


def _pages(key: str, template: str, settings: Settings, dpi: int) -> list[Page]:
    """A parcel's label and its reprint, or a receipt. Raises EdgeError."""
    from edge_agent.labels.layout import render
    from edge_agent.labels.shaping import Fonts
    from edge_agent.labels.template import find_template

    booth, labels = settings.booth, settings.labels
    name = BoothName(booth.id, booth.name, booth.name_bn, booth.utc_offset_minutes)
    data = label_data(PARCEL, 1, name, NOON_MS)
    found, fonts = find_template(template, labels.templates), Fonts(labels.fonts)
    # The clerk may ask for a label again: without a mark the parcel would be given up.
    reprints = (0, 1) if key == LABEL else (0,)
    return [render(found, data, fonts=fonts, dpi=dpi, reprint=reprint) for reprint in reprints]


def _words(error: EdgeError) -> str:
    return f"{error.message}; {error.hint}"
