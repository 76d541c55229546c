"""Two HID-POS scanners at once on real hidraw nodes, through our own link and driver: all, in order."""

from __future__ import annotations

from drivers.scanners.hid_pos import SPEC
from simulators.usb import hid_pos
from tests.vm.bench import Simulated, bench
from tests.vm.inside import in_guest, until
from tests.vm.test_wedge_driver import serving

NODE = "/dev/edge-agent/hidraw-{path}:1.0"
ROUNDS, AT_ONCE = 25, 20  # the kernel keeps 64 reports for a reader


@in_guest
async def test_bursts_of_two_scanners_lose_glue_and_swap_nothing() -> None:
    with bench() as devices:
        left = Simulated(devices, hid_pos.HidPos(), hid_pos.SCANNER, NODE)
        right = Simulated(devices, hid_pos.HidPos(), hid_pos.SCANNER, NODE)
        for one in (left, right):
            one.insert()
        async with (
            serving(f"hidraw:{left.node}", SPEC) as (from_left, _),
            serving(f"hidraw:{right.node}", SPEC) as (from_right, _),
        ):
            for burst in range(1, ROUNDS + 1):
                for number in range((burst - 1) * AT_ONCE, burst * AT_ONCE):
                    devices.tell(left.function.scan, b"LEFT-%06d" % number)
                    devices.tell(right.function.scan, b"RIGHT-%06d\x1d" % number)
                wanted = burst * AT_ONCE
                await until(
                    lambda wanted=wanted: min(len(from_left.texts), len(from_right.texts)) >= wanted,
                    f"{wanted} scans of each",
                )
        assert from_left.texts == [f"LEFT-{number:06}" for number in range(ROUNDS * AT_ONCE)]
        assert from_right.texts == [f"RIGHT-{number:06}\x1d" for number in range(ROUNDS * AT_ONCE)]
        assert from_left.codes + from_right.codes == []
