"""Settings once they are checked: every value under its name, without what it took to check them.

Owns: Plain and making one. Must not know: which settings exist, how they were checked.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, NoReturn


class Plain:
    """A table of settings: what its model has as attributes, this has, too. Frozen like it."""

    def __init__(self, values: Mapping[str, object]) -> None:
        self.__dict__.update(values)

    def __setattr__(self, name: str, _value: object) -> NoReturn:
        raise AttributeError(f"settings are frozen: {name}")

    def __delattr__(self, name: str) -> NoReturn:
        raise AttributeError(f"settings are frozen: {name}")


class PlainSettings(Plain):
    """All of them; `shown` is how `config show` tells them."""

    shown: dict[str, Any]


def plain(settings: object, shown: Mapping[str, Any]) -> PlainSettings:
    """The settings as plain values, what their models compute included."""
    return PlainSettings({**_values(settings), "shown": shown})


def _values(table: object) -> dict[str, object]:
    kind = type(table)
    return {name: _plain(getattr(table, name)) for name in (*_fields(kind), *_computed(kind))}


def _computed(kind: type) -> list[str]:
    """What it works out of its fields, and what the tables work out that it is a kind of."""
    tables = [base for base in kind.__mro__ if _fields(base)]
    return [name for base in tables for name, member in vars(base).items() if isinstance(member, property)]


def _plain(value: object) -> object:
    if isinstance(value, tuple):
        return tuple(map(_plain, value))
    return Plain(_values(value)) if _fields(type(value)) else value


def _fields(kind: type) -> tuple[str, ...]:
    """The names of a model's fields; of any other value none."""
    return tuple(getattr(kind, "model_fields", ()))
