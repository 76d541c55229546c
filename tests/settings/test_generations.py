"""Generations on disk: a cut at any instant leaves the old or the new one, and a trial ends by itself."""

from __future__ import annotations

import json
from dataclasses import replace
from pathlib import Path

import pytest

from edge_agent.registry import Registry
from edge_agent.sdk.errors import ConfigError, DeviceError
from edge_agent.settings.generations import (
    KEPT,
    LINK,
    PERSON,
    STARTS,
    Generation,
    Generations,
    Report,
    Trial,
    digest,
)
from edge_agent.settings.starting import Started, choose, state_directory

BOOT, NEXT_BOOT = "boot-1", "boot-2"
WINDOW_MS = 600_000
HEAVY = '[counter]\nmax_weight_kg = "25"\n'
TRIAL = Trial(0, LINK, WINDOW_MS, BOOT, WINDOW_MS)


class Box:
    """A booth.toml with its state, and starts of an agent that only chooses its configuration."""

    def __init__(self, folder: Path) -> None:
        self.file = folder / "booth.toml"
        self.state = folder / "state"
        self.write("20")

    def write(self, max_kg: str, more: str = "") -> None:
        self.file.write_text(self.text(max_kg) + more)

    def text(self, max_kg: str) -> str:
        return (
            f'schema = 1\n[booth]\nid = "B-0001"\n[state]\ndirectory = "{self.state}"\n'
            f'[counter]\nmax_weight_kg = "{max_kg}"\n[uplink]\nenabled = false\n'
        )

    def start(self, boot: str = BOOT, uptime_ms: int = 0) -> Started:
        return choose(self.file, Registry.installed(), boot=boot, uptime_ms=uptime_ms)

    def max_kg(self, boot: str = BOOT, uptime_ms: int = 0) -> str:
        return str(self.start(boot, uptime_ms).settings.counter.max_weight_kg)

    def try_centre(self, text: str = HEAVY, version: int = 7) -> Started:
        started = self.start()
        made = replace(started.generation, origin="centre", centre=text, version=version)
        started.generations.attempt(made, TRIAL, Report(state="trial", version=version, origin="centre"))
        return started

    def try_local(self, file_text: str) -> None:
        started = self.start()
        made = replace(
            started.generation, origin="local", file=file_text, box_hash=digest(self.file.read_text())
        )
        started.generations.attempt(made, replace(TRIAL, wait=PERSON), Report(state="trial", origin="local"))


@pytest.fixture
def box(tmp_path: Path) -> Box:
    return Box(tmp_path)


def test_the_file_is_what_counts_at_first(box: Box) -> None:
    assert box.max_kg() == "20"


def test_an_edit_of_the_file_counts_at_the_next_start(box: Box) -> None:
    box.start()
    box.write("21")
    assert box.max_kg() == "21"


def test_starts_without_a_change_write_nothing(box: Box) -> None:
    box.start()
    before = {path: path.stat().st_mtime_ns for path in (box.state / "config").iterdir()}
    box.start()
    assert {path: path.stat().st_mtime_ns for path in (box.state / "config").iterdir()} == before


def test_a_trial_counts_from_the_next_start_and_stays_when_confirmed(box: Box) -> None:
    box.try_centre()
    started = box.start()
    assert str(started.settings.counter.max_weight_kg) == "25"
    assert started.generations.confirm()
    assert box.max_kg(NEXT_BOOT) == "25"
    assert not box.start().generations.confirm(), "there is nothing left to confirm"


def test_a_trial_whose_time_is_up_is_undone_however_often_the_agent_was_killed(box: Box) -> None:
    box.try_centre()
    assert box.max_kg(uptime_ms=1000) == "25"
    assert box.max_kg(uptime_ms=WINDOW_MS - 1) == "25"
    assert box.max_kg(uptime_ms=WINDOW_MS) == "20"
    report = box.start().generations.standing.report
    assert (report.state, report.reason, report.version) == ("undone", "time", 7)


