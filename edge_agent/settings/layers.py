"""booth.toml, and over it what the centre has set: one document, checked as one.

Owns: which keys the centre may set, the merge, in which of the two texts a problem stands.
Must not know: where the texts come from, what a setting means.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping

from edge_agent.registry import Registry
from edge_agent.settings.checked import Checked
from edge_agent.settings.devices import Table
from edge_agent.settings.explain import field_at
from edge_agent.settings.load import Placing, Source, check_document, failed, read_source
from edge_agent.settings.positions import KeyPath, Place
from edge_agent.settings.problems import Finding, Problem, nearest, shown_path

CENTRE = "centre"  # what problems call the centre's text

# Everything else is the technician's: who the booth is, its keys and certificates, files, folders, devices.
CENTRE_MAY_SET = (
    "booth.language",
    "booth.name",
    "booth.name_bn",
    "booth.utc_offset_minutes",
    "commands.groups",
    "counter.accept",
    "counter.empty_below_kg",
    "counter.flow",
    "counter.label",
    "counter.max_weight_kg",
    "counter.min_weight_kg",
    "counter.proof",
    "counter.receipt",
    "counter.repeat_window_s",
    "counter.units",
    "counter.weight_wait_s",
    "counter.without_printer",
    "counter.without_scale",
    "ledger.keep_days",
    "log.level",
    "numbers.low_water",
    "numbers.new_parcel_code",
    "schema",
    "uplink.daily_mib",
    "uplink.keepalive_s",
    "uplink.live_per_s",
    "uplink.metrics_s",
    "uplink.window",
)
ONLY_SIGNED = (
    "commands.key",
)  # so that a new key can come without a visit, and only from who has the old one


def check_layers(file: bytes, name: str, centre: str, drivers: Registry, *, signed: bool = True) -> Checked:
    """Check a file with the centre's text over it; `signed` tells whether that was signed."""
    below = read_source(file, name)
    above = read_source(centre.encode("utf-8", "backslashreplace"), CENTRE)
    broken = [source for source in (below, above) if isinstance(source, Problem)]
    if isinstance(below, Problem) or isinstance(above, Problem):
        return Checked(None, tuple(broken))
    forbidden = list(_forbidden(above.document, CENTRE_MAY_SET + (ONLY_SIGNED if signed else ())))
    if forbidden:
        return failed(above.place, forbidden)
    return check_document(_merged(below.document, above.document), _placing(below, above), drivers)


def _placing(below: Source, above: Source) -> Placing:
    """A key that the centre's text has is meant there; anything else, also what is missing, in the file."""

    def place(finding: Finding) -> tuple[str, Place]:
        return (above if above.positions.has(finding.path) else below).place(finding)

    return place


def _merged(below: Table, above: Table) -> Table:
    """Tables are joined, anything else is replaced."""
    joined = dict(below)
    for key, value in above.items():
        under = below.get(key)
        joined[key] = _merged(under, value) if isinstance(under, dict) and isinstance(value, dict) else value
    return joined


def _forbidden(document: Table, allowed: tuple[str, ...]) -> Iterator[Finding]:
    """Keys that exist and are not the centre's; one that does not exist is the model's to refuse."""
    for path in _leaves(document, ()):
        name = shown_path(path)
        if name not in allowed and field_at(path) is not None:
            yield Finding(path, "is not the centre's to set", "", nearest(name, allowed), at_key=True)


def _leaves(table: Mapping[str, object], path: KeyPath) -> Iterator[KeyPath]:
    for key, value in table.items():
        here = (*path, key)
        if isinstance(value, dict):
            yield from _leaves(value, here)
        else:
            yield here
