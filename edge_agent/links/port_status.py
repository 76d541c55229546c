"""What a USB printer's port tells beside its bytes, whatever way it was asked.

Owns: the status byte and the device id. Must not know: how a printer is asked, printer languages.
Document: USB Device Class Definition for Printing Devices 1.1, sections 4.2.1 and 4.2.2.
"""

from __future__ import annotations

from edge_agent.sdk.errors import LinkError
from edge_agent.sdk.ports import PortStatus

PAPER_EMPTY, SELECTED, NO_FAULT = 0x20, 0x10, 0x08
LENGTH_BYTES = 2  # in front of a device id, often wrong: it is not needed to find the end


def port_status_of(answer: bytes, url: str, device: str) -> PortStatus:
    """The status byte as a value. Raises LinkError for an empty answer."""
    if not answer:
        raise LinkError("link.no_status", f"{url}: an empty port status", device=device)
    byte = answer[0]
    return PortStatus(bool(byte & PAPER_EMPTY), bool(byte & SELECTED), not byte & NO_FAULT)


def device_id_text(answer: bytes) -> str:
    """The device id, "MFG:…;MDL:…;CMD:…;", without what could steer a terminal."""
    text = answer[LENGTH_BYTES:].decode("ascii", "replace")
    return "".join(sign if sign.isprintable() else "?" for sign in text.strip("\0 \r\n"))
