"""From when to when a certificate is valid, read from its PEM file without a library for it.

Owns: as much of DER as stands before the validity. Must not know: TLS, whether the certificate is trusted.
Document: RFC 5280, sections 4.1 and 4.1.2.5; X.690 for the encoding. `cryptography` costs megabytes of memory
and is imported only to make keys.
"""

from __future__ import annotations

import base64
import binascii
import re
from dataclasses import dataclass
from datetime import UTC, datetime

PEM_LIMIT = 64 << 10  # a chain of three certificates is below 8 KiB
_PEM = re.compile(rb"-----BEGIN CERTIFICATE-----(.+?)-----END CERTIFICATE-----", re.DOTALL)
_SEQUENCE, _INTEGER, _VERSION, _UTC_TIME, _GENERALIZED_TIME = 0x30, 0x02, 0xA0, 0x17, 0x18


@dataclass(frozen=True, slots=True)
class Validity:
    """Both ends in UTC milliseconds."""

    not_before_ms: int
    not_after_ms: int

    def renew_from_ms(self) -> int:
        """Two thirds of its life: time enough for months without a network."""
        return self.not_before_ms + (self.not_after_ms - self.not_before_ms) * 2 // 3


def validity_of(pem: bytes) -> Validity:
    """Of the first certificate in a PEM file. Raises ValueError where there is none."""
    found = _PEM.search(pem[:PEM_LIMIT])
    if found is None:
        raise ValueError("no certificate in PEM form")
    try:
        der = base64.b64decode(b"".join(found[1].split()), validate=True)
        return _validity(der)
    except (binascii.Error, IndexError, UnicodeDecodeError) as error:
        raise ValueError("not a certificate") from error


def _validity(der: bytes) -> Validity:
    certificate, _ = _take(der, _SEQUENCE)
    fields, _ = _take(certificate, _SEQUENCE)
    if fields[:1] == bytes([_VERSION]):
        _, fields = _take(fields, _VERSION)
    for tag in (_INTEGER, _SEQUENCE, _SEQUENCE):  # serial number, signature algorithm, issuer
        _, fields = _take(fields, tag)
    span, _ = _take(fields, _SEQUENCE)
    first, rest = _time(span)
    last, _ = _time(rest)
    return Validity(first, last)


def _take(data: bytes, tag: int) -> tuple[bytes, bytes]:
    """The content of one element, and what follows it."""
    if data[0] != tag:
        raise ValueError(f"element {data[0]:#x} in the place of {tag:#x}")
    length, at = data[1], 2
    if length & 0x80:
        count = length & 0x7F
        length, at = int.from_bytes(data[2 : 2 + count], "big"), 2 + count
    if at + length > len(data):
        raise ValueError("cut off")
    return data[at : at + length], data[at + length :]


def _time(data: bytes) -> tuple[int, bytes]:
    """UTCTime YYMMDDHHMMSSZ (50 and above is 19YY), or GeneralizedTime YYYYMMDDHHMMSSZ."""
    tag = data[0]
    if tag not in (_UTC_TIME, _GENERALIZED_TIME):
        raise ValueError("not a time")
    content, rest = _take(data, tag)
    text = content.decode("ascii")
    if tag == _UTC_TIME:
        text = ("19" if text >= "50" else "20") + text
    moment = datetime.strptime(text, "%Y%m%d%H%M%SZ").replace(tzinfo=UTC)
    return int(moment.timestamp() * 1000), rest
