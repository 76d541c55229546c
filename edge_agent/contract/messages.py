"""What travels beside the events, both ways: the models that `schema asyncapi` is made from.

Owns: state, inventory, metrics, acknowledgement, certificates. Must not know: MQTT, topics.
"""

from __future__ import annotations

from typing import Annotated, Any, Literal

from pydantic import Field

from edge_agent.contract.base import Count, Moment, Part, Word
from edge_agent.contract.events import Clock, ConfigChanged


class Backlog(Part):
    """`count` events wait; `last` is the newest number; the oldest waits so long, None where nobody knows."""

    count: Count
    last: Count
    oldest_age_s: Count | None = None


class State(Part):
    """Whether the booth can be relied on. The will holds only `status`, `reason` and `boot`."""

    status: Literal["online", "draining", "degraded", "offline"]
    reason: Word
    boot: Word
    alarms: list[Word] = []
    conn: Count | None = None
    agent: Word | None = None
    contract: Count | None = None
    epoch: Word | None = None
    time: Moment | None = None
    clock: Clock | None = None
    uptimems: Count | None = None
    backlog: Backlog | None = None


class Device(Part):
    """One configured device and its condition."""

    id: Word
    kind: Word
    driver: Word
    status: Word
    reason: str
    capabilities: list[Word] = []


class UnknownDevice(Part):
    """A device that could type and is not configured, by its USB id and where it is plugged in."""

    usb_id: Word
    port: Annotated[str, Field(max_length=160)]


class Devices(Part):
    """All configured devices, and what else could type: it is never opened."""

    devices: list[Device]
    unknown: Annotated[list[UnknownDevice], Field(max_length=32)] = []


class Metrics(Part):
    """Figures; all counts are since the agent started."""

    time: Moment
    uptimems: Count
    backlog: Backlog
    ledger: dict[str, Any]
    counter: dict[str, Any]
    uplink: dict[str, Any]
    devices: dict[str, Word]
    alarms: list[Word]
    box: dict[str, Any]
    cert_days_left: int | None = None


class Live(Part):
    """A weight as it is shown now; never one that was accepted."""

    device: Word
    status: Word
    weight: str | None
    unit: str | None
    stable: bool | None
    uptimems: Count


class Response(Part):
    """The life of a command."""

    id: Word
    state: Literal["accepted", "running", "done", "failed", "rejected", "expired"]
    reason: Word | None = None
    answer: Any = None
    code: Word | None = None
    error: str | None = None
    step: Word | None = None
    percent: Count | None = None
    after_ms: Count | None = None
    unchecked: Word | None = None


class Rejection(Part):
    """An event that the centre will never take."""

    seq: Annotated[int, Field(ge=1)]
    code: Annotated[str, Field(max_length=64, pattern=r"^[a-z0-9_.\-]+$")]


class Ack(Part):
    """What the central store has."""

    epoch: Word
    upto: Count
    rej: list[Rejection] = []
    also: list[Annotated[list[Count], Field(min_length=2, max_length=2)]] = []
    conn: Count | None = None


class Command(Part):
    """One order."""

    id: Annotated[str, Field(min_length=1, max_length=64, pattern=r"^[A-Za-z0-9._\-]+$")]
    type: Annotated[str, Field(max_length=64, pattern=r"^[a-z]+(\.[a-z]+)+$")]
    args: dict[str, Any] = {}
    to: Word | None = None
    notafter: Moment | None = None
    issuedby: Word = ""
    counter: Count | None = None
    spread: Count | None = None
    keyid: Word = ""
    signature: str = ""


class DesiredConfig(Part):
    """The configuration that the centre wants: TOML that lies over the booth's own."""

    version: Annotated[int, Field(ge=1, le=(1 << 53) - 1)]
    config: str
    to: Word | None = None
    keyid: Word = ""
    signature: str = ""


class ReportedConfig(Part):
    """The configuration in force, and what came of the last change."""

    generation: Count
    version: int | None
    hash: Annotated[str, Field(max_length=128)]
    file: Annotated[str, Field(max_length=128)]
    trial: bool
    last: ConfigChanged | None = None


class CertificateRequest(Part):
    """A request for a certificate; `seal` only where the booth has none yet."""

    v: Literal[1]
    booth: Word
    request: Annotated[str, Field(pattern=r"^[0-9a-f]{32}$")]
    csr: str
    seal: str | None = None


class CertificateAnswer(Part):
    """The answer to it: a chain, or an error."""

    v: Literal[1]
    request: Annotated[str, Field(pattern=r"^[0-9a-f]{32}$")]
    chain: str = ""
    ca: str = ""
    error: str = ""
    seal: str | None = None
