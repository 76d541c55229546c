"""The key events recorded in tests/frames/wedge/captured.toml are what this kernel makes of the reports."""

from __future__ import annotations

import os
import select
from pathlib import Path

import evdev
import pytest

from drivers.scanners.wedge_events import DOWN, EV_KEY, EV_SYN, EVENT, UP
from edge_agent.sdk.testing import load_golden
from simulators.usb.wedge import SCANNER, Wedge
from tests.vm.bench import Simulated, bench
from tests.vm.inside import EVENTUALLY_S, in_guest

FRAMES = Path(__file__).parents[1] / "frames"
NODE = "/dev/input/by-path/{path}:1.0-event-kbd"
RECORDED = (
    "wedge_hid-01",
    "wedge_hid-03",
    "wedge_hid-04",
    "control-bracket-is-gs",
    "keypad-digits-and-enter",
)
TWICE = "0400626062000000 0000000000000000 0000280000000000 0000000000000000"  # Alt+080, Enter
READ_BYTES = 64 * EVENT.size  # as many events as the kernel keeps


def reports_of(name: str) -> list[bytes]:
    """The reports that a scanner sends; where they come from stands beside them."""
    if name == "alt-080":
        return [bytes.fromhex(report) for report in TWICE.split()]
    frames = {golden.id: golden for golden in load_golden(FRAMES / "wedge_hid" / "reports.toml")}
    return list(frames[name].chunks)[1:]  # all keys are up anyway


def played(reports: list[bytes]) -> list[bytes]:
    """What the node gives for each pair of reports, a key down and up again, time included."""
    with bench() as devices:
        one = Simulated(devices, Wedge(), SCANNER, NODE)
        one.insert()
        node = evdev.InputDevice(str(one.node))
        node.grab()
        given = []
        for down, up in zip(reports[::2], reports[1::2], strict=True):
            devices.tell(one.function.push, down, up)
            given.append(until_up(node))
        node.close()
        return given


def until_up(node: evdev.InputDevice) -> bytes:
    """Events up to and with the end of the report in which the last key came up."""
    events = b""
    while not is_over(events):
        assert select.select([node.fd], [], [], EVENTUALLY_S)[0], events.hex()
        events += os.read(node.fd, READ_BYTES)
    return events


def is_over(events: bytes) -> bool:
    values = [event[4] for event in keys(events)]
    return bool(values) and values.count(DOWN) == values.count(UP) and last_kind(events) == EV_SYN


def last_kind(events: bytes) -> int:
    return int(EVENT.unpack(events[-EVENT.size :])[2])


def keys(events: bytes) -> list[tuple[int, ...]]:
    """Keys without their times; an emulated guest is slow enough for autorepeat to set in."""
    told = [(0, 0, *event[2:]) for event in EVENT.iter_unpack(events)]
    return [event for event in told if event[2] == EV_KEY and event[4] in (DOWN, UP)]


@pytest.mark.parametrize("frame", [*RECORDED, "alt-080"])
@in_guest
def test_the_kernel_makes_the_recorded_events_of_a_scanners_reports(frame: str) -> None:
    given = played(reports_of(frame))
    recorded = {golden.id: golden for golden in load_golden(FRAMES / "wedge" / "captured.toml")}
    shown = [chunk.hex() for chunk in given]
    assert f"kernel-{frame}" in recorded, shown
    assert keys(b"".join(given)) == keys(recorded[f"kernel-{frame}"].whole), shown
