"""A HID scale under the shipped unit and its udev rules: through hidraw and through libusb."""

from __future__ import annotations

import pytest

from tests.vm.installed import CONFIG, Installed, replugged

REPLUG_S = 3.0  # promised: plugged in again to ready again
WAYS = ("hidraw", "usb")


@pytest.mark.parametrize("way", WAYS)
def test_the_service_weighs_on_a_hid_scale_that_comes_and_goes(booth: Installed, way: str) -> None:
    path = "platform-vhci_hcd.0-usb-0:4"
    port = f"hidraw:/dev/edge-agent/hidraw-{path}:1.0" if way == "hidraw" else f"usb:0922:8003@{path}"
    scale = f'[[scale]]\nid = "postal"\ndriver = "hid_scale"\nport = "{port}"\n'
    booth.guest.run(f"cat > /etc/edge-agent/booth.toml <<'END'\n{CONFIG}\n{scale}END\n")
    booth.start()
    booth.until_ready("postal", "scale", "scanner")
    booth.order("unplug hid-scale")
    booth.until_status("postal", "absent")
    taken = booth.guest.call(replugged, plug_order="plug hid-scale", role="postal")
    print(f"{way}: ready again after {taken['told']}")
    assert taken["board_s"] < REPLUG_S, taken
    booth.until_ready("scale", "scanner")
