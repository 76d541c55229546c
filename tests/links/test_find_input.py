"""Input devices out of a made-up sysfs, and which of them an address of the settings means."""

from __future__ import annotations

from pathlib import Path

import pytest

from edge_agent.links.find_input import input_nodes
from edge_agent.links.input_address import paths, split_address
from edge_agent.sdk.errors import ConfigError, LinkError
from tests.links.input_tree import BUTTON, input_device


def opened(root: Path, address: str) -> list[str]:
    return paths(address, f"evdev:{address}", "scanner", root)


def test_a_scanner_is_told_with_its_socket_and_that_it_types(tmp_path: Path) -> None:
    input_device(tmp_path, 5, usb="1-1.2")
    (node,) = input_nodes(tmp_path)
    assert (node.node, node.usb_id, node.usb_path) == ("/dev/input/event5", "0c2e:0200", "1-1.2")
    assert (node.types, node.is_plugged, node.name) == (True, True, "Sim scanner")
    assert node.address == "0c2e:0200@0000:00:14.0-usb-0:1.2"


def test_a_button_does_not_type(tmp_path: Path) -> None:
    input_device(tmp_path, 0, keys=BUTTON, bus=0x19)
    (node,) = input_nodes(tmp_path)
    assert (node.types, node.is_plugged) == (False, False)


def test_what_a_device_says_of_itself_is_cleaned(tmp_path: Path) -> None:
    input_device(tmp_path, 0, name="\x1b]0;evil\x07\u202e")
    assert input_nodes(tmp_path)[0].name.isprintable()


def test_both_nodes_of_a_scanner_belong_together_and_the_typing_one_is_first(tmp_path: Path) -> None:
    input_device(tmp_path, 3, usb="1-1.2", interface=1, keys=BUTTON)
    input_device(tmp_path, 4, usb="1-1.2", interface=0)
    input_device(tmp_path, 5, usb="1-1.3", usb_id="046d:c31c")
    assert opened(tmp_path, "0c2e:0200") == ["/dev/input/event4", "/dev/input/event3"]


def test_two_identical_scanners_are_told_apart_by_their_socket(tmp_path: Path) -> None:
    input_device(tmp_path, 4, usb="1-1.2")
    input_device(tmp_path, 5, usb="1-1.3")
    assert opened(tmp_path, "0c2e:0200@1-1.3") == ["/dev/input/event5"]
    assert opened(tmp_path, "0c2e:0200@0000:00:14.0-usb-0:1.2") == ["/dev/input/event4"]
    with pytest.raises(LinkError) as refused:
        opened(tmp_path, "0c2e:0200")
    assert refused.value.code == "link.ambiguous"
    assert "0c2e:0200@0000:00:14.0-usb-0:1.2" in refused.value.hint


def test_a_keyboard_on_the_scanners_socket_is_not_the_scanner(tmp_path: Path) -> None:
    input_device(tmp_path, 4, usb="1-1.2", usb_id="046d:c31c")
    with pytest.raises(LinkError) as refused:
        opened(tmp_path, "0c2e:0200@1-1.2")
    assert refused.value.code == "link.other_device"


def test_the_scanner_on_another_socket_is_not_taken_either(tmp_path: Path) -> None:
    input_device(tmp_path, 4, usb="1-1.3")
    with pytest.raises(LinkError) as refused:
        opened(tmp_path, "0c2e:0200@1-1.2")
    assert refused.value.code == "link.absent"
    assert "1.3" in refused.value.hint


def test_without_any_device_the_scanner_is_absent(tmp_path: Path) -> None:
    with pytest.raises(LinkError) as refused:
        opened(tmp_path, "0c2e:0200@1-1.2")
    assert refused.value.code == "link.absent"


@pytest.mark.parametrize(
    "address",
    [
        "",
        "x",
        "0c2e",
        "0c2e:0200@",
        "0c2e:02000",
        "/dev/input/../mem",
        "0c2e:0200@/dev/../mem",
        "zzzz:0200@/dev/x",
    ],
)
def test_what_is_no_address_is_refused(address: str) -> None:
    with pytest.raises(ConfigError):
        split_address(address)
