"""The demo in the terminal: one line for each thing that happens, by who it happens to.

Owns: words and columns. Must not know: why anything happens.
"""

from __future__ import annotations

import sys
import time
from collections.abc import Mapping
from pathlib import Path
from typing import TextIO

from simulators.central.taken import News

SHOWN_TYPES = {  # events of the day; device changes and starts are shown by their own words
    "parcel.scanned": "parcel scanned",
    "weight.settled": "weight settled",
    "label.printed": "label printed",
    "label.unconfirmed": "label not proved",
    "label.reprinted": "label reprinted",
    "parcel.accepted": "parcel ACCEPTED",
    "parcel.voided": "parcel voided",
    "scan.refused": "scan refused",
    "device.changed": "device changed",
    "agent.started": "agent started",
}


class Show:
    """Writes to a terminal or a file."""

    def __init__(self, out: TextIO = sys.stdout) -> None:
        self._out = out
        self._began = time.monotonic()
        self._weight = ""

    def chapter(self, text: str) -> None:
        """What is about to be shown."""
        self._out.write(f"\n== {text}\n")
        self._out.flush()

    def line(self, who: str, text: str) -> None:
        """One thing that happened."""
        seconds = time.monotonic() - self._began
        self._out.write(f"{seconds:7.2f}  {who:<8} {text}\n")
        self._out.flush()

    def agent(self, news: Mapping[str, object]) -> None:
        """What the daemon told on its socket."""
        match news.get("news"):
            case "cue":
                sound = f"   *{news['sound']}*" if news["sound"] else ""
                self.line("clerk", f"« {news['text']} »{sound}")
            case "event" if str(news["type"]) in SHOWN_TYPES:
                self.line("ledger", f"#{news['seq']} {SHOWN_TYPES[str(news['type'])]}  {news['subject']}")
            case "weight":
                self._scale(news)

    def central(self, news: News) -> None:
        """What the centre did."""
        if news.kind == "ack":
            self.line("centre", f"has everything up to #{news.seq}")

    def label(self, folder: Path, number: int, mark: str) -> None:
        """A piece of paper left the printer."""
        self.line("printer", f"label {number} ({mark}) in {folder}")

    def _scale(self, news: Mapping[str, object]) -> None:
        shown = f"{news['weight']} {news['unit']}" if news["weight"] else f"- {news['status']} -"
        if shown != self._weight:
            self._weight = shown
            self.line("scale", shown)
