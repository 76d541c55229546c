"""The scanner finds every key of every valid document, and survives everything else."""

from __future__ import annotations

import json
import tomllib
from collections.abc import Callable, Iterator
from typing import Any

import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

from edge_agent.settings.positions import MAX_DEPTH, KeyPath, Place, Positions, place_of

NAMES = st.sampled_from(["a", "b", "c-d", "1", "E_f", "x.y", "sp ace", "é", "", "q'", 'd"q', "#", "[k]", "="])
BARE = set("abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789-_")
SPACES = st.sampled_from(["", "", " ", "\t "])
FILLERS = st.sampled_from(["", "", "\n", "# [a] b = {\n", " \n#\n"])

Draw = Callable[[st.SearchStrategy[Any]], Any]


class Writer:
    """Writes a random document; every plain value is unique, so that its place can be recognised."""

    def __init__(self, draw: Draw) -> None:
        self.draw = draw
        self.count = 1000

    def leaf(self) -> str:
        self.count += 1
        n = self.count
        forms = [
            f"{n}",
            f"{n}.5",
            f"+{n}",
            f'"{n}"',
            f"'{n}'",
            f'"\\"] {n} # \\\\"',
            f'"""{n}\n ""] \\""" = ""\n"""',
            f"'''{n}\n[x] ''\n'''",
            f'"""{n}"""""',
            f"{n}-05-27 07:32:00",
            f"{n}-05-27",
        ]
        return str(self.draw(st.sampled_from(forms)))

    def key(self, name: str) -> str:
        forms = [json.dumps(name), "".join(f"\\u{ord(c):04x}" for c in name).join('""')]
        if name and set(name) <= BARE:
            forms += [name, name, name]
        if "'" not in name:
            forms.append(f"'{name}'")
        return str(self.draw(st.sampled_from(forms)))

    def space(self) -> str:
        return str(self.draw(SPACES))

    def value(self, depth: int) -> str:
        kind = self.draw(st.integers(0, 9 if depth < 3 else 6))
        if kind <= 6:
            return self.leaf()
        return self.array(depth) if kind <= 8 else self.inline(depth)

    def array(self, depth: int) -> str:
        parts = [
            self.draw(FILLERS) + self.value(depth + 1) + self.draw(FILLERS)
            for _ in range(self.draw(st.integers(0, 3)))
        ]
        comma = "," if parts and self.draw(st.booleans()) else ""
        return f"[{self.space()}{','.join(parts)}{comma}{self.draw(FILLERS)}]"

    def inline(self, depth: int) -> str:
        names = self.draw(st.lists(NAMES, max_size=3, unique=True))
        return (
            "{" + ",".join(self.space() + self.pair(name, depth + 1) + self.space() for name in names) + "}"
        )

    def pair(self, name: str, depth: int) -> str:
        key = self.key(name)
        for inner in self.draw(st.lists(NAMES, max_size=2)):
            key += f"{self.space()}.{self.space()}{self.key(inner)}"
        return f"{key}{self.space()}={self.space()}{self.value(depth)}"

    def body(self, names: list[str]) -> str:
        return "".join(
            f"{self.draw(FILLERS)}{self.space()}{self.pair(name, 0)}{self.end()}" for name in names
        )

    def end(self) -> str:
        return str(self.draw(st.sampled_from(["\n", " # a = 1\n", "\t\n\n"])))

    def header(self, names: list[str], *, many: bool) -> str:
        inside = ".".join(f"{self.space()}{self.key(name)}{self.space()}" for name in names)
        return f"{self.space()}[[{inside}]]{self.end()}" if many else f"{self.space()}[{inside}]{self.end()}"

    def tables(self, path: list[str], names: list[str]) -> str:
        text = ""
        for name in names:
            many = self.draw(st.booleans())
            for _ in range(self.draw(st.integers(1, 3)) if many else 1):
                own = self.draw(st.lists(NAMES, max_size=4, unique=True))
                split = self.draw(st.integers(0, len(own)))
                text += self.header([*path, name], many=many) + self.body(own[:split])
                if len(path) < 2:
                    text += self.tables([*path, name], own[split:])
        return text


@st.composite
def documents(draw: Draw) -> str:
    writer = Writer(draw)
    names = draw(st.lists(NAMES, max_size=6, unique=True))
    split = draw(st.integers(0, len(names)))
    return writer.body(names[:split]) + writer.tables([], names[split:])


def walk(path: KeyPath, value: object) -> Iterator[tuple[KeyPath, object]]:
    yield path, value
    if isinstance(value, dict):
        for key, inner in value.items():
            yield from walk((*path, key), inner)
    elif isinstance(value, list):
        for number, inner in enumerate(value):
            yield from walk((*path, number), inner)


def text_from(text: str, place: Place) -> str:
    lines = text.split("\n")
    return "\n".join([lines[place.line - 1][place.column - 1 :], *lines[place.line :]])


def first_value(text: str) -> object:
    """The plain value that the text begins with: the shortest beginning that gives one and ends there."""
    for end in range(1, len(text) + 1):
        rest = text[end : end + 1]
        if rest and rest not in ",]}\n#\t ":
            continue
        try:
            found = tomllib.loads(f"x={text[:end]}")["x"]
        except tomllib.TOMLDecodeError:
            continue
        if text[end : end + 3].strip(" ")[:1].isdigit() and "-" in text[:end]:
            continue  # a date whose time follows
        return found
    raise AssertionError(f"no value at {text[:20]!r}")


