"""The fields of a command, their types and bounds. Imported with the first command: it loads pydantic.

Owns: those fields. Must not know: keys, what is signed, what a command does.
"""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime
from typing import Annotated, Any

from pydantic import BaseModel, ConfigDict, Field, ValidationError

from edge_agent.sdk.errors import CommandError
from edge_agent.uplink.canonical import INTEGER_LIMIT, Json

SPREAD_S_LIMIT = 3600  # over how long a fleet may be spread; a command that waits longer is better sent later
SIGNATURE = r"^[A-Za-z0-9+/]{86}==$"  # 64 bytes in base64
ADDRESSEE = r"^([A-Z0-9-]{4,24}|_all|_g/[a-z0-9][a-z0-9_-]{0,31})$"


class Body(BaseModel):
    """Tolerant reader: unknown keys are ignored, known ones must have their type."""

    model_config = ConfigDict(frozen=True, strict=True, extra="ignore", defer_build=True)

    id: Annotated[str, Field(min_length=1, max_length=64, pattern=r"^[A-Za-z0-9._\-]+$")]
    type: Annotated[str, Field(max_length=64, pattern=r"^[a-z]+(\.[a-z]+)+$")]
    args: dict[str, Any] = {}
    to: Annotated[str | None, Field(pattern=ADDRESSEE)] = None
    notafter: Annotated[datetime | None, Field(strict=False)] = None
    issuedby: Annotated[str, Field(max_length=64)] = ""
    counter: Annotated[int | None, Field(ge=1, le=INTEGER_LIMIT)] = None
    spread: Annotated[int | None, Field(ge=0, le=SPREAD_S_LIMIT)] = None
    keyid: Annotated[str, Field(max_length=32)] = ""
    signature: Annotated[str, Field(pattern=SIGNATURE)] = ""


def read_body(document: Mapping[str, Json]) -> Body:
    """Raises CommandError message.invalid."""
    try:
        return Body.model_validate(document)
    except ValidationError as error:
        first = error.errors(include_url=False, include_input=False, include_context=False)[0]
        where = ".".join(str(part) for part in first["loc"])[:80]
        message = f"unreadable command: {where or 'document'}: {first['msg'][:120]}"
        raise CommandError("message.invalid", message) from error
