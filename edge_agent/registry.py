"""The drivers that are installed, ours and third parties', found by their entry points.

Owns: names, and loading one driver by name. Must not know: any driver, or settings.
A name costs nothing until it is asked for: only the drivers that a booth uses are imported.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from functools import reduce
from importlib import import_module
from typing import TYPE_CHECKING

from edge_agent.sdk.driver import DriverSpec, Kind
from edge_agent.sdk.errors import ConfigError, EdgeError

if TYPE_CHECKING:
    from importlib.metadata import EntryPoint

GROUP = "edge_agent.drivers"
SHOWN_CHARACTERS = 200  # of a stranger's error text: the first sentence, not a page

# What importing a stranger's module may raise: a broken driver is a setting that cannot be used, no crash.
BROKEN = (
    ArithmeticError,
    AttributeError,
    EdgeError,
    ImportError,
    LookupError,
    NameError,
    OSError,
    RuntimeError,
    SyntaxError,
    TypeError,
    ValueError,
)


@dataclass(frozen=True, slots=True)
class Claim:
    """What one package says: this name is the driver specification at this place (`module:NAME`)."""

    name: str
    value: str
    package: str = ""

    def load(self) -> object:
        """What stands at that place; raises what importing it raises."""
        place = self.value.partition("[")[0].strip()  # names of extras may follow in brackets
        module, _, attribute = place.partition(":")
        return reduce(getattr, filter(None, attribute.split(".")), import_module(module))

    @property
    def origin(self) -> str:
        package = f"package {self.package}" if self.package else "an unnamed package"
        return f"{package} ({self.value})"


class Registry:
    """Drivers by name. Two packages that claim one name are both refused under that name."""

    def __init__(self, points: Iterable[EntryPoint | Claim]) -> None:
        self.claims = tuple(map(_claim, points))
        self._points: dict[str, list[Claim]] = {}
        for claim in self.claims:
            self._points.setdefault(claim.name, []).append(claim)
        self._loaded: dict[str, DriverSpec] = {}

    @classmethod
    def installed(cls) -> Registry:
        """The drivers of every installed package; reads package metadata, imports no driver.

        Reading it takes 3 MiB of the standard library: the daemon is given the claims instead.
        """
        from importlib.metadata import entry_points

        return cls(entry_points(group=GROUP))

    def names(self) -> tuple[str, ...]:
        """Every driver's name, in order, whether it can be loaded or not."""
        return tuple(sorted(self._points))

    def load(self, name: str) -> DriverSpec:
        """The named driver. Raises ConfigError driver.unknown, driver.duplicate or driver.broken."""
        if name not in self._loaded:
            self._loaded[name] = _load(self._only(name))
        return self._loaded[name]

    def of_kind(self, kind: Kind) -> tuple[DriverSpec, ...]:
        """Every driver of this kind that can be loaded; imports all drivers, so not for the daemon."""
        return tuple(spec for spec in map(self._try, self.names()) if spec is not None and spec.kind is kind)

    def _try(self, name: str) -> DriverSpec | None:
        try:
            return self.load(name)
        except ConfigError:
            return None

    def _only(self, name: str) -> Claim:
        points = self._points.get(name, [])
        if not points:
            from difflib import get_close_matches

            near = get_close_matches(name, self._points, n=1)
            hint = f"did you mean {near[0]}?" if near else "edge-agent decode --list names them"
            known = ", ".join(self.names()) or "none"
            raise ConfigError("driver.unknown", f"no driver {name!r} is installed; known: {known}", hint=hint)
        if len(points) > 1:
            raise ConfigError(
                "driver.duplicate",
                f"the driver name {name!r} is claimed by {' and '.join(claim.origin for claim in points)}",
                hint="uninstall all but one of these packages",
            )
        return points[0]


def _claim(point: EntryPoint | Claim) -> Claim:
    if isinstance(point, Claim):
        return point
    return Claim(point.name, point.value, point.dist.name if point.dist else "")


def _load(point: Claim) -> DriverSpec:
    try:
        spec = point.load()
    except BROKEN as error:
        raise ConfigError(
            "driver.broken",
            f"the driver {point.name!r} of {point.origin} cannot be loaded: {type(error).__name__}: "
            f"{str(error)[:SHOWN_CHARACTERS]}",
            hint="install it again, or ask its author",
        ) from error
    if not isinstance(spec, DriverSpec) or spec.name != point.name:
        raise ConfigError(
            "driver.broken",
            f"{point.value} of {point.origin} is no driver specification named {point.name!r}",
            hint="ask its author",
        )
    return spec
