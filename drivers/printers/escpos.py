"""ESC/POS label and receipt printers (Epson TM, Xprinter, Rongta and most clones), over any byte link.

Owns: the driver: watching the condition and printing one page; the specification of its options.
Must not know: bytes (escpos_raster, escpos_status), ports, what is on the page, job queues, reprint marks.

Proof, strongest first: the printer's own report that our id is printed (GS ( H); its in-order answer that it
has consumed every byte (GS r); that the port took the bytes and the printer reports no fault. Whatever goes
wrong after the first byte leaves the job UNKNOWN; nothing is ever sent twice.

Faults survived: a mute printer, replies that come late or unasked, commands that a clone does not know, a job
that was cut off in the middle of a band (the next one first fills that band with white).
"""

from __future__ import annotations

from collections.abc import Iterator

from drivers.printers import escpos_raster as raster
from drivers.printers.escpos_conversation import EscposConversation
from drivers.printers.escpos_head import head_of
from drivers.printers.escpos_proof import Proofs
from drivers.printers.escpos_status import StatusDecoder
from drivers.printers.media import AS_SET, offset_options
from drivers.printers.placing import fitted
from drivers.printers.sending import Attempt, Ends
from drivers.printers.serving import Served
from edge_agent.sdk.driver import HARMLESS_PROBE, Context, DriverSpec, Kind, Option, Options
from edge_agent.sdk.values import Page, Ready

WORDS = frozenset({"ESC/POS", "ESCPOS", "ESC-POS"})  # in device ids


class EscposPrinter(Served):
    """An ESC/POS printer."""

    IDLE_S = 10.0  # one that pushes its condition needs no more; one that does not is found out in time

    def __init__(self, context: Context) -> None:
        self._talk: EscposConversation = EscposConversation(context, WORDS)
        super().__init__(context, self._talk, Ends(raster.rest_of, bytes))
        self._proofs = Proofs(context, self._talk)
        self._push = raster.PUSH_STATUS if self._asks and self._options.flag("asb") else b""
        self._introduced = not self._asks

    async def run(self) -> None:
        head_of(self._options)
        await super().run()

    async def _look(self) -> bool:
        await self._proofs.begin()
        answered = await self._talk.ask_condition()
        await self._introduce(answered=answered)
        return answered

    async def _introduce(self, *, answered: bool) -> None:
        """Once it is ready, and again after it was away: learn what it proves, have it push its condition."""
        if not answered:
            self._introduced = False
        elif not self._introduced and self._talk.ready is Ready.YES:
            await self._proofs.learn()
            await self._talk.send(self._push)
            self._introduced = True

    async def _print(self, attempt: Attempt) -> None:
        head = head_of(self._options)
        bands = raster.bands(fitted(attempt.job.page, head.dots, self._options), head.dots)
        end = raster.end_of_page(head.cut if attempt.job.cut else "none", self._options.integer("feed_dots"))
        reason = await self._refusal()
        strays = self._talk.strays.watch()
        if not reason:
            reason = await self._sender.stream(attempt, self._segments(bands, end))
        if reason:
            attempt.stop(reason)
        else:
            attempt.proof, attempt.reason = await self._proofs.gather(strays)

    async def _refusal(self) -> str:
        """Why nothing can be printed now, asked before the first byte; a mute printer may be tried."""
        await self._sender.complete()
        await self._proofs.begin()
        answered = not self._asks or await self._talk.ask_condition()
        if self._talk.lost:
            return "link.lost"
        if not answered and self._talk.ever_answered:
            return "printer.silent"
        if obstacle := self._talk.obstacle():
            return obstacle
        await self._introduce(answered=answered)
        await self._proofs.wake()
        return ""

    def _segments(self, bands: Iterator[bytes], end: bytes) -> Iterator[bytes]:
        heat = raster.heat(self._options.integer("density"), self._options.integer("speed"))
        yield raster.INITIALISE + self._push + heat
        yield from bands
        yield end


def check_page(page: Page, options: Options) -> None:
    """Whether it fits the head. Raises CommandError, or ConfigError for a wrong profile."""
    fitted(page, head_of(options).dots, options)


SPEC = DriverSpec(
    name="escpos",
    kind=Kind.PRINTER,
    title="ESC/POS printer (Epson TM, Xprinter, Rongta and most clones)",
    decoder=StatusDecoder,
    build=EscposPrinter,
    transports=frozenset({"serial", "tcp", "usb", "lp"}),
    options=(
        Option(
            "width_dots",
            576,
            "printable dots across: 384 on 58 mm paper, 576 on 80 mm",
            minimum=64,
            maximum=2048,
        ),
        Option(
            "dpi",
            "203",
            "resolution of the head; labels are drawn for it; 180 on an Epson TM-T88, with 512 dots",
            choices=("180", "203", "300"),
        ),
        Option(
            "density",
            AS_SET,
            "darkness by GS ( K, 0 to 14, usually 6; -1 leaves it as set, as for all that do not know it",
            minimum=AS_SET,
            maximum=14,
        ),
        Option(
            "speed",
            AS_SET,
            "speed by GS ( K, 1 (slowest) to 13; -1 leaves it as set, as for all that do not know it",
            minimum=AS_SET,
            maximum=13,
            gaps=(0,),
        ),
        Option(
            "profile", "default", "python-escpos profile that narrows width and cut to what the model has"
        ),
        Option("cut", "partial", "how a page ends", choices=("partial", "full", "none")),
        Option(
            "feed_dots",
            24,
            "paper fed after the page, before the cut, in dots (8 are 1 mm at 203 dpi)",
            minimum=0,
            maximum=1000,
        ),
        Option("status", True, "the printer answers questions about its condition; off for a one-way link"),
        Option("asb", True, "let the printer push its condition at each change (GS a)"),
        Option(
            "confirm_printed",
            "auto",
            "proof by GS ( H that a page is on paper",
            choices=("auto", "on", "off"),
        ),
        Option(
            "confirm_consumed", "auto", "proof by GS r that all bytes arrived", choices=("auto", "on", "off")
        ),
        Option("proof_timeout_s", 30, "how long to wait for that proof", minimum=1, maximum=300),
        *offset_options(),
    ),
    sources=(
        "Epson ESC/POS command reference: DLE EOT, GS a, GS r, GS ( H, GS v 0, GS V, ESC J, ESC @",
        "Epson TM-T88III programming guide 10.01, page 428 (GS ( H function 48)",
        "Epson TM-T81 specification, page 82 (GS ( H), GS v 0 row limit",
        "Epson ESC/POS command reference: GS ( K functions 49 (TM-T90: -6 to 6, TM-L90: -6 to 8) and 50",
    ),
    capabilities=frozenset({"status", "cut", "proof", HARMLESS_PROBE}),
    extra={"device": "drivers.printers.escpos_device:EscposDevice"},
    probe=raster.status_question(1),
    command_sets=WORDS,
    check_page=check_page,
)
