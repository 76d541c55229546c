"""A configuration from the centre and from the box, on the real daemon: tried, kept, undone, cut anywhere."""

from __future__ import annotations

import asyncio
import io
import signal
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import pytest

from edge_agent.crash import CONFIG_POINTS, VARIABLE
from simulators.demo.show import Show
from simulators.demo.stage import Pace, Stage, stage
from tests.commands.signing import SigningKey

pytestmark = [pytest.mark.system, pytest.mark.timeout(180)]
BOOTH = "DEMO-01"
HEAVY = '[counter]\nmax_weight_kg = "25"\n'
KEY = SigningKey()
LOOKS, LOOK_S = 1200, 0.05


def pace(**environment: str) -> Pace:
    return Pace(
        settle_s=0.02,
        print_mm_s=2000,
        environment=environment,
        settings=KEY.toml,
        signer=(KEY.id, KEY.sign_bytes),
    )


async def in_force(running: Stage) -> dict[str, object]:
    """What the agent says of its configuration; empty while it restarts."""
    try:
        answer = await running.agent.ask(op="config.show")
    except Exception:  # noqa: BLE001 - the socket is away in the middle of a restart, in whatever way
        return {}
    result = answer.get("result")
    return result if isinstance(result, dict) else {}


def max_kg(shown: dict[str, object]) -> object:
    settings = shown.get("settings")
    return settings["counter"]["max_weight_kg"] if isinstance(settings, dict) else None


async def until(running: Stage, condition: Callable[[dict[str, object]], object]) -> dict[str, object]:
    for _ in range(LOOKS):
        shown = await in_force(running)
        if shown and condition(shown):
            return shown
        await asyncio.sleep(LOOK_S)
    pytest.fail(f"it did not come to this: {shown}")


async def reported(running: Stage, condition: Callable[[dict[str, object]], object]) -> dict[str, object]:
    """The first `up/cfg` at the centre that satisfies."""
    for _ in range(LOOKS):
        told = await running.central.latest(BOOTH, "cfg")
        if told is not None and condition(told):
            return told
        await asyncio.sleep(LOOK_S)
    pytest.fail(f"the centre was not told: {told}")


def state_of(told: dict[str, object]) -> object:
    last = told["last"]
    return last["state"] if isinstance(last, dict) else None


def is_kept(shown: dict[str, object]) -> bool:
    return max_kg(shown) == "25" and shown["trial"] is False


async def test_what_the_centre_wants_is_in_force_confirmed_and_reported(tmp_path: Path) -> None:
    async with stage(tmp_path, Show(io.StringIO()), pace()) as running:
        await running.central.configure(BOOTH, 7, HEAVY)
        await until(running, is_kept)
        told = await reported(running, lambda told: told["version"] == 7 and state_of(told) == "applied")
        assert told["hash"]
        await running.central.configure(BOOTH, 8, '[booth]\nid = "DEMO-02"\n')
        told = await reported(running, lambda told: state_of(told) == "refused")
        assert told["version"] == 7, "the last good one stays in force"
        assert "is not the centre's to set" in str(told["last"])
        report = await running.drained()
        assert {kind: n for kind, n in report.by_type.items() if kind.startswith("config.")} == {
            "config.tried": 1,
            "config.applied": 1,
            "config.refused": 1,
        }
        assert report.gaps == ()


@pytest.mark.parametrize("point", [point for point in CONFIG_POINTS if point != "config.undone"])
async def test_a_kill_at_any_step_of_a_change_ends_in_the_new_one(point: str, tmp_path: Path) -> None:
    """What the centre wants is retained: whatever the cut left, the booth comes to it by itself."""
    async with stage(tmp_path, Show(io.StringIO()), pace(**{VARIABLE: point})) as running:
        await running.central.configure(BOOTH, 7, HEAVY)
        assert await running.agent.ended() == -signal.SIGKILL, "the point was not reached"
        running.agent.environment.clear()
        await running.agent.start()
        await until(running, is_kept)
        await running.central.wait_for(lambda report: "config.applied" in report.by_type, 60)
        report = await running.drained()
        assert report.by_type["config.applied"] == 1
        assert report.gaps == ()


async def test_a_kill_in_the_middle_of_undoing_leaves_the_old_one(tmp_path: Path) -> None:
    async with stage(tmp_path, Show(io.StringIO()), pace(**{VARIABLE: "config.undone"})) as running:
        await _apply(running, tmp_path, confirm="2s")
        assert await running.agent.ended() == -signal.SIGKILL
        running.agent.environment.clear()
        await running.agent.start()
        shown = await until(running, lambda shown: state_of(shown) == "undone")
        assert (max_kg(shown), shown["trial"]) == ("30", False)


async def test_a_file_tried_on_the_box_is_undone_by_itself_and_kept_when_confirmed(tmp_path: Path) -> None:
    async with stage(tmp_path, Show(io.StringIO()), pace()) as running:
        await _apply(running, tmp_path, confirm="2s")
        await until(running, lambda shown: state_of(shown) == "undone" and max_kg(shown) == "30")
        assert "the configuration on trial is undone (time)" in (tmp_path / "agent.log").read_text()
        file = await _apply(running, tmp_path, confirm="10m")
        await until(running, lambda shown: max_kg(shown) == "25" and shown["trial"])
        trial = (await running.agent.status())["configuration_on_trial"]
        assert isinstance(trial, dict)
        assert trial["waits_for"] == "person"
        assert 0 < trial["undone_in_s"] <= 600
        assert (await _cli(running, "diff", str(file)))[0] == 0
        assert (await _cli(running, "confirm"))[0] == 0
        await until(running, is_kept)
        assert (await running.agent.status())["configuration_on_trial"] is None
        code, out = await _cli(running, "diff", str(tmp_path / "booth.toml"))
        assert (code, out.strip()) == (1, 'counter.max_weight_kg: "25" → "30"')
        await running.agent.kill()
        await running.agent.start()
        assert max_kg(await until(running, lambda _: True)) == "25"


async def _apply(running: Stage, folder: Path, *, confirm: str) -> Path:
    file = folder / "new.toml"
    text = (folder / "booth.toml").read_text()
    file.write_text(text.replace("[counter]\n", HEAVY))
    code, out = await _cli(running, "apply", str(file), "--confirm", confirm)
    assert code == 0, out
    return file


async def _cli(running: Stage, *words: str) -> tuple[int, str]:
    socket = running.folder / "agent.sock"
    done = await asyncio.to_thread(
        subprocess.run,
        [sys.executable, "-m", "edge_agent", "config", *words, "--socket", str(socket)],
        capture_output=True,
        text=True,
        check=False,
    )
    return done.returncode, done.stdout + done.stderr
