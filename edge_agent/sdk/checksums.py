"""Check characters of scale and scanner protocols. Pure; each names the protocol that uses it."""

from __future__ import annotations

from functools import reduce
from operator import xor


def xor_of(data: bytes) -> int:
    """XOR of all bytes (Yaohua TF0, CAS PD-II BCC)."""
    return reduce(xor, data, 0)


def seven_bit_complement(data: bytes) -> int:
    """The byte that makes the 7-bit sum of all bytes zero (Toledo continuous CHK)."""
    return -sum(data) & 0x7F


def even_parity(byte: int) -> int:
    """The 7-bit byte with bit 7 set so that the number of ones is even (7E1 seen as 8N1)."""
    low = byte & 0x7F
    return low | (0x80 if low.bit_count() % 2 else 0)


def gs1_check_digit(digits: str) -> int:
    """Check digit of GTIN, SSCC and GLN for the ASCII digits before it (GS1 General Specifications 7.9)."""
    total = sum(int(d) * (3 if i % 2 == 0 else 1) for i, d in enumerate(reversed(digits)))
    return -total % 10


def s10_check_digit(serial: str) -> int:
    """Check digit of an eight-digit UPU S10 serial number (S10-12, weights 8 6 4 2 3 5 9 7)."""
    total = sum(int(d) * w for d, w in zip(serial, (8, 6, 4, 2, 3, 5, 9, 7), strict=True))
    check = 11 - total % 11
    return {10: 0, 11: 5}.get(check, check)
