"""QR and Data Matrix: the standards' own examples, a second encoder, and a reader nobody here wrote."""

from __future__ import annotations

import random

import numpy as np
import pytest
import segno
import zxingcpp
from hypothesis import given, settings
from hypothesis import strategies as st

from edge_agent.labels import datamatrix, qr, qr_grid
from edge_agent.labels.code128 import CodeError
from edge_agent.labels.reed_solomon import check_words

SIGNS = "0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZ $%*+-./:"
DOTS = 3  # of one module: what the reader needs on a clean picture


def read(rows: list[str], quiet: int) -> tuple[str, str]:
    """What a scanner reads from these modules: format and text."""
    dark = np.array([[module == "1" for module in row] for row in rows])
    picture = np.kron(np.pad(dark, quiet), np.ones((DOTS, DOTS), bool))
    [code] = zxingcpp.read_barcodes(np.where(picture, 0, 255).astype(np.uint8))
    return code.format.name, code.text


def test_the_worked_example_of_the_qr_standard() -> None:
    """ISO/IEC 18004:2015, annex I: 01234567 in version 1-M."""
    words = qr._padded("0001" + "0000001000" + "0000001100" + "0101011001" + "1000011", 16)
    assert words.hex() == "10200c566180ec11ec11ec11ec11ec11"
    assert check_words(words, 10, qr.FIELD).hex() == "a524d4c1ed36c7872c55"
    assert len(qr.modules("01234567", "M")) == 21


def test_the_worked_example_of_the_data_matrix_standard() -> None:
    """ISO/IEC 16022:2006, annex O: 123456 in 10 x 10."""
    words = datamatrix._encoded("123456")
    assert list(words) == [142, 164, 186]
    assert list(check_words(words, 5, datamatrix.FIELD)) == [114, 25, 5, 88, 102]
    assert len(datamatrix.modules("123456")) == 10


@pytest.mark.parametrize("version", range(1, 26))
@pytest.mark.parametrize("level", "LMQH")
def test_every_version_has_the_room_of_the_standard(version: int, level: str) -> None:
    checks, blocks = qr._table(level)[version - 1]
    bits = 8 * (qr_grid.codewords(version) - checks * blocks) - 4 - (8 if version < 10 else 16)
    limit = min(bits // 8, qr.MAX_BYTES)
    mine = len(qr.modules("a" * limit, level))
    other = segno.make_qr("a" * limit, error=level, boost_error=False, mask=0)
    assert mine == len(other.matrix)
    assert limit == qr.MAX_BYTES or mine == qr_grid.side_of(version)


@pytest.mark.parametrize("mask", range(8))
@pytest.mark.parametrize(("text", "level"), [("1" * 29, "Q"), ("A" * 60, "M"), ("B" * 200, "L")])
def test_each_mask_is_that_of_another_encoder(text: str, level: str, mask: int) -> None:
    symbol = segno.make_qr(text, error=level, boost_error=False, mask=mask)
    other = int("".join("1" if module else "0" for row in symbol.matrix for module in row), 2)
    version, words = qr._words(text, level)
    ours = qr_grid.candidates(qr._bits(words), qr_grid.grid(version, level))
    assert ours[mask] == other


@settings(max_examples=60, deadline=None)
@given(
    st.one_of(
        st.text("0123456789", min_size=1, max_size=300),
        st.text(SIGNS, min_size=1, max_size=300),
        st.text(st.characters(min_codepoint=32, max_codepoint=126), min_size=1, max_size=300),
        st.text("ডাক ১২৩ প্রাপক", min_size=2, max_size=60),
    ),
    st.sampled_from("LMQH"),
)
def test_any_text_reads_back_from_a_qr_code(text: str, level: str) -> None:
    if text.strip() == text:  # a reader may strip a lone blank; that is its affair
        assert read(qr.modules(text, level), qr.QUIET_MODULES) == ("QRCode", text)


@pytest.mark.parametrize("size", datamatrix._SIZES)
def test_every_size_of_data_matrix_reads_back(size: int) -> None:
    room = datamatrix._SIZES[size][0]
    text = "".join(random.Random(size).choices(SIGNS[10:], k=room))
    rows = datamatrix.modules(text)
    assert len(rows) == size
    assert read(rows, datamatrix.QUIET_MODULES) == ("DataMatrix", text)


@settings(max_examples=60, deadline=None)
@given(st.text(st.characters(min_codepoint=33, max_codepoint=126), min_size=1, max_size=200))
def test_any_text_reads_back_from_a_data_matrix(text: str) -> None:
    assert read(datamatrix.modules(text), datamatrix.QUIET_MODULES) == ("DataMatrix", text)


@pytest.mark.parametrize("text", ["", "x" * (qr.MAX_BYTES + 1), "অ" * qr.MAX_BYTES])
def test_a_qr_code_has_bounded_content(text: str) -> None:
    with pytest.raises(CodeError):
        qr.modules(text, "M")


@pytest.mark.parametrize("text", ["", "x" * (datamatrix.MAX_WORDS + 1), "ডাক"])
def test_a_data_matrix_holds_ascii_within_its_bound(text: str) -> None:
    with pytest.raises(CodeError):
        datamatrix.modules(text)
