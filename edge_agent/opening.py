"""How a booth's ports are opened: as the settings say, and with a word more where a scanner changed its mode.

Owns: that word. Must not know: drivers, the life of a device.
"""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING

from edge_agent.links.open import open_link
from edge_agent.links.other_mode import other_mode
from edge_agent.sdk.driver import SerialSettings
from edge_agent.sdk.errors import LinkError
from edge_agent.sdk.ports import ByteLink
from edge_agent.supervisor import Opener

if TYPE_CHECKING:
    from edge_agent.settings.model import Settings

MISSED = frozenset({"link.absent", "link.other_device"})


def opener(settings: Settings) -> Opener:
    """Opens a device's port. Raises LinkError link.other_mode for a scanner that is there in another mode."""
    scanners = {scanner.id for scanner in settings.scanner}
    every = (*settings.scanner, *settings.scale, *settings.printer)
    bound = {one.id: one.usb_id for one in every if one.usb_id}

    async def open_port(url: str, serial: SerialSettings, device: str) -> ByteLink:
        try:
            return await open_link(url, serial, device=device, usb_id=bound.get(device, ""))
        except LinkError as error:
            if device not in scanners or error.code not in MISSED:
                raise
            advice = await asyncio.to_thread(other_mode, url)
            if not advice:
                raise
            raise LinkError("link.other_mode", f"cannot open {url}", device=device, hint=advice) from error

    return open_port
