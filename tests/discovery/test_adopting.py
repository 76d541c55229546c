"""A new scanner is believed once it has read the code, and how it is set up is read off what it sent."""

from __future__ import annotations

import random
import tomllib

import pytest
from hypothesis import given
from hypothesis import strategies as st

from drivers.scanners.line import SPEC as LINE
from drivers.scanners.line import LineScannerDevice
from drivers.scanners.ssi import SPEC as SSI
from drivers.scanners.ssi import SsiDevice
from drivers.scanners.wedge import SPEC as WEDGE
from drivers.scanners.wedge_events import WedgeDevice, spelt
from edge_agent.barcodes.keyboard import TYPED
from edge_agent.discovery.adopting import Believed, hear, trials
from edge_agent.discovery.challenge import difference, new_code, proof
from edge_agent.sdk.clock import SystemClock
from edge_agent.sdk.driver import DriverSpec, Options
from edge_agent.sdk.testing import MemoryLink

SPECS = [WEDGE, LINE, SSI]
CODE = new_code(random.Random(1).choice)


async def believed(scheme: str, *sent: bytes, wait_s: float = 40.0) -> tuple[Believed | None, list[str]]:
    link, said = MemoryLink(), list[str]()
    for data in sent:
        link.arrive(data)
    found = await hear(link, trials(scheme, SPECS), CODE, SystemClock(), wait_s=wait_s, say=said.append)
    return found, said


def options(spec: DriverSpec, **given_: object) -> Options:
    return Options(spec.options, given_)


def test_each_code_is_new_and_can_be_typed_and_printed() -> None:
    codes = {new_code(random.Random(seed).choice) for seed in range(200)}
    assert len(codes) == 200
    for code in codes:
        assert code.isascii()
        assert code.isprintable()
        WedgeDevice(options(WEDGE)).encode(code)


@pytest.mark.parametrize("terminator", ["enter", "tab"])
@pytest.mark.parametrize("around", [{}, {"aim": True}, {"prefix": "P:", "suffix": "#", "aim": True}])
async def test_a_keyboard_scanner_is_believed_with_its_settings(
    terminator: str, around: dict[str, object]
) -> None:
    set_up = {"terminator": terminator, **around}
    found, _ = await believed("evdev", WedgeDevice(options(WEDGE, **set_up)).encode(CODE))
    assert found is not None
    assert (found.spec.name, found.given) == ("wedge", set_up)


async def test_a_scanner_set_for_caps_lock_is_believed_and_set_right() -> None:
    found, _ = await believed("evdev", WedgeDevice(options(WEDGE, caps_lock=True)).encode(CODE))
    assert found is not None
    assert found.given == {"caps_lock": True, "terminator": "enter"}


async def test_a_scanner_without_end_is_believed_and_the_better_setting_named() -> None:
    found, _ = await believed("evdev", WedgeDevice(options(WEDGE, terminator="none")).encode(CODE))
    assert found is not None
    assert found.given == {}
    table = found.stanza("evdev:0c2e:0200@1-1.2", "scanner").text()
    assert tomllib.loads(table)["scanner"] == [
        {"id": "scanner", "driver": "wedge", "port": "evdev:0c2e:0200@1-1.2"}
    ]
    assert "suffix CR" in table


@pytest.mark.parametrize("terminator", ["any", "crlf", "lf", "etx", "none"])
async def test_a_serial_scanner_is_believed_whatever_ends_its_barcodes(terminator: str) -> None:
    sent = LineScannerDevice(options(LINE, terminator=terminator)).encode(CODE)
    found, _ = await believed("serial", sent)
    assert found is not None
    wanted = {"terminator": terminator} if terminator in ("etx", "none") else {}
    assert (found.spec.name, found.given) == ("line", wanted)


async def test_packets_are_told_from_lines() -> None:
    found, _ = await believed("serial", SsiDevice(options(SSI)).encode(CODE))
    assert found is not None
    assert found.spec.name == "ssi"


@pytest.mark.parametrize("country", TYPED)
async def test_another_keyboard_layout_is_named(country: str) -> None:
    typed = WedgeDevice(options(WEDGE)).encode(CODE.translate(TYPED[country]))
    found, said = await believed("evdev", typed, wait_s=1.0)
    assert found is None
    assert country in said[0]


async def test_alt_mode_is_named() -> None:
    typed = b"".join(spelt(byte) for byte in CODE.encode())
    found, said = await believed("evdev", typed, wait_s=1.0)
    assert found is None
    assert "ALT mode off" in said[0]


async def test_a_person_who_types_the_code_is_not_believed() -> None:
    typed = WedgeDevice(options(WEDGE), key_us=80_000).encode(CODE)
    found, said = await believed("evdev", typed, wait_s=1.0)
    assert found is None
    assert any("slowest_key_ms" in remark for remark in said)


async def test_what_does_not_know_the_code_is_not_believed_however_long_it_types() -> None:
    device = WedgeDevice(options(WEDGE))
    others = [device.encode(new_code(random.Random(seed).choice)) for seed in range(2, 40)]
    found, said = await believed("evdev", *others, wait_s=1.0)
    assert found is None
    assert said


@given(st.text(max_size=80))
def test_no_text_is_taken_for_the_code(text: str) -> None:
    if CODE not in text and CODE.swapcase() not in text:
        assert proof(CODE, text) is None
    assert difference(CODE, text)


@given(st.binary(max_size=400))
async def test_any_bytes_on_any_port_are_survived(data: bytes) -> None:
    for scheme in ("evdev", "serial"):
        for trial in trials(scheme, SPECS):
            list(trial.codec.feed(data))
            list(trial.codec.flush())
