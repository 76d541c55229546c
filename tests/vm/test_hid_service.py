"""Two identical HID scales under the shipped unit and its udev rules: through hidraw and through libusb."""

from __future__ import annotations

from tests.vm.installed import CONFIG, Installed, replugged

REPLUG_S = 3.0  # promised: plugged in again to ready again
HUB = "platform-vhci_hcd.0-usb-0"
SCALES = f"""
[[scale]]
id = "hidraw"
driver = "hid_scale"
port = "hidraw:/dev/edge-agent/hidraw-{HUB}:4:1.0"

[[scale]]
id = "libusb"
driver = "hid_scale"
port = "usb:0922:8003@{HUB}:6"
"""


def test_the_service_weighs_on_two_hid_scales_that_come_and_go(booth: Installed) -> None:
    booth.guest.run(f"cat > /etc/edge-agent/booth.toml <<'END'\n{CONFIG}\n{SCALES}END\n")
    booth.start()
    booth.until_ready("hidraw", "libusb", "scale", "scanner")
    for device, way, other in (("hid-scale-1", "hidraw", "libusb"), ("hid-scale-2", "libusb", "hidraw")):
        booth.order(f"unplug {device}")
        booth.until_status(way, "absent")
        booth.until_ready(other)
        taken = booth.guest.call(replugged, plug_order=f"plug {device}", role=way)
        print(f"{way}: ready again after {taken['told']}")
        assert taken["board_s"] < REPLUG_S, taken
        booth.until_ready("scale", "scanner", other)
