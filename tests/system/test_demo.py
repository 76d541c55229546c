"""The README's first command: the demo ends by itself with a summary, and its judgement can fail."""

from __future__ import annotations

import asyncio
import contextlib
import io
import os
import re
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest

from edge_agent.cli.main import main
from edge_agent.registry import Registry
from edge_agent.settings.load import load
from simulators.central.report import Report
from simulators.demo.play import judge
from simulators.demo.show import Show
from simulators.demo.stage import Pace, stage
from tests.system.clerk import Clerk

pytestmark = [pytest.mark.system, pytest.mark.timeout(180)]
CONFIG = Path(__file__).parents[2] / "simulators" / "demo" / "demo.toml"
CUT_S = 28.0  # a person sees two seconds; a loaded machine is slower, and a step that is waited for takes 30


def test_the_demo_ends_with_a_summary_and_every_promise_held(tmp_path: Path) -> None:
    run = subprocess.run(
        [sys.executable, "-m", "edge_agent", "demo", "--seconds", "14", "--folder", str(tmp_path)],
        capture_output=True,
        text=True,
        timeout=150,
        check=False,
    )
    assert run.returncode == 0, run.stdout[-3000:] + run.stderr[-1000:]
    told = dict(re.findall(r"demo +(accepted|acknowledged|lost|doubled) +(\d+)", run.stdout))
    assert int(told["accepted"]) >= 1
    assert told["accepted"] == told["acknowledged"]
    assert (told["lost"], told["doubled"]) == ("0", "0")
    labels = sorted((tmp_path / "labels").glob("*.png"))
    assert len(labels) == int(told["accepted"])


@pytest.mark.parametrize(
    ("line", "number"),
    [
        ("press Ctrl-C", signal.SIGINT),  # the agent is only starting
        ("put on the pan", signal.SIGINT),
        ("parcel ACCEPTED", signal.SIGINT),
        ("put on the pan", signal.SIGTERM),
        ("put on the pan", signal.SIGHUP),
    ],
)
def test_ctrl_c_in_a_terminal_ends_the_demo_in_order(
    line: str, number: signal.Signals, tmp_path: Path
) -> None:
    """A terminal signals the whole foreground group; nothing broke, so nothing is called broken."""
    code, told, took_s = _signalled(line, number, tmp_path)
    assert code == 0, told[-3000:]
    assert "== Summary" in told
    assert "BROKEN" not in told
    assert re.search(r"demo +lost +0", told)
    assert took_s < CUT_S
    assert not _running_with(tmp_path)


async def test_the_judgement_finds_a_lost_and_a_doubled_parcel(tmp_path: Path) -> None:
    async with stage(tmp_path, Show(io.StringIO()), Pace(settle_s=0.02, print_mm_s=2000)) as running:
        await running.devices_ready()
        await Clerk(running).accept("RR102030405BD", "1.235")
        await running.drained()
        await running.until("the label is saved", lambda: running.printer.idle)
        good = await running.central.report()
        assert judge(running, good, tmp_path) == []
        assert judge(running, _with(good, ()), tmp_path)
        assert judge(running, _with(good, good.accepted * 2), tmp_path)
        running.record.labels += 1
        assert judge(running, good, tmp_path)
        assert judge(running, good, tmp_path, in_hand=True) == []  # cut short before its parcel is accepted
        assert judge(running, _with(good, ()), tmp_path, in_hand=True)
        assert judge(running, _with(good, good.accepted * 2), tmp_path, in_hand=True)
        running.record.labels += 1
        assert judge(running, good, tmp_path, in_hand=True)


@pytest.mark.parametrize("device", ["scanner", "scale", "printer"])
async def test_an_unplugged_device_heals_and_the_others_do_not_notice(device: str, tmp_path: Path) -> None:
    async with stage(tmp_path, Show(io.StringIO()), Pace(settle_s=0.02, print_mm_s=2000)) as running:
        await running.devices_ready()
        endpoint = getattr(running, device).endpoint
        await endpoint.unplug()
        await _until_status(running, f"{device}-1", "absent")
        others = [d for d in (await running.agent.status())["devices"] if d["id"] != f"{device}-1"]
        assert [other["status"] for other in others] == ["ready", "ready"]
        await endpoint.plug()
        await running.devices_ready()
        await Clerk(running).accept("RR102030405BD", "1.235")
        assert running.record.saved == ["RR102030405BD"]


def test_the_demos_configuration_is_a_right_one() -> None:
    assert load(CONFIG, Registry.installed()).booth.id == "DEMO-01"


@pytest.mark.parametrize("place", ["/dev/null", "/proc/none/x"])
def test_a_folder_that_takes_nothing_is_one_line(place: str, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["demo", "--seconds", "14", "--folder", place]) == 2
    assert "[demo.folder]" in capsys.readouterr().err


def test_a_demo_that_is_killed_leaves_no_agent_behind(tmp_path: Path) -> None:
    code, _, _ = _signalled("put on the pan", signal.SIGKILL, tmp_path)
    assert code == -signal.SIGKILL
    deadline = time.monotonic() + CUT_S
    while _running_with(tmp_path) and time.monotonic() < deadline:
        time.sleep(0.05)
    assert not _running_with(tmp_path)


def _signalled(line: str, number: signal.Signals, folder: Path) -> tuple[int, str, float]:
    """A demo whose process group gets a signal once it wrote this; status, output, time to its end."""
    command = [sys.executable, "-m", "edge_agent", "demo", "--folder", str(folder)]
    with subprocess.Popen(
        command, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True, start_new_session=True
    ) as demo:
        assert demo.stdout is not None
        told = ""
        while line not in told:
            read = demo.stdout.readline()
            assert read, told
            told += read
        os.killpg(demo.pid, number)
        began = time.monotonic()
        told += demo.communicate(timeout=120)[0]
        return demo.returncode, told, time.monotonic() - began


def _running_with(folder: Path) -> list[str]:
    """Processes that were started with this folder: the agent, if it was left behind."""
    found = []
    for path in Path("/proc").glob("[0-9]*/cmdline"):
        with contextlib.suppress(OSError):
            found.append(path.read_text(encoding="utf-8", errors="replace"))
    return [command for command in found if str(folder) in command]


async def _until_status(running, device: str, wanted: str) -> None:  # type: ignore[no-untyped-def]
    deadline = asyncio.get_running_loop().time() + 30
    while asyncio.get_running_loop().time() < deadline:
        for found in (await running.agent.status())["devices"]:
            if found["id"] == device and found["status"] in {wanted, "opening"}:
                return
        await asyncio.sleep(0.02)
    pytest.fail(f"{device} is not {wanted}")


def _with(report: Report, accepted: tuple[str, ...]) -> Report:
    return Report(**{**{name: getattr(report, name) for name in Report.__slots__}, "accepted": accepted})
