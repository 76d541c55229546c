"""A checked template: its elements flattened, each with its place on the label and its conditions.

Owns: Template, Placed and their geometry in exact millimetres. Must not know: files, data, dots.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from decimal import Decimal

from edge_agent.labels import elements as keys
from edge_agent.labels.fields import Field
from edge_agent.labels.repeating import Repeat
from edge_agent.sdk.values import Page

DOTS_PER_MM = 8  # of the 203 dpi head that `module_dots` and `stroke_dots` are written for


@dataclass(frozen=True, slots=True)
class Rect:
    """Left, top, right and bottom edge in millimetres from the label's upper left corner."""

    left: Decimal
    top: Decimal
    right: Decimal
    bottom: Decimal

    def holds(self, other: Rect) -> bool:
        across = self.left <= other.left and other.right <= self.right
        return across and self.top <= other.top and other.bottom <= self.bottom

    def overlap(self, other: Rect) -> tuple[Decimal, Decimal] | None:
        """Width and height of the area that both share; None where there is none, as at a common edge."""
        across = min(self.right, other.right) - max(self.left, other.left)
        down = min(self.bottom, other.bottom) - max(self.top, other.top)
        return (across, down) if across > 0 and down > 0 else None


@dataclass(frozen=True, slots=True)
class Placed:
    """One element where it stands: its corner on the label, and the fields it needs or yields to."""

    element: keys.Drawn
    left: Decimal
    top: Decimal
    when: frozenset[str]
    unless: frozenset[str]

    @property
    def is_fixed(self) -> bool:
        """Whether it is the same on every label of the template."""
        if self.when or self.unless:
            return False
        element = self.element
        if isinstance(element, keys.Text):
            return not element.value.fields()
        return isinstance(element, keys.Line | keys.Box | keys.Image)

    def excludes(self, other: Placed) -> bool:
        """Whether the two can never be on one label together."""
        return bool(self.when & other.unless or self.unless & other.when)

    def bounds(self) -> Rect:
        """The outer edges, strokes included."""
        width, height = _extent(self.element)
        return Rect(self.left, self.top, self.left + width, self.top + height)

    def inked(self) -> tuple[Rect, ...]:
        """The areas that no other element may enter: four strokes for a box, else all of the bounds."""
        outer = self.bounds()
        if not isinstance(self.element, keys.Box):
            return (outer,)
        stroke = stroke_mm(self.element)
        return (
            Rect(outer.left, outer.top, outer.right, outer.top + stroke),
            Rect(outer.left, outer.bottom - stroke, outer.right, outer.bottom),
            Rect(outer.left, outer.top, outer.left + stroke, outer.bottom),
            Rect(outer.right - stroke, outer.top, outer.right, outer.bottom),
        )


@dataclass(frozen=True, slots=True, eq=False)
class Template:
    """One label, checked: every element lies on it, every field is declared, every code has its room.

    Compared by identity, so that what is the same on all its labels can be kept.
    """

    name: str
    label: keys.Label
    fields: Mapping[str, Field]
    placed: tuple[Placed, ...]
    pictures: Mapping[str, Page]
    repeats: tuple[Repeat, ...] = ()

    @property
    def marks_reprints(self) -> bool:
        """Whether every reprint of it would be told from the original, whatever the data."""
        marks = [placed for placed in self.placed if isinstance(placed.element, keys.Reprint)]
        return any(not mark.when and not mark.unless for mark in marks)


def stroke_mm(element: keys.Line | keys.Box) -> Decimal:
    """How thick the stroke is, at any resolution."""
    return Decimal(element.stroke_dots) / DOTS_PER_MM


def flattened(entries: list[keys.Entry]) -> tuple[Placed, ...]:
    """Groups dissolved: their origin and conditions passed on to what they hold."""
    placed: list[Placed] = []
    for entry in entries:
        if isinstance(entry, keys.Group):
            placed += [_placed(inner, entry) for inner in entry.element]
        else:
            placed.append(_placed(entry, None))
    return tuple(placed)


def _placed(element: keys.Drawn, group: keys.Group | None) -> Placed:
    left, top = element.at
    if group is not None:
        left, top = left + group.at[0], top + group.at[1]
    chain = [element] if group is None else [element, group]
    when = frozenset(path for part in chain for path in part.when)
    unless = frozenset(path for part in chain for path in part.unless)
    return Placed(element, left, top, when, unless)


def _extent(element: keys.Drawn) -> tuple[Decimal, Decimal]:
    if not isinstance(element, keys.Line):
        return element.size
    stroke = stroke_mm(element)
    across, down = element.to[0] - element.at[0], element.to[1] - element.at[1]
    return (across, stroke) if down == 0 else (stroke, down)
