"""The kinds of values that settings have: decimals, paths, names.

Owns: their checks and the words for what was expected. Must not know: files, or which setting has which kind.
"""

from __future__ import annotations

import re
from decimal import Decimal
from pathlib import Path
from typing import Annotated, Literal

from pydantic import BeforeValidator, Field
from pydantic_core import PydanticCustomError

DECIMALS = 6  # a milligram in kilograms; a finer setting is a mistake
MAX_ADJUSTED = 8  # below a thousand million; no bound of ours is higher, and 1E+999999 is slow to print
PATH_BYTES = 200  # far beyond any path of ours; the kernel's own limit is 4096
SOCKET_PATH_BYTES = 107  # the kernel's sun_path holds 108 bytes with its end

BOOTH_ID = r"^[A-Z0-9-]{4,24}$"
DEVICE_ID = r"^[a-z][a-z0-9_-]{0,31}$"
USB_ID = r"^([0-9a-fA-F]{4}:[0-9a-fA-F]{4})?$"
TOPIC_ROOT = r"^[A-Za-z0-9_-]+(/[A-Za-z0-9_-]+){0,7}$"
HOST = r"^([A-Za-z0-9:]([A-Za-z0-9._:-]*[A-Za-z0-9])?)?$"
TEMPLATE = r"^([a-z0-9][a-z0-9_-]{0,39})?$"
GROUP = r"^[a-z0-9][a-z0-9_-]{0,31}$"
KEY_ID = r"^[A-Za-z0-9][A-Za-z0-9_.-]{0,31}$"
PUBLIC_KEY = r"^[A-Za-z0-9+/]{43}=$"
WORD = r"^[a-z][a-z0-9_]{0,31}$"
PRINTABLE = r"^[^\x00-\x1f\x7f-\x9f\u2028\u2029\u202a-\u202e\u2066-\u2069]*$"

# What each pattern asks for, as an error says it.
IN_WORDS = {
    BOOTH_ID: "4 to 24 capital letters, digits or hyphens",
    DEVICE_ID: "a small letter, then up to 31 small letters, digits, hyphens or underscores",
    USB_ID: "vendor and product as lsusb shows them, as 0403:6001",
    TOPIC_ROOT: "up to 8 words of letters, digits, hyphens or underscores with / between them",
    HOST: "a host name or an IP address",
    TEMPLATE: "the name of a label template, or nothing for no label",
    GROUP: "up to 32 small letters, digits, hyphens or underscores",
    KEY_ID: "up to 32 letters, digits, dots, hyphens or underscores",
    PUBLIC_KEY: "the 32 bytes of an Ed25519 public key in base64, 44 characters",
    WORD: "a small letter, then up to 31 small letters, digits or underscores",
    PRINTABLE: "text on one line without control characters",
}


BarcodeType = Literal[
    "s10",
    "gs1",
    "gs1_digital_link",
    "sscc",
    "ean13",
    "ean8",
    "upca",
    "gtin14",
    "isbn13",
    "isbn10",
    "courier_ref",
    "text",
]


def expected(words: str) -> PydanticCustomError:
    """The error of a value that is not what `words` say."""
    return PydanticCustomError("expected", "{words}", {"words": words})


def rule(key: str, message: str, words: str) -> PydanticCustomError:
    """The error of values that do not fit together, laid at the door of one key."""
    return PydanticCustomError("rule", "{message}", {"key": key, "message": message, "words": words})


def to_decimal(value: object) -> Decimal:
    """A TOML number or text in quotes as the decimal that it spells; a binary float is refused."""
    words = f'a number, best in quotes: "0.005", with at most {DECIMALS} decimals'
    if isinstance(value, str) and re.fullmatch(r"[+-]?[0-9]{1,9}(\.[0-9]{1,9})?", value):
        value = Decimal(value)
    if isinstance(value, int) and not isinstance(value, bool):
        value = Decimal(value)
    if not isinstance(value, Decimal) or not value.is_finite():
        raise expected(words)
    if value.adjusted() > MAX_ADJUSTED or int(value.as_tuple().exponent) < -DECIMALS:
        raise expected(words)
    return Decimal(format(value, "f"))


def to_whole(value: object) -> int:
    """A whole number; a choice of numbers would otherwise take true for 1."""
    if type(value) is not int:
        raise expected("a whole number")
    return value


def to_path(value: object) -> Path:
    """An absolute path without `..`; whether it exists is not asked here."""
    text = str(value) if isinstance(value, Path) else value
    if not isinstance(text, str) or not text.startswith("/") or not text.isprintable():
        raise expected("an absolute path")
    if len(text.encode()) > PATH_BYTES or ".." in Path(text).parts:
        raise expected(f"an absolute path without .. and of at most {PATH_BYTES} bytes")
    return Path(text)


def to_socket_path(value: object) -> Path:
    """An absolute path that fits into a Unix socket's address."""
    path = to_path(value)
    if len(bytes(path)) > SOCKET_PATH_BYTES:
        raise expected(f"a path of at most {SOCKET_PATH_BYTES} bytes, as Unix sockets need it")
    return path


Whole = BeforeValidator(to_whole)
DecimalSetting = Annotated[Decimal, BeforeValidator(to_decimal)]
AbsolutePath = Annotated[Path, BeforeValidator(to_path)]
SocketPath = Annotated[Path, BeforeValidator(to_socket_path)]
ShownText = Annotated[str, Field(max_length=60, pattern=PRINTABLE)]
