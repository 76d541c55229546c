"""Which input nodes the settings mean, and that no other device on their socket is ever opened.

Owns: the form of an evdev address, and finding its nodes in sysfs. Must not know: how a node is opened.

    VVVV:PPPP[@PORT]              as in usb_address.py: the id, and the socket where there are two
    VVVV:PPPP@/dev/input/…        the id, and the socket by udev's name
    /dev/input/…                  by hand only: the settings refuse it, for whatever is plugged in is read
"""

from __future__ import annotations

import errno
import os
from collections.abc import Sequence
from pathlib import Path

from edge_agent.links.failures import opening_failure
from edge_agent.links.find_input import InputNode, input_nodes, same_device
from edge_agent.links.usb_address import FORM, UsbAddress, parse_usb_address
from edge_agent.sdk.errors import ConfigError, LinkError

FORMS = "write evdev:VENDOR:PRODUCT@PORT or evdev:VENDOR:PRODUCT@/dev/input/by-path/NAME"


def split_address(address: str) -> tuple[UsbAddress | None, str]:
    """VVVV:PPPP[@PORT], VVVV:PPPP@/dev/input/… or /dev/input/…: the id and the path. Raises ConfigError."""
    identity, at, path = address.partition("@")
    if address.startswith("/"):
        identity, path = "", address
    elif not (at and path.startswith("/")):
        return parse_usb_address(address), ""
    if ".." in path.split("/") or (identity and not FORM.fullmatch(identity)):
        raise ConfigError("config.port_url", f"{address[:80]!a} is no input device", hint=FORMS)
    return (parse_usb_address(identity) if identity else None), path


def paths(address: str, url: str, device: str, root: Path) -> list[str]:
    """The nodes of the device that is meant; of any other none is opened. Raises LinkError, OSError."""
    wanted, path = split_address(address)
    found = input_nodes(root)
    if path:
        here = _at(found, path)
        if not here:
            return [path]  # no input node, as opening it will show
    else:
        here = sorted(
            (one for one in found if wanted and one.is_meant_by(wanted)), key=lambda one: not one.types
        )
    if not here:
        raise _not_there(found, wanted, url, device)
    if wanted is not None and here[0].usb_id != wanted.usb_id:
        raise _another(here[0], url, device)
    if len({one.udev_port or one.node for one in here}) > 1:
        raise LinkError(
            "link.ambiguous",
            f"cannot open {url}: there are several such devices",
            device=device,
            hint=f"tell which: {' or '.join(sorted({one.address for one in here})[:4])}",
        )
    return [one.node for one in same_device(found, here[0])]


def _at(found: Sequence[InputNode], path: str) -> list[InputNode]:
    node = os.path.realpath(path)
    Path(node).stat()
    return [one for one in found if one.node == node]


def _not_there(found: Sequence[InputNode], wanted: UsbAddress | None, url: str, device: str) -> LinkError:
    """Absent, or another device on its socket, or on another socket."""
    for one in found:
        if wanted is not None and one.types and wanted.port and one.is_on(wanted.port):
            return _another(one, url, device)
    for one in found:
        if wanted is not None and one.usb_id == wanted.usb_id:
            return LinkError(
                "link.absent",
                f"cannot open {url}: it is plugged in elsewhere, at {one.udev_port or one.node}",
                device=device,
                hint=f"plug it into its own socket, or write {one.address} in the settings",
            )
    return opening_failure(errno.ENOENT, url, device, denied_hint="")


def _another(found: InputNode, url: str, device: str) -> LinkError:
    return LinkError(
        "link.other_device",
        f"{url}: {found.usb_id} is plugged in there, and it is not read",
        device=device,
        hint="plug the scanner in there; a new one is taken with `edge-agent devices adopt`",
    )
