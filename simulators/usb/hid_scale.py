"""A HID point-of-sale scale: weight reports that it pushes, a control report that zeroes it.

Owns: the report descriptor (HID POS usage tables 1.02, section 4), the one report that waits for the host.
Must not know: what is in a report (drivers.scales.hid_scale), physics, time.
"""

from __future__ import annotations

from dataclasses import replace

from drivers.scales.hid_scale import CONTROL, SPEC, WEIGHT, HidScaleDeviceHalf
from edge_agent.sdk.driver import Indication, Options
from simulators.usb.descriptors import Identity
from simulators.usb.device import Answer, Handshake
from simulators.usb.hid import HidFunction

SCALE = Identity(0x0922, 0x8003, "Booth", "Sim postal scale", "HS0001")

AT_REST = bytes((WEIGHT, 2, 2, 0, 0, 0))  # zero grams
DESCRIPTOR = bytes.fromhex(
    "058d0920a101"  # scale page, scale device, application
    "85030921a102"  # report 3: weight
    "150125087508950109708100"  # status
    "1500250c09518100"  # unit
    "1581257f09418100"  # exponent
    "150027ffff0000751009408100"  # weight
    "c0"
    "85020960a102"  # report 2: control
    "150025017501950109819102"  # bit 0: enforced zero return
    "09809102"  # bit 1: zero
    "750695019103"
    "c0c0"
)


class HidScale(HidFunction):
    """`show` is called with each new indication; what the host wants comes as control reports."""

    def __init__(self) -> None:
        super().__init__(DESCRIPTOR, poll_ms=10)
        self.enforced_zero_return = False
        self._last = AT_REST

    def show(self, now: Indication) -> None:
        """Push the weight report of this indication."""
        self.show_report(report(now))

    def show_report(self, weight: bytes) -> None:
        """Push one weight report. A host that does not fetch finds one stale report, as on real scales."""
        self._last = weight
        if not self.queued:
            self.push(weight)

    def get_report(self, number: int) -> Answer:
        return self._last if number == WEIGHT else Handshake.STALL

    def set_report(self, data: bytes) -> Answer:
        if len(data) < 2 or data[0] != CONTROL:
            return Handshake.STALL
        self.enforced_zero_return = bool(data[1] & 1)
        return super().set_report(data)


def report(now: Indication) -> bytes:
    """The weight report of an indication. What 16 bits cannot count is over the limit of such a scale."""
    half = HidScaleDeviceHalf(Options(SPEC.options))
    return half.broadcast(now) or half.broadcast(replace(now, overload=True))
