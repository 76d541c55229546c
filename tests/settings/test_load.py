"""Whatever the file is, loading it gives settings or ConfigError, soon."""

from __future__ import annotations

import errno
import os
import random
from decimal import Decimal
from pathlib import Path

import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

from edge_agent.registry import Registry
from edge_agent.sdk.driver import SerialSettings
from edge_agent.sdk.errors import ConfigError
from edge_agent.settings.load import MAX_BYTES, check, check_file, load
from edge_agent.settings.model import Settings
from tests.settings.broken import HEAD, SCALE, TCP
from tests.settings.fakes import registry

EXAMPLE = (Path(__file__).parents[2] / "config" / "booth.example.toml").read_bytes()

CUT_STEP = 1 if os.environ.get("EDGE_THOROUGH") else 7  # other cuts at each commit, all in the torture lane

HOSTILE = {
    "a key of parts": b"a" + b".a" * MAX_BYTES,
    "a header of parts": b"[a" + b".a" * MAX_BYTES,
    "brackets": b"a=" + b"[" * MAX_BYTES,
    "inline tables": b"a=" + b"{a=" * MAX_BYTES,
    "tables": b"".join(b"[a%d]\n" % number for number in range(29_000)),
    "devices": b"[[scale]]\n" * 26_000,
    "keys": b"".join(b"a%d=1\n" % number for number in range(29_000)),
    "a number": b"a=" + b"9" * (MAX_BYTES - 2),
    "a hexadecimal number": b"schema=0x" + b"f" * (MAX_BYTES - 9),
    "decimals": b"schema=1." + b"9" * (MAX_BYTES - 9),
    "an exponent": b"schema=1e999999",
    "backslashes": b'a="' + b"\\" * (MAX_BYTES - 3),
    "quotes": b'a="""' + b'""a' * 87_000,
    "a long key": b"a" * (MAX_BYTES - 2) + b"=1",
    "an escaped key": b'"' + b"\\u0041" * 43_000 + b'"=1',
    "an array": b"a=[" + b"1," * 131_000 + b"]",
    "an array of wrong words": b"[counter]\naccept=[" + b"'x'," * 65_000 + b"]",
    "zeros": b"\0" * MAX_BYTES,
    "blanks": b"a = " + b" " * (MAX_BYTES - 4),
    "deep headers": b"".join(b"[a.b.c.d.e.f.g.h.i%d]\n" % number for number in range(10_000)),
    "wrong options": b"[[scale]]\ndriver='fake_scale'\n"
    + b"".join(b"a%d=1\n" % number for number in range(28_000)),
}


def good(text: str) -> Settings:
    checked = check(text.encode(), "booth.toml", registry())
    assert checked.problems == ()
    assert checked.settings is not None
    return checked.settings


def refusal(path: Path) -> str:
    with pytest.raises(ConfigError) as caught:
        load(path, registry())
    assert caught.value.code == "config.invalid"
    return caught.value.message


def test_a_good_file_gives_settings(tmp_path: Path) -> None:
    path = tmp_path / "booth.toml"
    path.write_text(HEAD + SCALE)
    assert load(path, registry()).scale[0].id == "scale"


def test_a_file_that_is_not_there_is_named(tmp_path: Path) -> None:
    path = tmp_path / "no.toml"
    wanted = "a copy of config/booth.example.toml there, or the name of another file"
    assert refusal(path) == f"{path}:1:1 cannot be read: No such file or directory; expected {wanted}"


def test_a_file_that_is_closed_to_us_says_who_may_ask(monkeypatch: pytest.MonkeyPatch) -> None:
    def refused(_: Path) -> bytes:
        raise PermissionError(errno.EACCES, "Permission denied")

    monkeypatch.setattr("edge_agent.settings.load.read_bytes", refused)
    assert "member of the group edge-agent" in refusal(Path("/etc/edge-agent/booth.toml"))


def test_a_directory_is_no_file(tmp_path: Path) -> None:
    assert "cannot be read" in refusal(tmp_path)


