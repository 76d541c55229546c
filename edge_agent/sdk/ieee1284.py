"""The IEEE 1284 device id: what a printer says, through its USB port, of itself and its languages.

Owns: reading it, however it is spelled. Must not know: how it was asked for, which languages exist.
Documents: IEEE 1284-2000, clause 7.6; USB Device Class Definition for Printing Devices 1.1, section 4.2.1.

    MFG:EPSON;CMD:ESC/POS;MDL:TM-T82;CLS:PRINTER;      keys short or long, in any order, values may be blank

It is foreign text: it is cut to what fits, and cleaned of everything that is not printable.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass

ID_LIMIT = 1024  # the kernel keeps no more; the longest of known printers has some 300
VALUE_LIMIT = 128  # characters of one value
KEYS_LIMIT = 32  # known printers have up to ten
COMMANDS_LIMIT = 16
LENGTH_BYTES = 2
BEGINNING = re.compile(rb"[A-Za-z][A-Za-z0-9 _-]{1,30}:")  # of an id whose length bytes are missing
SPELLINGS = {
    "MANUFACTURER": "MFG",
    "MFR": "MFG",
    "MODEL": "MDL",
    "COMMAND SET": "CMD",
    "COMMANDSET": "CMD",
    "SERIAL NUMBER": "SN",
    "SERN": "SN",
    "DESCRIPTION": "DES",
}


@dataclass(frozen=True, slots=True)
class DeviceId:
    """Who a printer says it is. What it leaves out is empty."""

    maker: str = ""
    model: str = ""
    commands: tuple[str, ...] = ()
    serial: str = ""
    description: str = ""

    @property
    def name(self) -> str:
        """Maker and model for a person, as far as they are told."""
        return " ".join(part for part in (self.maker, self.model or self.description) if part)


def device_id_text(answer: bytes) -> str:
    """The answer to GET_DEVICE_ID as text: without its length, whichever way round or missing, cleaned."""
    return _clean(_without_length(answer[: ID_LIMIT + LENGTH_BYTES]).decode("ascii", "replace"))


def parse_device_id(text: str) -> DeviceId:
    """The parts of a device id; never fails: what makes no sense is left out."""
    told = dict(_pairs(_clean(text[:ID_LIMIT])))
    words = re.split(r"[,;]", told.get("CMD", ""))
    commands = tuple(dict.fromkeys(word.strip() for word in words if word.strip()))
    return DeviceId(
        maker=told.get("MFG", ""),
        model=told.get("MDL", ""),
        commands=commands[:COMMANDS_LIMIT],
        serial=told.get("SN", ""),
        description=told.get("DES", ""),
    )


def _pairs(text: str) -> Iterator[tuple[str, str]]:
    """Key and value of each part, keys in their short spelling; the first of two wins."""
    parts = text.split(";")[:KEYS_LIMIT]
    for part in reversed(parts):
        key, colon, value = part.partition(":")
        name = key.strip().upper()
        if colon and name:
            yield SPELLINGS.get(name, name), value.strip()[:VALUE_LIMIT]


def _without_length(answer: bytes) -> bytes:
    """The text between the length and the first NUL.

    The length is in either order, with itself counted or not, wrong or missing: only its place is taken.
    """
    text = answer if BEGINNING.match(answer) else answer[LENGTH_BYTES:]
    return text.partition(b"\0")[0]


def _clean(text: str) -> str:
    return "".join(sign if sign.isprintable() else "?" for sign in text.strip("\0 \r\n\t"))
