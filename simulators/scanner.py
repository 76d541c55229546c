"""A simulated scanner: frames made by the protocol's own device half, sent well or badly.

Owns: single reads, bursts, doubles, torn and wrongly ended reads. Must not know: framing, symbologies.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence

from edge_agent.sdk.clock import Clock
from edge_agent.sdk.errors import CommandError, LinkError
from simulators.endpoints import Endpoint
from simulators.hostile import HOSTILE

REREAD_S = 0.3  # between the two reads of a double: shorter than the usual same-symbol time-out of 0.5 s
HEARD_BYTES = 4096  # of what a host wrote to the scanner, for the person who looks
ENDINGS = b"\r\n\t\x03"  # what scanners are set to send after the data


Encode = Callable[[str], bytes]


class ScannerSim:
    """One scanner on one endpoint; `encode` is its protocol's device half."""

    def __init__(self, encode: Encode, endpoint: Endpoint, clock: Clock) -> None:
        self.endpoint = endpoint
        self.heard = b""
        self._encode = encode
        self._clock = clock

    async def run(self) -> None:
        """Listen to the host, as every serial device must, and do nothing about it."""
        while True:
            try:
                self.heard = (self.heard + await self.endpoint.read())[-HEARD_BYTES:]
            except LinkError:
                self.heard = b""

    async def scan(self, text: str) -> None:
        """Read one barcode."""
        await self.endpoint.write(self._encode(text))

    async def double(self, text: str, gap_s: float = REREAD_S) -> None:
        """Read the same barcode twice, as a shaking hand does."""
        await self.burst((text, text), gap_s)

    async def burst(self, texts: Sequence[str], gap_s: float = 0.0) -> None:
        """Read several barcodes, one after the other."""
        for number, text in enumerate(texts):
            await self._clock.sleep(gap_s if number else 0.0)
            await self.scan(text)

    async def hostile(self) -> int:
        """Read every barcode that is printed to do harm and that this scanner can send; gives how many."""
        sent = 0
        for text in HOSTILE.values():
            try:
                await self.scan(text)
            except CommandError:
                continue  # no key types it, or no packet holds it
            sent += 1
            await self._clock.sleep(REREAD_S)
        return sent

    async def partial(self, text: str, keep: int | None = None) -> None:
        """Send only the first bytes of a read (half of it, if not told): the cable was pulled."""
        frame = self._encode(text)
        await self.endpoint.write(frame[: len(frame) // 2 if keep is None else keep])

    async def scan_ending(self, text: str, ending: bytes) -> None:
        """Read one barcode with another ending than the set one, or none: a scanner reset to defaults."""
        await self.endpoint.write(self._encode(text).rstrip(ENDINGS) + ending)