def test_after_a_power_cut_the_time_runs_anew_for_that_boot(box: Box) -> None:
    """Nobody knows how long the box was off, and the time of the last boot means nothing in this one."""
    box.try_centre()
    assert box.max_kg(uptime_ms=WINDOW_MS - 1) == "25"
    assert box.max_kg(NEXT_BOOT, uptime_ms=5_000) == "25"
    assert box.max_kg(NEXT_BOOT, uptime_ms=5_000 + WINDOW_MS) == "20"


def test_a_trial_that_lets_the_agent_crash_is_undone_after_a_few_starts(box: Box) -> None:
    box.try_centre()
    seen = [box.max_kg(f"boot-{number}") for number in range(STARTS + 2)]
    assert seen == ["25"] * STARTS + ["20", "20"]
    assert box.start().generations.standing.report.reason == "starts"


def test_the_centres_settings_lie_over_a_file_that_is_edited_later(box: Box) -> None:
    box.try_centre('[log]\nlevel = "debug"\n')
    box.start().generations.confirm()
    box.write("22")
    settings = box.start().settings
    assert (str(settings.counter.max_weight_kg), settings.log.level) == ("22", "debug")


def test_the_centres_settings_that_no_longer_fit_are_let_go_and_reported(box: Box) -> None:
    box.try_centre('[counter]\nmin_weight_kg = "19"\n')
    box.start().generations.confirm()
    box.write("18")
    started = box.start()
    assert str(started.settings.counter.max_weight_kg) == "18"
    report = started.generations.standing.report
    assert (report.state, report.reason) == ("refused", "config.invalid")
    assert report.problems


@pytest.mark.parametrize("broken", ["schema = ", "", "schema = 1\n[booth]\nid = 7\n"])
def test_a_file_that_was_half_written_leaves_the_last_good_configuration(box: Box, broken: str) -> None:
    box.start()
    text = box.file.read_text()
    # Half written where the state's place still stands; elsewhere it would be looked for in its usual place.
    box.file.write_text(
        text.replace('max_weight_kg = "20"', "max_weight_kg = 'x'") if not broken else text + broken
    )
    started = box.start()
    assert str(started.settings.counter.max_weight_kg) == "20"
    assert str(box.file) in started.note


def test_a_first_file_that_cannot_be_used_is_refused_with_its_place(box: Box) -> None:
    box.write("zero")
    with pytest.raises(ConfigError, match=r"booth.toml:7:17 counter.max_weight_kg"):
        box.start()


def test_a_file_applied_on_the_box_counts_until_the_file_of_the_box_is_edited(box: Box) -> None:
    box.try_local(box.text("23"))
    box.start().generations.confirm()
    assert box.max_kg() == "23"
    box.write("24")
    assert box.max_kg() == "24"


def test_the_file_of_the_box_applied_on_trial_is_undone_though_it_is_still_there(box: Box) -> None:
    box.start()
    before = box.file.read_text()
    box.write("23")
    box.file.write_text(before)
    box.start()
    started = box.start()
    box.write("23")
    made = replace(started.generation, origin="local", file=box.text("23"), box_hash=digest(box.text("23")))
    started.generations.attempt(made, replace(TRIAL, wait=PERSON), Report(state="trial", origin="local"))
    assert box.max_kg(uptime_ms=1) == "23"
    assert box.max_kg(uptime_ms=WINDOW_MS) == "20"
    assert box.max_kg(NEXT_BOOT) == "20", "not taken for a new edit"
    box.write("24")
    assert box.max_kg() == "24"


def test_what_is_damaged_on_disk_is_passed_over(box: Box) -> None:
    box.try_centre()
    box.start().generations.confirm()
    folder = box.state / "config"
    newest = max(folder.glob("g-*.json"))
    newest.write_bytes(newest.read_bytes()[:20])
    assert box.max_kg() == "20"
    (folder / "standing.json").write_text("[")
    assert box.max_kg() == "20"


