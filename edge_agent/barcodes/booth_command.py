"""The booth's own command codes: what a printed sheet beside the counter may order, signed and dated.

Owns: the form of a code, its signature, making one. Must not know: the flow, settings, where the key lies.

    BXC1-CONFIRM-M-20271231-K7Q2ZD-ABCDEFGHIJKLMNOP

command; M for many times or S for a single time; last day (UTC); the code's own name; signature. The
signature is the first 80 bits of HMAC-SHA-256 (RFC 2104) over the booth's id, a line feed and all before the
last hyphen, in base32. Only digits, capitals and hyphens: it fits a Code 128 and every scanner's characters.

Whatever begins like a command code is one, good or bad: it is never taken for a parcel and never passed on.
"""

from __future__ import annotations

import hashlib
import hmac
import re
from base64 import b32encode
from dataclasses import dataclass
from enum import StrEnum

MARK = "BXC1"  # whatever begins so is ours, whichever sign follows: no courier's number does
PREFIX = f"{MARK}-"
SIGNATURE_BYTES = 10  # 80 bits: a scanner can try some ten codes a second, not 2 to the 79th
KEY_LEAST = 16  # bytes; half of what HMAC-SHA-256 can use
NAME_LENGTH = 6
LETTERS = "ABCDEFGHJKLMNPQRSTUVWXYZ23456789"  # of a code's name; none that is easily taken for another
FORM = re.compile(r"BXC1-([A-Z]{4,7})-([MS])-([0-9]{8})-([0-9A-Z]{6})-([A-Z2-7]{16})", re.ASCII)


class BoothCommand(StrEnum):
    """What a code may order, and nothing else."""

    CONFIRM = "CONFIRM"
    REPRINT = "REPRINT"
    VOID = "VOID"
    ZERO = "ZERO"
    TARE = "TARE"


@dataclass(frozen=True, slots=True)
class CommandCode:
    """A code that is signed for this booth and not yet over. `once`: it counts a single time."""

    command: BoothCommand
    name: str
    once: bool
    until: str


def looks_like(text: str) -> bool:
    """Whether this is meant as a command code, also by a scanner that turns letters about."""
    return text.lstrip().upper().startswith(MARK)


def read(text: str, *, booth: str, key: bytes, today: str) -> CommandCode | str:
    """The code, or why it is refused: form, signature, expired. `today` is YYYYMMDD."""
    found = FORM.fullmatch(text)
    if found is None or found[1] not in BoothCommand.__members__:
        return "form"
    body, _, signature = text.rpartition("-")
    if not hmac.compare_digest(signature, _signature(body, booth, key)):
        return "signature"
    if today > found[3]:
        return "expired"
    return CommandCode(BoothCommand(found[1]), found[4], found[2] == "S", found[3])


def make(code: CommandCode, *, booth: str, key: bytes) -> str:
    """The text to print."""
    body = f"{PREFIX}{code.command}-{'S' if code.once else 'M'}-{code.until}-{code.name}"
    return f"{body}-{_signature(body, booth, key)}"


def _signature(body: str, booth: str, key: bytes) -> str:
    digest = hmac.new(key, f"{booth}\n{body}".encode(), hashlib.sha256).digest()
    return b32encode(digest[:SIGNATURE_BYTES]).decode("ascii")
