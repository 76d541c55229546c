"""QR codes: a text into the modules of the smallest symbol that holds it.

Owns: modes, versions, blocks. Must not know: dots, pages, templates.

Source: ISO/IEC 18004:2015, sections 7.4 (encodation), 7.5 (error correction, tables 7 and 9), 7.6
(interleaving). One mode for the whole text: digits, the 45 capitals and signs, or bytes of UTF-8, which
scanners expect without being told.
"""

from __future__ import annotations

from edge_agent.labels.code128 import CodeError
from edge_agent.labels.qr_grid import codewords, grid, masked
from edge_agent.labels.reed_solomon import Field256, check_words

QUIET_MODULES = 4
MAX_BYTES = 512  # version 18 at level M: still 2 dots a module in 30 mm; longer is no label's content
FIELD = Field256(polynomial=0x11D, first_root=0)

_ALPHABET = "0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZ $%*+-./:"
_NUMERIC, _ALPHANUMERIC, _BYTES = 1, 2, 4
_COUNT_BITS = {_NUMERIC: (10, 12), _ALPHANUMERIC: (9, 11), _BYTES: (8, 16)}  # to version 9, and above
_PADDING = b"\xec\x11"

# Check words in each block, and blocks, for the versions 1 to 25: what MAX_BYTES at level H needs.
_BLOCKS = {
    "L": "7x1 10x1 15x1 20x1 26x1 18x2 20x2 24x2 30x2 18x4 20x4 24x4 26x4 30x4 22x6 24x6 28x6 30x6 "
    "28x7 28x8 28x8 28x9 30x9 30x10 26x12",
    "M": "10x1 16x1 26x1 18x2 24x2 16x4 18x4 22x4 22x5 26x5 30x5 22x8 22x9 24x9 24x10 28x10 28x11 "
    "26x13 26x14 26x16 26x17 28x17 28x18 28x20 28x21",
    "Q": "13x1 22x1 18x2 26x2 18x4 24x4 18x6 22x6 20x8 24x8 28x8 26x10 24x12 20x16 30x12 24x17 28x16 "
    "28x18 26x21 30x20 28x23 30x23 30x25 30x27 30x29",
    "H": "17x1 28x1 22x2 16x4 22x4 28x4 26x5 26x6 24x8 28x8 24x11 28x11 22x16 24x16 24x18 30x16 "
    "28x19 28x21 26x25 28x25 30x25 24x34 30x30 30x32 30x35",
}


def modules(text: str, level: str) -> list[str]:
    """The symbol's rows of 0 and 1, without quiet zone; raises CodeError."""
    version, words = _words(text, level)
    return masked(_bits(words), grid(version, level))


def _words(text: str, level: str) -> tuple[int, bytes]:
    """The smallest version, and its words in the order in which they are placed."""
    size = len(text.encode())
    if not 0 < size <= MAX_BYTES:
        raise CodeError(f"must have 1 to {MAX_BYTES} bytes, has {size}")
    mode, count, payload = _encoded(text)
    for version, (checks, blocks) in enumerate(_table(level), start=1):
        room = codewords(version) - checks * blocks
        bits = format(mode, "04b") + format(count, f"0{_COUNT_BITS[mode][version > 9]}b") + payload
        if len(bits) <= 8 * room:
            return version, _interleaved(_padded(bits, room), checks, blocks)
    raise CodeError("is too long for a QR code")


def _table(level: str) -> list[tuple[int, int]]:
    """Check words in each block, and blocks, by version."""
    pairs = [entry.split("x") for entry in _BLOCKS[level].split()]
    return [(int(checks), int(blocks)) for checks, blocks in pairs]


def _encoded(text: str) -> tuple[int, int, str]:
    """Mode, character count and bits of the whole text."""
    if text.isascii() and text.isdigit():
        return _NUMERIC, len(text), "".join(_digits(text[at : at + 3]) for at in range(0, len(text), 3))
    if all(char in _ALPHABET for char in text):
        return _ALPHANUMERIC, len(text), "".join(_pair(text[at : at + 2]) for at in range(0, len(text), 2))
    data = text.encode()
    return _BYTES, len(data), _bits(data)


def _digits(group: str) -> str:
    return format(int(group), f"0{(0, 4, 7, 10)[len(group)]}b")


def _pair(group: str) -> str:
    if len(group) == 1:
        return format(_ALPHABET.index(group), "06b")
    return format(_ALPHABET.index(group[0]) * len(_ALPHABET) + _ALPHABET.index(group[1]), "011b")


def _padded(bits: str, room: int) -> bytes:
    """The terminator, zeros to a whole byte, and the two padding words in turn."""
    bits += "0" * min(4, 8 * room - len(bits))
    bits += "0" * (-len(bits) % 8)
    data = int(bits, 2).to_bytes(len(bits) // 8, "big")
    return data + (_PADDING * room)[: room - len(data)]


def _interleaved(data: bytes, checks: int, blocks: int) -> bytes:
    """The first words of all blocks, the second ones, and so on; then their check words likewise."""
    short, longer = divmod(len(data), blocks)
    parts = []
    start = 0
    for number in range(blocks):
        end = start + short + (number >= blocks - longer)
        parts.append(data[start:end])
        start = end
    words = [part[at] for at in range(short + 1) for part in parts if at < len(part)]
    tails = [check_words(part, checks, FIELD) for part in parts]
    return bytes(words) + bytes(tail[at] for at in range(checks) for tail in tails)


def _bits(data: bytes) -> str:
    return format(int.from_bytes(data, "big"), f"0{8 * len(data)}b")
