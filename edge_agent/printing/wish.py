"""What somebody wants printed, and what the scan of a label answered.

Owns: their form, and when two wishes are the same. Must not know: the queue, how a label looks.
"""

from __future__ import annotations

import hashlib
import json
import secrets
from collections.abc import Mapping
from dataclasses import dataclass
from enum import StrEnum

from edge_agent.events.model import JsonValue
from edge_agent.ledger.print_jobs import Known, PrintOrder
from edge_agent.printing.age import Moment
from edge_agent.printing.job import Kind, Requester


@dataclass(frozen=True, slots=True)
class Wish:
    """`key` is the requester's own name for it: the same one is the same job.

    `identity` is what makes two wishes the same where the data is the booth's own and changes with time.
    """

    requester: Requester
    key: str
    kind: Kind
    template: str
    data: Mapping[str, JsonValue]
    printer: str = ""
    subject: str = ""
    ttl_ms: int = 0
    identity: str | None = None

    @property
    def text(self) -> str:
        """The data as it is kept: the same for the same content."""
        return json.dumps(self.data, ensure_ascii=False, sort_keys=True, separators=(",", ":"))

    def digest(self, printer: str) -> str:
        """What two orders of one name must share. `printer` is the one that was found for it."""
        content = self.text if self.identity is None else self.identity
        whole = json.dumps([self.kind, self.template, printer, self.subject, content])
        return hashlib.sha256(whole.encode("utf-8", "backslashreplace")).hexdigest()


def entered(wish: Wish, known: Known | None, now: Moment, printer: str, ttl_ms: int) -> PrintOrder:
    """A wish as the ledger keeps it; `known` is the job that failed under this name and is ordered again."""
    return PrintOrder(
        job=known.order.job if known else secrets.token_hex(6),
        requester=wish.requester.value,
        key=wish.key,
        digest=wish.digest(printer),
        kind=wish.kind.value,
        printer=printer,
        template=wish.template,
        subject=wish.subject or wish.key,
        data=wish.text,
        ttl_ms=wish.ttl_ms or ttl_ms,
        ordered=known.step.attempt if known else 1,
        boot=now.boot,
        at=now.at,
    )


class Scanned(StrEnum):
    """What the scan of one of our marks means."""

    CONFIRMED = "confirmed"  # it was sent, and is now proved
    KNOWN = "known"  # it was proved before
    VOID = "void"  # its parcel was given up, a reprint took its place, or it should not exist
    STRANGER = "stranger"  # no label of this booth, or one from long ago
