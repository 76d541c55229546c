"""The asynchronous serial line behind a USB adapter: its settings, and what wrong settings do to bytes.

Owns: the far device's own settings against those that the host chose. Must not know: USB, protocols.
"""

from __future__ import annotations

from dataclasses import dataclass, field

from edge_agent.sdk.checksums import even_parity
from edge_agent.sdk.driver import SerialSettings

SMEAR = bytes((byte * 37 + 11) & 0xFF for byte in range(256))  # bits sampled at wrong moments


@dataclass(slots=True)
class SerialLine:
    """`device` is how the device behind the adapter is set; None: it does not care (CDC devices)."""

    device: SerialSettings | None = None
    host: SerialSettings | None = None
    dtr: bool = False
    rts: bool = False
    breaks: int = 0
    history: list[SerialSettings] = field(default_factory=list)

    def set_host(self, settings: SerialSettings) -> None:
        """The host chose these settings; the last few are kept for tests and technicians."""
        self.host = settings
        self.history = [*self.history[-7:], settings]

    def to_host(self, data: bytes) -> bytes:
        """What the host's receiver makes of the device's bytes."""
        return self._cross(data, self.device, self.host)

    def to_device(self, data: bytes) -> bytes:
        """What the device's receiver makes of the host's bytes."""
        return self._cross(data, self.host, self.device)

    @staticmethod
    def _cross(data: bytes, sender: SerialSettings | None, receiver: SerialSettings | None) -> bytes:
        if sender is None or receiver is None:
            return data
        if sender.baud != receiver.baud:
            return data.translate(SMEAR)
        if (sender.bits, receiver.bits) == (7, 8):
            return bytes(map(even_parity, data)) if sender.parity == "E" else data
        if (sender.bits, receiver.bits) == (8, 7):
            return bytes(byte & 0x7F for byte in data)
        return data
