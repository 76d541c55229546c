"""Identifiers made on the box: UUIDv7 (RFC 9562, section 5.7), time-ordered and unique without a network."""

from __future__ import annotations

import os
import uuid


def uuid7(utc_ms: int) -> bytes:
    """Sixteen bytes: 48 bits of Unix milliseconds, version 7, the rest random."""
    random = os.urandom(10)
    head = max(utc_ms, 0).to_bytes(8, "big")[2:]
    return head + bytes([0x70 | random[0] & 0x0F, random[1], 0x80 | random[2] & 0x3F]) + random[3:]


def uuid_text(raw: bytes) -> str:
    """The usual 36-character form."""
    return str(uuid.UUID(bytes=raw))
