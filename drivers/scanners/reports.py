"""HID reports of one size out of chunks: a read gives one report, a recording any piece of several.

Owns: where a report begins and ends. Must not know: what a report means.

Faults survived: a report cut short (reported when a whole one or a silence follows), any chunking.
"""

from __future__ import annotations

from edge_agent.sdk.errors import ProtocolError
from edge_agent.sdk.values import ScanText


class ReportFramer:
    """Reports of `size` bytes. A chunk of whole reports ends the piece that waits before it."""

    def __init__(self, size: int) -> None:
        self._size = size
        self.reset()

    @property
    def held(self) -> int:
        """How many bytes of an unfinished report wait."""
        return len(self._held)

    def reset(self) -> None:
        self._held = b""

    def feed(self, data: bytes) -> list[bytes | ProtocolError]:
        """Whole reports, and the pieces that were cut short."""
        torn = self.flush() if data and len(data) % self._size == 0 else []
        held = self._held + data
        whole = len(held) - len(held) % self._size
        self._held = held[whole:]
        return [*torn, *(held[at : at + self._size] for at in range(0, whole, self._size))]

    def flush(self) -> list[bytes | ProtocolError]:
        """Silence: what is held was cut short."""
        held, self._held = self._held, b""
        return [ProtocolError("frame.torn", f"no report of {self._size} bytes", held)] if held else []


def torn_scan(scan: ScanText) -> ProtocolError:
    """A barcode that only the hang-up ended."""
    return ProtocolError("frame.torn", "a barcode that only the unplugging ended", scan.raw)