def test_a_pipe_is_not_waited_for(tmp_path: Path) -> None:
    os.mkfifo(tmp_path / "pipe")
    assert "no regular file" in refusal(tmp_path / "pipe")


def test_a_device_is_not_read() -> None:
    assert "no regular file" in refusal(Path("/dev/zero"))


def test_a_name_that_no_file_can_have_is_refused() -> None:
    assert "no file can have this name" in refusal(Path("a\0b"))


@pytest.mark.skipif(os.geteuid() == 0, reason="root may read everything")
def test_a_file_that_may_not_be_read_is_refused(tmp_path: Path) -> None:
    (tmp_path / "booth.toml").write_text(HEAD)
    (tmp_path / "booth.toml").chmod(0)
    assert "Permission denied" in refusal(tmp_path / "booth.toml")


def test_a_file_that_is_too_large_is_refused(tmp_path: Path) -> None:
    (tmp_path / "booth.toml").write_bytes(HEAD.encode() + b"#" * MAX_BYTES)
    assert "is too large; expected at most 256 KiB" in refusal(tmp_path / "booth.toml")


def test_the_largest_file_is_read(tmp_path: Path) -> None:
    (tmp_path / "booth.toml").write_bytes(HEAD.encode() + b"#" * (MAX_BYTES - len(HEAD)))
    assert load(tmp_path / "booth.toml", registry()).booth.id == "DHAKA-0001"


@pytest.mark.parametrize("encoding", ["utf-16", "latin-1"])
def test_a_file_that_is_no_utf8_is_refused(tmp_path: Path, encoding: str) -> None:
    (tmp_path / "booth.toml").write_bytes((HEAD + "username = 'é'").encode(encoding))
    assert "is no UTF-8 text" in refusal(tmp_path / "booth.toml")


def test_the_place_of_a_byte_that_is_no_utf8_is_told() -> None:
    (problem,) = check(HEAD.encode() + b"username = 'caf\xe9'", "b", registry()).problems
    assert (problem.place.line, problem.place.column) == (6, 16)


def test_all_problems_stand_in_one_error(tmp_path: Path) -> None:
    (tmp_path / "booth.toml").write_text(HEAD + "window = 0\nroot = ''\n")
    first, second = refusal(tmp_path / "booth.toml").split("\n")
    assert "booth.toml:6:10 uplink.window" in first
    assert "booth.toml:7:8 uplink.root" in second


def test_an_empty_file_names_all_that_is_needed() -> None:
    keys = [problem.key for problem in check(b"", "b", registry()).problems]
    assert keys == ["booth", "schema", "uplink"]


def test_line_ends_of_windows_and_a_byte_order_mark_are_taken() -> None:
    text = b"\xef\xbb\xbf" + (HEAD + "window = 0\n").replace("\n", "\r\n").encode()
    (problem,) = check(text, "b", registry()).problems
    assert (problem.place.line, problem.place.column) == (6, 10)


def test_serial_settings_come_from_the_driver() -> None:
    assert good(HEAD + SCALE).scale[0].line == SerialSettings(2400, 7, "E", 1)


def test_serial_settings_may_be_others_than_the_driver_s() -> None:
    text = HEAD + SCALE + "baud = 9600\nparity = 'N'\nflow = 'rtscts'\ndtr = true\n"
    assert good(text).scale[0].line == SerialSettings(9600, 7, "N", 1, "rtscts", dtr=True)


def test_a_network_port_has_no_serial_settings() -> None:
    assert good(HEAD + TCP).scale[0].baud is None


def test_options_come_with_their_defaults() -> None:
    options = good(HEAD + SCALE).scale[0].driver_options
    assert dict(options) == {
        "poll_ms": 200,
        "blanking": Decimal("0.02"),
        "echo": True,
        "mark": "none",
        "dialect": "plain",
        "unit": "kg",
    }


@pytest.mark.parametrize("written", ["0.05", '"0.05"'])
def test_decimal_options_are_exact_however_written(written: str) -> None:
    options = good(HEAD + SCALE + f"blanking = {written}\necho = false\n").scale[0].driver_options
    assert (options.decimal("blanking"), options.flag("echo")) == (Decimal("0.05"), False)


