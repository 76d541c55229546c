"""One thing that a run's record shows and must not.

Owns: its fields and the words for its kinds. Must not know: how it was found.
"""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Violation:
    """`kind` is gap, tail, conflict, rejected, unreadable, parcel.doubled or label.doubled of a booth;

    lost, altered or history of the record itself.
    """

    kind: str
    booth: str
    text: str
    epoch: str = ""
    seq: int = 0
