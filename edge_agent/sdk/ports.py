"""The seams between a driver and what it is given: a link, a clock, and somewhere to put its values.

Owns: the Protocols. Must not know: how a link is opened or who consumes the values.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Protocol, TypeVar, runtime_checkable

from edge_agent.sdk.errors import ProtocolError
from edge_agent.sdk.values import PrinterState, PrintJob, PrintResult, Scan, Weight

ValueT_co = TypeVar("ValueT_co", covariant=True)


class ByteLink(Protocol):
    """An open port that carries bytes both ways (serial, TCP, printer class, …)."""

    @property
    def url(self) -> str:
        """The port as configured, for messages."""

    async def read(self) -> bytes:
        """The next chunk, at least one byte, at most 64 KiB. Raises LinkError("link.lost") at hang-up."""

    async def write(self, data: bytes, timeout_s: float) -> None:
        """Hand all bytes to the port.

        Raises LinkError("link.write_timeout" or "link.lost") with `accepted` = bytes taken so far.
        """

    def discard_input(self) -> int:
        """Drop bytes that already wait (a stale answer); gives how many."""

    async def close(self) -> None:
        """Free the port; safe to call twice."""


@dataclass(frozen=True, slots=True)
class PortStatus:
    """What every USB printer can tell, whatever its language. Cheap ones send a fixed byte."""

    paper_empty: bool
    selected: bool
    fault: bool


@runtime_checkable
class PrinterPort(Protocol):
    """What a link to a USB printer can do beside carrying bytes: `isinstance(link, PrinterPort)` tells.

    Each raises LinkError: "link.lost", or "link.no_status" where the printer does not answer such requests.
    They may be asked while a write is under way and may wait for its end.
    """

    async def port_status(self) -> PortStatus:
        """The port's status byte."""

    async def device_id(self) -> str:
        """The IEEE 1284 device id, "MFG:…;MDL:…;CMD:…;"."""

    async def soft_reset(self) -> None:
        """Have the printer forget what it has taken and not printed."""


class Codec(Protocol[ValueT_co]):
    """Bytes in, values out. Never waits, logs or reads a clock; its buffer is bounded."""

    def feed(self, data: bytes) -> Sequence[ValueT_co | ProtocolError]:
        """Values completed by these bytes, in order; a broken frame stands in its place as ProtocolError."""

    def flush(self) -> Sequence[ValueT_co | ProtocolError]:
        """The line fell silent: complete what a silence completes, drop and report what is torn."""

    def reset(self) -> None:
        """Forget everything held: the line was re-opened."""


class StatusCodec(Codec[ValueT_co], Protocol[ValueT_co]):
    """A printer's codec: its replies are told apart by the questions that are open."""

    @property
    def questions(self) -> tuple[str, ...]:
        """What can be asked; the first is answered by a printer that does nothing else."""

    def asked(self, question: str) -> None:
        """This question was just sent; the next reply of its kind answers it."""

    def give_up(self, question: str) -> None:
        """Nobody answered this question in time: a reply that still comes answers nothing."""


class Sink(Protocol):
    """Where a driver puts what it learned. Each call returns when the agent has dealt with it.

    A driver awaits each call before it reads on: that is the back-pressure.
    """

    async def scans(self, scans: Sequence[Scan]) -> None:
        """Barcodes of one read, oldest first."""

    async def weights(self, weights: Sequence[Weight]) -> None:
        """Readings of one read, oldest first."""

    async def printer(self, state: PrinterState) -> None:
        """The printer's condition changed."""

    def ready(self, identity: str = "") -> None:
        """The device answered in the configured dialect; `identity` is what it said of itself."""

    def trouble(self, error: ProtocolError) -> None:
        """Bytes that were no frame: counted, shown, and at debug level logged in hex."""


class Driver(Protocol):
    """One device on one open link, until the link is lost or the task is cancelled."""

    async def run(self) -> None:
        """Serve the device. Raises LinkError when the link is lost, DeviceError for a wrong device."""


class ScaleDriver(Driver, Protocol):
    """A scale: publishes readings; zero and tare are goals that it confirms or refuses."""

    def hurry(self, wanted: bool) -> None:
        """Read at full pace while somebody waits for a weight, slowly otherwise."""

    async def zero(self) -> None:
        """Have the scale at zero. Raises DeviceError with its reason; never while in motion."""

    async def tare(self) -> None:
        """Have the present load tared. Raises DeviceError with its reason; never while in motion."""

    async def clear_tare(self) -> None:
        """Have no tare. Raises DeviceError with its reason."""


class PrinterDriver(Driver, Protocol):
    """A printer: publishes its condition; prints one page at a time."""

    async def print(self, job: PrintJob) -> PrintResult:
        """Send one page and gather the strongest proof there is; never sends anything twice."""
