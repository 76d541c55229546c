"""The table of a guess: complete or asking, and appended only to a file that stays valid."""

from __future__ import annotations

import tomllib
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import pytest

from edge_agent.discovery.learn import learn
from edge_agent.discovery.stanza import Stanza, append, free_id, of_guess, of_profile
from edge_agent.discovery.verdict import Guess, judge
from edge_agent.registry import Registry
from edge_agent.sdk.driver import SerialSettings
from edge_agent.sdk.errors import ConfigError
from edge_agent.settings.load import check_file
from tests.discovery.stand import catalogue, frames_of, heard, speakers
from tests.discovery.test_learn import FORMS, SPEC, weighings

SPECS = list(catalogue().values())
PORT = "serial:/dev/serial/by-path/here"
VALID = """# my booth, with a comment
schema = 1
[booth]
id = "DHAKA-0001"   # of this office
[uplink]
enabled = false
"""


def guess_of(protocol: str, dialect: str = "", *, line: SerialSettings | None = None, **known: str) -> Guess:
    frames = frames_of(catalogue()[protocol], dialect)
    verdict = judge([heard(*frames, line=line)], SPECS, known)
    assert verdict.decided, verdict.strong
    return verdict.decided


def table_of(stanza: Stanza) -> Mapping[str, Any]:
    (table,) = tomllib.loads(stanza.text())["scale"]
    return table  # type: ignore[no-any-return]


def stanza_of(guess: Guess, *, pace_ms: int = 140) -> Stanza:
    return of_guess(guess, [heard(b"x", b"y", pace_ms=pace_ms)], PORT)


@pytest.fixture
def booth(tmp_path: Path) -> Path:
    file = tmp_path / "booth.toml"
    file.write_text(VALID)
    return file


def test_a_table_can_be_bound_to_one_usb_device() -> None:
    stanza = stanza_of(guess_of("st_gs", "generic", line=SerialSettings(9600)))
    bound = table_of(stanza.bound("0403:6001"))
    assert list(bound.items())[:4] == [
        ("id", "scale"), ("driver", "st_gs"), ("port", PORT), ("usb_id", "0403:6001"),
    ]  # fmt: skip
    assert stanza.bound("") == stanza


def test_what_is_usual_is_left_out() -> None:
    table = table_of(stanza_of(guess_of("st_gs", "generic", line=SerialSettings(9600))))
    assert table == {"id": "scale", "driver": "st_gs", "port": PORT}


def test_a_line_that_is_not_the_drivers_own_is_written() -> None:
    table = table_of(stanza_of(guess_of("toledo_cont", line=SerialSettings(4800, 8, "N"))))
    assert {key: table[key] for key in ("baud", "bits", "parity")} == {"baud": 4800, "bits": 8, "parity": "N"}


def test_a_port_without_line_settings_has_none_in_its_table() -> None:
    assert "baud" not in table_of(stanza_of(guess_of("toledo_cont")))


def test_a_unit_that_was_read_is_written_where_it_must_be() -> None:
    assert table_of(stanza_of(guess_of("yaohua", "a12e_checked")))["unit"] == "kg"


def test_an_open_setting_is_a_question_that_no_check_accepts(booth: Path) -> None:
    stanza = stanza_of(guess_of("yaohua", "a9_tf0"))
    assert not stanza.is_complete
    assert "2.475 lb" in stanza.text()
    with pytest.raises(ConfigError):
        append(booth, stanza, Registry.installed())
    assert booth.read_text() == VALID


@pytest.mark.parametrize(("pace_ms", "style"), [(140, "continuous"), (9000, "auto_print")])
def test_who_speaks_first_is_as_it_was_heard(pace_ms: int, style: str) -> None:
    assert table_of(stanza_of(guess_of("ohaus", "standard"), pace_ms=pace_ms))["style"] == style


@pytest.mark.parametrize(("protocol", "dialect"), [(spec.name, dialect) for spec, dialect in speakers()])
def test_every_guess_makes_a_valid_file(protocol: str, dialect: str, booth: Path) -> None:
    frames = frames_of(catalogue()[protocol], dialect)
    verdict = judge(
        [heard(*frames)], SPECS, {"unit": "kg", "dialect": dialect} if dialect else {"unit": "kg"}
    )
    for guess in verdict.strong:
        booth.write_text(VALID)
        append(booth, stanza_of(guess), Registry.installed())
        assert check_file(booth, Registry.installed()).settings


@pytest.mark.parametrize("name", FORMS)
def test_every_profile_makes_a_valid_file(name: str, booth: Path) -> None:
    profile = learn(weighings(FORMS[name]), SPEC, "kg").profile
    assert profile
    append(booth, of_profile(profile.score.candidate, None, PORT), Registry.installed())
    settings = check_file(booth, Registry.installed()).settings
    assert settings
    options = settings.scale[0].driver_options
    assert {key: options[key] for key in profile.given} == profile.given


def test_appending_keeps_what_stands_before(booth: Path) -> None:
    booth.chmod(0o640)
    stanza = stanza_of(guess_of("st_gs", "generic"))
    append(booth, stanza, Registry.installed())
    assert booth.read_text() == f"{VALID}\n{stanza.text()}"
    assert booth.stat().st_mode & 0o777 == 0o640
    assert [path.name for path in booth.parent.iterdir()] == ["booth.toml"]


def test_a_file_without_a_last_line_end_is_continued_on_a_new_line(booth: Path) -> None:
    booth.write_text(VALID.rstrip())
    append(booth, stanza_of(guess_of("st_gs", "generic")), Registry.installed())
    assert check_file(booth, Registry.installed()).settings


def test_a_link_to_the_file_stays_a_link(booth: Path) -> None:
    link = booth.with_name("link.toml")
    link.symlink_to(booth)
    append(link, stanza_of(guess_of("st_gs", "generic")), Registry.installed())
    assert link.is_symlink()
    assert "[[scale]]" in booth.read_text()


def test_the_same_port_twice_is_refused(booth: Path) -> None:
    stanza = stanza_of(guess_of("st_gs", "generic"))
    append(booth, stanza, Registry.installed())
    before = booth.read_text()
    with pytest.raises(ConfigError) as refused:
        append(booth, stanza, Registry.installed())
    assert refused.value.hint == "nothing was written"
    assert booth.read_text() == before


def test_a_file_that_is_not_there_is_not_made(tmp_path: Path) -> None:
    with pytest.raises(ConfigError):
        append(tmp_path / "none.toml", stanza_of(guess_of("st_gs", "generic")), Registry.installed())
    assert list(tmp_path.iterdir()) == []


def test_an_id_that_is_free_is_found(booth: Path) -> None:
    assert free_id(booth, Registry.installed()) == "scale"
    append(booth, stanza_of(guess_of("st_gs", "generic")), Registry.installed())
    assert free_id(booth, Registry.installed()) == "scale-2"


def test_a_file_that_is_invalid_already_is_left_alone(booth: Path) -> None:
    booth.write_text("schema = 9")
    with pytest.raises(ConfigError, match=r"booth\.toml"):
        free_id(booth, Registry.installed())


@pytest.mark.parametrize("text", ['a"b', "a\nb", "a\\b", "\x7f\x02", "[[scale]]", "স্কেল"])
def test_any_text_stays_one_value(text: str) -> None:
    assert table_of(Stanza({"start": text}, {})) == {"start": text}
