"""Simulated USB devices are real to the guest's kernel: enumerated, named, bound to their class drivers."""

from __future__ import annotations

import pytest

from simulators.usb import cdc_acm, ftdi, hid_pos, hid_scale, printer, wedge
from tests.vm.bench import Simulated, bench
from tests.vm.inside import eventually, in_guest

BY_ID_KEYBOARD = "/dev/input/by-id/usb-Booth_Sim_keyboard_scanner_KB0001-event-kbd"
KINDS = {
    "ftdi": (ftdi.Ftdi, ftdi.ADAPTER, "/dev/serial/by-path/{path}:1.0-port0"),
    "cdc_acm": (cdc_acm.CdcAcm, cdc_acm.SCALE, "/dev/serial/by-id/usb-Booth_Sim_CDC_scale_CW0001-if00"),
    "wedge": (wedge.Wedge, wedge.SCANNER, BY_ID_KEYBOARD),
    "hid_pos": (hid_pos.HidPos, hid_pos.SCANNER, "/dev/edge-agent/hidraw-{path}:1.0"),
    "hid_scale": (hid_scale.HidScale, hid_scale.SCALE, "/dev/edge-agent/hidraw-{path}:1.0"),
    "printer": (printer.UsbPrinter, printer.ESCPOS, "/dev/edge-agent/lp-{path}:1.0"),
}


@pytest.mark.parametrize("kind", KINDS)
@in_guest
def test_a_device_gets_its_node_and_loses_it(kind: str) -> None:
    function, identity, node = KINDS[kind]
    with bench() as devices:
        one = Simulated(devices, function(), identity, node)
        one.insert()
        one.pull()
        eventually(lambda: not one.node.exists(), f"no {one.node} any more")


@in_guest
def test_all_devices_of_a_booth_work_side_by_side() -> None:
    with bench() as devices:
        booth = [
            Simulated(devices, function(), identity, node)
            for name, (function, identity, node) in KINDS.items()
            if name != "hid_pos"
        ]
        for one in booth:
            one.insert()
        assert len({one.plug.port for one in booth}) == len(booth)
