"""The bytes of one barcode as text, for scanners that send them in reports or packets.

Owns: the character set, the AIM identifier, prefix and suffix, and the settings for them.
Must not know: how the bytes were framed, what a barcode means.
AIM identifiers: ISO/IEC 15424. Bytes that are no UTF-8 are kept as Latin-1, so that none is lost.
"""

from __future__ import annotations

import re

from edge_agent.sdk.driver import Option, Options
from edge_agent.sdk.errors import ProtocolError
from edge_agent.sdk.values import ScanText

AIM = re.compile(rb"\][A-Za-z][0-9A-Za-z]")
ERROR_BYTES = 64  # one report; enough to recognise what was refused

CONTENT_OPTIONS = (
    Option("aim", False, "the scanner sends the AIM identifier (]C1 …) before each barcode"),
    Option("prefix", "", "text that the scanner is set to send first; removed"),
    Option("suffix", "", "text that the scanner is set to send last; removed"),
)


class Content:
    """What a scanner with these settings puts around a barcode, taken off and put on."""

    def __init__(self, options: Options) -> None:
        self._prefix = options.text("prefix").encode()
        self._suffix = options.text("suffix").encode()
        self._aim = options.flag("aim")

    def read(self, sent: bytes, raw: bytes, terminator: str | None = None) -> ScanText | ProtocolError:
        """The barcode in the bytes that were sent."""
        body = sent.removeprefix(self._prefix).removesuffix(self._suffix)
        aim = None
        if self._aim and AIM.match(body):
            aim, body = body[:3].decode("ascii"), body[3:]
        if not body:
            return ProtocolError("scan.empty", "a barcode without content", raw[:ERROR_BYTES])
        return ScanText(_text(body), aim, raw, terminator)

    def write(self, text: str, aim: str) -> bytes:
        """The bytes that the scanner sends for a barcode."""
        return self._prefix + (aim.encode() if self._aim else b"") + text.encode() + self._suffix


def _text(body: bytes) -> str:
    try:
        return body.decode()
    except UnicodeDecodeError:
        return body.decode("latin-1")
