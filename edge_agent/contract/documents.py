"""The published contract, made from the models: JSON Schema of the events, AsyncAPI 3.0 of everything.

Owns: the shape of the two documents. Must not know: where they are kept, who reads them.
Documents: AsyncAPI 3.0.0; its MQTT binding 0.2.0; JSON Schema 2020-12.
"""

from __future__ import annotations

import json
from dataclasses import dataclass
from typing import Any

from pydantic import BaseModel
from pydantic.json_schema import GenerateJsonSchema

from edge_agent.contract import messages
from edge_agent.contract.base import Part
from edge_agent.contract.events import DATA, Envelope

DIALECT = "https://json-schema.org/draft/2020-12/schema"
VERSION = "1.0.0"
Json = dict[str, Any]


@dataclass(frozen=True, slots=True)
class Channel:
    """One topic: who sends, how, and what. `booth_sends` seen from the booth."""

    name: str
    address: str
    booth_sends: bool
    message: str
    qos: int = 1
    retain: bool = False
    expiry_s: int | None = None


CHANNELS = (
    Channel("state", "{root}/{booth}/up/state", True, "State", retain=True),
    Channel("devices", "{root}/{booth}/up/devices", True, "Devices", retain=True),
    Channel("events", "{root}/{booth}/up/evt", True, "Events"),
    Channel("responses", "{root}/{booth}/up/rsp", True, "Response"),
    Channel("metrics", "{root}/{booth}/up/metrics", True, "Metrics", expiry_s=3600),
    Channel("live", "{root}/{booth}/up/live", True, "Live", qos=0),
    Channel("renewal", "{root}/{booth}/up/csr", True, "CertificateRequest"),
    Channel("config", "{root}/{booth}/up/cfg", True, "ReportedConfig", retain=True),
    Channel("desiredConfig", "{root}/{booth}/dn/cfg", False, "DesiredConfig", retain=True),
    Channel("ack", "{root}/{booth}/dn/ack", False, "Ack", expiry_s=60),
    Channel("command", "{root}/{booth}/dn/cmd", False, "Command"),
    Channel("fleetCommand", "{root}/_all/dn/cmd", False, "Command"),
    Channel("groupCommand", "{root}/_g/{group}/dn/cmd", False, "Command"),
    Channel("certificate", "{root}/{booth}/dn/crt", False, "CertificateAnswer"),
    Channel("centralEpoch", "{root}/_sys/epoch", False, "CentralEpoch", retain=True),
    Channel("enrolmentRequest", "{root}/_enrol/{request}/csr", True, "CertificateRequest"),
    Channel("enrolmentAnswer", "{root}/_enrol/{request}/crt", False, "CertificateAnswer"),
)
MESSAGES = (
    messages.State,
    messages.Devices,
    messages.Response,
    messages.Metrics,
    messages.Live,
    messages.Ack,
    messages.Command,
    messages.DesiredConfig,
    messages.ReportedConfig,
    messages.CertificateRequest,
    messages.CertificateAnswer,
)
PARAMETERS = {
    "root": {"description": "uplink.root of the booth", "default": "booth/v1"},
    "booth": {"description": "the booth's id: its MQTT client id, and the name in its certificate"},
    "group": {"description": "a group of booths"},
    "request": {"description": "32 hexadecimal digits that the booth has drawn"},
}


def events() -> Json:
    """JSON Schema of one event: the envelope, and for each type its data."""
    schema, definitions = _schema(Envelope)
    choices = []
    for kind, model in sorted(DATA.items()):
        data, more = _schema(model)
        definitions |= more
        definitions[_name(kind)] = data
        when = {"properties": {"type": {"const": f"booth.{kind}.v1"}}}
        then = {"properties": {"data": {"$ref": f"#/$defs/{_name(kind)}"}}}
        choices.append({"if": when, "then": then})
    return {
        "$schema": DIALECT,
        "$id": "urn:booth-edge-agent:events:v1",
        **schema,
        "allOf": choices,
        "$defs": dict(sorted(definitions.items())),
    }


