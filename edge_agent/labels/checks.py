"""Whether the elements of a template agree: fields declared, boxes inside, codes with room, no overlaps.

Owns: every rule that spans more than one key. Must not know: files, fonts, the data of a label.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from decimal import Decimal
from itertools import combinations, product

from edge_agent.labels import elements as keys
from edge_agent.labels.characters import UnprintableError, code_text, printable_text
from edge_agent.labels.code128 import CodeError
from edge_agent.labels.fields import Field, FieldError, Record, nested
from edge_agent.labels.page import NoRoomError
from edge_agent.labels.phrases import Phrase, check_path, check_phrase
from edge_agent.labels.placing import DOTS_PER_MM, Placed, Rect, Template, stroke_mm
from edge_agent.labels.refusals import refusal
from edge_agent.labels.symbols import Module, symbol

LOWEST_LINE_EM = Decimal("1.03")  # a Latin line without accents; the lowest box that can hold one line


def check(template: Template) -> None:
    """Refuse the template with the first fault found: ConfigError("template.check")."""
    _names(template)
    record = Record(template.fields, sample_data(template))
    for placed in template.placed:
        for problem, key in _problems(template, placed, record):
            raise refusal(template.name, problem, element=placed.element.id, key=key)
    _overlaps(template)
    _reprint_mark(template)


def sample_data(template: Template) -> dict[str, object]:
    """The data that the template's own samples make, every optional field present."""
    return nested({path: field.sample for path, field in template.fields.items()})


def _names(template: Template) -> None:
    seen: set[str] = set()
    for placed in template.placed:
        if placed.element.id in seen:
            raise refusal(template.name, "the id is taken", element=placed.element.id, key="id")
        seen.add(placed.element.id)


def _problems(template: Template, placed: Placed, record: Record) -> Iterator[tuple[str, str]]:
    yield from _geometry(template, placed)
    yield from _conditions(template, placed)
    value = getattr(placed.element, "value", None)
    if isinstance(value, Phrase):
        yield from _phrase(template.fields, placed, value)
    yield from _content(placed, record)


def _geometry(template: Template, placed: Placed) -> Iterator[tuple[str, str]]:
    element, bounds = placed.element, placed.bounds()
    if isinstance(element, keys.Line) and not _is_straight(element):
        yield "expected a point right of or below `at`, on the same height or line", "to"
    if isinstance(element, keys.Box) and 2 * stroke_mm(element) > min(element.size):
        yield "the strokes are thicker than the box", "stroke_dots"
    width, height = template.label.size_mm
    edge = template.label.margin_mm
    if not Rect(edge, edge, width - edge, height - edge).holds(bounds):
        reach = f"{bounds.left} to {bounds.right} across, {bounds.top} to {bounds.bottom} down"
        yield f"reaches {reach} mm; the label is {edge} to {width - edge} x {edge} to {height - edge}", "at"
    if isinstance(element, keys.Lettering):
        yield from _lettering(element)
    if isinstance(element, keys.Coded) and element.least_dots > element.module_dots:
        yield f"expected at most module_dots, {element.module_dots}", "min_module_dots"


def _lettering(element: keys.Lettering) -> Iterator[tuple[str, str]]:
    if element.floor_mm > element.font_mm:
        yield f"expected at most font_mm, {element.font_mm}", "min_mm"
    tall = element.size[0] if element.rotate in {90, 270} else element.size[1]
    if tall < element.floor_mm * LOWEST_LINE_EM:
        yield f"a line of {element.floor_mm} mm needs more height than {tall} mm", "size"


def _conditions(template: Template, placed: Placed) -> Iterator[tuple[str, str]]:
    lists = {repeat.path for repeat in template.repeats}
    for paths, key in ((placed.when, "when"), (placed.unless, "unless")):
        for path in sorted(paths):
            if path in lists or path.rpartition(".")[2].isdecimal():
                continue  # whether a list has entries, or (written by `each`) this one
            try:
                check_path(path, template.fields)
            except ValueError as problem:
                yield str(problem), key


def _phrase(fields: Mapping[str, Field], placed: Placed, phrase: Phrase) -> Iterator[tuple[str, str]]:
    try:
        check_phrase(phrase, fields)
    except ValueError as problem:
        yield str(problem), "value"
        return
    for part in phrase.fields():
        if fields[part.path].optional and part.path not in placed.when:
            yield f"field {part.path!r} is optional: the element needs when = {part.path!r}", "when"


def _content(placed: Placed, record: Record) -> Iterator[tuple[str, str]]:
    """The samples must be printable, and the codes they make must have their room."""
    element = placed.element
    try:
        if isinstance(element, keys.Text):
            printable_text(element.value.filled(record))
        elif isinstance(element, keys.Coded):
            _check_code(element, code_text(element.value.filled(record)))
    except NoRoomError as problem:
        yield str(problem), "size"
    except (FieldError, UnprintableError, CodeError) as problem:
        yield f"with the samples of [data] it {problem}", "value"


def _check_code(element: keys.Coded, text: str) -> None:
    width, height = (int(side * DOTS_PER_MM) for side in element.size)
    if element.rotate in {90, 270}:
        width, height = height, width
    module = Module(element.module_dots, element.least_dots)
    symbol(element.type, text, element.level).dots(module, width, height)


def _overlaps(template: Template) -> None:
    for one, other in combinations(template.placed, 2):
        if one.excludes(other) or not (_is_content(one) or _is_content(other)):
            continue
        for ours, theirs in product(one.inked(), other.inked()):
            shared = ours.overlap(theirs)
            if shared is not None:
                problem = f"overlaps element {one.element.id!r} by {shared[0]} x {shared[1]} mm"
                raise refusal(template.name, problem, element=other.element.id, key="at")


def _reprint_mark(template: Template) -> None:
    if template.label.kind == "label" and not template.marks_reprints:
        raise refusal(
            template.name, "a label needs an element of type 'reprint' without condition", key="element"
        )


def _is_content(placed: Placed) -> bool:
    return not isinstance(placed.element, keys.Line | keys.Box)


def _is_straight(line: keys.Line) -> bool:
    across, down = line.to[0] - line.at[0], line.to[1] - line.at[1]
    return (across == 0 and down > 0) or (down == 0 and across > 0)
