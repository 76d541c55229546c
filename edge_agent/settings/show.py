"""Settings as text again: what is in force, every default written out, secrets masked.

Owns: the masking and the TOML of `config show`. Must not know: files, drivers.
"""

from __future__ import annotations

import json
import re
from collections.abc import Iterator, Mapping
from typing import TYPE_CHECKING

from edge_agent.settings.plain import PlainSettings

if TYPE_CHECKING:
    from edge_agent.settings.model import Settings

MASK = "***"

Shown = str | int | bool | list["Shown"] | dict[str, "Shown"]

_SECRET = re.compile(r"password|secret|token|(^|_)key$")
_BARE_KEY = re.compile(r"[A-Za-z0-9_-]+")


def effective(settings: Settings | PlainSettings) -> dict[str, Shown]:
    """Every setting as plain values, decimals as text, whatever may lead to a secret masked."""
    if isinstance(settings, PlainSettings):
        return settings.shown
    document: dict[str, Shown] = settings.model_dump(mode="json", by_alias=True, exclude_none=True)
    return {name: _masked(name, value) for name, value in document.items()}


def to_toml(document: Mapping[str, Shown]) -> str:
    """The document as TOML."""
    return "\n".join(_table((), document)).strip("\n") + "\n"


def _masked(name: str, value: Shown) -> Shown:
    if isinstance(value, dict):
        return {key: _masked(key, inner) for key, inner in value.items()}
    if isinstance(value, list):
        return [_masked(name, inner) for inner in value]
    return MASK if _SECRET.search(name) and value != "" else value


def _table(path: tuple[str, ...], table: Mapping[str, Shown]) -> Iterator[str]:
    """Plain keys first: after a header they would belong to that table."""
    inner = {key: value for key, value in table.items() if isinstance(value, dict) or _is_tables(value)}
    for key, value in table.items():
        if key not in inner:
            yield f"{_key(key)} = {_value(value)}"
    for key, value in inner.items():
        name = ".".join(map(_key, (*path, key)))
        for one in value if isinstance(value, list) else [value]:
            if isinstance(one, dict):
                yield f"\n[[{name}]]" if isinstance(value, list) else f"\n[{name}]"
                yield from _table((*path, key), one)


def _is_tables(value: Shown) -> bool:
    return isinstance(value, list) and bool(value) and isinstance(value[0], dict)


def _key(key: str) -> str:
    return key if _BARE_KEY.fullmatch(key) else _quoted(key)


def _value(value: Shown) -> str:
    if isinstance(value, bool):
        return "true" if value else "false"
    if isinstance(value, list):
        return f"[{', '.join(map(_value, value))}]"
    return _quoted(value) if isinstance(value, str) else str(value)


def _quoted(text: str) -> str:
    """JSON's escapes are TOML's, but for DEL, which TOML wants escaped too."""
    return json.dumps(text, ensure_ascii=False).replace("\x7f", "\\u007f")
