"""What every model of the contract is, and the numerals on the wire.

Owns: Part, the types of fields. Must not know: which messages exist.
"""

from __future__ import annotations

from typing import Annotated

from pydantic import BaseModel, ConfigDict, Field


class Part(BaseModel):
    """Read tolerantly: a field that is not named here is one of a later version."""

    model_config = ConfigDict(frozen=True, strict=True, extra="allow", defer_build=True)


Count = Annotated[int, Field(ge=0, le=(1 << 53) - 1)]
Numeral = Annotated[str, Field(pattern=r"^-?[0-9]+(\.[0-9]+)?$", description="a decimal, as text")]
Moment = Annotated[
    str,
    Field(
        pattern=r"^[0-9]{4}-[0-9]{2}-[0-9]{2}T[0-9]{2}:[0-9]{2}:[0-9]{2}(\.[0-9]+)?Z$",
        description="RFC 3339, UTC",
    ),
]
Word = Annotated[str, Field(max_length=64)]
