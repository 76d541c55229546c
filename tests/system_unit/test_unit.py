"""The unit and its companions as systemd's own tools judge them; the VM lane starts them for real."""

from __future__ import annotations

import re
import shutil
import subprocess
from pathlib import Path

import pytest

SYSTEMD = Path(__file__).parents[2] / "systemd"
UNIT = SYSTEMD / "edge-agent.service"
EXPOSURE = 20  # in tenths, as --threshold takes it; a unit without any hardening has 96

pytestmark = pytest.mark.skipif(
    shutil.which("systemd-analyze") is None, reason="systemd-analyze is missing: apt-get install systemd"
)


@pytest.fixture
def unit(tmp_path: Path) -> Path:
    """The unit as installed: with a program where it expects one."""
    program = tmp_path / "edge-agent"
    program.write_text("#!/bin/sh\n")
    program.chmod(0o755)
    copy = tmp_path / UNIT.name
    copy.write_text(UNIT.read_text().replace("/usr/bin/edge-agent", str(program)))
    return copy


def analyze(*arguments: str) -> subprocess.CompletedProcess[str]:
    command = ["systemd-analyze", "--no-pager", *arguments]
    return subprocess.run(command, capture_output=True, text=True, check=False, timeout=60)


def test_systemd_finds_nothing_to_say_about_the_unit(unit: Path) -> None:
    done = analyze("verify", "--recursive-errors=no", str(unit))
    assert done.stdout + done.stderr == ""
    assert done.returncode == 0


def test_a_misspelt_directive_is_found(unit: Path) -> None:
    """The check above can fail: systemd only warns about unknown keys, with exit status 0."""
    unit.write_text(unit.read_text().replace("WatchdogSec=", "WatchdogSecs="))
    done = analyze("verify", "--recursive-errors=no", str(unit))
    assert "WatchdogSecs" in done.stdout + done.stderr


def test_the_sandbox_is_tight(unit: Path) -> None:
    done = analyze("security", "--offline=true", f"--threshold={EXPOSURE}", str(unit))
    assert done.returncode == 0, done.stdout + done.stderr


def test_device_nodes_stay_visible() -> None:
    """With private devices the agent would start happily and see no hardware at all."""
    assert not re.search(r"^\s*PrivateDevices", UNIT.read_text(), re.MULTILINE)


def test_devices_are_allowed_by_class_and_not_by_node() -> None:
    """A node is resolved when the unit starts: what is plugged in later would stay closed."""
    allowed = re.findall(r"^DeviceAllow=(\S+)", UNIT.read_text(), re.MULTILINE)
    assert allowed
    assert all(device.startswith("char-") for device in allowed)


def test_a_booth_is_never_given_up() -> None:
    text = UNIT.read_text()
    assert "\nRestart=always\n" in text
    assert "\nStartLimitIntervalSec=0\n" in text


def test_the_udev_rules_never_open_every_keyboard() -> None:
    """Each rule that grants something names a vendor and a product, or the printer class."""
    grants = [line for line in rules() if 'ENV{EDGE_AGENT}="' in line]
    assert grants
    for line in grants:
        listed = "ATTRS{idVendor}==" in line and "ATTRS{idProduct}==" in line
        assert listed or "ID_USB_INTERFACES" in line, line


def rules() -> list[str]:
    text = (SYSTEMD / "70-edge-agent.rules").read_text()
    return [line for line in text.splitlines() if line and not line.startswith("#")]
