"""What a [[scanner]], [[scale]] or [[printer]] table says, checked against the driver that it names.

Owns: drivers, ports, serial settings and driver options of a table; ids and ports used twice.
Must not know: where in the file the table stands, or what any driver does.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Set
from decimal import Decimal

from edge_agent.links.input_address import FORMS
from edge_agent.links.open import KINDS, parse_url
from edge_agent.links.usb_identity import may_be_bound
from edge_agent.registry import Registry
from edge_agent.sdk.driver import DriverSpec, Kind, Option, Options, SerialSettings
from edge_agent.sdk.errors import ConfigError
from edge_agent.sdk.values import UNITS
from edge_agent.settings.model import MAX_DEVICES, TABLES
from edge_agent.settings.positions import KeyPath
from edge_agent.settings.problems import Finding, nearest, one_of, shown_text, shown_value

LINE_KEYS = tuple(SerialSettings.__dataclass_fields__)  # they bear the same names in the settings
TYPE_WORDS: Mapping[type, str] = {
    str: "text in quotes",
    int: "a whole number",
    bool: "true or false",
    Decimal: "a number",
}

Table = dict[str, object]


def options_of(spec: DriverSpec) -> tuple[Option, ...]:
    """All options of a driver: its own, `dialect` where it has several, `unit` where a scale sends none."""
    own = {option.name for option in spec.options}
    implied = []
    if spec.dialects and "dialect" not in own:
        words = "the dialect of the protocol that the device speaks"
        implied.append(Option("dialect", spec.dialects[0], words, choices=spec.dialects))
    if needs_unit(spec) and "unit" not in own:
        words = "the unit that the scale shows; the protocol does not send it"
        implied.append(Option("unit", "kg", words, choices=tuple(sorted(UNITS))))
    return (*spec.options, *implied)


def needs_unit(spec: DriverSpec) -> bool:
    """Whether `unit` must be written in the settings, so that nobody's default decides a weight."""
    return spec.kind is Kind.SCALE and not spec.unit_on_wire


def check_devices(document: Table, drivers: Registry) -> tuple[Table, list[Finding]]:
    """The document with each device's defaults filled in from its driver, and what is wrong with devices."""
    filled, findings = dict(document), []
    for kind in Kind:
        tables = document.get(kind.value)
        if not isinstance(tables, list):
            continue
        checked: list[object] = list(tables)
        for number, table in enumerate(tables[:MAX_DEVICES]):
            if isinstance(table, dict):
                checked[number], found = _check_device((kind.value, number), table, drivers)
                findings += found
        filled[kind.value] = checked
    findings += [*_used_twice(document, "id"), *_used_twice(document, "port"), *_no_printer(document)]
    return filled, findings


def _check_device(path: KeyPath, table: Table, drivers: Registry) -> tuple[Table, list[Finding]]:
    known = {key: value for key, value in table.items() if key in _keys(path)}
    name = table.get("driver")
    if not isinstance(name, str):
        return known, []  # the model says what is wrong with it
    try:
        spec = drivers.load(name)
    except ConfigError as error:
        return known, [_no_driver(path, name, error, drivers)]
    if spec.kind != path[0] or spec.build is None:
        return known, [_unfit_driver(path, spec, drivers)]
    options, findings = _check_options(path, table, spec)
    findings += _check_port(path, table, spec)
    return {**_line_defaults(table, spec), **known, **options}, findings


def _keys(path: KeyPath) -> Set[str]:
    """The keys that each device of this role has, whatever its driver."""
    return TABLES[str(path[0])].model_fields.keys()


def _no_driver(path: KeyPath, name: str, error: ConfigError, drivers: Registry) -> Finding:
    if error.code != "driver.unknown":
        return Finding((*path, "driver"), error.message, error.hint)
    names = _names_of_kind(path, drivers)
    near = nearest(name, names)
    return Finding((*path, "driver"), f"no driver {shown_text(name)} is installed", one_of(names), near)


def _unfit_driver(path: KeyPath, spec: DriverSpec, drivers: Registry) -> Finding:
    why = f"is for a {spec.kind}" if spec.kind != path[0] else "only decodes recordings"
    return Finding((*path, "driver"), f"the driver {spec.name} {why}", one_of(_names_of_kind(path, drivers)))


def _names_of_kind(path: KeyPath, drivers: Registry) -> list[str]:
    return [spec.name for spec in drivers.of_kind(Kind(str(path[0]))) if spec.build is not None]


