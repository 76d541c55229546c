"""What a driver package offers: one DriverSpec for each protocol, found by entry point.

Owns: DriverSpec, its options, and the two halves of a scale protocol (host and device).
Must not know: which drivers exist. A third party imports this package and nothing else of the agent.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from decimal import Decimal
from enum import StrEnum
from typing import Any, Protocol

from edge_agent.sdk.clock import Clock
from edge_agent.sdk.errors import ConfigError, ProtocolError
from edge_agent.sdk.ports import ByteLink, Codec, Driver, Sink
from edge_agent.sdk.values import Page, Reading

OptionValue = str | int | bool | Decimal

HARMLESS_PROBE = "harmless_probe"  # a capability: see DriverSpec.probe
SLEEPS = "sleeps"  # a capability: the device switches itself off, which is no fault


class Kind(StrEnum):
    SCALE = "scale"
    SCANNER = "scanner"
    PRINTER = "printer"


@dataclass(frozen=True, slots=True)
class SerialSettings:
    """Line settings of a serial port: baud, data bits 7 or 8, parity N, E or O, stop bits 1 or 2.

    `flow` is none, rtscts or xonxoff. DTR and RTS stay low unless asked for: their edges reset some scales,
    while some scanners take their power from them.
    """

    baud: int = 9600
    bits: int = 8
    parity: str = "N"
    stop: int = 1
    flow: str = "none"
    dtr: bool = False
    rts: bool = False


@dataclass(frozen=True, slots=True)
class Option:
    """One setting of a driver. Its type is that of the default; `choices` and bounds are inclusive.

    `gaps` are whole numbers between the bounds that mean nothing.
    """

    name: str
    default: OptionValue
    help: str
    choices: tuple[str, ...] = ()
    minimum: int | Decimal | None = None
    maximum: int | Decimal | None = None
    gaps: tuple[int, ...] = ()


class Options(Mapping[str, OptionValue]):
    """The checked settings of one device: typed access, defaults filled in."""

    def __init__(self, spec: tuple[Option, ...], given: Mapping[str, object] | None = None) -> None:
        given = given or {}
        known = {option.name: option for option in spec}
        for name in given:
            if name not in known:
                raise ConfigError(
                    "config.unknown_option",
                    f"unknown option {name!r}; known: {', '.join(sorted(known)) or 'none'}",
                )
        self._values = {
            name: _checked(option, given[name]) if name in given else option.default
            for name, option in known.items()
        }

    def __getitem__(self, name: str) -> OptionValue:
        return self._values[name]

    def __iter__(self) -> Any:
        return iter(self._values)

    def __len__(self) -> int:
        return len(self._values)

    def text(self, name: str) -> str:
        return str(self._values[name])

    def integer(self, name: str) -> int:
        value = self._values[name]
        if isinstance(value, bool) or not isinstance(value, int):
            raise TypeError(f"option {name} is no integer")
        return value

    def flag(self, name: str) -> bool:
        return self._values[name] is True

    def decimal(self, name: str) -> Decimal:
        return Decimal(str(self._values[name]))


def _checked(option: Option, value: object) -> OptionValue:
    wanted = type(option.default)
    if wanted is Decimal and isinstance(value, str | int) and not isinstance(value, bool):
        value = _decimal(option, str(value))
    if type(value) is not wanted:
        raise ConfigError(
            "config.option_type", f"option {option.name!r} must be {wanted.__name__}, is {value!r}"
        )
    if option.choices and value not in option.choices:
        raise ConfigError(
            "config.option_choice",
            f"option {option.name!r} must be one of {', '.join(option.choices)}, is {value!r}",
        )
    if isinstance(value, int | Decimal) and not isinstance(value, bool):
        _within(option, value)
    return value


def _decimal(option: Option, value: str) -> Decimal:
    try:
        number = Decimal(value)
    except ArithmeticError:
        raise ConfigError(
            "config.option_type", f"option {option.name!r} must be a decimal number, is {value!r}"
        ) from None
    if not number.is_finite():
        raise ConfigError("config.option_type", f"option {option.name!r} must be finite")
    return number


def _within(option: Option, value: int | Decimal) -> None:
    low, high = option.minimum, option.maximum
    if (low is not None and value < low) or (high is not None and value > high):
        raise ConfigError(
            "config.option_range",
            f"option {option.name!r} must be between {low} and {high}, is {value}",
        )
    if value in option.gaps:
        raise ConfigError(
            "config.option_range", f"option {option.name!r} cannot be {value}", hint=option.help
        )


@dataclass(frozen=True, slots=True)
class Context:
    """All that a driver is given. It opens nothing itself."""

    device: str
    link: ByteLink
    clock: Clock
    sink: Sink
    options: Options


class Ask(StrEnum):
    """What a host can ask of a scale, whatever the protocol."""

    WEIGHT = "weight"
    STABLE_WEIGHT = "stable_weight"
    STREAM = "stream"
    STOP = "stop"
    ZERO = "zero"
    TARE = "tare"
    CLEAR_TARE = "clear_tare"
    INFO = "info"
    STATUS = "status"
    UNKNOWN = "unknown"


@dataclass(frozen=True, slots=True)
class Request:
    """One request as a scale receives it; `value` is its argument or the probe text; `raw` the bytes."""

    ask: Ask
    value: str = ""
    raw: bytes = b""


@dataclass(frozen=True, slots=True)
class Indication:
    """What a scale indicates now: what its device half turns into bytes.

    `gross` and `tare` are in `unit`, already rounded to the scale's division (their decimals are shown).
    """

    gross: Decimal
    unit: str = "kg"
    tare: Decimal = Decimal(0)
    motion: bool = False
    overload: bool = False
    fault: bool = False

    @property
    def net(self) -> Decimal:
        return self.gross - self.tare

    @property
    def underload(self) -> bool:
        return self.net < 0

    @property
    def centre_zero(self) -> bool:
        return self.net == 0 and not self.motion


class ScaleDeviceHalf(Protocol):
    """The scale's own side of a protocol, for simulators. It must not know physics or time."""

    def feed(self, data: bytes) -> list[Request | ProtocolError]:
        """Requests completed by these bytes."""

    def reply(self, request: Request, now: Indication, *, done: bool = True) -> bytes:
        """The answer to a request; `done` tells whether a zero or tare that was asked for was carried out."""

    def broadcast(self, now: Indication) -> bytes:
        """The frame that a continuous scale sends unasked; empty where the protocol has none."""


