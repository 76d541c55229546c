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

if TYPE_CHECKING:
    from edge_agent.settings.model import Printer, Settings

WEIGHT = AcceptedWeight("12.345", "kg", None, "", "", 1, 0, "")
PARCEL = Parcel("RR123456785BD", "s10", "0123456789ab", 0, WEIGHT)
LABEL = "counter.label"
NOON_MS = 1_795_428_000_000  # of some day in 2026: every date is as wide


def label_faults(settings: Settings) -> Iterator[str]:
    """One line for each of the counter's templates that gives no label, or one too wide for its printer."""
    counter = settings.counter
    wanted = {LABEL: ("", counter.label), "counter.receipt": (counter.receipt_printer, counter.receipt)}
    try:
        check_fonts(settings.labels.fonts)
    except EdgeError as error:
        yield f"labels: {error.message}; {error.hint}"
        return
    for key, (printer_id, template) in wanted.items():
        if template and counter.flow != "none":
            yield from _faults(key, template, settings, _printer(settings, printer_id))


def _printer(settings: Settings, wanted: str) -> Printer | None:
    """The one that is named, else the first, as the agent has it."""
    named = (printer for printer in settings.printer if wanted in {"", printer.id})
    return next(named, None)


def _faults(key: str, template: str, settings: Settings, printer: Printer | None) -> Iterator[str]:
    from edge_agent.labels.layout import render
    from edge_agent.labels.shaping import Fonts
    from edge_agent.labels.template import find_template

    booth, labels = settings.booth, settings.labels
    name = BoothName(booth.id, booth.name, booth.name_bn, booth.utc_offset_minutes)
    dpi = resolutions(settings).get(printer.id if printer else "", USUAL_DPI)
    try:
        found, fonts = find_template(template, labels.templates), Fonts(labels.fonts)
        data = label_data(PARCEL, 1, name, NOON_MS)
        page = render(found, data, fonts=fonts, dpi=dpi)
        if key == LABEL:  # the clerk may ask for it again; without a mark the parcel would be given up
            render(found, data, fonts=fonts, dpi=dpi, reprint=1)
    except EdgeError as error:
        yield f"{key}: {error.message}; {error.hint}"
        return
    head = printer.driver_options.get("width_dots") if printer else None
    if printer is not None and isinstance(head, int) and page.width > head:
        wide = f"{page.width} dots wide at {dpi} dpi, the head of {printer.id} {head}"
        yield f"{key}: template {template!r} is {wide}; choose another one, or set its width_dots and dpi"
