"""What booth and centre say to each other when a booth gets its certificate; both are written apart."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from edge_agent.enrolment import keys
from edge_agent.enrolment.messages import Request, clean_code, read_answer, request_text, seal
from edge_agent.sdk.errors import CommandError, ConfigError
from simulators.central.authority import Authority
from simulators.central.enrolment import TRIES, Enrolment

NOW_MS = 1_800_000_000_000
ID = "0123456789abcdef" * 2


@pytest.fixture
def centre(tmp_path: Path) -> Enrolment:
    return Enrolment(tmp_path / "central.db", Authority(tmp_path / "ca"))


def asked(code: str, booth: str = "DHAKA-01") -> tuple[Request, keys.NewKey, bytes]:
    made = keys.make(booth)
    request = Request(booth, ID, made.csr)
    return request, made, request_text(request, clean_code(code))


def test_a_code_gets_a_certificate_for_the_key_that_asked(centre: Enrolment) -> None:
    code = centre.new_code("DHAKA-01", NOW_MS)
    request, made, payload = asked(code)
    found = centre.first(payload, NOW_MS)
    assert found is not None
    answer = read_answer(found[1], request, clean_code(code))
    keys.check(answer.chain, answer.ca, made, "DHAKA-01")
    assert code.replace("-", "") not in payload.decode() + found[1].decode(), "the code never travels"
    centre.close()


def test_a_code_is_good_once(centre: Enrolment) -> None:
    code = centre.new_code("DHAKA-01", NOW_MS)
    _, _, payload = asked(code)
    assert centre.first(payload, NOW_MS)
    assert centre.first(payload, NOW_MS) is None
    centre.close()


def test_a_code_ends_and_is_void_for_another_booth(centre: Enrolment) -> None:
    code = centre.new_code("DHAKA-01", NOW_MS)
    assert centre.first(asked(code)[2], NOW_MS + 8 * 86_400_000) is None
    assert centre.first(asked(code, "DHAKA-02")[2], NOW_MS) is None
    centre.close()


def test_guessing_makes_a_code_void(centre: Enrolment) -> None:
    code = centre.new_code("DHAKA-01", NOW_MS)
    for _ in range(TRIES):
        assert centre.first(asked("AAAAAAAAAAAAAAAA")[2], NOW_MS) is None
    assert centre.first(asked(code)[2], NOW_MS) is None
    centre.close()


def test_a_request_whose_key_was_exchanged_on_the_way_is_not_answered(centre: Enrolment) -> None:
    code = centre.new_code("DHAKA-01", NOW_MS)
    body = json.loads(asked(code)[2])
    body["csr"] = keys.make("DHAKA-01").csr
    assert centre.first(json.dumps(body).encode(), NOW_MS) is None
    centre.close()


def test_an_answer_of_somebody_without_the_code_is_not_taken(centre: Enrolment, tmp_path: Path) -> None:
    code = clean_code(centre.new_code("DHAKA-01", NOW_MS))
    request, _, payload = asked(code)
    thief = Enrolment(tmp_path / "thief.db", Authority(tmp_path / "thief"))
    thief._db.execute("INSERT INTO enrolments VALUES ('DHAKA-01', 'AAAAAAAAAAAAAAAA', ?, 0, NULL)", (2**60,))
    forged = thief._answer(ID, thief._authority.sign(request.csr, "DHAKA-01"), "", "AAAAAAAAAAAAAAAA")
    with pytest.raises(CommandError) as told:
        read_answer(forged, request, code)
    assert "seal" in told.value.message
    found = centre.first(payload, NOW_MS)
    assert found is not None
    for name in ("chain", "ca", "error", "request"):
        body = json.loads(found[1])
        body[name] = body[name] + "x"
        with pytest.raises(CommandError):
            read_answer(json.dumps(body).encode(), request, code)
    centre.close()
    thief.close()


def test_a_certificate_for_another_key_name_or_authority_is_not_taken(tmp_path: Path) -> None:
    one, other = Authority(tmp_path / "one"), Authority(tmp_path / "other")
    made, stranger = keys.make("DHAKA-01"), keys.make("DHAKA-01")
    good = one.sign(made.csr, "DHAKA-01")
    keys.check(good, one.ca_pem, made, "DHAKA-01")
    for chain, ca, key, booth in (
        (one.sign(stranger.csr, "DHAKA-01"), one.ca_pem, made, "DHAKA-01"),
        (good, one.ca_pem, made, "DHAKA-02"),
        (good, other.ca_pem, made, "DHAKA-01"),
        ("rubbish", one.ca_pem, made, "DHAKA-01"),
        (good, "", made, "DHAKA-01"),
    ):
        with pytest.raises(CommandError) as told:
            keys.check(chain, ca, key, booth)
        assert told.value.code == "enrol.answer"


def test_the_centre_signs_only_what_its_key_has_signed_for_that_name(tmp_path: Path) -> None:
    authority = Authority(tmp_path / "ca")
    for csr in ("", "rubbish", keys.make("DHAKA-02").csr):
        with pytest.raises(CommandError):
            authority.sign(csr, "DHAKA-01")


def test_the_authority_is_the_same_after_a_restart(tmp_path: Path) -> None:
    first = Authority(tmp_path / "ca").ca_pem
    assert Authority(tmp_path / "ca").ca_pem == first
    assert (tmp_path / "ca" / "ca.key").stat().st_mode & 0o777 == 0o600


@pytest.mark.parametrize("typed", ["abcd-efgh-ijkl-mnop", " ABCD EFGH IJKL MNOP\n", "ABCDEFGHIJKLMNOP"])
def test_a_code_is_read_as_people_type_it(typed: str) -> None:
    assert clean_code(typed) == "ABCDEFGHIJKLMNOP"


@pytest.mark.parametrize("typed", ["", "ABCD", "ABCDEFGHIJKLMNO1", "ABCDEFGHIJKLMNOPQ", "১২৩৪৫৬৭৮ABCDEFGH"])
def test_what_is_no_code_is_refused(typed: str) -> None:
    with pytest.raises(ConfigError) as told:
        clean_code(typed)
    assert told.value.code == "enrol.code"


TEXTS = st.lists(st.text(max_size=8), min_size=1, max_size=4)


@settings(deadline=None)
@given(TEXTS, TEXTS)
def test_no_two_cuts_of_a_text_have_the_same_seal(one: list[str], other: list[str]) -> None:
    assert (seal("K", *one) == seal("K", *other)) == (one == other)


@settings(deadline=None)
@given(st.binary(max_size=300))
def test_rubbish_is_never_an_answer_and_never_answered(rubbish: bytes) -> None:
    with pytest.raises(CommandError):
        read_answer(rubbish, Request("B", ID, ""), "K")


@settings(deadline=None)
@given(st.binary(max_size=200))
def test_rubbish_at_the_centre_is_not_answered(rubbish: bytes) -> None:
    assert _CENTRE.first(rubbish, NOW_MS) is None
    assert _CENTRE.renewal("DHAKA-01", rubbish) is None


class _Memory(Enrolment):
    """Over no file: rubbish never gets as far."""

    def __init__(self) -> None:
        """Nothing is opened."""


_CENTRE = _Memory()
