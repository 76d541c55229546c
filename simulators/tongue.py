"""The seam between a simulated printer and the language that it speaks.

Owns: what a language makes of received bytes, and what it may know of its printer.
Must not know: any language, time, ports.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Protocol

from drivers.printers import escpos_device, label_device
from simulators.paper_path import PaperPath
from simulators.print_buffer import Answer, Work

Violation = escpos_device.Refused | escpos_device.InRaster | label_device.Refused | label_device.InRaster


@dataclass(frozen=True, slots=True)
class Say:
    """Something that is answered at once."""

    answer: Answer
    data: bytes


Deed = Work | Say | Violation


class Inside(Protocol):
    """What a language may know of its printer."""

    path: PaperPath

    @property
    def sheets(self) -> int:
        """Whole labels that wait or are being printed."""

    @property
    def printing(self) -> bool:
        """Whether paper moves for a label."""

    @property
    def full(self) -> bool:
        """Whether no more is taken from the host just now."""

    @property
    def labels(self) -> int:
        """Whole labels printed since the printer was made."""


class Tongue(Protocol):
    """One language, spoken by one printer."""

    def feed(self, data: bytes) -> Sequence[Deed]:
        """What these bytes make the printer do, in order."""

    def push(self) -> Say | None:
        """What the printer says unasked, if something has changed that it tells."""

    def reset(self) -> None:
        """Power was cut, or the host has gone: forget everything but the paper."""
