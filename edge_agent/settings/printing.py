"""The settings of the print queue: how long orders wait, how much may be printed, what is kept.

Owns: the table [printing]. Must not know: the other tables, files, printers.
"""

from __future__ import annotations

from pydantic import Field

from edge_agent.settings.strict import Strict


class Printing(Strict):
    """How much is printed, and for how long orders wait."""

    wait_s: int = Field(
        default=600,
        ge=10,
        le=86_400,
        description="Seconds that an ordered label waits for its printer before it expires.",
    )
    labels_per_hour: int = Field(
        default=600, ge=1, le=10_000, description="Labels that one printer prints in an hour at most."
    )
    paper_m_per_hour: int = Field(
        default=100, ge=1, le=1_000, description="Metres of paper that one printer uses in an hour at most."
    )
    orders_percent: int = Field(
        default=50,
        ge=0,
        le=100,
        description="Part of both that orders may use, in percent; the rest is for the counter's labels.",
    )
    roll_m: int = Field(
        default=0,
        ge=0,
        le=1_000,
        description="Metres on a full roll, where a printer's own table does not tell; 0 for no forecast.",
    )
    keep_hours: int = Field(
        default=24,
        ge=1,
        le=720,
        description="Hours that what stands on a label is kept, so that it can be printed again.",
    )
