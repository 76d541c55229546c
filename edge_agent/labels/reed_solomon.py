"""Reed-Solomon check words over GF(256), as QR and Data Matrix append them.

Owns: the field's arithmetic. Must not know: symbols, blocks, dots.

The remainder of a long division, one data byte at a time: all 256 multiples of the generator are kept, each
as one integer, so that a byte costs a look-up, a shift and an exclusive or.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import lru_cache

KEPT_GENERATORS = 12  # the codes of some ten templates; each costs 20 kB


@dataclass(frozen=True, slots=True)
class Field256:
    """A field by its polynomial, and the power of its first root in every generator."""

    polynomial: int
    first_root: int


def check_words(data: bytes, count: int, field: Field256) -> bytes:
    """So many check words for the data."""
    multiples = _multiples(count, field)
    top, kept = 8 * (count - 1), (1 << 8 * (count - 1)) - 1
    rest = 0
    for byte in data:
        rest = (rest & kept) << 8 ^ multiples[byte ^ rest >> top]
    return rest.to_bytes(count, "big")


@lru_cache(maxsize=KEPT_GENERATORS)
def _multiples(count: int, field: Field256) -> tuple[int, ...]:
    """The generator without its leading one, times 0 to 255."""
    powers = _powers(field.polynomial)
    logs = {value: exponent for exponent, value in enumerate(powers)}
    words = [1]
    for root in range(field.first_root, field.first_root + count):
        raised = [powers[(logs[word] + root) % 255] if word else 0 for word in words]
        words = [high ^ low for high, low in zip([*words, 0], [0, *raised], strict=True)]
    exponents = [logs.get(word) for word in words[1:]]
    return (0, *(_scaled(exponents, logs[factor], powers) for factor in range(1, 256)))


def _scaled(exponents: list[int | None], factor: int, powers: list[int]) -> int:
    scaled = [0 if power is None else powers[(power + factor) % 255] for power in exponents]
    return int.from_bytes(bytes(scaled), "big")


def _powers(polynomial: int) -> list[int]:
    """Two to the power of 0 to 254 in this field."""
    powers = [1]
    while len(powers) < 255:
        doubled = powers[-1] << 1
        powers.append(doubled ^ polynomial if doubled & 0x100 else doubled)
    return powers