@dataclass(frozen=True, slots=True)
class DriverSpec:
    """One protocol: how to build its driver, its codec and its device half, and what it may be told.

    `build` is None for protocols that can be decoded but have no driver of their own.
    `dialects` lists the accepted values of the option "dialect" (empty: there is one dialect).
    `unit_on_wire` is False where the unit must be configured. `sources` are documents with page.

    `probe` are bytes that an unknown scale may be sent, when a technician allows it, to find out whether it
    speaks this protocol: a question for its identity or its weight, on the line of `serial`, in the default
    dialect. It may be asked several times. `end_probe` ends what it began (echo mode, a repetition). A probe
    counts only with the capability "harmless_probe": the author vouches that it neither zeroes, tares, prints
    nor changes a setting, on this scale or on any other whose commands are known.

    `command_sets` are the words by which an IEEE 1284 device id names a printer's language, in capitals;
    `models` are makers and models, as such ids spell them, that are known to speak it whatever the id says.

    `check_page` raises EdgeError for a page that a printer with these options would refuse before its first
    byte: wider than its head, moved off the paper. Settings are checked by it, without a printer.
    """

    name: str
    kind: Kind
    title: str
    decoder: Callable[[Options], Codec[Any]]
    build: Callable[[Context], Driver] | None = None
    device_half: Callable[[Options], ScaleDeviceHalf] | None = None
    serial: SerialSettings = SerialSettings()
    transports: frozenset[str] = frozenset({"serial", "tcp"})
    options: tuple[Option, ...] = ()
    dialects: tuple[str, ...] = ()
    unit_on_wire: bool = True
    sources: tuple[str, ...] = ()
    capabilities: frozenset[str] = frozenset()
    extra: Mapping[str, str] = field(default_factory=dict)
    probe: bytes = b""
    end_probe: bytes = b""
    command_sets: frozenset[str] = frozenset()
    models: frozenset[tuple[str, str]] = frozenset()
    check_page: Callable[[Page, Options], None] | None = None


def show(reading: Reading) -> str:
    """The numeral as the scale sent it, or an empty string: never recomputed, never in exponent form."""
    return "" if reading.weight is None else format(reading.weight, "f")
