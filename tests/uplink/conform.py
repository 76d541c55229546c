"""Whether what really travels is what the published contract says, field by field.

Owns: `strangers`. Must not know: how messages are made.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from pydantic import BaseModel

from edge_agent.contract.events import DATA, Envelope


def strangers(model: BaseModel, where: str = "") -> Iterator[str]:
    """Fields that the model does not name: additive for a reader, and not yet in our documents."""
    yield from (f"{where}{name}" for name in model.model_extra or {})
    for name, value in model:
        for number, one in enumerate(value if isinstance(value, list) else [value]):
            if isinstance(one, BaseModel):
                yield from strangers(one, f"{where}{name}[{number}].")


def event_faults(event: dict[str, Any]) -> list[str]:
    """What of one event the contract does not say. Raises ValidationError for what it forbids."""
    envelope = Envelope.model_validate(event)
    kind = envelope.type.removeprefix("booth.").removesuffix(".v1")
    data = DATA[kind].model_validate(envelope.data)
    return [*strangers(envelope), *strangers(data, f"{kind}.")]
