"""The protocols that edge-sim can speak, found as the agent finds them, and their options.

Owns: finding one DriverSpec, `--option NAME=VALUE`. Must not know: any protocol.
"""

from __future__ import annotations

from collections.abc import Sequence
from decimal import Decimal, InvalidOperation
from importlib.metadata import entry_points

from edge_agent.sdk.driver import DriverSpec, Kind, Option, OptionValue
from edge_agent.sdk.errors import ConfigError

GROUP = "edge_agent.drivers"
FLAGS = {"true": True, "false": False}


def find_spec(name: str, kind: Kind) -> DriverSpec:
    """The installed protocol of that name. Raises ConfigError where there is none of that kind."""
    points = {point.name: point for point in entry_points(group=GROUP)}
    if name not in points:
        raise ConfigError("sim.protocol", f"unknown protocol {name!r}; known: {', '.join(sorted(points))}")
    spec = points[name].load()
    if not isinstance(spec, DriverSpec) or spec.kind is not kind:
        raise ConfigError("sim.protocol", f"protocol {name} is for no {kind}")
    return spec


def options_of(spec: DriverSpec, pairs: Sequence[str]) -> dict[str, OptionValue]:
    """Options from NAME=VALUE, each of the type of its default; checked by the driver's own rules later."""
    known = {option.name: option for option in spec.options}
    values: dict[str, OptionValue] = {}
    for pair in pairs:
        name, equals, text = pair.partition("=")
        if not equals or name not in known:
            raise ConfigError(
                "sim.option", f"expected NAME=VALUE with a name of {', '.join(known) or 'none'}, not {pair!r}"
            )
        values[name] = _value(known[name], text)
    return values


def _value(option: Option, text: str) -> OptionValue:
    try:
        match option.default:
            case bool():
                return FLAGS[text]
            case int():
                return int(text)
            case Decimal():
                return Decimal(text)
            case _:
                return text
    except (KeyError, ValueError, InvalidOperation):
        kind = "true or false" if isinstance(option.default, bool) else "a number"
        raise ConfigError("sim.option", f"option {option.name} is {kind}, not {text!r}") from None
