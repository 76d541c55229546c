"""What a USB printer's port tells beside its bytes, whatever way it was asked.

Owns: the status byte (the device id: edge_agent.sdk.ieee1284). Must not know: how a printer is asked.
Document: USB Device Class Definition for Printing Devices 1.1, section 4.2.2.
"""

from __future__ import annotations

from edge_agent.sdk.errors import LinkError
from edge_agent.sdk.ports import PortStatus

PAPER_EMPTY, SELECTED, NO_FAULT = 0x20, 0x10, 0x08


def port_status_of(answer: bytes, url: str, device: str) -> PortStatus:
    """The status byte as a value. Raises LinkError for an empty answer."""
    if not answer:
        raise LinkError("link.no_status", f"{url}: an empty port status", device=device)
    byte = answer[0]
    return PortStatus(bool(byte & PAPER_EMPTY), bool(byte & SELECTED), not byte & NO_FAULT)
