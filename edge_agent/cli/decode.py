"""`edge-agent decode`: frames of a scale or scanner to readings, on the desk, without a device.

Owns: the verb, and how a reading is shown. Must not know: any protocol.
"""

from __future__ import annotations

import argparse
import json
from collections.abc import Sequence
from typing import Any

from edge_agent.barcodes.parse import parse
from edge_agent.cli.terminal import tell
from edge_agent.logs import one_line
from edge_agent.registry import Registry
from edge_agent.sdk.driver import DriverSpec, Kind, Options, show
from edge_agent.sdk.errors import ConfigError, ProtocolError
from edge_agent.sdk.values import Reading, ScanText
from edge_agent.settings.devices import options_of

HEX_LIMIT = 1 << 20  # a recording on a command line; longer ones come from a file
INVALID = "invalid_frame"


def register(verbs: Any) -> None:
    """Add the verb."""
    parser = verbs.add_parser("decode", help="frames of a scale or scanner to readings")
    parser.add_argument("--protocol", metavar="NAME", help="the driver's name")
    parser.add_argument("--dialect", metavar="D", help="where the protocol has several")
    parser.add_argument("--unit", metavar="U", help="where the unit is not on the wire")
    parser.add_argument(
        "--hex", action="append", nargs="+", default=[], metavar="FRAME", help="bytes of one read, in hex"
    )
    parser.add_argument("--list", action="store_true", help="name the protocols")
    parser.add_argument("--json", action="store_true", help="one JSON object for each reading")
    parser.set_defaults(run=run)


def run(args: argparse.Namespace) -> int:
    """0 when every frame was understood, 1 otherwise."""
    registry = Registry.installed()
    if args.list:
        return _list(registry, as_json=args.json)
    if not args.protocol or not args.hex:
        raise ConfigError("decode.usage", "give --protocol NAME and --hex FRAME, or --list")
    spec = registry.load(args.protocol)
    chunks = [_bytes(frame) for frames in args.hex for frame in frames]
    values = decode(spec, _options(spec, args), chunks)
    shown = [as_object(value) for value in values]
    for item in shown:
        tell(json.dumps(item) if args.json else one_line(_sentence(item)))
    return 1 if any(item["status"] == INVALID for item in shown) else 0


def decode(spec: DriverSpec, options: Options, chunks: Sequence[bytes]) -> list[object]:
    """Everything the protocol's codec reads from these chunks and the silence after them."""
    codec = spec.decoder(options)
    values: list[object] = []
    for chunk in chunks:
        values += codec.feed(chunk)
    values += codec.flush()
    return values or [ProtocolError("frame.none", "no frame in these bytes", b"".join(chunks))]


def as_object(value: object) -> dict[str, Any]:
    """A reading, a scan or a broken frame as the JSON object that is documented in docs/decode.md."""
    if isinstance(value, ProtocolError):
        shown = {"status": INVALID, "weight": None, "unit": None, "stable": None, "net": None}
        return {**shown, "error": value.code, "message": value.message, "raw": value.data.hex()}
    if isinstance(value, Reading):
        return {
            "status": value.status.value,
            "weight": show(value) or None,
            "unit": value.unit,
            "stable": value.stable,
            "net": value.net,
            "tare": None if value.tare is None else format(value.tare, "f"),
            "info": value.info,
            "device_id": value.device_id,
            "raw": value.raw.hex(),
        }
    return _scan(value) if isinstance(value, ScanText) else _packet(value)


def _scan(scan: ScanText) -> dict[str, Any]:
    meaning = parse(scan.text, aim=scan.aim)
    return {
        "status": "ok",
        "text": scan.text,
        "aim": scan.aim,
        "valid": meaning.valid,
        "type": meaning.type,
        "value": scan.text,
        "terminator": scan.terminator,
        "raw": scan.raw.hex(),
    }


def _packet(value: object) -> dict[str, Any]:
    """A valid frame that carries neither weight nor barcode, such as an acknowledgement."""
    told = {name: getattr(value, name, None) for name in ("type", "length", "source_host", "raw")}
    raw = told.pop("raw")
    return {
        "status": "ok",
        "text": None,
        "valid": True,
        **told,
        "raw": raw.hex() if isinstance(raw, bytes) else None,
    }


def _list(registry: Registry, *, as_json: bool) -> int:
    specs = [*registry.of_kind(Kind.SCALE), *registry.of_kind(Kind.SCANNER)]
    for spec in sorted(specs, key=lambda spec: spec.name):
        row = {"protocol": spec.name, "kind": spec.kind.value, "title": spec.title, "dialects": spec.dialects}
        tell(json.dumps(row) if as_json else f"{spec.name:<16} {spec.kind:<8} {spec.title}")
    return 0


def _options(spec: DriverSpec, args: argparse.Namespace) -> Options:
    possible = options_of(spec)
    known = {option.name for option in possible}
    given = {
        name: value
        for name, value in (("dialect", args.dialect), ("unit", args.unit))
        if value is not None and (name in known or name == "dialect")
    }
    return Options(possible, given)


def _bytes(frame: str) -> bytes:
    if len(frame) > HEX_LIMIT:
        raise ConfigError("decode.usage", f"a frame of more than {HEX_LIMIT} characters")
    try:
        return bytes.fromhex(frame)
    except ValueError:
        raise ConfigError("decode.usage", f"not hexadecimal: {frame[:40]!r}") from None


def _sentence(item: dict[str, Any]) -> str:
    if item["status"] == INVALID:
        return f"invalid frame: {item['message']} ({item['raw']})"
    if item.get("text", "") is None:
        return f"packet: {item['raw']}"
    if "text" in item:
        return f"scan: {item['text']!r}" + (f" symbology {item['aim']}" if item["aim"] else "")
    weight = f" {item['weight']} {item['unit'] or ''}".rstrip() if item["weight"] else ""
    marks = [name for name in ("stable", "net") if item[name]]
    return " ".join([item["status"] + weight, *marks, *([item["info"]] if item["info"] else [])])
