"""Scanners that type as a keyboard, read through Linux input events: the driver.

Owns: the driver and its entry in the catalogue. Must not know: device nodes, grabbing, keys.
What is read and how stands in wedge_events.py; the link (links/evdev.py) keeps the keys from everybody else.
"""

from __future__ import annotations

from drivers.scanners.listening import Listening
from drivers.scanners.wedge_events import OPTIONS, InputEventDecoder
from edge_agent.sdk.driver import Context, DriverSpec, Kind
from edge_agent.sdk.errors import ProtocolError
from edge_agent.sdk.values import ScanText


def build(context: Context) -> Listening:
    """Listens to one scanner that types."""
    return Listening(context, InputEventDecoder(context.options), torn=_torn)


def _torn(scan: ScanText) -> ProtocolError:
    return ProtocolError("frame.torn", "a barcode that only the unplugging ended", scan.raw)


SPEC = DriverSpec(
    name="wedge",
    kind=Kind.SCANNER,
    title="Barcode scanner that types as a keyboard (Linux input events, US layout)",
    decoder=InputEventDecoder,
    build=build,
    transports=frozenset({"evdev"}),
    options=OPTIONS,
    sources=(
        "Linux kernel, Documentation/input/event-codes.rst and include/uapi/linux/input.h",
        "USB HID Usage Tables 1.12, section 10 (keyboard page)",
        "unix.stackexchange.com/questions/392654 (capture of a scanner in ALT-numpad mode)",
    ),
    extra={"device": "drivers.scanners.wedge_events:WedgeDevice"},
)
