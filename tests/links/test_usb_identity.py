"""A port named by a path is opened for one USB device alone: another one there is told, and never opened."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from edge_agent.links.open import open_link
from edge_agent.links.serial import SerialLink
from edge_agent.links.usb_identity import demand, may_be_bound, usb_id_of
from edge_agent.opening import opener
from edge_agent.registry import Registry
from edge_agent.sdk.driver import SerialSettings
from edge_agent.sdk.errors import LinkError
from edge_agent.sdk.ports import ByteLink
from edge_agent.settings.load import check
from tests.links.far_end import LINE, Cable, lost, read_exactly

HUB = "sys/devices/pci0000:00/0000:00:14.0/usb1/1-1"


def plugged(root: Path, node: Path | str, usb_id: str, *, levels: str = "ttyUSB0") -> None:
    """Behind this node's number hangs this USB device, as the kernel's tree has it; the one before is out."""
    vendor, _, product = usb_id.partition(":")
    usb = root / HUB / "1-1.4"
    device = usb / "1-1.4:1.0" / levels
    device.mkdir(parents=True, exist_ok=True)
    (usb / "idVendor").write_text(vendor + "\n")
    (usb / "idProduct").write_text(product + "\n")
    number = Path(node).stat().st_rdev
    char = root / "sys/dev/char" / f"{os.major(number)}:{os.minor(number)}"
    char.mkdir(parents=True, exist_ok=True)
    if not (char / "device").is_symlink():
        (char / "device").symlink_to(device)


async def test_the_device_of_the_settings_is_opened_and_read(tmp_path: Path) -> None:
    async with Cable() as cable:
        plugged(tmp_path, cable.path, "0403:6001")
        link = await open_link(
            f"serial:{cable.path}", LINE, device="scanner", usb_id="0403:6001", root=tmp_path
        )
        await cable.device.write(b"x", 1)
        assert await read_exactly(link, 1) == b"x"
        await link.close()


async def test_another_one_on_its_socket_is_named_and_not_opened(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    async with Cable() as cable:
        plugged(tmp_path, cable.path, "16c0:0483")
        monkeypatch.setattr("serial.Serial.open", lambda _port: pytest.fail("it was opened"))
        error = await lost(
            open_link(f"serial:{cable.path}", LINE, device="scanner", usb_id="0403:6001", root=tmp_path)
        )
    assert error.code == "link.other_device"
    assert "16c0:0483 is plugged in there instead of 0403:6001, and it is not opened" in str(error)
    assert error.hint == (
        'plug the right device in there; if this one is meant, write usb_id = "16c0:0483" in its table'
    )


async def test_one_that_comes_in_the_moment_of_opening_is_let_go_unread(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The node is the same, and so is its number."""
    async with Cable() as cable:
        plugged(tmp_path, cable.path, "0403:6001")
        links: list[ByteLink] = []

        async def swapped(address: str, settings: SerialSettings, *, device: str) -> ByteLink:
            plugged(tmp_path, cable.path, "16c0:0483")
            links.append(await real_open(address, settings, device=device))
            return links[0]

        real_open = SerialLink.open
        monkeypatch.setattr(SerialLink, "open", swapped)
        error = await lost(
            open_link(f"serial:{cable.path}", LINE, device="scanner", usb_id="0403:6001", root=tmp_path)
        )
        assert error.code == "link.other_device"
        with pytest.raises(LinkError):
            await links[0].read()


async def test_what_is_no_usb_device_is_not_it(tmp_path: Path) -> None:
    async with Cable() as cable:
        error = await lost(
            open_link(f"serial:{cable.path}", LINE, device="scanner", usb_id="0403:6001", root=tmp_path)
        )
    assert (error.code, error.hint) == ("link.other_device", "plug the right device in there")
    assert "no USB device is plugged in there instead of 0403:6001" in str(error)


async def test_an_empty_socket_is_an_absent_device(tmp_path: Path) -> None:
    error = await lost(
        open_link(f"serial:{tmp_path}/none", LINE, device="scanner", usb_id="0403:6001", root=tmp_path)
    )
    assert error.code == "link.absent"


@pytest.mark.parametrize("hostile", ["\x1b[31m:6001", "0403:\u202e1", "04030:6001", ":", "../..:6001"])
async def test_an_id_that_is_none_is_neither_believed_nor_shown(tmp_path: Path, hostile: str) -> None:
    async with Cable() as cable:
        plugged(tmp_path, cable.path, hostile)
        error = await lost(
            open_link(f"serial:{cable.path}", LINE, device="scanner", usb_id="0403:6001", root=tmp_path)
        )
        assert usb_id_of(f"serial:{cable.path}", tmp_path) == ""
    assert "no USB device" in str(error)


async def test_capital_hex_is_the_same_id(tmp_path: Path) -> None:
    async with Cable() as cable:
        plugged(tmp_path, cable.path, "1a86:7523")
        await demand(f"serial:{cable.path}", "1A86:7523", "scanner", tmp_path)
        assert usb_id_of(f"serial:{cable.path}", tmp_path) == "1a86:7523"


def test_a_name_that_holds_the_identity_needs_no_id() -> None:
    assert usb_id_of("serial:/dev/serial/by-id/usb-FTDI_FT232R_A10K-if00-port0") == ""
    assert usb_id_of("tcp:127.0.0.1:9100") == ""


@pytest.mark.parametrize("url", ["serial:/dev/ttyUSB0", "hidraw:/dev/hidraw0", "lp:/dev/usb/lp0"])
def test_every_kind_of_port_that_a_path_names_can_be_bound(url: str) -> None:
    assert may_be_bound(url)


@pytest.mark.parametrize("url", ["tcp:printer:9100", "hidraw:0922:8003", "usb:04b8:0e15", "evdev:0c2e:0200"])
def test_no_other_port_needs_to_be(url: str) -> None:
    assert not may_be_bound(url)


async def test_a_port_that_is_open_to_anything_is_told_once(caplog: pytest.LogCaptureFixture) -> None:
    async with Cable() as cable:
        text = (
            'schema = 1\n[booth]\nid = "B-01"\n[counter]\nflow = "none"\n[uplink]\nenabled = false\n'
            f'[[scale]]\nid = "scale"\ndriver = "st_gs"\nport = "serial:{cable.path}"\n'
        )
        settings = check(text.encode(), "booth.toml", Registry.installed()).settings
        assert settings is not None
        opening = opener(settings, lambda _: "0403:6001")
        for _ in range(3):
            await (await opening(f"serial:{cable.path}", LINE, "scale")).close()
    (told,) = caplog.messages
    assert told.endswith('is opened whatever is plugged in there; write usb_id = "0403:6001" in its table')


async def test_the_settings_reach_the_opening() -> None:
    """A pseudo-terminal is no USB device."""
    async with Cable() as cable:
        text = (
            'schema = 1\n[booth]\nid = "B-01"\n[counter]\nflow = "none"\n[uplink]\nenabled = false\n'
            f'[[scale]]\nid = "scale"\ndriver = "st_gs"\nport = "serial:{cable.path}"\nusb_id = "0403:6001"\n'
        )
        checked = check(text.encode(), "booth.toml", Registry.installed())
        assert checked.settings is not None, checked.problems
        error = await lost(opener(checked.settings)(f"serial:{cable.path}", SerialSettings(), "scale"))
    assert error.code == "link.other_device"
