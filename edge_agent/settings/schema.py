"""The JSON Schema of booth.toml, for editors: the model's, with each driver's options in its device tables.

Owns: the schema document. Must not know: files. Slow to import; only the command line and tests need it.
"""

from __future__ import annotations

import copy
import json
from decimal import Decimal

from pydantic.json_schema import JsonSchemaValue

from edge_agent.registry import Registry
from edge_agent.sdk.driver import DriverSpec, Kind, Option
from edge_agent.settings.devices import needs_unit, options_of
from edge_agent.settings.model import MAX_DEVICES, TABLES, Settings

JSON_TYPES = {str: "string", int: "integer", bool: "boolean"}


def schema_text(drivers: Registry) -> str:
    """The schema as it stands in config/schema.json."""
    return json.dumps(json_schema(drivers), indent=2, ensure_ascii=False) + "\n"


def json_schema(drivers: Registry) -> JsonSchemaValue:
    """The schema of settings that use these drivers."""
    schema: JsonSchemaValue = {"$schema": "https://json-schema.org/draft/2020-12/schema"}
    schema |= _untitled(Settings.model_json_schema(by_alias=True))
    tables = {kind: schema["$defs"][TABLES[kind.value].__name__] for kind in Kind}
    for name in {model.__name__ for model in TABLES.values()}:
        del schema["$defs"][name]
    for kind in Kind:
        specs = [spec for spec in drivers.of_kind(kind) if spec.build is not None]
        for spec in specs:
            schema["$defs"][_name(spec)] = _device(tables[kind], spec)
        choices = [{"$ref": f"#/$defs/{_name(spec)}"} for spec in specs]
        schema["properties"][kind.value] |= {"items": {"oneOf": choices}, "maxItems": MAX_DEVICES}
    return schema


def _untitled(schema: JsonSchemaValue) -> JsonSchemaValue:
    """Without the titles that only repeat each key (a property named title is a table, not text)."""
    return {
        key: _untitled(value) if isinstance(value, dict) else value
        for key, value in schema.items()
        if key != "title" or isinstance(value, dict)
    }


def _name(spec: DriverSpec) -> str:
    return f"{spec.kind}_{spec.name}"


def _device(device: JsonSchemaValue, spec: DriverSpec) -> JsonSchemaValue:
    schema = copy.deepcopy(device)
    schema["title"] = spec.title
    schema.pop("description", None)
    schema["additionalProperties"] = False
    properties = schema["properties"]
    properties["driver"] = {"const": spec.name, "description": properties["driver"]["description"]}
    for option in options_of(spec):
        properties[option.name] = _option(option)
    if needs_unit(spec):
        schema["required"] = [*schema["required"], "unit"]
        properties["unit"].pop("default")
    return schema


def _option(option: Option) -> JsonSchemaValue:
    schema: JsonSchemaValue = {"description": option.help}
    if isinstance(option.default, Decimal):
        schema |= {"anyOf": [{"type": "number"}, {"type": "string"}], "default": str(option.default)}
    else:
        schema |= {"type": JSON_TYPES[type(option.default)], "default": option.default}
    if option.choices:
        schema["enum"] = list(option.choices)
    if option.minimum is not None:
        schema["minimum"] = _plain(option.minimum)
    if option.maximum is not None:
        schema["maximum"] = _plain(option.maximum)
    if option.gaps:
        schema["not"] = {"enum": list(option.gaps)}
    return schema


def _plain(bound: int | Decimal) -> int | float:
    """A bound as JSON can write it; an editor's hint, the check itself stays decimal."""
    return bound if isinstance(bound, int) else float(bound)