def _check_options(path: KeyPath, table: Table, spec: DriverSpec) -> tuple[Table, list[Finding]]:
    known = {option.name: option for option in options_of(spec)}
    values: Table = {name: option.default for name, option in known.items()}
    findings = []
    for key in table.keys() - _keys(path):
        if key not in known:
            findings.append(unknown_key((*path, key), [*_keys(path), *known]))
            continue
        try:
            values[key] = Options((known[key],), {key: table[key]})[key]
        except ConfigError:
            findings.append(_bad_option((*path, key), known[key], table[key]))
    if needs_unit(spec) and "unit" not in table:
        words = f"the unit that the scale shows ({spec.name} does not send it)"
        findings.append(Finding((*path, "unit"), "missing", words))
    return values, findings


def unknown_key(path: KeyPath, known: list[str]) -> Finding:
    """A key that no setting has."""
    near = nearest(str(path[-1]), known)
    return Finding(path, "unknown key", one_of(sorted(known)), near, at_key=True)


def _bad_option(path: KeyPath, option: Option, value: object) -> Finding:
    near = nearest(value, option.choices) if isinstance(value, str) else ""
    return Finding(path, f"{shown_value(value)} is not allowed", option_words(option), near)


def option_words(option: Option) -> str:
    """What an option accepts, in words."""
    if option.choices:
        return one_of(option.choices)
    words = TYPE_WORDS[type(option.default)] + _bounds(option)
    return ", not ".join((words, *map(str, option.gaps)))


def _bounds(option: Option) -> str:
    if option.minimum is not None and option.maximum is not None:
        return f", {option.minimum} to {option.maximum}"
    if option.minimum is not None:
        return f", at least {option.minimum}"
    return f", at most {option.maximum}" if option.maximum is not None else ""


def _line_defaults(table: Table, spec: DriverSpec) -> Table:
    if not str(table.get("port", "")).startswith("serial:"):
        return {}
    return {key: getattr(spec.serial, key) for key in LINE_KEYS}


def _check_port(path: KeyPath, table: Table, spec: DriverSpec) -> Iterator[Finding]:
    port = table.get("port")
    if not isinstance(port, str):
        return
    scheme, colon, _ = port.partition(":")
    if not colon or scheme not in spec.transports:
        schemes = sorted(f"{transport}:" for transport in spec.transports)
        words = f"{one_of(schemes)} and what is connected there"
        near = nearest(f"{scheme}:", schemes)
        yield Finding((*path, "port"), f"{shown_text(port)} is no port of {spec.name}", words, near)
    else:
        yield from _check_address((*path, "port"), port)
    if table.get("usb_id") and not may_be_bound(port):
        yield Finding((*path, "usb_id"), "is only for ports that are named by a path", at_key=True)
    if scheme in spec.transports - {"serial"}:
        for key in table.keys() & set(LINE_KEYS):
            yield Finding((*path, key), "is only for serial: ports", at_key=True)


def _check_address(path: KeyPath, port: str) -> Iterator[Finding]:
    try:
        parse_url(port)
    except ConfigError as error:
        kind = KINDS.get(port.partition(":")[0])
        yield Finding(path, error.message, kind.example if kind else error.hint)
        return
    if port.startswith("evdev:/"):
        words = "vendor and product in front, so that no other keyboard on that socket is read: " + FORMS
        yield Finding(path, f"{shown_text(port)} does not say which device", words)


def _no_printer(document: Table) -> Iterator[Finding]:
    """Receipts need a printer, and the one that is named for them."""
    counter, tables = document.get("counter"), document.get("printer")
    if not isinstance(counter, dict):
        return
    ids = [table.get("id") for table in tables if isinstance(table, dict)] if isinstance(tables, list) else []
    names = [name for name in ids if isinstance(name, str)][:MAX_DEVICES]
    if counter.get("receipt") and not names:
        yield Finding(("counter", "receipt"), "no printer is there for it", 'a [[printer]] table, or ""')
    wanted = counter.get("receipt_printer")
    if isinstance(wanted, str) and wanted and wanted not in names:
        words = one_of(names) if names else "the id of a [[printer]] table"
        path = ("counter", "receipt_printer")
        yield Finding(path, f"no printer is called {shown_text(wanted)}", words, nearest(wanted, names))


def _used_twice(document: Table, key: str) -> Iterator[Finding]:
    first: dict[str, str] = {}
    for kind in Kind:
        tables = document.get(kind.value)
        for number, table in enumerate(tables[:MAX_DEVICES] if isinstance(tables, list) else ()):
            value = table.get(key) if isinstance(table, dict) else None
            if not isinstance(value, str):
                continue
            owner = first.setdefault(value, f"{kind}[{number}]")
            if owner != f"{kind}[{number}]":
                message = f"{shown_text(value)} is already the {key} of {owner}"
                yield Finding((kind.value, number, key), message, f"another {key} for each device")
