"""The commented examples name every setting, and are valid as they are and with every comment taken away."""

from __future__ import annotations

import json
import re
import tomllib
from collections.abc import Iterator
from decimal import Decimal
from functools import cache
from pathlib import Path
from typing import Any, get_args

import pytest
from pydantic import BaseModel

from edge_agent.links.open import KINDS
from edge_agent.registry import Registry
from edge_agent.sdk.driver import DriverSpec, Kind
from edge_agent.settings.devices import options_of
from edge_agent.settings.load import check
from edge_agent.settings.model import TABLES, Device, Settings
from edge_agent.settings.schema import schema_text

CONFIG = Path(__file__).parents[2] / "config"
EXAMPLE = (CONFIG / "booth.example.toml").read_text(encoding="utf-8")
SCALES = (CONFIG / "scales.example.toml").read_text(encoding="utf-8")
SCANNERS = (CONFIG / "scanners.example.toml").read_text(encoding="utf-8")
PRINTERS = (CONFIG / "printers.example.toml").read_text(encoding="utf-8")
COMMENTED_SETTING = re.compile(r"^#(?=[a-z_]+ = )", re.MULTILINE)
OURS = ("escpos", "line", "toledo_8217")


def uncommented(text: str = EXAMPLE) -> str:
    return COMMENTED_SETTING.sub("", text)


def can_be_opened(driver: str) -> bool:
    """Whether there is a link for one of the ports that the driver's device hangs on."""
    return bool(drivers().load(driver).transports & KINDS.keys())


def shown_tables(kind: Kind) -> list[dict[str, object]]:
    """The tables of a role in all examples, with every setting uncommented."""
    texts = (EXAMPLE, SCALES, SCANNERS, PRINTERS)
    documents = (tomllib.loads(uncommented(text), parse_float=Decimal) for text in texts)
    return [table for document in documents for table in document.get(kind.value, [])]


@cache
def drivers() -> Registry:
    return Registry.installed()


def ours() -> list[DriverSpec]:
    """The drivers of this repository, whatever else is installed."""
    return [
        spec
        for kind in Kind
        for spec in drivers().of_kind(kind)
        if spec.build is not None and spec.build.__module__.startswith("drivers.")
    ]


def models(annotation: object) -> Iterator[type[BaseModel]]:
    if isinstance(annotation, type) and issubclass(annotation, BaseModel):
        yield annotation
    for part in get_args(annotation):
        yield from models(part)


def keys_of(model: type[BaseModel], path: tuple[str, ...] = ()) -> Iterator[tuple[str, ...]]:
    """Every key of the model; those of tables within tables too."""
    for name, field in model.model_fields.items():
        here = (*path, field.alias or name)
        inner = list(models(field.annotation))
        if not inner:
            yield here
        for table in inner:
            yield from keys_of(table, here)


def keys_in(document: object, path: tuple[str, ...] = ()) -> Iterator[tuple[str, ...]]:
    if isinstance(document, dict):
        for key, value in document.items():
            yield from keys_in(value, (*path, key))
    elif isinstance(document, list) and document and isinstance(document[0], dict):
        for table in document:
            yield from keys_in(table, path)
    else:
        yield path


def test_the_example_is_valid_as_it_stands() -> None:
    assert check(EXAMPLE.encode(), "example", drivers()).problems == ()


def test_the_example_is_valid_with_every_setting_uncommented() -> None:
    text = uncommented()
    assert text.count("\n#") > 50  # the explanations are still comments
    assert check(text.encode(), "example", drivers()).problems == ()


@pytest.mark.parametrize("text", [SCALES, uncommented(SCALES)], ids=["as it stands", "uncommented"])
def test_the_table_of_each_scale_is_valid_in_place_of_the_one_in_the_example(text: str) -> None:
    before, _, rest = EXAMPLE.partition("[[scale]]")
    after = rest[rest.index("[[printer]]") :]
    for table in text.split("\n[[scale]]\n")[1:]:
        document = f"{before}[[scale]]\n{table}\n{after}"
        if can_be_opened(tomllib.loads(document)["scale"][0]["driver"]):
            assert check(document.encode(), "example", drivers()).problems == (), table


@pytest.mark.parametrize("text", [SCANNERS, uncommented(SCANNERS)], ids=["as it stands", "uncommented"])
def test_the_table_of_each_scanner_is_valid_in_place_of_the_one_in_the_example(text: str) -> None:
    before, _, rest = EXAMPLE.partition("[[scanner]]")
    after = rest[rest.index("[[scale]]") :]
    for table in text.split("\n[[scanner]]\n")[1:]:
        document = f"{before}[[scanner]]\n{table}\n{after}"
        if can_be_opened(tomllib.loads(document)["scanner"][0]["driver"]):
            assert check(document.encode(), "example", drivers()).problems == (), table