def first_key(text: str) -> str:
    """The first part of the key that the text begins with."""
    for end in range(1, len(text) + 1):
        try:
            found = tomllib.loads(f"{text[:end]}=1")
        except tomllib.TOMLDecodeError:
            continue
        if text[end : end + 1] not in BARE or text[0] in "\"'":
            return str(next(iter(found)))
    raise AssertionError(f"no key at {text[:20]!r}")


@given(documents())
def test_every_value_of_a_valid_document_is_found(text: str) -> None:
    positions = Positions(text)
    for path, value in walk((), tomllib.loads(text)):
        if not isinstance(value, dict | list):
            assert first_value(text_from(text, positions.value(path))) == value


@given(documents())
def test_every_key_of_a_valid_document_is_found(text: str) -> None:
    positions = Positions(text)
    for path, _ in walk((), tomllib.loads(text)):
        assert positions.has(path)
        if path and isinstance(path[-1], str):
            assert first_key(text_from(text, positions.key(path))) == path[-1]


def test_the_writer_of_these_tests_reaches_every_form() -> None:
    """A generator that quietly makes empty documents would prove nothing."""
    seen: set[str] = set()

    @settings(derandomize=True, database=None, deadline=None)
    @given(documents())
    def look(text: str) -> None:
        tomllib.loads(text)
        seen.update(form for form in ("[[", '"""', "{", ",]", "'", "\\u", ".") if form in text)

    look()
    assert seen == {"[[", '"""', "{", ",]", "'", "\\u", "."}


RUBBISH = st.lists(
    st.sampled_from(
        [
            "a",
            "b",
            "=",
            ".",
            ",",
            "[",
            "]",
            "{",
            "}",
            "[[",
            "]]",
            '"',
            '"""',
            "'",
            "'''",
            "\n",
            "\\",
            "#",
            " ",
            "1",
        ]
    )
    | st.text(max_size=3),
    max_size=60,
).map("".join)


@settings(deadline=None)
@given(RUBBISH)
@example("[" * 100_000)
@example("a = " + "{ b = " * 50_000)
@example("a." * 100_000)
@example('"' * 100_001)
@example("'''" * 33_333)
@example("\\" * 100_000)
def test_rubbish_never_crashes_the_scanner(text: str) -> None:
    positions = Positions(text)
    lines = text.count("\n") + 1
    for path in [(), ("a",), ("a", "b"), ("a", 0), ("b", 3, "a")]:
        for place in (positions.key(path), positions.value(path)):
            assert 1 <= place.line <= lines
            assert 1 <= place.column <= len(text) + 1


@given(documents(), st.integers(0, 500))
def test_what_stands_before_a_cut_is_still_found(text: str, cut: int) -> None:
    whole, part = Positions(text), Positions(text[:cut])
    for path, value in walk((), tomllib.loads(text)):
        place = whole.value(path)
        if not isinstance(value, dict | list) and (place.line, place.column) < tuple_of(text, cut):
            assert part.value(path) == place


def tuple_of(text: str, offset: int) -> tuple[int, int]:
    place = place_of(text, min(offset, len(text)))
    return place.line, place.column


@pytest.mark.parametrize(
    ("text", "path", "key", "value"),
    [
        ("a = 1", ("a",), (1, 1), (1, 5)),
        ("\n  a.b = 1", ("a", "b"), (2, 5), (2, 9)),
        ("[t]\nk = 1", ("t",), (1, 2), (1, 1)),
        ("[t.u]\n[t]\nk = 1", ("t",), (1, 2), (2, 1)),
        ("[[t]]\nk = 1\n[[t]]\nk = 2", ("t", 1, "k"), (4, 1), (4, 5)),
        ("[[t]]\n[t.u]\nk = 1\n[[t]]\n[t.u]\nk = 2", ("t", 1, "u", "k"), (6, 1), (6, 5)),
        ("[[t]]\n[[t.u]]\n[[t.u]]\nk = 2", ("t", 0, "u", 1, "k"), (4, 1), (4, 5)),
        ("k = [1, # two\n 2,\n]", ("k", 1), (2, 2), (2, 2)),
        ("k = { a = 1, b.c = 2 }", ("k", "b", "c"), (1, 16), (1, 20)),
        ("k = [[1], [2, 3]]", ("k", 1, 1), (1, 15), (1, 15)),
        ('k = """\nx = 1\n"""\nl = 2', ("l",), (4, 1), (4, 5)),
        ("নাম = 1", ("x",), (1, 1), (1, 1)),
    ],
)
def test_a_key_and_its_value_have_these_places(
    text: str, path: KeyPath, key: tuple[int, int], value: tuple[int, int]
) -> None:
    positions = Positions(text)
    assert (positions.key(path), positions.value(path)) == (Place(*key), Place(*value))


def test_what_is_not_there_has_the_place_of_the_table_around_it() -> None:
    positions = Positions("a = 1\n[booth]\nid = 2\n")
    assert positions.value(("booth", "name")) == Place(2, 1)
    assert positions.value(("nothing", "at", "all")) == Place(1, 1)


def test_the_scan_goes_on_after_a_bad_line() -> None:
    assert Positions("a = = 3\n]] }\nb = 4").value(("b",)) == Place(3, 5)


@pytest.mark.parametrize("opening", ["[", "{a=", "a."])
def test_depth_is_bounded(opening: str) -> None:
    start = "" if opening == "a." else "k="
    assert Positions(start + opening * (MAX_DEPTH - 2)).too_deep is None
    assert Positions(start + opening * (MAX_DEPTH + 1)).too_deep is not None
