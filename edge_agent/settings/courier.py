"""The settings of couriers' and merchants' numbers: [[courier]] tables.

Owns: those tables. Must not know: barcodes' meaning beyond one pattern.
"""

from __future__ import annotations

from typing import Annotated, Literal, Self

from pydantic import Field, model_validator

from edge_agent.barcodes import courier_regex
from edge_agent.barcodes.courier import CourierPattern
from edge_agent.settings.strict import Strict
from edge_agent.settings.values import WORD, rule

COURIERS_MAX = 16  # each costs at most some milliseconds for a barcode made to be slow


class Courier(Strict):
    """How one kind of number of a courier or merchant looks."""

    name: str = Field(pattern=WORD, description="Name of the courier or merchant, as events carry it.")
    pattern: str = Field(
        max_length=courier_regex.LONGEST_PATTERN,
        description="Pattern that the whole number matches: letters, classes, counts, no star or plus.",
    )
    check: Literal["none", "mod10", "mod11", "s10"] = Field(
        default="none", description="Rule of the number's check digit."
    )
    stands_for: str = Field(
        default="reference", pattern=WORD, description="What the number names, as tracking_code."
    )
    on_sight: bool = Field(
        default=True,
        description="Whether any scan may be such a number; false for patterns that fit too much.",
    )

    @model_validator(mode="after")
    def _can_be_used(self) -> Self:
        fault = courier_regex.fault(self.pattern)
        if fault:
            raise rule(
                "pattern", f"cannot be used: {fault}", "characters, classes and counts, as [0-9A-Z]{8}"
            )
        return self

    @property
    def made(self) -> CourierPattern:
        return CourierPattern(self.name, self.pattern, self.check, self.stands_for, self.on_sight)


Couriers = Annotated[tuple[Courier, ...], Field(strict=False, max_length=COURIERS_MAX)]
