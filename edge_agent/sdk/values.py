"""The values that cross between devices and the agent: frozen, compared by content.

Owns: Stamp, Reading and Weight, Scan, PrinterState, Page, PrintJob, PrintResult.
Must not know: bytes on a wire, files, time sources.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from decimal import Decimal
from enum import StrEnum

UNITS = frozenset({"kg", "g", "mg", "t", "lb", "oz", "ozt", "ct", "gn", "dwt", "tael", "ton"})
COUNT_UNITS = frozenset({"pcs", "%"})


class ClockQuality(StrEnum):
    """How far the wall clock can be trusted: synchronised, hardware clock, held over, or never set."""

    NTP = "ntp"
    RTC = "rtc"
    HELD = "held"
    NONE = "none"


@dataclass(frozen=True, slots=True)
class Stamp:
    """One moment: milliseconds since boot (monotonic), UTC milliseconds, and the quality of the latter."""

    uptime_ms: int
    utc_ms: int
    quality: ClockQuality


class Status(StrEnum):
    """What a scale's frame says. OVERLOAD, UNDERLOAD and ERROR never carry a number."""

    OK = "ok"
    ZERO = "zero"
    MOTION = "motion"
    OVERLOAD = "overload"
    UNDERLOAD = "underload"
    ERROR = "error"
    BUSY = "busy"
    ACK = "ack"
    TARE = "tare"
    INFO = "info"
    COUNT = "count"
    PERCENT = "percent"
    TOTAL = "total"


NUMBERLESS = frozenset(
    {Status.OVERLOAD, Status.UNDERLOAD, Status.ERROR, Status.BUSY, Status.ACK, Status.INFO}
)


@dataclass(frozen=True, slots=True)
class Reading:
    """One frame of a scale, as sent: the numeral keeps its decimals, the unit stands beside it.

    `stable` and `net` are None where the frame carries no such flag. `raw` is the whole frame.
    Only a number in motion, which is never accepted, may lack its unit: some scales send it at rest only.
    Raises ValueError where a number would stand without a unit or beside a status that has none.
    """

    status: Status
    weight: Decimal | None = None
    unit: str | None = None
    stable: bool | None = None
    net: bool | None = None
    tare: Decimal | None = None
    info: str | None = None
    device_id: int | None = None
    raw: bytes = b""

    def __post_init__(self) -> None:
        if self.weight is None:
            return
        if self.status in NUMBERLESS:
            raise ValueError(f"{self.status} carries no weight")
        if not self.weight.is_finite():
            raise ValueError("a weight is a finite number")
        if self.unit is None and self.status is Status.MOTION:
            return
        if self.unit not in UNITS and self.unit not in COUNT_UNITS:
            raise ValueError(f"unknown unit {self.unit!r}")


@dataclass(frozen=True, slots=True)
class Weight:
    """A reading of one device at one moment; `number` counts that device's readings since it opened."""

    device: str
    at: Stamp
    number: int
    reading: Reading


@dataclass(frozen=True, slots=True)
class ScanText:
    """One barcode as a scanner's codec gives it, before a device and a moment are known.

    `text` is exact (GS and other control characters included); `aim` is the AIM identifier if one was sent;
    `terminator` is what ended it ("enter", "tab", …), None where nothing did or the codec does not tell.
    """

    text: str
    aim: str | None = None
    raw: bytes = b""
    terminator: str | None = None


@dataclass(frozen=True, slots=True)
class Scan:
    """One barcode as read. `text` is exact (GS included); `aim` is the AIM identifier if one was sent."""

    device: str
    at: Stamp
    text: str
    aim: str | None = None
    raw: bytes = b""


class Paper(StrEnum):
    OK = "ok"
    NEAR_END = "near_end"
    OUT = "out"
    UNKNOWN = "unknown"


class Cover(StrEnum):
    CLOSED = "closed"
    OPEN = "open"
    UNKNOWN = "unknown"


class Ready(StrEnum):
    """Whether the printer would print now. UNKNOWN is an answer: it is neither yes nor no."""

    YES = "yes"
    NO = "no"
    UNKNOWN = "unknown"


@dataclass(frozen=True, slots=True)
class PrinterState:
    """What a printer last said of itself. A field that it did not tell stays UNKNOWN or None, never assumed.

    `silent_since` is set while it answers nothing at all: it wants somebody to look, and is never ready.
    """

    device: str
    at: Stamp
    ready: Ready = Ready.UNKNOWN
    paper: Paper = Paper.UNKNOWN
    cover: Cover = Cover.UNKNOWN
    faults: tuple[str, ...] = ()
    paused: bool | None = None
    busy: bool | None = None
    silent_since: Stamp | None = None

    def same_condition(self, other: PrinterState) -> bool:
        """Whether both say the same, whenever they said it."""
        return replace(self, at=other.at) == other


@dataclass(frozen=True, slots=True)
class Page:
    """A 1-bit page: rows from the top, each padded to whole bytes, most significant bit left, 1 = black."""

    width: int
    height: int
    data: bytes

    def __post_init__(self) -> None:
        if self.width < 1 or self.height < 1:
            raise ValueError("a page has at least one dot")
        if len(self.data) != self.stride * self.height:
            raise ValueError(f"{len(self.data)} bytes do not fill {self.stride} x {self.height}")

    @property
    def stride(self) -> int:
        """Bytes in a row."""
        return (self.width + 7) // 8


@dataclass(frozen=True, slots=True)
class PrintJob:
    """One page for one printer. `job` is the durable id; `attempt` is 1 for the original, 2… for reprints."""

    job: str
    page: Page
    attempt: int = 1
    cut: bool = True


class Proof(StrEnum):
    """How strongly a print is proved, strongest first; FAILED means that no byte was accepted."""

    PRINTED = "printed"
    CONSUMED = "consumed"
    SENT = "sent"
    UNKNOWN = "unknown"
    FAILED = "failed"


@dataclass(frozen=True, slots=True)
class PrintResult:
    """The end of one attempt: the proof, how many bytes the port took, and the reason in a stable code."""

    job: str
    attempt: int
    proof: Proof
    accepted_bytes: int
    reason: str = ""
