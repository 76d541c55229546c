"""Which characters may reach a label: controls refused, invisible direction marks stripped, joiners kept."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from edge_agent.labels.characters import UnprintableError, clusters, code_text, printable_text

CONTROLS = [chr(number) for number in (*range(9), 11, 12, *range(14, 32), 127, *range(128, 160))]


@pytest.mark.parametrize("char", [*CONTROLS, "\ud800", "\ue000", "\uffff", "\U0010ffff"])
def test_control_characters_are_refused_by_number(char: str) -> None:
    with pytest.raises(UnprintableError, match=f"U\\+{ord(char):04X}"):
        printable_text(f"Rahim{char}")


@pytest.mark.parametrize(
    "char", "\u200e\u200f\u202a\u202b\u202c\u202d\u202e\u2066\u2067\u2068\u2069\u061c\ufeff\u200b"
)
def test_direction_marks_are_stripped(char: str) -> None:
    assert printable_text(f"{char}+880 1911{char}") == "+880 1911"


@pytest.mark.parametrize("char", ["\u200c", "\u200d", "\u00a0"])
def test_joiners_and_no_break_spaces_stay(char: str) -> None:
    assert printable_text(f"ক{char}খ") == f"ক{char}খ"


@pytest.mark.parametrize("ending", ["\n", "\r\n", "\r", "\u2028", "\u2029"])
def test_line_breaks_become_one(ending: str) -> None:
    assert printable_text(f"a{ending}b") == "a\nb"


@pytest.mark.parametrize("space", ["\t", "\u2003", "\u3000", "\u202f"])
def test_other_spaces_become_plain(space: str) -> None:
    assert printable_text(f"a{space}b") == "a b"


def test_text_is_composed() -> None:
    assert printable_text("e\u0301") == "é"


@pytest.mark.parametrize("char", ["\n", "\x1b", "\u200d", "\u202e", "\x7f", "\xad"])
def test_a_code_takes_no_invisible_character(char: str) -> None:
    with pytest.raises(UnprintableError):
        code_text(f"RR{char}1")


@given(st.text())
def test_printable_text_is_stable(text: str) -> None:
    try:
        once = printable_text(text)
    except UnprintableError:
        return
    assert printable_text(once) == once


@given(st.text(alphabet="কষর্িো\u200c\u200dnae\u0301 ", max_size=20))
def test_clusters_lose_nothing_and_begin_with_no_mark(text: str) -> None:
    parts = clusters(text)
    assert "".join(parts) == text
    assert not any(part[0] in "্িো\u200c\u200d\u0301" for part in parts[1:])


@pytest.mark.parametrize("word", ["ক্ষু", "স্ত্রী", "র্যা", "র‍্যা"])
def test_a_conjunct_is_one_cluster(word: str) -> None:
    assert clusters(word) == [word]
