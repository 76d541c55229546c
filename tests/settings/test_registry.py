"""Drivers are found by entry point, loaded one by one, and refused with a reason."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest

from edge_agent.registry import Registry
from edge_agent.sdk.driver import Kind
from edge_agent.sdk.errors import ConfigError
from tests.settings.fakes import FAKE_SCALE, fake, point, registry


def refusal(drivers: Registry, name: str) -> ConfigError:
    with pytest.raises(ConfigError) as caught:
        drivers.load(name)
    return caught.value


def test_names_are_in_order_and_include_what_cannot_be_loaded() -> None:
    assert registry().names() == (
        "broken",
        "fake_printer",
        "fake_scale",
        "fake_scanner",
        "recorded_scale",
        "tcp_scale",
    )


def test_a_driver_is_loaded_by_its_name() -> None:
    assert registry().load("fake_scale") is FAKE_SCALE


def test_drivers_of_a_kind_leave_out_what_is_broken() -> None:
    names = [spec.name for spec in registry().of_kind(Kind.SCALE)]
    assert names == ["fake_scale", "recorded_scale", "tcp_scale"]


def test_an_unknown_name_is_refused_with_the_nearest() -> None:
    error = refusal(registry(), "fake_scael")
    assert (error.code, error.hint) == ("driver.unknown", "did you mean fake_scale?")
    assert "known: broken, fake_printer" in error.message


def test_an_unknown_name_without_anything_near_says_where_to_look() -> None:
    assert "--list" in refusal(registry(), "zzz").hint


def test_without_any_driver_the_refusal_says_so() -> None:
    assert refusal(Registry([]), "line").message.endswith("known: none")


def test_a_name_claimed_twice_is_refused_and_both_claims_are_named() -> None:
    error = refusal(Registry([fake("fake_scale"), point("fake_scale", "other.place:SPEC")]), "fake_scale")
    assert error.code == "driver.duplicate"
    assert "tests.settings.fakes:FAKE_SCALE" in error.message
    assert "other.place:SPEC" in error.message


def test_a_name_claimed_twice_does_not_harm_other_drivers() -> None:
    drivers = Registry([fake("fake_scale"), point("x", "a:A"), point("x", "b:B")])
    assert drivers.load("fake_scale") is FAKE_SCALE


@pytest.mark.parametrize(
    "value",
    [
        "tests.settings.no_such_module:SPEC",
        "tests.settings.fakes:NO_SUCH_NAME",
        "tests.settings.fakes:NO_SPEC",
        "tests.settings.fakes:FAKE_SCANNER",  # the name inside is another
        "no value at all",
    ],
)
def test_a_broken_driver_is_refused_and_not_raised(value: str) -> None:
    assert refusal(Registry([point("fake_scale", value)]), "fake_scale").code == "driver.broken"


@pytest.mark.parametrize(
    "body", ["raise ValueError('x' * 9999)", "def", "1 / 0", "nothing", "[][0]", "{}['a']"]
)
def test_a_driver_that_fails_at_import_is_refused_in_few_words(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, body: str
) -> None:
    name = f"failing_driver_{abs(hash(body))}"
    (tmp_path / f"{name}.py").write_text(body)
    monkeypatch.syspath_prepend(tmp_path)
    error = refusal(Registry([point("failing", f"{name}:SPEC")]), "failing")
    assert error.code == "driver.broken"
    assert len(error.message) < 400


def test_our_own_drivers_are_installed() -> None:
    assert {"toledo_8217", "line", "escpos"} <= set(Registry.installed().names())


def test_finding_names_imports_no_driver() -> None:
    program = (
        "import sys; from edge_agent.registry import Registry; Registry.installed().names(); "
        "sys.exit(any(name.split('.')[0] in ('drivers', 'escpos', 'pydantic') for name in sys.modules))"
    )
    assert subprocess.run([sys.executable, "-c", program], check=False).returncode == 0
