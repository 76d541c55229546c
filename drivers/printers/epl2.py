"""EPL2 label printers (older Zebra and Eltron, Intermec ESim, many clones), over any byte link.

Owns: the specification of the driver, and what EPL2 is to it. Must not know: ports, jobs, how a printer is
followed (label_printer). Proof, strongest first: the order to print was acknowledged (consumed, only with
`acknowledge`); the port took the bytes and the printer reports no error (sent).

No command is known by which a printer leaves an interrupted label alone: it may print it again by itself.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping

from drivers.printers import epl2_page as page_of
from drivers.printers.bands import filling
from drivers.printers.conversation import Conversation
from drivers.printers.epl2_status import ACKNOWLEDGED, ERROR_REPORT, StatusDecoder
from drivers.printers.label_printer import LabelPrinter, Language, check_page
from drivers.printers.media import Media, media_options
from drivers.printers.progress import Acknowledged, Progress
from drivers.printers.sending import Ends
from edge_agent.sdk.driver import Context, DriverSpec, Kind, Option, Options
from edge_agent.sdk.values import Page

WORDS = frozenset({"EPL", "EPL2"})  # in device ids


def _label(page: Page, media: Media, _options: Options, cut: bool) -> Iterator[bytes]:
    return page_of.label(page, media, cut=cut)


def _progress(talk: Conversation, _options: Options) -> Progress:
    return Acknowledged(talk, ERROR_REPORT, ACKNOWLEDGED)


def _begin(options: Options) -> Mapping[str, bytes]:
    return {ACKNOWLEDGED: page_of.ACKNOWLEDGE} if options.flag("acknowledge") else {}


EPL2 = Language(
    words=WORDS,
    questions={ERROR_REPORT: page_of.ERROR_REPORT},
    rounds=(ERROR_REPORT,),
    decoder=StatusDecoder,
    label=_label,
    progress=_progress,
    ends=Ends(page_of.rest_of, filling),
    wake=page_of.WAKE,
    begin=_begin,
)


def build(context: Context) -> LabelPrinter:
    """The driver of one printer."""
    return LabelPrinter(context, EPL2)


SPEC = DriverSpec(
    name="epl2",
    kind=Kind.PRINTER,
    title="EPL2 label printer (Eltron, older Zebra, Intermec ESim, clones)",
    decoder=StatusDecoder,
    build=build,
    transports=frozenset({"serial", "tcp", "usb", "lp"}),
    options=(
        *media_options(832, 15, 6, after=("tear", "peel", "cut")),
        Option("status", True, "the printer answers questions about its condition; off for a one-way link"),
        Option(
            "acknowledge",
            False,
            "have it acknowledge each label (US); each opening of the port writes that to its flash memory",
        ),
        Option("proof_timeout_s", 30, "how long to wait for proof of a label", minimum=1, maximum=300),
    ),
    sources=(
        "Zebra EPL Programming Guide 14245L-003, pages 92 and 110 (GW)",
        "Intermec ESim 5.12 reference for EasyCoder PD4 and PC4, pages 118, 130, 132, 153 (US, ^ee, codes)",
    ),
    capabilities=frozenset({"status", "cut", "proof"}),
    extra={"device": "drivers.printers.epl2_device:Epl2Device"},
    command_sets=WORDS,
    check_page=check_page,
)
