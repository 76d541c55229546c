"""What booth.toml says of orders from the centre, and of numbers that it leases.

Owns: those settings, their defaults and bounds. Must not know: TOML, files, how an order is checked.
"""

from __future__ import annotations

from typing import Annotated, Self

from pydantic import Field, model_validator

from edge_agent.settings.strict import Strict
from edge_agent.settings.values import GROUP, KEY_ID, PUBLIC_KEY, ShownText, rule

MAX_KEYS = 2  # the present one, and the next one while the centre changes over
MAX_GROUPS = 8  # each is a subscription; region, kind of booth and a trial are three


class Numbers(Strict):
    """Numbers for parcels that come without one, leased by the centre."""

    low_water: int = Field(
        default=0,
        ge=0,
        le=10_000,
        description="With fewer leased numbers than this the centre is asked for more; 0 for never.",
    )
    new_parcel_code: ShownText = Field(
        default="", description="Barcode that begins a parcel with the next leased number; empty for none."
    )


class CommandKey(Strict):
    """A key that orders of the centre may be signed with."""

    id: str = Field(pattern=KEY_ID, description="Name of the key, as keyid of an order gives it.")
    public: str = Field(pattern=PUBLIC_KEY, description="The Ed25519 public key, 32 bytes in base64.")


class Commands(Strict):
    """What the centre may order, and who signs it."""

    require_signature: bool = Field(
        default=False, description="Whether orders and settings of the centre must be signed."
    )
    groups: Annotated[
        tuple[Annotated[str, Field(pattern=GROUP)], ...], Field(strict=False, max_length=MAX_GROUPS)
    ] = Field(default=(), description="Groups of booths that this one belongs to, for orders to many.")
    key: Annotated[tuple[CommandKey, ...], Field(strict=False, max_length=MAX_KEYS)] = Field(
        default=(),
        description="Keys that may sign, one [[commands.key]] table each; two while one is replaced.",
    )

    @model_validator(mode="after")
    def _signatures_have_keys(self) -> Self:
        if self.require_signature and not self.key:
            raise rule("require_signature", "there is no key to check with", "a [[commands.key]] table first")
        if len({key.id for key in self.key}) < len(self.key):
            raise rule("key", "two keys have the same id", "another id for each key")
        return self
