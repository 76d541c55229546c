"""ZPL II label printers (Zebra and those that speak like them), over any byte link.

Owns: the specification of the driver, and what ZPL is to it. Must not know: ports, jobs, how a printer is
followed (label_printer). Proof, strongest first: the printer's own count of labels went up (printed); nothing
waits in it any more (consumed); the port took the bytes (sent).
"""

from __future__ import annotations

from collections.abc import Iterator

from drivers.printers import zpl_page as page_of
from drivers.printers.conversation import Conversation
from drivers.printers.label_printer import LabelPrinter, Language, check_page
from drivers.printers.media import Media, media_options
from drivers.printers.progress import Drained, Progress
from drivers.printers.sending import Ends
from drivers.printers.zpl_status import ERROR_STATUS, HOST_STATUS, LABEL_COUNT, StatusDecoder
from edge_agent.sdk.driver import HARMLESS_PROBE, Context, DriverSpec, Kind, Option, Options
from edge_agent.sdk.values import Page

WORDS = frozenset({"ZPL", "ZPL II", "ZPLII", "ZPL2"})  # in device ids


def _label(page: Page, media: Media, options: Options, cut: bool) -> Iterator[bytes]:
    return page_of.label(page, media, options.text("graphic"), cut=cut)


def _progress(talk: Conversation, options: Options) -> Progress:
    counter = LABEL_COUNT if options.flag("label_count") else ""
    return Drained(talk, HOST_STATUS, (HOST_STATUS, ERROR_STATUS), counter)


ZPL = Language(
    words=WORDS,
    questions={
        HOST_STATUS: page_of.HOST_STATUS,
        ERROR_STATUS: page_of.ERROR_STATUS,
        LABEL_COUNT: page_of.LABEL_COUNT,
    },
    rounds=(HOST_STATUS, ERROR_STATUS),
    decoder=StatusDecoder,
    label=_label,
    progress=_progress,
    ends=Ends(lambda _segment, _sent: b"", lambda _length: b"", abandon=page_of.CANCEL),
    wake=page_of.CANCEL,
)


def build(context: Context) -> LabelPrinter:
    """The driver of one printer."""
    return LabelPrinter(context, ZPL)


SPEC = DriverSpec(
    name="zpl",
    kind=Kind.PRINTER,
    title="ZPL II label printer (Zebra, and printers that emulate it)",
    decoder=StatusDecoder,
    build=build,
    transports=frozenset({"serial", "tcp", "usb", "lp"}),
    options=(
        *media_options(832, 30, 14, after=("tear", "peel", "cut")),
        Option(
            "graphic",
            "z64",
            "how the picture is written: z64 is smallest, rle and hex are known to more printers",
            choices=page_of.ENCODINGS,
        ),
        Option("status", True, "the printer answers questions about its condition; off for a one-way link"),
        Option("label_count", True, "ask a printer that answers ~HS for its count of labels, as proof"),
        Option("proof_timeout_s", 30, "how long to wait for proof of a label", minimum=1, maximum=300),
    ),
    sources=(
        "Zebra ZPL II Programming Guide 45541L-004: ^GF, ^JZ, ^MM, ^MN, ^PQ, ~HS (page 171), ~HQES, ~JX",
        "docs.zebra.com, ZPL commands, ~HS (when a printer does not answer)",
        "github michaelrsweet/lprint, tables of device ids",
    ),
    capabilities=frozenset({"status", "cut", "proof", HARMLESS_PROBE}),
    extra={"device": "drivers.printers.zpl_device:ZplDevice"},
    probe=page_of.HOST_STATUS,
    command_sets=WORDS,
    models=frozenset({("HP", "KE103")}),
    check_page=check_page,
)
