"""`edge-sim usb` as a technician starts it: the program, its orders, what the kernel makes of them."""

from __future__ import annotations

import fcntl
import os
import select
import struct
import sys
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import evdev
import pytest

from drivers.scales.hid_scale import SPEC as HID_SCALE
from drivers.scales.hid_scale import HidScaleDecoder
from drivers.scanners.hid_pos import SPEC as HID_POS
from drivers.scanners.hid_pos import HidPosDecoder
from edge_agent.sdk.driver import Options
from simulators.cli import main
from tests.vm.inside import EVENTUALLY_S, eventually, in_guest
from tests.vm.installed import name_the_drivers

KINDS = "ftdi-scanner cdc-scanner wedge hid-pos ftdi-scale cdc-scale hid-scale printer"
LPGETSTATUS = 0x060B  # linux/lp.h
PAPER_OUT, SELECTED, NO_FAULT = 0x20, 0x10, 0x08


class Program:
    """The running program, at its terminal."""

    def __init__(self, to: int, back: int) -> None:
        self._to = to
        self._back = back
        self._held = b""
        self.ports: dict[str, Path] = {}

    def listen(self, devices: int) -> None:
        """Until all devices have said where they are."""
        while len(self.ports) < devices:
            name, _, url = self.line().partition(" listens at ")
            self.ports[name] = Path(url.partition(":")[2])
        for node in self.ports.values():
            eventually(node.exists, f"{node}: {self.ports}")

    def line(self) -> str:
        while b"\n" not in self._held:
            assert select.select([self._back], [], [], EVENTUALLY_S)[0], "the program says something"
            data = os.read(self._back, 4096)
            assert data, "the program runs"
            self._held += data
        line, _, self._held = self._held.partition(b"\n")
        return line.decode().strip()

    def tell(self, order: str) -> str:
        """Type one order; its answer."""
        os.write(self._to, order.encode() + b"\n")
        while not (line := self.line()).startswith(("ok", "error")):
            continue
        return line

    def obey(self, order: str) -> None:
        assert (answer := self.tell(order)).startswith("ok"), answer


@contextmanager
def edge_sim(*words: str) -> Iterator[Program]:
    """`edge-sim usb` with these words; it ends as it does for a person who types quit."""
    below, to = os.pipe()
    back, above = os.pipe()
    library = tempfile.mkdtemp(dir="/run")
    name_the_drivers(library)
    child = os.fork()
    if child == 0:
        os.dup2(below, 0)
        os.dup2(above, 1)
        os.close(to)
        sys.stdin = os.fdopen(0, encoding="utf-8", closefd=False)
        sys.stdout = os.fdopen(1, "w", encoding="utf-8", closefd=False)
        sys.path.append(library)
        os._exit(main(["usb", *words]))
    os.close(below)
    os.close(above)
    program = Program(to, back)
    program.listen(sum(word in KINDS.split() for word in words))
    yield program
    os.write(to, b"quit\n")
    assert os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]) == 0
    for node in program.ports.values():
        eventually(lambda node=node: not os.path.lexists(node), f"{node} goes with the program")


@contextmanager
def node_of(path: Path, flags: int = os.O_NONBLOCK) -> Iterator[int]:
    node = os.open(path, os.O_RDWR | os.O_NOCTTY | flags)
    try:
        yield node
    finally:
        os.close(node)


def arrives(node: int) -> bytes:
    assert select.select([node], [], [], EVENTUALLY_S)[0], "something arrives"
    return os.read(node, 4096)


@in_guest
def test_every_kind_at_once_fills_the_hub_and_each_is_read_by_its_driver() -> None:
    with edge_sim(*KINDS.split(), "--put", "1.25") as program:
        assert program.tell("list").count("platform-vhci_hcd.0-usb-0:") == 8
        pos = HidPosDecoder(Options(HID_POS.options))
        with node_of(program.ports["hid-pos"]) as node:
            program.obey("hid-pos scan LP123456785BD")
            assert [scan.text for scan in pos.feed(arrives(node))] == ["LP123456785BD"]
        scale = HidScaleDecoder(Options(HID_SCALE.options))
        with node_of(program.ports["hid-scale"]) as node:
            program.obey("hid-scale put 2.4")
            eventually(lambda: "2.400" in str(scale.feed(arrives(node))), "the new weight")


