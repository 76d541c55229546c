"""Port URLs: what is understood, what is refused, and that nothing but an EdgeError ever comes out."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from edge_agent.links.open import KINDS, PortUrl, open_link, parse_url
from edge_agent.sdk.driver import SerialSettings
from edge_agent.sdk.errors import ConfigError
from tests.links.far_end import LINE, Cable, Server, lost, read_exactly


@pytest.mark.parametrize(
    ("url", "parts"),
    [
        ("serial:/dev/ttyUSB0", PortUrl("serial", "/dev/ttyUSB0")),
        ("serial:/dev/serial/by-path/pci-0000:00:14.0-usb-0:1.4:1.0-port0",
         PortUrl("serial", "/dev/serial/by-path/pci-0000:00:14.0-usb-0:1.4:1.0-port0")),
        ("tcp:printer.local:9100", PortUrl("tcp", "printer.local:9100")),
        ("hidraw:/dev/edge-agent/hidraw-platform-x-usb-0:1:1.0",
         PortUrl("hidraw", "/dev/edge-agent/hidraw-platform-x-usb-0:1:1.0")),
        ("hidraw:0922:8003@1-1.4", PortUrl("hidraw", "0922:8003@1-1.4")),
        ("usb:0416:5011", PortUrl("usb", "0416:5011")),
        ("usb:0416:5011@fd500000.pcie-pci-0000:01:00.0-usb-0:1.4/1",
         PortUrl("usb", "0416:5011@fd500000.pcie-pci-0000:01:00.0-usb-0:1.4/1")),
        ("tcp:[fe80::1%eth0]:9100", PortUrl("tcp", "[fe80::1%eth0]:9100")),
    ],
)  # fmt: skip
def test_a_port_url_has_a_kind_and_an_address(url: str, parts: PortUrl) -> None:
    assert parse_url(url) == parts
    assert str(parts) == url


@pytest.mark.parametrize(
    "url",
    [
        "", ":", "serial", "serial:", "serial:ttyUSB0", "serial:./x", "serial:/dev/../etc/shadow",
        "serial:/a\nb", "serial:/a\x00b", "serial:/dev/\u202ettyUSB0", "serial:/dev/\ud800", "SERIAL:/dev/x",
        " serial:/dev/x", "file:/etc/passwd", "http://host:80", "tcp:", "tcp://host:80",
        "usb:/dev/bus/usb/001/004", "usb:0416:5011:1", "hidraw:0416", "hidraw:0416:5011@../..",
        "serial:/" + "x" * 600, "socket:x", "rfc2217:host:1", "loop:", "spy:/dev/x",
    ],
)  # fmt: skip
def test_anything_else_is_refused_with_a_hint(url: str) -> None:
    with pytest.raises(ConfigError) as refusal:
        parse_url(url)
    assert refusal.value.code == "config.port_url"
    assert refusal.value.hint
    assert str(refusal.value).isprintable()


def test_an_unknown_kind_is_told_the_known_ones() -> None:
    with pytest.raises(ConfigError) as refusal:
        parse_url("bluetooth:00:11")
    assert all(f"{kind}:" in refusal.value.hint for kind in KINDS)


@given(st.one_of(st.text(), st.builds("{}:{}".format, st.sampled_from(sorted(KINDS)), st.text())))
def test_any_text_is_a_port_or_a_config_error(url: str) -> None:
    try:
        shown = str(parse_url(url))
    except ConfigError as error:
        shown = str(error)
    else:
        assert shown == url
    assert shown.isprintable()


async def test_a_serial_url_opens_a_serial_port() -> None:
    async with Cable() as cable:
        link = await open_link(f"serial:{cable.path}", LINE, device="scale")
        assert link.url == f"serial:{cable.path}"
        await cable.device.write(b"x", 1)
        assert await read_exactly(link, 1) == b"x"
        await link.close()


async def test_a_tcp_url_opens_a_connection() -> None:
    with Server() as server:
        link = await open_link(f"tcp:127.0.0.1:{server.port}", SerialSettings(), device="printer")
        assert link.url == f"tcp:127.0.0.1:{server.port}"
        await link.close()


async def test_an_opening_that_fails_names_the_device_and_what_to_do() -> None:
    error = await lost(open_link("serial:/dev/serial/by-id/none", LINE, device="scale-1"))
    assert str(error).startswith("scale-1: cannot open serial:/dev/serial/by-id/none")
    assert (error.code, error.hint) == ("link.absent", "plug the device in")