@pytest.mark.parametrize("written", ["0.07", '"0.07"', "7e-2"])
def test_decimal_settings_are_exact_however_written(written: str) -> None:
    text = HEAD + f"[counter]\nmin_weight_kg = {written}\n"
    assert str(good(text).counter.min_weight_kg) == "0.07"


def test_the_port_of_the_broker_follows_from_tls() -> None:
    assert good(HEAD).uplink.port == 1883
    assert good(HEAD + "tls = { ca = '/ca' }\n").uplink.port == 8883
    assert good(HEAD + "port = 8884\n").uplink.port == 8884


def test_a_booth_without_network_needs_no_host() -> None:
    assert good(HEAD.replace('host = "central.example"', "enabled = false")).uplink.enabled is False


@pytest.mark.parametrize("host", ["10.0.0.1", "::1", "fe80::1", "a", "broker.post.gov.bd"])
def test_hosts_are_names_and_addresses_of_both_kinds(host: str) -> None:
    assert good(HEAD.replace("central.example", host)).uplink.host == host


def test_what_was_loaded_cannot_be_changed() -> None:
    with pytest.raises(ValueError, match="frozen"):
        good(HEAD).booth.id = "OTHER"


def test_the_example_cut_off_anywhere_is_refused_or_good() -> None:
    first = random.SystemRandom().randrange(CUT_STEP)
    drivers = Registry.installed()
    for length in range(first, len(EXAMPLE), CUT_STEP):
        checked = check(EXAMPLE[:length], "b", drivers)
        assert (checked.settings is None) == bool(checked.problems), length


@pytest.mark.parametrize("name", HOSTILE)
@pytest.mark.timeout(
    30
)  # a second when the machine is idle; a search that grows with the square takes minutes
def test_a_hostile_file_is_refused_within_bounds(name: str) -> None:
    problems = check(HOSTILE[name], "b", registry()).problems
    assert 1 <= len(problems) <= 51
    assert max(len(str(problem)) for problem in problems) < 1000


@settings(deadline=None)
@given(st.binary(max_size=200) | st.text(max_size=200).map(str.encode))
@example(b"\xef\xbb\xbf")
@example(b"a=1\r")
def test_any_bytes_are_refused_or_good(data: bytes) -> None:
    checked = check(data, "b", registry())
    assert (checked.settings is None) == bool(checked.problems)


@settings(deadline=None)
@given(st.integers(0, len(EXAMPLE)), st.integers(0, 40), st.binary(max_size=8))
def test_the_damaged_example_is_refused_or_good(start: int, length: int, new: bytes) -> None:
    checked = check(EXAMPLE[:start] + new + EXAMPLE[start + length :], "b", registry())
    assert (checked.settings is None) == bool(checked.problems)
    assert all(str(problem).isprintable() for problem in checked.problems)


KEYS = st.sampled_from(
    ["id", "driver", "port", "unit", "baud", "host", "label", "accept", "tls", "x", "poll_ms"]
)
PLAIN = st.sampled_from(
    [
        "1",
        "true",
        "'fake_scale'",
        "'tcp:a:1'",
        "1.5",
        "nan",
        "[]",
        "{}",
        "['s10']",
        "1979-05-27",
        "'kg'",
        "''",
    ]
)
TABLES = st.sampled_from(
    ["[booth]", "[uplink]", "[counter]", "[[scale]]", "[[printer]]", "[scale]", "[log]", "[x]"]
)


@settings(deadline=None)
@given(st.lists(TABLES | st.tuples(KEYS, PLAIN).map(" = ".join), max_size=12))
def test_any_mixture_of_our_words_is_refused_or_good(lines: list[str]) -> None:
    checked = check("\n".join(["schema = 1", *lines]).encode(), "b", registry())
    assert (checked.settings is None) == bool(checked.problems)


def test_a_file_is_checked_like_its_bytes(tmp_path: Path) -> None:
    path = tmp_path / "booth.toml"
    path.write_text(HEAD + "window = 0\n")
    assert check_file(path, registry()) == check(path.read_bytes(), str(path), registry())
