"""From the settings to the rules of the counter and of the print queue.

Owns: the translation, units included. Must not know: what a rule does.
"""

from __future__ import annotations

from collections.abc import Mapping
from decimal import Decimal
from typing import TYPE_CHECKING

from edge_agent.counter.inputs import Policy
from edge_agent.printing.quota import HOUR_MS, Quota
from edge_agent.printing.records import Rules
from edge_agent.printing.roll import USUAL_DPI
from edge_agent.sdk.values import Proof

if TYPE_CHECKING:
    from edge_agent.settings.model import Settings


def policy(settings: Settings) -> Policy:
    """What the acceptance of parcels goes by."""
    counter = settings.counter
    return Policy(
        label=bool(counter.label),
        least_proof=Proof(counter.proof),
        min_weight=counter.min_weight_kg,
        max_weight=counter.max_weight_kg,
        units=frozenset(counter.units),
        weight_wait_ms=milliseconds(counter.weight_wait_s),
        unweighed=counter.without_scale == "flag",
        unlabelled=counter.without_printer == "flag",
    )


def rules(settings: Settings) -> Rules:
    """What the print queue goes by."""
    printing = settings.printing
    return Rules(
        quota=Quota(printing.labels_per_hour, printing.paper_m_per_hour * 1000, printing.orders_percent),
        least_proof=Proof(settings.counter.proof),
        ttl_ms=printing.wait_s * 1000,
        keep_ms=printing.keep_hours * HOUR_MS,
        roll_mm=printing.roll_m * 1000,
        rolls_mm={p.id: p.roll_m * 1000 for p in settings.printer if p.roll_m is not None},
        dpi=resolutions(settings),
    )


def resolutions(settings: Settings) -> Mapping[str, int]:
    """The dots per inch of the printers whose driver has a setting for them, by their ids."""
    told = {printer.id: str(printer.driver_options.get("dpi", "")) for printer in settings.printer}
    return {printer: int(dpi) for printer, dpi in told.items() if dpi.isdecimal()}


def label_dpi(settings: Settings) -> int:
    """The resolution of the printer that prints the counter's labels, the first one."""
    first = next((printer.id for printer in settings.printer), "")
    return resolutions(settings).get(first, USUAL_DPI)


def milliseconds(seconds: Decimal) -> int:
    """A time of the settings as the flows have it."""
    return int(seconds * 1000)
