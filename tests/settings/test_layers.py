"""What the centre sets lies over booth.toml, is checked with it as one, and is held to its list of keys."""

from __future__ import annotations

import pytest

from edge_agent.registry import Registry
from edge_agent.settings.checked import Checked
from edge_agent.settings.explain import field_at
from edge_agent.settings.layers import CENTRE_MAY_SET, ONLY_SIGNED, check_layers

FILE = b"""schema = 1
[booth]
id = "B-0001"
[counter]
max_weight_kg = "20"
min_weight_kg = "0.050"
[uplink]
enabled = false
"""
KEY = '[[commands.key]]\nid = "a"\npublic = "11qYAYKxCrfVS/7TyWQHOg7hcvPapiMlrwIaaPcHURo="\n'


def layered(centre: str, *, signed: bool = False) -> Checked:
    return check_layers(FILE, "booth.toml", centre, Registry.installed(), signed=signed)


def test_what_the_centre_sets_counts_and_everything_else_stays() -> None:
    settings = layered('[counter]\nmax_weight_kg = "25"\n[log]\nlevel = "debug"\n').settings
    assert settings is not None
    assert str(settings.counter.max_weight_kg) == "25"
    assert str(settings.counter.min_weight_kg) == "0.050"
    assert settings.log.level == "debug"
    assert settings.booth.id == "B-0001"


def test_nothing_set_is_the_file_itself() -> None:
    assert layered("").settings == check_layers(FILE, "x", "# nothing\n", Registry.installed()).settings


@pytest.mark.parametrize(
    ("centre", "problem"),
    [
        ('[counter]\nmax_weigth_kg = "25"\n', "centre:2:1 counter.max_weigth_kg: unknown key"),
        ("[counter]\n\nmax_weight_kg = -3\n", "centre:3:17 counter.max_weight_kg: -3 is out of range"),
        ("[counter\n", "centre:1:9 is no valid TOML"),
        ('[counter]\nmax_weight_kg = "0.010"\n', "centre:2:17 counter.max_weight_kg: 0.010 is too small"),
        ('[counter]\nmin_weight_kg = "21"\n', "booth.toml:5:17 counter.max_weight_kg: 20 is too small"),
        ('[log]\nlevel = "debgu"\n', "did you mean debug?"),
        ("schema = 2\n", "centre:1:10 schema: 2 is newer"),
    ],
)
def test_a_problem_is_told_where_it_stands(centre: str, problem: str) -> None:
    checked = layered(centre)
    assert checked.settings is None
    assert problem in str(checked.problems[0])


@pytest.mark.parametrize(
    "centre",
    [
        '[booth]\nid = "B-0002"\n',
        "[uplink]\nenabled = true\n",
        '[uplink]\nhost = "evil.example"\n',
        'uplink.tls.ca = "/tmp/ca"\n',
        '[uplink]\npassword_file = "/etc/shadow"\n',
        '[state]\ndirectory = "/tmp"\n',
        '[local]\nsocket = "/tmp/s"\n',
        "[commands]\nrequire_signature = false\n",
        '[[scale]]\nid = "s"\ndriver = "nci"\nport = "serial:/dev/ttyUSB0"\n',
        "[ledger]\nquota_mib = 16\n",
        '[labels]\ntemplates = "/tmp"\n',
        KEY,
    ],
)
def test_identity_keys_paths_and_devices_are_not_the_centres(centre: str) -> None:
    checked = layered(centre)
    assert checked.settings is None
    assert "is not the centre's to set" in str(checked.problems[0])


def test_a_signed_configuration_may_bring_a_new_key() -> None:
    settings = layered(KEY, signed=True).settings
    assert settings is not None
    assert [key.id for key in settings.commands.key] == ["a"]


@pytest.mark.parametrize("name", [*CENTRE_MAY_SET, *ONLY_SIGNED])
def test_every_key_on_the_list_exists(name: str) -> None:
    assert field_at(tuple(name.split("."))) is not None
