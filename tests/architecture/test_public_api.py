"""What third parties may rely on: names of edge_agent.sdk, fields of its values, methods of its seams.

A change here is a change for every driver author: it goes into CHANGELOG.md under "API" in the same commit.
"""

from __future__ import annotations

import ast
import dataclasses
import importlib
from collections.abc import Iterator

import pytest

from tests.architecture.tree import ROOT, tree_of

SDK = ROOT / "edge_agent" / "sdk"

NAMES = {
    "checksums": "even_parity gs1_check_digit s10_check_digit seven_bit_complement xor_of",
    "clock": "Clock ManualClock ResultT SETTLE_ROUNDS SystemClock within",
    "driver": "Ask Context DriverSpec HARMLESS_PROBE Indication Kind Option OptionValue Options Request"
    " SLEEPS ScaleDeviceHalf SerialSettings show",
    "errors": "CommandError ConfigError DeviceError EdgeError HEX_SHOWN_BYTES LinkError ProtocolError",
    "framing": "LineFramer SCALE_LINE_LIMIT SCAN_LINE_LIMIT SilenceFramer StartEndFramer",
    "ieee1284": "BEGINNING COMMANDS_LIMIT DeviceId ID_LIMIT KEYS_LIMIT LENGTH_BYTES SPELLINGS VALUE_LIMIT"
    " device_id_text parse_device_id",
    "ports": "ByteLink Codec Driver PortStatus PrinterDriver PrinterPort ScaleDriver Sink StatusCodec"
    " ValueT_co",
    "testing": "Golden MemoryLink NOISE byte_by_byte good load_golden random_split run_codec whole",
    "values": "COUNT_UNITS ClockQuality Cover NUMBERLESS Page Paper PrintJob PrintResult PrinterState Proof"
    " Reading Ready Scan ScanText Stamp Status UNITS Weight",
}

FIELDS = {
    "driver.Context": "device link clock sink options",
    "driver.DriverSpec": "name kind title decoder build device_half serial transports options dialects"
    " unit_on_wire sources capabilities extra probe end_probe command_sets models check_page",
    "driver.Indication": "gross unit tare motion overload fault",
    "driver.Option": "name default help choices minimum maximum gaps",
    "driver.Request": "ask value raw",
    "driver.SerialSettings": "baud bits parity stop flow dtr rts",
    "ieee1284.DeviceId": "maker model commands serial description",
    "ports.PortStatus": "paper_empty selected fault",
    "testing.Golden": "id chunks expect dialect unit basis source options asked noise",
    "values.Page": "width height data",
    "values.PrintJob": "job page attempt cut",
    "values.PrintResult": "job attempt proof accepted_bytes reason",
    "values.PrinterState": "device at ready paper cover faults paused busy silent_since",
    "values.Reading": "status weight unit stable net tare info device_id raw",
    "values.Scan": "device at text aim raw",
    "values.ScanText": "text aim raw terminator",
    "values.Stamp": "uptime_ms utc_ms quality",
    "values.Weight": "device at number reading",
}

METHODS = {
    "clock.Clock": "monotonic_s sleep stamp",
    "driver.ScaleDeviceHalf": "broadcast feed reply",
    "ports.ByteLink": "close discard_input read url write",
    "ports.Codec": "feed flush reset",
    "ports.Driver": "run",
    "ports.PrinterDriver": "print",
    "ports.PrinterPort": "device_id port_status soft_reset",
    "ports.ScaleDriver": "clear_tare hurry tare zero",
    "ports.Sink": "printer ready scans trouble weights",
}


def test_every_module_of_the_sdk_is_pinned() -> None:
    assert {path.stem for path in SDK.glob("*.py")} - {"__init__"} == set(NAMES)


@pytest.mark.parametrize("module", NAMES)
def test_the_names_are_those_that_were_promised(module: str) -> None:
    assert sorted(_public(module)) == NAMES[module].split()


@pytest.mark.parametrize("name", FIELDS)
def test_the_fields_are_those_that_were_promised_in_their_order(name: str) -> None:
    assert [field.name for field in dataclasses.fields(_class(name))] == FIELDS[name].split()


def test_every_value_has_its_fields_pinned() -> None:
    values = {
        f"{module}.{name}" for module in NAMES for name in _public(module) if _is_value(f"{module}.{name}")
    }
    assert values == set(FIELDS)


@pytest.mark.parametrize("name", METHODS)
def test_the_seams_ask_for_what_was_promised(name: str) -> None:
    own = {found for found in vars(_class(name)) if not found.startswith("_")}
    assert sorted(own) == METHODS[name].split()


@pytest.mark.parametrize("name", FIELDS)
def test_values_are_frozen(name: str) -> None:
    """What crosses from a driver to the agent, or to a thread, never changes on the way."""
    assert _class(name).__dataclass_params__.frozen


def _public(module: str) -> Iterator[str]:
    """The names that a module defines itself."""
    for node in tree_of(SDK / f"{module}.py").body:
        if isinstance(node, ast.ClassDef | ast.FunctionDef | ast.AsyncFunctionDef):
            names = [node.name]
        elif isinstance(node, ast.Assign):
            names = [target.id for target in node.targets if isinstance(target, ast.Name)]
        else:
            names = []
        yield from (name for name in names if not name.startswith("_"))


def _class(name: str):  # type: ignore[no-untyped-def]  # any class of the sdk
    module, _, of_module = name.partition(".")
    return getattr(importlib.import_module(f"edge_agent.sdk.{module}"), of_module)


def _is_value(name: str) -> bool:
    found = _class(name)
    return isinstance(found, type) and dataclasses.is_dataclass(found)
