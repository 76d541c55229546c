"""What every table of settings is: frozen, with exact types, without unknown keys.

Owns: Strict. Must not know: which settings exist.
"""

from __future__ import annotations

from pydantic import BaseModel, ConfigDict


class Strict(BaseModel):
    """Frozen, exact types, no unknown keys."""

    model_config = ConfigDict(frozen=True, strict=True, extra="forbid", defer_build=True)  # built once, whole
