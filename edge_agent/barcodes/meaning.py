"""What a barcode means, or why it is refused: one value for all standards.

Owns: Meaning, and the two ways to make one. Must not know: any standard, devices, the counter.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from types import MappingProxyType

Element = tuple[str, str]  # a GS1 application identifier and its data
FieldValue = str | int | tuple[Element, ...]
Fields = Mapping[str, FieldValue]
Shown = str | int | bool | None | list[str] | list[list[str]]

SEPARATOR = "\x1d"  # GS: how FNC1 between GS1 elements arrives
NO_FIELDS: Fields = MappingProxyType({})


def _no_fields() -> Fields:
    return NO_FIELDS


@dataclass(frozen=True, slots=True)
class Meaning:
    """One barcode understood or refused.

    `type` is the standard ("s10", "gs1", "text", …), also of a refused one if it is known which was meant.
    `value` is what identifies the item: normalised where the standard has one spelling, else as read.
    `error` is a stable code, None exactly when `valid`. `warnings` are codes too; they refuse nothing.
    """

    valid: bool
    type: str
    value: str
    error: str | None = None
    aim: str | None = None
    fields: Fields = field(default_factory=_no_fields)
    warnings: tuple[str, ...] = ()

    def as_dict(self) -> dict[str, Shown]:
        """Flat and fit for JSON: the fields stand beside `valid`, `type`, `value`, `error`, …"""
        shown: dict[str, Shown] = {"valid": self.valid, "type": self.type, "value": self.value}
        shown |= {"error": self.error, "aim": self.aim}
        for name, value in self.fields.items():
            shown[name] = [list(element) for element in value] if isinstance(value, tuple) else value
        return shown | {"warnings": list(self.warnings)}


def accepted(kind: str, value: str, fields: Fields = NO_FIELDS, warnings: tuple[str, ...] = ()) -> Meaning:
    """A barcode that obeys its standard."""
    return Meaning(valid=True, type=kind, value=value, fields=_frozen(fields), warnings=warnings)


def refused(kind: str, value: str, error: str, fields: Fields = NO_FIELDS) -> Meaning:
    """A barcode that was meant as `kind` and does not obey it."""
    return Meaning(valid=False, type=kind, value=value, error=error, fields=_frozen(fields))


def _frozen(fields: Fields) -> Fields:
    return fields if isinstance(fields, MappingProxyType) else MappingProxyType(dict(fields))
