"""CPCL label printers (Zebra mobile printers and the many that speak like them), over any byte link.

Owns: the specification of the driver, and what CPCL is to it. Must not know: ports, jobs, how a printer is
followed (label_printer). Proof, strongest first: the printer says that it is ready again after the last byte
(consumed); the port took the bytes (sent).
"""

from __future__ import annotations

from collections.abc import Iterator

from drivers.printers import cpcl_page as page_of
from drivers.printers.bands import filling
from drivers.printers.conversation import Conversation
from drivers.printers.cpcl_status import EXTENDED_STATUS, STATUS, StatusDecoder
from drivers.printers.label_printer import LabelPrinter, Language, check_page
from drivers.printers.media import Media, media_options
from drivers.printers.progress import Drained, Progress
from drivers.printers.sending import Ends
from edge_agent.sdk.driver import Context, DriverSpec, Kind, Option, Options
from edge_agent.sdk.values import Page

WORDS = frozenset({"CPCL"})  # in device ids


def _label(page: Page, media: Media, options: Options, _cut: bool) -> Iterator[bytes]:
    return page_of.label(page, media, options.text("graphic"))


def _progress(talk: Conversation, _options: Options) -> Progress:
    return Drained(talk, STATUS, (STATUS,))


CPCL = Language(
    words=WORDS,
    questions={STATUS: page_of.STATUS, EXTENDED_STATUS: page_of.EXTENDED_STATUS},
    rounds=(STATUS, EXTENDED_STATUS),
    decoder=StatusDecoder,
    label=_label,
    progress=_progress,
    ends=Ends(page_of.rest_of, filling, abandon=page_of.ABORT),
    wake=page_of.WAKE,
)


def build(context: Context) -> LabelPrinter:
    """The driver of one printer."""
    return LabelPrinter(context, CPCL)


SPEC = DriverSpec(
    name="cpcl",
    kind=Kind.PRINTER,
    title="CPCL label printer (Zebra mobile printers, many Bluetooth label printers)",
    decoder=StatusDecoder,
    build=build,
    transports=frozenset({"serial", "tcp", "usb", "lp"}),
    options=(
        *media_options(384, 10, 5, after=("tear",)),
        Option(
            "graphic",
            "hex",
            "how the picture is written: bytes is half as long, and what is cut off of it is worse to mend",
            choices=page_of.GRAPHICS,
        ),
        Option("status", True, "the printer answers questions about its condition; off for a one-way link"),
        Option("proof_timeout_s", 30, "how long to wait for proof of a label", minimum=1, maximum=300),
    ),
    sources=("Zebra Mobile Printer CPCL Programming Manual, pages 11-3 and 11-4 (<ESC>h, <ESC>i)",),
    capabilities=frozenset({"status", "proof"}),
    extra={"device": "drivers.printers.cpcl_device:CpclDevice"},
    command_sets=WORDS,
    check_page=check_page,
)
