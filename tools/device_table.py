"""The table of supported devices of docs/devices.md, from the installed drivers and their golden frames.

Owns: its columns. Must not know: any protocol.
"""

from __future__ import annotations

from collections import Counter
from importlib.metadata import entry_points
from pathlib import Path

from edge_agent.links.open import KINDS
from edge_agent.sdk.driver import DriverSpec, Kind
from edge_agent.sdk.testing import load_golden
from tools.scale_flags import flags, manner

FRAMES = Path(__file__).parents[1] / "tests" / "frames"
HEADER = ("driver", "for", "devices", "ports", "speaks", "tells", "can do", "golden frames")


def table() -> str:
    """The generated part of docs/devices.md."""
    specs = sorted(_specs(), key=lambda spec: (spec.kind, spec.name))
    rows = [f"| {' | '.join(_row(spec))} |" for spec in specs]
    return "\n".join([f"| {' | '.join(HEADER)} |", f"|{'---|' * len(HEADER)}", *rows, "", *_sources(specs)])


def _specs() -> list[DriverSpec]:
    """Ours only: what a third party has installed on this machine does not belong into our document."""
    points = (
        point for point in entry_points(group="edge_agent.drivers") if point.module.startswith("drivers.")
    )
    return [point.load() for point in points]


def _row(spec: DriverSpec) -> tuple[str, ...]:
    dialects = f" Dialects: {', '.join(f'`{name}`' for name in spec.dialects)}." if spec.dialects else ""
    return (
        f"`{spec.name}`",
        spec.kind.value,
        spec.title + dialects,
        _ports(spec),
        manner(spec) if spec.kind is Kind.SCALE else "–",
        flags(spec) if spec.kind is Kind.SCALE else "–",
        ", ".join(sorted(spec.capabilities)) or "–",
        _frames(spec.name),
    )


def _ports(spec: DriverSpec) -> str:
    """Kinds of port that the driver speaks over and that the agent can open."""
    ports = sorted(spec.transports & KINDS.keys()) if spec.build else []
    return ", ".join(f"`{port}:`" for port in ports) or "none yet: decodes recordings only"


def _frames(protocol: str) -> str:
    basis = Counter(
        golden.basis for path in sorted((FRAMES / protocol).glob("*.toml")) for golden in load_golden(path)
    )
    words = (f"{count} {name.replace('_', ' ')}" for name, count in sorted(basis.items()))
    return ", ".join(words) or "none"


def _sources(specs: list[DriverSpec]) -> list[str]:
    lines = ["Documents that each driver follows:", ""]
    return [*lines, *(f"- `{spec.name}`: {'; '.join(spec.sources)}" for spec in specs), ""]