@pytest.mark.parametrize("text", [PRINTERS, uncommented(PRINTERS)], ids=["as it stands", "uncommented"])
def test_the_table_of_each_printer_is_valid_in_place_of_the_one_in_the_example(text: str) -> None:
    before, _, rest = EXAMPLE.partition("[[printer]]")
    after = rest[rest.index("[uplink]") :]
    tables = text.split("\n[[printer]]\n")[1:]
    assert len(tables) == 4
    for table in tables:
        document = f"{before}[[printer]]\n{table}\n{after}"
        assert check(document.encode(), "example", drivers()).problems == (), table


def test_every_key_of_the_model_stands_in_the_example() -> None:
    shown = set(keys_in(tomllib.loads(uncommented())))
    # A key that scanners show need not be shown again with each scale and printer.
    line_keys = set(Device.model_fields) - {"id", "driver", "port"}
    needed = {
        key for key in keys_of(Settings) if not (key[0] in ("scale", "printer") and key[1] in line_keys)
    }
    assert needed - shown == set()


@pytest.mark.parametrize("spec", ours(), ids=lambda spec: spec.name)
def test_every_option_of_a_shipped_driver_stands_in_the_example(spec: DriverSpec) -> None:
    tables = [table for table in shown_tables(spec.kind) if table["driver"] == spec.name]
    assert len(tables) == 1
    shown = {key for table in tables for key in table}
    assert {option.name for option in options_of(spec)} - shown == set()


@pytest.mark.parametrize("spec", ours(), ids=lambda spec: spec.name)
def test_the_example_shows_the_defaults_of_drivers(spec: DriverSpec) -> None:
    shown = {option.name: option.default for option in options_of(spec)}
    for table in shown_tables(spec.kind):
        for key, value in table.items():
            if table["driver"] == spec.name and key in shown:
                assert value == shown[key], key


@pytest.mark.parametrize("spec", ours(), ids=lambda spec: spec.name)
def test_no_option_of_a_driver_hides_behind_a_key_of_every_device(spec: DriverSpec) -> None:
    assert {option.name for option in spec.options} & set(TABLES[spec.kind].model_fields) == set()


def test_the_drivers_of_this_repository_are_all_there() -> None:
    assert {spec.name for spec in ours()} >= set(OURS)


def test_settings_shown_as_comments_are_the_defaults() -> None:
    bare = check(EXAMPLE.encode(), "example", drivers()).settings
    full = check(uncommented().encode(), "example", drivers()).settings
    assert bare is not None
    assert full is not None
    # Files and keys have no default that could be shown, nor has what another setting stands in for.
    examples: dict[str, Any] = {
        "uplink": {"password_file", "tls"},
        "counter": {"command_key_file"},
        "commands": {"key"},
        "printer": {"__all__": {"roll_m"}},
    }
    assert bare.model_dump(exclude=examples) == full.model_dump(exclude=examples)


def test_every_setting_has_an_explanation_in_the_example() -> None:
    """Above each commented setting stands an explanation, or another setting that shares it."""
    lines = [*EXAMPLE.split("\n"), *SCALES.split("\n"), *SCANNERS.split("\n"), *PRINTERS.split("\n")]
    for number, line in enumerate(lines):
        if COMMENTED_SETTING.match(line):
            assert lines[number - 1].strip(), line


def test_every_field_of_the_model_is_described_in_one_sentence() -> None:
    def described(model: type[BaseModel]) -> Iterator[tuple[str, str]]:
        for name, field in model.model_fields.items():
            yield f"{model.__name__}.{name}", field.description or ""
            for inner in models(field.annotation):
                yield from described(inner)

    for name, description in described(Settings):
        assert re.fullmatch(r"[A-Z].*[^.]\.", description), name
        assert len(description) < 110, name


def test_the_published_schema_is_the_one_of_the_model() -> None:
    """If this fails: edge-agent config schema > config/schema.json."""
    assert (CONFIG / "schema.json").read_text(encoding="utf-8") == schema_text(drivers())


def test_the_schema_knows_each_device_key_and_option() -> None:
    definitions = json.loads(schema_text(drivers()))["$defs"]
    for spec in ours():
        properties = definitions[f"{spec.kind}_{spec.name}"]["properties"]
        assert set(properties) == {
            *TABLES[spec.kind].model_fields,
            *(option.name for option in options_of(spec)),
        }
