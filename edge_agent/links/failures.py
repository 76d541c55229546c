"""Why a port could not be opened, told so that a person can act on it.

Owns: the codes and hints of a failed opening. Must not know: how ports are opened.
"""

from __future__ import annotations

import errno
import grp
import os
from collections.abc import Mapping
from pathlib import Path

from edge_agent.sdk.errors import LinkError

ABSENT = ("link.absent", "there is no such port", "plug the device in")
BUSY = (
    "link.busy",
    "another program uses the port",
    "end the other program, or give each device its own port",
)
REFUSED = (
    "link.refused",
    "nothing answers there",
    "check the address, the network cable and the device's power",
)
SILENT = ("link.open_timeout", "no answer", "check the cable, and switch the device off and on")
CAUSES: Mapping[int, tuple[str, str, str]] = {
    errno.ENOENT: ABSENT,
    errno.ENOTDIR: ABSENT,
    errno.ENODEV: ABSENT,
    errno.ENXIO: ABSENT,
    errno.EIO: ABSENT,
    errno.EBUSY: BUSY,
    errno.EAGAIN: BUSY,
    errno.ECONNREFUSED: REFUSED,
    errno.ECONNRESET: REFUSED,
    errno.ECONNABORTED: REFUSED,
    errno.EHOSTUNREACH: REFUSED,
    errno.EHOSTDOWN: REFUSED,
    errno.ENETUNREACH: REFUSED,
    errno.ENETDOWN: REFUSED,
    errno.EADDRNOTAVAIL: REFUSED,
    errno.ETIMEDOUT: SILENT,
}


def opening_failure(number: int | None, url: str, device: str, *, denied_hint: str) -> LinkError:
    """The LinkError for this errno; `denied_hint` says what to do where permission is missing."""
    if number in {errno.EACCES, errno.EPERM}:
        code, why, hint = "link.denied", "no permission", denied_hint
    else:
        reason = os.strerror(number) if number else "unknown error"
        code, why, hint = CAUSES.get(
            number or 0, ("link.open_failed", reason, "unplug the device and plug it in")
        )
    return LinkError(code, f"cannot open {url}: {why}", device=device, hint=hint)


def opening_timeout(url: str, device: str, timeout_s: float) -> LinkError:
    """The LinkError for a port that neither opens nor refuses."""
    code, why, hint = SILENT
    return LinkError(code, f"cannot open {url}: {why} within {timeout_s} s", device=device, hint=hint)


def node_permission_hint(path: str) -> str:
    """What gives the agent access to this device node."""
    try:
        group = grp.getgrgid(Path(path).stat().st_gid).gr_name
    except (OSError, KeyError):
        group = "dialout"
    return (
        f"add the agent's user to group {group} or allow the adapter in the agent's udev rules; "
        "if that is so, the service's DeviceAllow= lacks this kind of port"
    )