@in_guest
def test_two_identical_scanners_side_by_side_differ_by_path_alone() -> None:
    with edge_sim("wedge", "wedge") as program:
        left, right = (evdev.InputDevice(str(program.ports[name])) for name in ("wedge-1", "wedge-2"))
        assert (left.info, left.name, left.uniq) == (right.info, right.name, right.uniq)
        assert program.tell("scan A").startswith("error there are 2 scanners")
        program.obey("wedge-2 scan A")
        assert select.select([left.fd, right.fd], [], [], EVENTUALLY_S)[0] == [right.fd]
        left.close()
        right.close()


@in_guest
def test_a_device_is_unplugged_and_plugged_in_by_an_order() -> None:
    with edge_sim("cdc-scale") as program:
        node = program.ports["cdc-scale"]
        program.obey("unplug cdc-scale")
        eventually(lambda: not node.exists(), "gone")
        program.obey("plug cdc-scale")
        eventually(node.exists, "back under the same name")


@in_guest
def test_a_wrong_descriptor_gets_no_node_until_it_is_healed() -> None:
    with edge_sim("ftdi-scanner", "cdc-scale") as program:
        node = program.ports["ftdi-scanner"]
        program.obey("unplug ftdi-scanner")
        program.obey("usb ftdi-scanner spoil no-endpoints")
        program.obey("plug ftdi-scanner")
        program.obey("unplug cdc-scale")
        program.obey("plug cdc-scale")
        eventually(program.ports["cdc-scale"].exists, "its neighbour, plugged in later, is there")
        assert not node.exists()
        program.obey("usb ftdi-scanner heal")
        program.obey("unplug ftdi-scanner")
        program.obey("plug ftdi-scanner")
        eventually(node.exists, "healed")


@in_guest
def test_a_printer_stalls_tells_its_paper_and_heals() -> None:
    """Written to with patience: a writer that does not wait learns of a stall by chance only."""
    with edge_sim("printer") as program, node_of(program.ports["printer"], 0) as node:
        assert port_status(node) == SELECTED | NO_FAULT
        program.obey("printer paper out")
        assert port_status(node) == PAPER_OUT | SELECTED
        program.obey("printer paper in")
        program.obey("usb printer stall 1")
        with pytest.raises(OSError, match="Input/output error"):
            os.write(node, b"\n")
        program.obey("usb printer heal")
        assert os.write(node, b"\n") == 1


def port_status(node: int) -> int:
    return int(struct.unpack("=i", fcntl.ioctl(node, LPGETSTATUS, bytes(4)))[0])


@in_guest
def test_a_hung_device_and_a_babbling_one_heal_by_an_order() -> None:
    with edge_sim("hid-pos", "ftdi-scanner") as program:
        with node_of(program.ports["hid-pos"]) as node:
            program.obey("usb hid-pos hang")
            program.obey("hid-pos scan HELD")
            program.obey("usb hid-pos heal")
            assert b"HELD" in arrives(node)
        program.obey("usb ftdi-scanner babble")
        program.obey("usb ftdi-scanner heal")
        with node_of(program.ports["ftdi-scanner"]) as node:
            program.obey("wire ftdi-scanner clean")
            eventually(lambda: heard(program, node), "it is read again")


def heard(program: Program, node: int) -> bool:
    program.obey("ftdi-scanner scan UP")
    return bool(select.select([node], [], [], 1.0)[0]) and b"UP" in os.read(node, 4096)


@in_guest
def test_what_it_cannot_do_is_said_with_what_it_can() -> None:
    with edge_sim("hid-pos") as program:
        line = program.tell("help")
        while "usb NAME stall ENDPOINT" not in line:  # one order a line
            line = program.line()
        assert program.tell("usb hid-pos explode").startswith("error expected stall ENDPOINT, hang, babble")
        assert program.tell("usb printer hang") == "error usb devices: hid-pos"
    assert main(["usb", *["wedge"] * 9]) == 2
