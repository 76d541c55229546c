"""A barcode as it goes on record: short enough for an event, and only text that can be stored.

Owns: those bounds, and which barcodes are a device's repeats. Must not know: flows, the ledger.
"""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Iterable, Sequence
from dataclasses import replace

from edge_agent.barcodes.meaning import Meaning
from edge_agent.events.model import EventDraft, JsonValue
from edge_agent.sdk.values import Scan

TEXT_RECORDED = 4096  # as long as the longest barcode that is understood; escaped it still fits into an event
AIM_RECORDED = 8  # "]", a letter and a modifier; what is longer is none
FLOOD_A_MINUTE = 30_000  # a batch scanner empties 20,000 at once; a person scans a hundred in a minute
MINUTE_MS = 60_000
REPEATS_REMEMBERED = 256  # a scanner that reads more different codes in one window is no scanner


def storable(scan: Scan) -> Scan:
    """The scan with what no file can hold as text (lone surrogates) escaped."""
    aim = None if scan.aim is None else _encodable(scan.aim[:AIM_RECORDED])
    return replace(scan, text=_encodable(scan.text), aim=aim)


def scan_event(scan: Scan, meaning: Meaning) -> EventDraft:
    """The record of one barcode."""
    data: dict[str, JsonValue] = {"text": scan.text[:TEXT_RECORDED], "type": meaning.type}
    data["valid"] = meaning.valid
    if len(scan.text) > TEXT_RECORDED:
        data["length"] = len(scan.text)
    if scan.aim:
        data["aim"] = scan.aim
    if meaning.error:
        data["error"] = meaning.error
    return EventDraft("scan.read", scan.device, scan.at, data)


class Flood:
    """Tells a scanner from something that only sends: what is beyond the bound in a minute is dropped."""

    def __init__(self, most: int = FLOOD_A_MINUTE) -> None:
        self._most = most
        self._since_ms: dict[str, int] = {}
        self._count: dict[str, int] = {}

    def passed(self, scans: Sequence[Scan]) -> tuple[list[Scan], list[EventDraft]]:
        """What may go on; and once in a minute for each device that a flood began."""
        taken, told = [], []
        for scan in scans:
            if scan.at.uptime_ms - self._since_ms.get(scan.device, -MINUTE_MS) >= MINUTE_MS:
                self._since_ms[scan.device], self._count[scan.device] = scan.at.uptime_ms, 0
            self._count[scan.device] += 1
            if self._count[scan.device] <= self._most:
                taken.append(scan)
            elif self._count[scan.device] == self._most + 1:
                told.append(EventDraft("scan.flooded", scan.device, scan.at, {"most": self._most}))
        return taken, told


class Repeats:
    """The same text within the window is the device's repeat, or a second scanner's view of one code."""

    def __init__(self, window_ms: int) -> None:
        self._window_ms = window_ms
        self._seen: OrderedDict[str, Scan] = OrderedDict()
        self.doubles = 0  # repeats that another scanner saw

    def has(self, scan: Scan) -> bool:
        """Whether this scan repeats one; it is remembered either way."""
        before = self._seen.pop(scan.text, None)
        self._seen[scan.text] = scan
        while len(self._seen) > REPEATS_REMEMBERED:
            self._seen.popitem(last=False)
        if before is None or scan.at.uptime_ms - before.at.uptime_ms >= self._window_ms:
            return False
        self.doubles += before.device != scan.device
        return True

    def forget(self, scans: Iterable[Scan]) -> None:
        """They were not saved: who scans them again means it."""
        for scan in scans:
            self._seen.pop(scan.text, None)


def _encodable(text: str) -> str:
    return text.encode("utf-8", "backslashreplace").decode()
