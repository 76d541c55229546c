"""A label printer whose language draws a whole label and prints it on order: ZPL, TSPL, EPL2, CPCL.

Owns: what a driver needs of a language; when a printer is refused, and following a label to its proof.
Must not know: bytes of any language, ports, what is on the page, job queues, reprint marks.

Whatever goes wrong after the first byte leaves the job UNKNOWN; nothing is ever sent twice. A printer that
has answered before and is silent now is not printed to. One that never answers is written to, and proves
nothing but that the port took the bytes and reports no fault. Where any byte is an answer, rubbish can look
like a proof: a printer that begins to say more than it is asked proves nothing.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass

from drivers.printers.conversation import Conversation
from drivers.printers.media import Media, media_of
from drivers.printers.placing import fitted
from drivers.printers.progress import Progress
from drivers.printers.report import Condition, Report
from drivers.printers.sending import Attempt, Ends
from drivers.printers.serving import Served
from drivers.printers.strays import StrayWatch
from edge_agent.sdk.driver import Context, Options
from edge_agent.sdk.ports import StatusCodec
from edge_agent.sdk.values import Page, Proof

BUSY_S = 15.0  # the longest label takes about ten; what prints for longer is not ours
BUSY_LOOK_S = 0.1  # while it finishes what another program sent


@dataclass(frozen=True, slots=True)
class Language:
    """What a driver needs of a language. `wake` brings its parser out of what an earlier session left."""

    questions: Mapping[str, bytes]
    rounds: tuple[str, ...]
    decoder: Callable[[Options], StatusCodec[Report]]
    label: Callable[[Page, Media, Options, bool], Iterator[bytes]]
    progress: Callable[[Conversation, Options], Progress]
    ends: Ends
    words: frozenset[str]
    wake: bytes = b""
    begin: Callable[[Options], Mapping[str, bytes]] = lambda _: {}


def check_page(page: Page, options: Options) -> None:
    """Whether it fits the head. Raises CommandError."""
    fitted(page, options.integer("width_dots"), options)


class LabelPrinter(Served):
    """A printer of one of the label languages."""

    IDLE_S = 5.0  # lack of paper is told before the next parcel is weighed

    def __init__(self, context: Context, language: Language) -> None:
        decoder = language.decoder(context.options)
        talk = Conversation(context, decoder, Condition(), language.questions, language.words)
        super().__init__(context, talk, language.ends)
        self._media = media_of(context.options)
        self._language = language
        self._woken = False
        self._begun = False

    async def _look(self) -> bool:
        """Ask how it is; no answer at all can mean that an earlier session left its parser half way."""
        answered = await self._talk.ask_condition(self._language.rounds)
        if not answered and not self._woken:
            await self._wake()
            answered = await self._talk.ask_condition(self._language.rounds)
        if answered and not self._begun:
            self._begun = True
            for question, data in self._language.begin(self._options).items():
                self._talk.expect(question)
                await self._talk.send(data)
        return answered

    async def _wake(self) -> None:
        self._woken = True
        await self._talk.send(self._language.wake)

    async def _print(self, attempt: Attempt) -> None:
        page = fitted(attempt.job.page, self._media.head_dots, self._options)
        label = self._language.label(page, self._media, self._options, attempt.job.cut)
        reason = await self._refusal()
        if reason:
            attempt.stop(reason)
            return
        strays = self._talk.strays.watch()
        progress = self._language.progress(self._talk, self._options)
        if self._asks:
            await progress.begin()
        self._talk.on_report = progress.take
        try:
            reason = await self._sender.stream(attempt, label)
            progress.begin_anew()
            if reason:
                attempt.stop(reason)
            else:
                attempt.proof, attempt.reason = await self._proof(progress, strays)
        finally:
            self._talk.on_report = None

    async def _refusal(self) -> str:
        """Why nothing can be printed now, asked before the first byte; a mute printer may be tried."""
        await self._sender.complete()
        answered = self._asks and await self._look()
        if not self._woken:
            await self._wake()
        if self._talk.lost:
            return "link.lost"
        if self._asks and not answered and self._talk.ever_answered:
            return "printer.silent"
        return self._talk.obstacle() or await self._still_busy()

    async def _still_busy(self) -> str:
        """Let it finish what it prints: nobody could tell later which label was ours."""
        end_s = self._clock.monotonic_s() + BUSY_S
        while self._talk.state().busy and not self._talk.obstacle():
            if self._clock.monotonic_s() >= end_s:
                return "printer.busy"
            await self._clock.sleep(BUSY_LOOK_S)
            await self._talk.ask_condition(self._language.rounds)
        return self._talk.obstacle()

    async def _proof(self, progress: Progress, strays: StrayWatch) -> tuple[Proof, str]:
        """The strongest proof that everything sent is printed, or UNKNOWN and the reason why."""
        if not self._asks:
            return Proof.SENT, ""
        if not self._talk.ever_answered:
            await self._talk.ask_condition(self._language.rounds)
            obstacle = self._talk.obstacle()
            return (Proof.UNKNOWN, obstacle) if obstacle else (Proof.SENT, "")
        return await self._follow(progress, strays)

    async def _follow(self, progress: Progress, strays: StrayWatch) -> tuple[Proof, str]:
        end_s = self._clock.monotonic_s() + self._options.integer("proof_timeout_s")
        answered = True
        while not self._talk.lost:
            answered = await self._talk.ask_condition(progress.questions)
            if strays.late():
                progress.begin_anew()
            obstacle = self._talk.obstacle()
            if obstacle and obstacle != "printer.paused":
                return Proof.UNKNOWN, obstacle
            proof = progress.proof()
            if proof is not None and (answered or proof is Proof.SENT):
                worthless = strays.rubbish and proof is not Proof.SENT
                return (Proof.UNKNOWN, "printer.no_proof") if worthless else (proof, "")
            if self._clock.monotonic_s() >= end_s:
                return Proof.UNKNOWN, obstacle or ("printer.no_proof" if answered else "printer.silent")
            await self._clock.sleep(progress.look_s)
        return Proof.UNKNOWN, "link.lost"
