"""The data of each event, and the envelope around it: the models that `schema events` is made from.

Owns: one class for each type of event, its version 1. Must not know: how an event comes about.
A field may be added to a class; a change of meaning is a new version beside it (docs/central-integration.md).
"""

from __future__ import annotations

from typing import Annotated, Any, Literal

from pydantic import Field

from edge_agent.contract.base import Count, Moment, Numeral, Part, Word

Clock = Literal["ntp", "rtc", "held", "none"]


class Weight(Part):
    """A settled weight with its evidence: the numeral as the scale sent it, the unit beside."""

    value: Numeral
    unit: Word
    net: bool | None
    device: Word
    stable_by: Word | None = None
    readings: Count | None = None
    settle_ms: Count | None = None
    raw: str | None = None
    protocol: Word | None = None
    spread: Numeral | None = None
    tare: Numeral | None = None
    zero_before: Numeral | None = None


class Label(Part):
    """A print attempt and the strength of its proof."""

    job: Word
    attempt: Count
    proof: Word | None = None


class AgentStarted(Part):
    """The agent has started."""

    version: Word


class AgentStoppedUncleanly(Part):
    """The last run ended by a kill, a crash or a power cut."""


class CommandScanned(Part):
    """A printed command code was scanned: obeyed, or why not. Its text is never passed on."""

    outcome: Word
    command: Word | None = None
    code: str | None = None


class DeviceUnknown(Part):
    """Something that could type was plugged in and is not in the settings; it is never opened."""

    usb_id: Word
    port: str
    untold: Count = 0


class ScanFlooded(Part):
    """A scanner sent more barcodes in a minute than these; the rest of the minute is dropped."""

    most: Count


class DeviceChanged(Part):
    """A device's condition."""

    kind: Word
    status: Word
    reason: str


class ScanRead(Part):
    """A barcode that was read outside of a parcel, or is no parcel's."""

    text: str
    type: Word | None = None
    valid: bool | None = None
    aim: Word | None = None
    error: Word | None = None
    length: Count | None = None
    layout: Word | None = None


class ScanRefused(Part):
    """A parcel's barcode that was not taken, and why."""

    reason: Word


class ParcelScanned(Part):
    """A parcel is in hand."""

    item_type: Word
    job: Word


class LabelEvent(Part):
    """What all events of a print job tell; `requester` and `order` only where it was ordered."""

    job: Word
    attempt: Count
    kind: Word | None = None
    requester: Word | None = None
    order: Word | None = None


class LabelPrinted(LabelEvent):
    """A label is out, as far as `proof` says."""

    proof: Word | None = None


class LabelEnded(LabelEvent):
    """A label that is not, or not surely, out, and why."""

    reason: str | None = None


class LabelMismatched(LabelEnded):
    """Another label was scanned than the one asked for, or one that should not exist."""

    scanned_job: Word | None = None
    scanned_attempt: Count | None = None


class PaperLow(Part):
    """A printer's roll is nearly at its end; `left_mm` is None where its length is not set."""

    paper: Word
    left_mm: int | None


class ConfigChanged(Part):
    """What came of a change of the configuration."""

    state: Literal["trial", "applied", "refused", "undone"]
    origin: Word
    version: int | None
    hash: Annotated[str, Field(max_length=128)]
    reason: str
    problems: list[dict[str, Any]]


class ParcelAccepted(Part):
    """The booth has taken a parcel."""

    item_type: Word
    weight: Weight | None
    label: Label | None
    flags: list[Word]


class ParcelVoided(Part):
    """A parcel in hand was given up; nothing was accepted."""

    reason: Word
    job: Word | None = None


class NumbersLeased(Part):
    """The booth has a block of item numbers, from the first to the last."""

    lease: Word
    pattern: str
    count: Count
    begin: Annotated[str | None, Field(alias="from")] = None
    to: str | None = None
    first: Count | None = None
    last: Count | None = None


class NumbersReturned(NumbersLeased):
    """What was left of a lease will not be given out here any more."""

    reason: Word


class NumbersLow(Part):
    """Few leased numbers are left; the booth asks for more."""

    left: Count
    low_water: Count


class CommandFinished(Part):
    """How a command ended."""

    type: Word
    state: Literal["done", "failed", "rejected", "expired"]
    answer: Any = None


class FlowLost(Part):
    """The state of a flow could not be read after a restart."""


class LedgerSetAside(Part):
    """A damaged ledger was replaced; a new epoch begins."""

    file: str
    salvaged: Count
    previous_epoch: Word | None = None
    previous_last: Count | None = None


class EventWithheld(Part):
    """In place of an event that cannot be sent."""

    reason: Literal["too_large_for_broker", "refused_by_broker", "missing_at_booth"]
    type: Word | None = None


class LettersForgotten(Part):
    """So many dead letters are gone from the booth, each with a reason: `age` or `count`."""

    count: Count
    first: Count
    last: Count
    reasons: dict[str, Count]


class TelemetryShed(Part):
    """So much telemetry was given up since it was last told."""

    count: Count
    reasons: dict[str, Count]


DATA: dict[str, type[Part]] = {
    "agent.started": AgentStarted,
    "agent.stopped-uncleanly": AgentStoppedUncleanly,
    "command.finished": CommandFinished,
    "command.scanned": CommandScanned,
    "config.applied": ConfigChanged,
    "config.refused": ConfigChanged,
    "config.tried": ConfigChanged,
    "config.undone": ConfigChanged,
    "device.changed": DeviceChanged,
    "device.unknown": DeviceUnknown,
    "event.withheld": EventWithheld,
    "flow.lost": FlowLost,
    "label.cancelled": LabelEnded,
    "label.confirmed": LabelPrinted,
    "label.expired": LabelEnded,
    "label.failed": LabelEnded,
    "label.mismatched": LabelMismatched,
    "label.printed": LabelPrinted,
    "label.reprinted": LabelPrinted,
    "label.unconfirmed": LabelEnded,
    "ledger.set-aside": LedgerSetAside,
    "letters.forgotten": LettersForgotten,
    "numbers.leased": NumbersLeased,
    "numbers.low": NumbersLow,
    "numbers.returned": NumbersReturned,
    "parcel.accepted": ParcelAccepted,
    "parcel.scanned": ParcelScanned,
    "parcel.voided": ParcelVoided,
    "printer.paper-low": PaperLow,
    "scan.flooded": ScanFlooded,
    "scan.read": ScanRead,
    "scan.refused": ScanRefused,
    "telemetry.shed": TelemetryShed,
    "weight.settled": Weight,
}


class Envelope(Part):
    """CloudEvents 1.0 in JSON, with the extensions of this contract. `data` is as `type` says."""

    specversion: Literal["1.0"]
    id: Annotated[str, Field(pattern=r"^[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}$")]
    source: Annotated[str, Field(pattern=r"^/booths/[A-Z0-9-]{4,24}$")]
    type: Annotated[str, Field(pattern=r"^booth\.[a-z][a-z0-9]*\.[a-z][a-z0-9-]*\.v[0-9]+$")]
    time: Moment
    subject: Annotated[str, Field(max_length=512)]
    epoch: Annotated[str, Field(pattern=r"^[A-Za-z0-9_-]{1,64}$")]
    seq: Annotated[int, Field(ge=1, le=(1 << 53) - 1)]
    boot: Word
    uptimems: Count
    clock: Clock
    replay: Word | None = None
    datacontenttype: Literal["application/json"]
    data: dict[str, Any]