@pytest.mark.parametrize("name", ["standing.json", "g-000002.json"])
def test_a_change_cut_at_any_byte_of_a_file_not_yet_in_place_changes_nothing(box: Box, name: str) -> None:
    """What is being written stands beside, under another name, until it is whole and flushed."""
    box.start()
    folder = box.state / "config"
    for cut in range(0, 400, 37):
        (folder / f"{name}.new").write_bytes(b'{"current": 9, "good": 9, "file": "schema'[:cut])
        assert box.max_kg() == "20"


def test_a_bounded_number_of_generations_is_kept_and_never_the_needed_ones_lost(box: Box) -> None:
    for number in range(3 * KEPT):
        box.write(str(20 + number))
        assert box.max_kg() == str(20 + number)
    assert len(list((box.state / "config").glob("g-*.json"))) == KEPT


def test_a_disk_that_takes_nothing_is_told_and_the_old_one_holds(tmp_path: Path) -> None:
    folder = tmp_path / "config"
    folder.mkdir()
    (folder / "standing.json.new").mkdir()  # the file cannot be written
    generations = Generations(folder)
    with pytest.raises(DeviceError) as refused:
        generations.attempt(Generation(0, "file", "x", "h"), TRIAL, Report())
    assert refused.value.code == "config.not_saved"
    assert "standing.json cannot be written" in refused.value.message
    assert "belong to the agent's user" in refused.value.hint
    assert generations.standing.current == 0


def test_the_same_refusal_is_told_once(tmp_path: Path) -> None:
    generations = Generations(tmp_path)
    report = Report(state="refused", version=3, reason="config.invalid", problems=({"line": 1},))
    assert generations.refuse(report)
    again = Generations(tmp_path)
    again.load()
    assert not again.refuse(report)
    assert again.refuse(replace(report, version=4))


def test_where_the_state_is_can_be_told_from_a_file_with_other_faults(box: Box) -> None:
    box.write("x", "[nonsense]\n")
    assert state_directory(box.file) == box.state
    box.file.write_text(box.text("20") + "[[[")
    assert state_directory(box.file) == box.state
    box.file.write_text("[")
    assert state_directory(box.file) == Path("/var/lib/edge-agent")


@pytest.mark.parametrize(
    "text",
    [
        '[state]\n# [kept]\ndirectory = "{}"\n',
        'state.directory = "{}"\n',
        'state = {{ directory = "{}" }}\n',
        '[ state ]\n"directory" = "{}"\n',
        '\ufeff[state]\r\ndirectory = "{}"\r\n',
    ],
)
def test_where_the_state_is_is_told_by_any_way_of_writing_it(tmp_path: Path, text: str) -> None:
    file = tmp_path / "booth.toml"
    file.write_text(text.format("/srv/state"))
    assert state_directory(file) == Path("/srv/state")


@pytest.mark.parametrize("state", ["7", '"state"', '"relative/state"', "[1]", '""'])
def test_what_is_no_place_for_the_state_is_none(tmp_path: Path, state: str) -> None:
    file = tmp_path / "booth.toml"
    file.write_text(f"state.directory = {state}\n")
    assert state_directory(file) == Path("/var/lib/edge-agent")
    file.write_text(f"state = {state}\n")
    assert state_directory(file) == Path("/var/lib/edge-agent")


@pytest.mark.parametrize(
    "standing",
    [
        {"current": "x"},
        {"current": 1.5},
        {"current": 1, "trial": {"previous": 1, "wait": LINK, "window_ms": "x"}},
        {"current": 1, "trial": "abc"},
        {"current": 1, "report": {"serial": 4, "state": "no such"}},
        {"current": 1, "report": {"problems": 5}},
    ],
)
def test_a_standing_of_other_types_counts_as_none_and_stops_no_start(
    tmp_path: Path, standing: dict[str, object]
) -> None:
    """Each start would fail again: a booth that only a visit could bring back."""
    box = Box(tmp_path)
    folder = box.start().generations._folder
    (folder / "standing.json").write_text(json.dumps(standing))
    assert box.max_kg() == "20"
    (folder / "g-000001.json").write_text('{"number": 1, "origin": 5, "file": 5, "box_hash": []}')
    (folder / "standing.json").write_text('{"current": 1}')
    assert box.max_kg() == "20"
