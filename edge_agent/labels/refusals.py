"""What is wrong with a template, in one sentence: template, element, key, what was expected.

Owns: the wording of template errors. Must not know: what the keys mean.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING

from edge_agent.labels.elements import ENTRY_TYPES, FieldKeys, Label, TemplateFile
from edge_agent.labels.files import HINT
from edge_agent.labels.phrases import nearest
from edge_agent.sdk.errors import ConfigError

if TYPE_CHECKING:
    from pydantic import BaseModel, ValidationError


def refusal(
    template: str, expected: str, *, element: str = "", key: str = "", code: str = "check"
) -> ConfigError:
    """One template error: `template.<code>`."""
    where = [f"template {template!r}"]
    if element:
        where.append(f"element {element!r}")
    if key:
        where.append(f"key {key!r}")
    return ConfigError(f"template.{code}", f"{', '.join(where)}: {expected}", hint=HINT)


def refused(template: str, document: Mapping[str, object], cause: ValidationError) -> ConfigError:
    """One of pydantic's findings in our words: an unknown key before one that is missing through it."""
    findings = cause.errors(include_url=False, include_input=False)
    finding = next((found for found in findings if found["type"] == "extra_forbidden"), findings[0])
    place = finding["loc"]
    element, rest = _element(document, place)
    path = ".".join(rest)
    return refusal(
        template, _expected(finding["type"], finding["msg"], place), element=element, key=path, code="key"
    )


def _expected(kind: str, message: str, place: Sequence[int | str]) -> str:
    """What should have stood there."""
    if place[0] == "data" and len(place) > 1 and kind in {"extra_forbidden", "missing"}:
        return 'expected lines such as "item.number" = { type = "text" }, the path in quotes'
    if kind == "extra_forbidden":
        return f"unknown key{nearest(str(place[-1]), _known_keys(place))}"
    if kind == "union_tag_invalid":
        return f"unknown type; known: {', '.join(ENTRY_TYPES)}"
    if kind == "union_tag_not_found":
        return f"key 'type' is missing; known: {', '.join(ENTRY_TYPES)}"
    if kind == "missing":
        return "is missing"
    return message.removeprefix("Value error, ").replace("Input should be", "expected")


def _known_keys(place: Sequence[int | str]) -> frozenset[str]:
    types = [ENTRY_TYPES[step] for step in place if isinstance(step, str) and step in ENTRY_TYPES]
    if types:
        return _keys_of(types[-1])
    sections: dict[int | str, type[BaseModel]] = {"label": Label, "data": FieldKeys}
    return _keys_of(sections[place[0]] if len(place) > 1 and place[0] in sections else TemplateFile)


def _keys_of(model: type[BaseModel]) -> frozenset[str]:
    return frozenset(field.alias or name for name, field in model.model_fields.items())


def _element(document: Mapping[str, object], place: Sequence[int | str]) -> tuple[str, list[str]]:
    """The id of the innermost element on the way to the fault, and the keys from there on."""
    node: object = document
    name = ""
    rest: list[str] = []
    for step in place:
        if isinstance(step, int) and isinstance(node, list) and step < len(node):
            node = node[step]
            name, rest = (_id_of(node, step), []) if isinstance(node, dict) else (name, rest)
        elif isinstance(step, str) and isinstance(node, dict) and step in node:
            node = node[step]
            rest.append(step)
        elif isinstance(step, str) and step not in ENTRY_TYPES:
            rest.append(step)
    return name, rest


def _id_of(node: Mapping[str, object], number: int) -> str:
    given = node.get("id")
    return given if isinstance(given, str) and given.isprintable() else f"number {number + 1}"
