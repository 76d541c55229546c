"""`edge-agent run`: how the daemon starts and ends, also where nearly nothing is there for it."""

from __future__ import annotations

import contextlib
import resource
import sqlite3
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from edge_agent.local.client import ask
from tests.cli.program import DEADLINE_S, daemon, edge_agent, edge_agent_process, settings_file

MIB = 1 << 20


def test_it_serves_until_it_is_told_to_stop_and_ends_with_0(tmp_path: Path) -> None:
    with daemon(settings_file(tmp_path)) as agent:
        status = ask(agent.socket, {"op": "status"})
        assert status["booth"] == "TEST-0001"
        assert agent.stop() == 0
    assert not agent.socket.exists()


def test_what_checked_the_settings_is_gone_once_it_serves(tmp_path: Path) -> None:
    with daemon(settings_file(tmp_path)) as agent:
        proc = Path("/proc") / str(agent.process.pid)
        assert (proc / "task" / proc.name / "children").read_text() == ""
        assert "pydantic" not in (proc / "maps").read_text()


def test_start_and_the_kind_of_the_last_stop_are_on_record(tmp_path: Path) -> None:
    settings = settings_file(tmp_path)
    with daemon(settings) as agent:
        agent.stop()
    with daemon(settings) as agent:
        agent.process.kill()
        agent.process.wait()
    with daemon(settings) as agent:
        agent.stop()
    assert _types(tmp_path) == [
        "agent.started",
        "agent.started",
        "agent.stopped-uncleanly",
        "agent.started",
    ]


def test_a_second_agent_on_the_same_state_is_refused_and_the_first_goes_on(tmp_path: Path) -> None:
    settings = settings_file(tmp_path)
    with daemon(settings) as agent:
        ended = edge_agent_process("run", "-c", settings)
        assert ended.returncode == 1
        assert "another agent" in ended.stderr
        assert agent.serves()
        assert agent.stop() == 0


@pytest.mark.parametrize(
    ("text", "code"),
    [
        ("", 2),
        ("schema = 1\n[booth]\nid = 7\n", 2),
        ("\x00", 2),
        ('schema = 1\n[booth]\nid="TEST-0001"\n', 2),
    ],
)
def test_settings_that_cannot_be_used_end_with_2(tmp_path: Path, text: str, code: int) -> None:
    (tmp_path / "booth.toml").write_text(text)
    ended = edge_agent_process("run", "-c", tmp_path / "booth.toml")
    assert ended.returncode == 2
    assert "Traceback" not in ended.stderr


def test_a_state_directory_that_cannot_be_made_is_said(tmp_path: Path) -> None:
    settings = settings_file(tmp_path)
    (tmp_path / "state").write_text("a file")
    ended = edge_agent_process("run", "-c", settings)
    assert ended.returncode == 1
    assert "Traceback" not in ended.stderr
    assert "state.directory" in ended.stderr


@pytest.mark.parametrize("name", ["s" * 300, "s" * 180])
def test_a_state_directory_that_no_disk_can_have_is_said(tmp_path: Path, name: str) -> None:
    """Also one that this user may not look into: the question whether it is there fails in the same way."""
    settings = settings_file(tmp_path)
    settings.write_text(settings.read_text().replace(f"{tmp_path}/state", f"/{name}/{name}"))
    ended = edge_agent_process("run", "-c", settings)
    assert ended.returncode == 2
    assert "Traceback" not in ended.stderr
    assert "state.directory" in ended.stderr


def test_a_socket_that_cannot_be_made_ends_with_2(tmp_path: Path) -> None:
    settings = settings_file(tmp_path)
    (tmp_path / "s").write_text("a file")
    ended = edge_agent_process("run", "-c", settings)
    assert ended.returncode == 2
    assert "local.socket" in ended.stderr
    assert (tmp_path / "s").read_text() == "a file"


def test_a_full_ledger_is_no_reason_not_to_serve(tmp_path: Path) -> None:
    """Only a running agent can send what is in it, and say what is wrong."""
    settings = settings_file(tmp_path, "[ledger]\nquota_mib = 16\n")
    with daemon(settings) as agent:
        agent.stop()
    last = _fill(tmp_path / "state" / "ledger.db")
    with daemon(settings) as agent:
        status = ask(agent.socket, {"op": "status"})
        assert status["ledger"]["last"] == last, "the start could not be recorded"
        assert agent.stop() == 0


def test_a_full_disk_is_told_where_to_free_space_until_it_has_room_again(tmp_path: Path) -> None:
    settings, log = settings_file(tmp_path), tmp_path / "log"
    line = f"disk     full: free space in {tmp_path}/state\n"
    with _files_of_at_most(MIB), daemon(settings) as agent:
        ended = edge_agent("status", "--socket", agent.socket)
        assert (ended.returncode, line in ended.stdout) == (1, True), ended.stdout
        hard = resource.getrlimit(resource.RLIMIT_FSIZE)[1]
        resource.prlimit(agent.process.pid, resource.RLIMIT_FSIZE, (hard, hard))
        deadline = time.monotonic() + DEADLINE_S
        while (ended := edge_agent("status", "--socket", agent.socket)).returncode:
            assert time.monotonic() < deadline, ended.stdout
            time.sleep(0.5)
        assert "disk" not in ended.stdout
        assert agent.stop() == 0
    assert log.read_text().count("its reserve is spent: free space in") == 1
    assert log.read_text().count("is taken back") == 1


@contextlib.contextmanager
def _files_of_at_most(size: int) -> Iterator[None]:
    """Programs started meanwhile cannot make the reserve, as on a full disk."""
    before = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (size, before[1]))
    try:
        yield
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, before)


def _fill(ledger: Path) -> int:
    """Larger than its quota, and not one row fits any more; gives the last number in it."""
    with sqlite3.connect(ledger, isolation_level=None) as full:
        full.execute("CREATE TABLE ballast (x)")
        full.execute("INSERT INTO ballast VALUES (zeroblob(17 << 20))")
        (pages,) = full.execute("PRAGMA page_count").fetchone()
        full.execute(f"PRAGMA max_page_count={pages}")
        (seq,) = full.execute("SELECT max(seq) FROM events").fetchone()
        for size in (200, 0):
            row = (b"", 1, 0, 0, "none", "scan.read", "x" * size, "{}")
            with contextlib.suppress(sqlite3.OperationalError):
                while True:
                    full.execute("INSERT INTO events VALUES (?,?,?,?,?,?,?,?,?)", (seq + 1, *row))
                    seq += 1
    full.close()
    return int(seq)


def _types(folder: Path) -> list[str]:
    with sqlite3.connect(folder / "state" / "ledger.db") as ledger:
        rows = ledger.execute("SELECT type FROM events ORDER BY seq").fetchall()
    ledger.close()
    return [row[0] for row in rows]


@pytest.mark.parametrize(
    ("more", "said"),
    [
        ('[labels]\nfont_bangla = "/nowhere/none.ttf"\n', "fonts-noto-core"),
        ('[labels]\nfont_latin = "/etc/hostname"\n', "fonts-noto-core"),
        ('[counter]\nlabel = "parcel-8"\n', "did you mean 'parcel-80'?"),
    ],
)
def test_labels_that_cannot_be_drawn_are_a_fault_at_start(tmp_path: Path, more: str, said: str) -> None:
    shown = edge_agent_process("run", "-c", settings_file(tmp_path, more))
    assert shown.returncode == 2
    assert said in shown.stderr
