"""How a booth's ports are opened: as the settings say, with a word more where a scanner changed its mode, and
one where a port is opened for whatever is plugged in there.

Owns: these words. Must not know: drivers, the life of a device.
"""

from __future__ import annotations

import asyncio
import contextlib
import logging
from collections.abc import Callable
from typing import TYPE_CHECKING

from edge_agent.links.blocking import in_thread
from edge_agent.links.open import open_link
from edge_agent.links.other_mode import other_mode
from edge_agent.links.usb_identity import SYSFS_S, may_be_bound, usb_id_of
from edge_agent.sdk.driver import SerialSettings
from edge_agent.sdk.errors import LinkError
from edge_agent.sdk.ports import ByteLink
from edge_agent.supervisor import Opener

if TYPE_CHECKING:
    from edge_agent.settings.model import Settings

log = logging.getLogger(__name__)

MISSED = frozenset({"link.absent", "link.other_device"})


def opener(settings: Settings, usb_id_at: Callable[[str], str] = usb_id_of) -> Opener:
    """Opens a device's port. Raises LinkError link.other_mode for a scanner that is there in another mode.

    `usb_id_at` tells which USB device is behind a port that a path names.
    """
    scanners = {scanner.id for scanner in settings.scanner}
    every = (*settings.scanner, *settings.scale, *settings.printer)
    bound = {one.id: one.usb_id for one in every if one.usb_id}

    async def open_port(url: str, serial: SerialSettings, device: str) -> ByteLink:
        try:
            link = await open_link(url, serial, device=device, usb_id=bound.get(device, ""))
        except LinkError as error:
            if device not in scanners or error.code not in MISSED:
                raise
            advice = await asyncio.to_thread(other_mode, url)
            if not advice:
                raise
            raise LinkError("link.other_mode", f"cannot open {url}", device=device, hint=advice) from error
        if device not in bound and may_be_bound(url):
            bound[device] = ""  # told once in a run
            try:
                await _tell_unbound(url, device, usb_id_at)
            except asyncio.CancelledError:
                await link.close()
                raise
        return link

    return open_port


async def _tell_unbound(url: str, device: str, usb_id_at: Callable[[str], str]) -> None:
    found = ""
    with contextlib.suppress(OSError, TimeoutError):
        found = await in_thread(f"identity of {url}", lambda: usb_id_at(url), SYSFS_S)
    if found:
        log.warning(
            '%s: %s is opened whatever is plugged in there; write usb_id = "%s" in its table',
            device,
            url,
            found,
        )
