"""Head and cutter of an ESC/POS printer: as set, narrowed by a python-escpos profile, never widened."""

from __future__ import annotations

import sys

import pytest

from drivers.printers.escpos import SPEC
from drivers.printers.escpos_head import Head, head_of
from edge_agent.sdk.driver import Options
from edge_agent.sdk.errors import ConfigError


def head(**given: object) -> Head:
    return head_of(Options(SPEC.options, given))


def test_without_a_profile_the_settings_count() -> None:
    assert head(width_dots=384, cut="full") == Head(384, "full")


def test_a_profile_takes_away_dots_and_a_cutter_that_are_not_there() -> None:
    assert head(profile="NT-5890K") == Head(384, "none")


def test_a_profile_never_widens_the_head() -> None:
    assert head(profile="TM-T88III", dpi="180", width_dots=384) == Head(384, "partial")


def test_a_profile_that_does_not_know_its_width_leaves_it_as_set() -> None:
    assert head(profile="simple", width_dots=400).dots == 400


def test_a_profile_of_another_resolution_is_refused_with_the_right_one() -> None:
    assert head(profile="TM-T88III", dpi="180").dots == 512
    with pytest.raises(ConfigError, match="180") as refused:
        head(profile="TM-T88III")
    assert refused.value.hint == 'set dpi = "180"'


def test_an_unknown_profile_is_refused_with_the_nearest_name() -> None:
    with pytest.raises(ConfigError) as refused:
        head(profile="TM-T88II1")
    assert "TM-T88II" in refused.value.hint


def test_a_profile_costs_no_import_of_the_package() -> None:
    head(profile="TM-T88III", dpi="180")
    assert "escpos.capabilities" not in sys.modules
