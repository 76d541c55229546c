"""What the model refused, in the words of problems.

Owns: the translation of pydantic's errors, and what each field expects. Must not know: files, drivers.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any, Literal, get_args, get_origin

from pydantic import BaseModel
from pydantic.fields import FieldInfo
from pydantic_core import ErrorDetails

from edge_agent.settings.devices import unknown_key
from edge_agent.settings.model import Settings
from edge_agent.settings.positions import KeyPath
from edge_agent.settings.problems import Finding, nearest, one_of, shown_value
from edge_agent.settings.values import IN_WORDS

WORDS_OF_TYPE = {
    "string_type": "text in quotes",
    "int_type": "a whole number",
    "bool_type": "true or false",
    "tuple_type": "a list",
    "model_type": "a table",
}


def explain(error: ErrorDetails) -> Finding:
    """One error of the model as a finding."""
    path: KeyPath = tuple(error["loc"])
    kind, context, value = error["type"], error.get("ctx", {}), error["input"]
    if kind == "extra_forbidden":
        return unknown_key(path, known_keys(path[:-1]))
    if kind == "missing":
        return Finding(path, f"missing: {_description(path)}")
    if kind == "rule":
        return Finding((*path, context["key"]), context["message"], context["words"])
    if kind == "literal_error":
        return _not_among(path, value)
    if kind in ("greater_than", "greater_than_equal", "less_than", "less_than_equal"):
        return Finding(path, f"{shown_value(value)} is out of range", _range(path), _bound(context))
    return Finding(path, f"{shown_value(value)} is not allowed", _expected(error))


def known_keys(path: KeyPath) -> list[str]:
    """The keys of the table at this path."""
    model = _model_at(path)
    return [field.alias or name for name, field in model.model_fields.items()] if model else []


def _not_among(path: KeyPath, value: object) -> Finding:
    field = field_at(path)
    choices = [str(choice) for choice in _choices(field.annotation)] if field else []
    what = "is not a supported rate" if path[-1] == "baud" else "is not allowed"
    return Finding(path, f"{shown_value(value)} {what}", one_of(choices), nearest(str(value), choices))


def _expected(error: ErrorDetails) -> str:
    kind, context = error["type"], error.get("ctx", {})
    if kind == "expected":
        return str(context["words"])
    if kind == "string_pattern_mismatch":
        return IN_WORDS[context["pattern"]]
    if kind == "string_too_long":
        return f"at most {context['max_length']} characters"
    if kind == "too_long":
        return f"at most {context['max_length']} entries"
    if kind == "too_short":
        return f"at least {context['min_length']} entries"
    return WORDS_OF_TYPE.get(kind, error["msg"])


def _range(path: KeyPath) -> str:
    field = field_at(path)
    bounds: dict[str, object] = {}
    for constraint in field.metadata if field else ():
        for name in ("ge", "gt", "le"):
            if hasattr(constraint, name):
                bounds[name] = getattr(constraint, name)
    low = f"more than {bounds['gt']}, up to" if "gt" in bounds else f"{bounds.get('ge')} to"
    return f"{low} {bounds.get('le')}"


def _bound(context: dict[str, Any]) -> str:
    """The bound that was crossed, where it may itself be used."""
    return str(context.get("ge", context.get("le", "")))


def field_at(path: KeyPath) -> FieldInfo | None:
    """The field that a path leads to; numbers of tables and of list entries lead nowhere else."""
    names = [part for part in path if isinstance(part, str)]
    model: type[BaseModel] | None = Settings
    field = None
    for name in names:
        field = _field(model, name)
        model = next(_models(field.annotation), None) if field else None
    return field


def _model_at(path: KeyPath) -> type[BaseModel] | None:
    field = field_at(path)
    return next(_models(field.annotation), None) if field else (None if path else Settings)


def _field(model: type[BaseModel] | None, name: str) -> FieldInfo | None:
    fields = model.model_fields.items() if model else ()
    return next((field for key, field in fields if name in (field.alias or key, key)), None)


def _models(annotation: object) -> Iterator[type[BaseModel]]:
    if isinstance(annotation, type) and issubclass(annotation, BaseModel):
        yield annotation
    for part in get_args(annotation):
        yield from _models(part)


def _choices(annotation: object) -> tuple[object, ...]:
    if get_origin(annotation) is Literal:
        return get_args(annotation)
    return next(filter(None, map(_choices, get_args(annotation))), ())


def _description(path: KeyPath) -> str:
    field = field_at(path)
    return field.description or "" if field else ""
