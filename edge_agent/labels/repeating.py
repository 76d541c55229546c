"""A group that stands once for each entry of a list, written out into as many groups.

Owns: `each`, `most` and `step` of a group, and the fields of every entry. Must not know: files, data, dots.

Behind this page there are no lists: entry 2 of `device` is the field `device.2.name`, a path that no template
can write itself. A group of an entry that the data does not have is not drawn.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace

from edge_agent.labels import elements as keys
from edge_agent.labels.fields import Field
from edge_agent.labels.phrases import Phrase, Substitution

Sample = str | int | None


@dataclass(frozen=True, slots=True)
class Repeat:
    """One list of the data: the group that shows it, and how many entries have room."""

    path: str
    group: str
    most: int


@dataclass(frozen=True, slots=True)
class WrittenOut:
    """The entries of a template file without `each`, its fields with those of all entries, and its lists."""

    entries: list[keys.Entry]
    fields: dict[str, Field]
    repeats: tuple[Repeat, ...]


def written_out(entries: list[keys.Entry], fields: Mapping[str, keys.FieldKeys]) -> WrittenOut:
    """Write out every group with `each`; where two show one list, the smaller bounds its entries."""
    plain: list[keys.Entry] = []
    repeats: dict[str, Repeat] = {}
    for entry in entries:
        if isinstance(entry, keys.Group) and entry.each is not None:
            known = repeats.get(entry.each)
            if known is None or entry.most < known.most:
                repeats[entry.each] = Repeat(entry.each, entry.id, entry.most)
            plain += [_of_entry(entry, number) for number in range(1, entry.most + 1)]
        else:
            plain.append(entry)
    return WrittenOut(plain, _fields(fields, repeats), tuple(repeats.values()))


def _fields(given: Mapping[str, keys.FieldKeys], repeats: Mapping[str, Repeat]) -> dict[str, Field]:
    fields: dict[str, Field] = {}
    for path, field in given.items():
        owner = next((name for name in repeats if path.startswith(f"{name}.")), None)
        if owner is None:
            sample = field.sample[0] if isinstance(field.sample, tuple) else field.sample
            fields[path] = Field(path, field.type, field.optional, sample)
            continue
        for number, sample in enumerate(_samples(field, repeats[owner].most), start=1):
            entry = _numbered(path, owner, number)
            fields[entry] = Field(entry, field.type, field.optional, sample)
    return fields


def _samples(field: keys.FieldKeys, most: int) -> list[Sample]:
    """One sample for each entry: those given in turn, from the first again where they are fewer."""
    given: tuple[Sample, ...] = field.sample if isinstance(field.sample, tuple) else (field.sample,)
    return [given[number % len(given)] for number in range(most)]


def _of_entry(group: keys.Group, number: int) -> keys.Group:
    name = group.each or ""
    left, top = group.at
    across, down = group.step
    moved = (left + across * (number - 1), top + down * (number - 1))
    inner = [_renamed(element, name, number) for element in group.element]
    when = (name, f"{name}.{number}", *_conditions(group.when, name, number))
    unless = _conditions(group.unless, name, number)
    changes = {"each": None, "at": moved, "element": inner, "when": when, "unless": unless}
    return group.model_copy(update={**changes, "id": f"{group.id}-{number}"})


def _renamed(element: keys.Drawn, name: str, number: int) -> keys.Drawn:
    changes: dict[str, object] = {
        "id": f"{element.id}-{number}",
        "when": _conditions(element.when, name, number),
        "unless": _conditions(element.unless, name, number),
    }
    value = getattr(element, "value", None)
    if isinstance(value, Phrase):
        changes["value"] = Phrase(tuple(_part(part, name, number) for part in value.parts))
    return element.model_copy(update=changes)


def _part(part: str | Substitution, name: str, number: int) -> str | Substitution:
    if isinstance(part, str):
        return part
    return replace(part, path=_numbered(part.path, name, number))


def _conditions(paths: tuple[str, ...], name: str, number: int) -> tuple[str, ...]:
    return tuple(_numbered(path, name, number) for path in paths)


def _numbered(path: str, name: str, number: int) -> str:
    return f"{name}.{number}{path.removeprefix(name)}" if path.startswith(f"{name}.") else path
