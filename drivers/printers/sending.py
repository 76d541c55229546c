"""One job on its way to a printer, sent in whole commands, never twice.

Owns: how much of a job the port took, what it ends as, and what a cut-off command still owes to the parser.
Must not know: languages, status replies, proofs.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass

from drivers.printers.conversation import CHUNK_BYTES, CHUNK_WRITE_S, Conversation
from edge_agent.sdk.errors import LinkError
from edge_agent.sdk.ports import ByteLink
from edge_agent.sdk.values import PrintJob, PrintResult, Proof


@dataclass(frozen=True, slots=True)
class Ends:
    """How a language ends what was cut off.

    `rest_of` gives what makes the parser listen again after so many bytes of a command; `filling` the same
    where only the most that it can still wait for is known; `abandon` makes it forget a label that was begun.
    """

    rest_of: Callable[[bytes, int], bytes]
    filling: Callable[[int], bytes]
    abandon: bytes = b""


@dataclass(slots=True)
class Attempt:
    """One job on its way: what the port took of it, and how it ended."""

    job: PrintJob
    accepted: int = 0
    proof: Proof = Proof.FAILED
    reason: str = ""

    def stop(self, reason: str) -> None:
        """It ends without a proof: harmless before the first byte, uncertain after it."""
        self.reason = reason
        self.proof = Proof.UNKNOWN if self.accepted else Proof.FAILED

    def result(self) -> PrintResult:
        return PrintResult(self.job.job, self.job.attempt, self.proof, self.accepted, self.reason)


class Sender:
    """Sends jobs. A command once begun is sent whole: half of one leaves the parser waiting for the rest."""

    def __init__(self, link: ByteLink, talk: Conversation, ends: Ends) -> None:
        self._link = link
        self._talk = talk
        self._ends = ends
        self._owed = b""

    async def complete(self) -> None:
        """End a command that was cut off, before anything else is said to the parser that waits for it."""
        await self._talk.send(self._owed)
        self._owed = b""

    async def stream(self, attempt: Attempt, segments: Iterator[bytes]) -> str:
        """Send the job; gives the reason why it was not sent to its end, or an empty text."""
        for segment in segments:
            if attempt.accepted and (obstacle := self._talk.obstacle()):
                self._owe(attempt, b"")
                return obstacle
            for at in range(0, len(segment), CHUNK_BYTES):
                await self._send(attempt, segment, at)
        self._owed = b""
        return ""

    async def _send(self, attempt: Attempt, segment: bytes, at: int) -> None:
        chunk = segment[at : at + CHUNK_BYTES]
        self._owed = self._ends.filling(len(segment) - at) + self._ends.abandon  # if this is cancelled
        try:
            await self._link.write(chunk, CHUNK_WRITE_S)
        except LinkError as error:
            attempt.accepted += error.accepted
            self._owe(attempt, self._ends.rest_of(segment, at + error.accepted))
            raise
        attempt.accepted += len(chunk)
        self._owe(attempt, self._ends.rest_of(segment, at + len(chunk)))

    def _owe(self, attempt: Attempt, rest: bytes) -> None:
        self._owed = rest + (self._ends.abandon if attempt.accepted else b"")
