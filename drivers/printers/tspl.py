"""TSPL and TSPL2 label printers (TSC, Xprinter, Gprinter, Rongta and many others), over any byte link.

Owns: the specification of the driver, and what TSPL is to it. Must not know: ports, jobs, how a printer is
followed (label_printer). Proof, strongest first: the printer said that it prints, and then that it does not
any more (printed); the port took the bytes (sent). A label whose printing was not seen is unconfirmed.
"""

from __future__ import annotations

from collections.abc import Iterator

from drivers.printers import tspl_page as page_of
from drivers.printers.bands import filling
from drivers.printers.conversation import Conversation
from drivers.printers.label_printer import LabelPrinter, Language, check_page
from drivers.printers.media import Media, media_options
from drivers.printers.progress import Progress, RoseAndFell
from drivers.printers.sending import Ends
from drivers.printers.tspl_status import FULL_STATUS, STATUS, StatusDecoder
from edge_agent.sdk.driver import HARMLESS_PROBE, Context, DriverSpec, Kind, Option, Options
from edge_agent.sdk.values import Page

WORDS = frozenset({"TSPL", "TSPL2", "TSPL/TSPL2", "XPP"})  # in device ids


def _label(page: Page, media: Media, _options: Options, cut: bool) -> Iterator[bytes]:
    return page_of.label(page, media, cut=cut)


def _progress(talk: Conversation, _options: Options) -> Progress:
    return RoseAndFell(talk, FULL_STATUS if talk.heard(FULL_STATUS) and not talk.heard(STATUS) else STATUS)


TSPL = Language(
    words=WORDS,
    questions={STATUS: page_of.STATUS, FULL_STATUS: page_of.FULL_STATUS},
    rounds=(STATUS, FULL_STATUS),
    decoder=StatusDecoder,
    label=_label,
    progress=_progress,
    ends=Ends(page_of.rest_of, filling),
    wake=page_of.WAKE,
)


def build(context: Context) -> LabelPrinter:
    """The driver of one printer."""
    return LabelPrinter(context, TSPL)


SPEC = DriverSpec(
    name="tspl",
    kind=Kind.PRINTER,
    title="TSPL label printer (TSC, Xprinter, Gprinter, Rongta and many others)",
    decoder=StatusDecoder,
    build=build,
    transports=frozenset({"serial", "tcp", "usb", "lp"}),
    options=(
        *media_options(832, 15, 12, after=("tear", "peel", "cut")),
        Option("status", True, "the printer answers questions about its condition; off for a one-way link"),
        Option("proof_timeout_s", 15, "how long to wait for proof of a label", minimum=1, maximum=300),
    ),
    sources=(
        "TSC TTP-345 TSPL/TSPL2 programming manual, 2013 (page 85: <ESC>!S)",
        "Gprinter GP-2120T programming manual, page 30 (<ESC>!?)",
        "github michaelrsweet/lprint, tables of device ids (XPP)",
    ),
    capabilities=frozenset({"status", "cut", "proof", HARMLESS_PROBE}),
    extra={"device": "drivers.printers.tspl_device:TsplDevice"},
    probe=page_of.STATUS,
    command_sets=WORDS,
    check_page=check_page,
)