def asyncapi() -> Json:
    """AsyncAPI 3.0: every topic, who sends on it, what it holds."""
    event = events()
    definitions = event.pop("$defs")
    schemas: Json = {"Event": _moved({key: value for key, value in event.items() if key[0] != "$"})}
    schemas |= {name: _moved(schema) for name, schema in definitions.items()}
    schemas["Events"] = {
        "type": "array",
        "minItems": 1,
        "maxItems": 32,
        "items": {"$ref": "#/components/schemas/Event"},
        "description": "A batch of CloudEvents 1.0, at most 32 KiB.",
    }
    schemas["CentralEpoch"] = {"type": "object", "description": "Its content is not read."}
    for model in MESSAGES:
        schema, more = _schema(model)
        schemas |= {name: _moved(one) for name, one in more.items()}
        schemas[model.__name__] = _moved(schema)
    return {
        "asyncapi": "3.0.0",
        "info": {
            "title": "Booth edge agent and central system",
            "version": VERSION,
            "description": "Seen from the booth. Explained in docs/central-integration.md.",
        },
        "defaultContentType": "application/json",
        "channels": {channel.name: _channel(channel) for channel in CHANNELS},
        "operations": {_operation_name(channel): _operation(channel) for channel in CHANNELS},
        "components": {
            "messages": {name: _message(name) for name in sorted({channel.message for channel in CHANNELS})},
            "schemas": dict(sorted(schemas.items())),
        },
    }


def text(document: Json) -> str:
    """As it is committed: one spelling for one content."""
    return json.dumps(document, ensure_ascii=False, indent=1) + "\n"


def _channel(channel: Channel) -> Json:
    parameters = {name: value for name, value in PARAMETERS.items() if f"{{{name}}}" in channel.address}
    return {
        "address": channel.address,
        "messages": {channel.message: {"$ref": f"#/components/messages/{channel.message}"}},
        "parameters": parameters,
    }


def _operation_name(channel: Channel) -> str:
    return f"{'send' if channel.booth_sends else 'receive'}{channel.name[0].upper()}{channel.name[1:]}"


def _operation(channel: Channel) -> Json:
    binding: Json = {"qos": channel.qos, "retain": channel.retain, "bindingVersion": "0.2.0"}
    if channel.expiry_s is not None:
        binding["messageExpiryInterval"] = channel.expiry_s
    return {
        "action": "send" if channel.booth_sends else "receive",
        "channel": {"$ref": f"#/channels/{channel.name}"},
        "messages": [{"$ref": f"#/channels/{channel.name}/messages/{channel.message}"}],
        "bindings": {"mqtt": binding},
    }


def _message(name: str) -> Json:
    payload = {"$ref": f"#/components/schemas/{name}"}
    return {"name": name, "contentType": "application/json", "payload": payload}


def _schema(model: type[Part]) -> tuple[Json, Json]:
    """Its schema, and those it refers to."""
    schema = model.model_json_schema(schema_generator=_Plain)
    return schema, schema.pop("$defs", {})


def _name(kind: str) -> str:
    """ "parcel.accepted" as a name: "parcel_accepted_v1"."""
    return kind.replace(".", "_").replace("-", "_") + "_v1"


def _moved(value: Any) -> Any:
    """References into a document's own $defs, as AsyncAPI keeps them."""
    if isinstance(value, dict):
        return {
            key: one.replace("#/$defs/", "#/components/schemas/") if key == "$ref" else _moved(one)
            for key, one in value.items()
        }
    return [_moved(one) for one in value] if isinstance(value, list) else value


class _Plain(GenerateJsonSchema):
    """Without titles made from names: they say nothing and double the size."""

    def field_title_should_be_set(self, _schema: Any) -> bool:
        return False


def model_of(kind: str) -> type[BaseModel] | None:
    """The model of an event's data by its short type."""
    return DATA.get(kind)
