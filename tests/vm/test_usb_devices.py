"""Simulated USB devices are real to the guest's kernel: enumerated, named, bound to their class drivers."""

from __future__ import annotations

import glob
from pathlib import Path

import pytest

from simulators.usb import cdc_acm, ftdi, hid_pos, hid_scale, printer, wedge
from simulators.usb.bus import Plug
from simulators.usb.device import UsbDevice
from tests.vm.inside import bench, eventually, in_guest

KINDS = {
    "ftdi": (ftdi.Ftdi, ftdi.ADAPTER, "serial/by-path/{path}:1.0-port0"),
    "cdc_acm": (cdc_acm.CdcAcm, cdc_acm.SCALE, "serial/by-path/{path}:1.0"),
    "wedge": (wedge.Wedge, wedge.SCANNER, "input/by-path/{path}:1.0-event-kbd"),
    "hid_pos": (hid_pos.HidPos, hid_pos.SCANNER, "hidraw0"),
    "hid_scale": (hid_scale.HidScale, hid_scale.SCALE, "hidraw0"),
    "printer": (printer.UsbPrinter, printer.ESCPOS, "usb/lp0"),
}


@pytest.mark.parametrize("kind", KINDS)
@in_guest
def test_a_simulated_device_gets_its_node(kind: str) -> None:
    function, identity, node = KINDS[kind]
    with bench() as devices:
        plug = Plug(UsbDevice(function(), identity))
        devices.do(plug.insert())
        path = Path("/dev") / node.format(path=plug.path)
        eventually(path.exists, f"{path}; there are {glob.glob('/dev/*/by-*/*')}")
        devices.do(plug.pull())
        eventually(lambda: not path.exists(), f"no {path} any more")
