"""Which events leave the booth first, and which may be given up: the classes of the central contract.

Owns: the table. Must not know: the wire, the ledger. See docs/decisions for why a number is never given up.

    accepted    what a customer's parcel depends on: leaves before everything else, never given up
    record      everything else that is numbered: leaves in order, never given up
    telemetry   given up while the ledger is nearly full, before it gets a number; counted in `telemetry.shed`
"""

from __future__ import annotations

ACCEPTED = (
    "parcel.accepted",
    "parcel.voided",
    "parcel.delivered",
    "parcel.attempted",
    "bag.closed",
)
TELEMETRY = ("device.changed",)
