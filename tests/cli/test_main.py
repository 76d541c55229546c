"""The command line as a shell sees it: output, errors, exit codes 0, 1, 2 and 3."""

from __future__ import annotations

import argparse
import json
import os
import socket
import subprocess
from collections.abc import Iterator
from importlib import import_module
from pathlib import Path
from typing import Any

import pytest

from edge_agent import __version__
from edge_agent.cli.main import VERBS, _parser, main
from tests.cli.program import PROGRAM, edge_agent, edge_agent_process
from tests.local.test_client import answering

VECTORS = json.loads((Path(__file__).parent / "vectors" / "toledo_8217.json").read_text())
GOOD_FRAME, BROKEN_FRAME = "0230312E3233340D", "0230310D"

STATUS: dict[str, Any] = {
    "booth": "DHAKA-0001",
    "agent": "1.0",
    "running_ms": 3_725_000,
    "time": "2026-11-23T10:00:00.000Z",
    "clock": "ntp",
    "uplink": {"status": "online", "reason": ""},
    "backlog": {"count": 0},
    "ledger": {"last": 7, "acknowledged": 7, "reserve_spent": False, "directory": "/var/lib/edge-agent"},
    "counter": {"phase": "idle", "prompt": "পার্সেল স্ক্যান করুন", "accepted": 1, "labels": 1, "refused": 0},
    "printing": {
        "waiting": 0,
        "unconfirmed": 0,
        "printers": [
            {
                "id": "printer-1",
                "waiting": 0,
                "suspended": False,
                "labels_last_hour": 3,
                "labels_per_hour": 600,
                "paper_near_end": False,
            }
        ],
    },
    "devices": [
        {
            "id": "scale-1",
            "driver": "toledo_8217",
            "status": "ready",
            "reason": "",
            "hint": "",
            "reading": {"weight": "1.234", "unit": "kg", "status": "ok", "age_ms": 200},
        }
    ],
}


def answer(status: dict[str, Any]) -> bytes:
    return json.dumps({"ok": True, "result": status}).encode() + b"\n"


# Usage


@pytest.mark.parametrize(
    "words",
    [
        (),
        ("no-such-verb",),
        ("status", "--no-such-option"),
        ("decode",),
        ("decode", "--protocol", "toledo_8217"),
        ("decode", "--hex", GOOD_FRAME),
        ("decode", "--protocol", "no_such", "--hex", "00"),
        ("decode", "--protocol", "toledo_8217", "--hex", "zz"),
        ("decode", "--protocol", "toledo_8217", "--hex", "0"),
        ("decode", "--protocol", "toledo_8217", "--unit", "parsec", "--hex", GOOD_FRAME),
        ("decode", "--protocol", "toledo_8217", "--dialect", "no-such", "--hex", GOOD_FRAME),
        ("print",),
        ("print", "no-such-order"),
        ("config",),
        ("run", "-c", "/no/such/file"),
    ],
    ids=" ".join,
)
def test_wrong_usage_ends_with_2_and_no_traceback(words: tuple[str, ...]) -> None:
    run = edge_agent_process if words == () or "run" in words else edge_agent
    ended = run(*words)
    assert ended.returncode == 2
    assert ended.stderr
    assert "Traceback" not in ended.stderr


def test_help_names_every_verb() -> None:
    ended = edge_agent_process("--help")
    assert ended.returncode == 0
    assert all(verb in ended.stdout for verb in VERBS)
    assert "demo" in ended.stdout


@pytest.mark.parametrize("verb", [*VERBS, "demo"])
def test_every_verb_has_a_help(verb: str, capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit) as ended:
        main([verb, "--help"])
    assert ended.value.code == 0
    assert verb in capsys.readouterr().out


def actions_of(parser: argparse.ArgumentParser, path: str) -> Iterator[tuple[str, argparse.Action]]:
    for action in parser._actions:
        if isinstance(action, argparse._SubParsersAction):
            for name, inner in action.choices.items():
                yield from actions_of(inner, f"{path} {name}")
        else:
            yield path, action


def test_every_argument_of_every_verb_is_explained() -> None:
    every = list(actions_of(_parser([]), "edge-agent"))
    assert len(every) > 100
    assert [f"{path} {action.dest}" for path, action in every if not action.help] == []


def test_the_version_is_told_without_an_agent() -> None:
    ended = edge_agent("--version")
    assert (ended.returncode, ended.stdout) == (0, f"edge-agent {__version__}\n")


@pytest.mark.parametrize("program", ["edge_agent.cli.main", "simulators.cli"])
def test_a_hand_on_ctrl_c_while_a_verb_is_looked_up_is_no_traceback(
    program: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Looking up imports: a second on a small board."""

    def pressed(_: object) -> None:
        raise KeyboardInterrupt

    module = import_module(program)
    monkeypatch.setattr(module, "_parser", pressed)
    assert module.main(["status"]) in (0, 130)


def test_a_misspelt_protocol_is_told_the_nearest() -> None:
    assert "toledo_8217" in edge_agent("decode", "--protocol", "toledo8217", "--hex", "00").stderr


def test_an_error_is_one_json_object_where_that_is_asked_for(tmp_path: Path) -> None:
    ended = edge_agent("status", "--socket", tmp_path / "none", "--json")
    assert json.loads(ended.stderr)["code"] == "local.unreachable"
    assert ended.stdout == ""


def test_the_program_runs_without_a_reader_of_its_output() -> None:
    """`edge-agent decode --list | true`"""
    reading = subprocess.Popen(["/bin/true"], stdin=subprocess.PIPE)
    reading.wait()
    writing = subprocess.Popen(
        [*PROGRAM, "decode", "--list"], stdout=reading.stdin, stderr=subprocess.PIPE, text=True
    )
    assert reading.stdin is not None
    reading.stdin.close()
    _, errors = writing.communicate(timeout=40)
    assert (writing.returncode, errors) == (0, "")


# decode


@pytest.mark.parametrize("vector", VECTORS, ids=lambda vector: vector["id"])
def test_decode_reads_the_shared_vectors(vector: dict[str, Any]) -> None:
    words = ["decode", "--json", "--protocol", "toledo_8217"]
    for name in ("dialect", "unit"):
        words += [f"--{name}", vector[name]] if name in vector else []
    for frame in vector["frames_hex"]:
        words += ["--hex", frame]
    ended = edge_agent(*words)
    last = json.loads(ended.stdout.splitlines()[-1])
    assert {name: last[name] for name in vector["expect"]} == vector["expect"]
    assert ended.returncode == (1 if last["status"] == "invalid_frame" else 0)


def test_a_broken_frame_ends_with_1_and_the_good_ones_are_shown() -> None:
    ended = edge_agent("decode", "--protocol", "toledo_8217", "--hex", BROKEN_FRAME, GOOD_FRAME)
    assert ended.returncode == 1
    assert "1.234 kg" in ended.stdout
    assert "invalid frame" in ended.stdout


def test_no_frame_at_all_is_a_finding_too() -> None:
    ended = edge_agent("decode", "--json", "--protocol", "toledo_8217", "--hex", "00")
    assert ended.returncode == 1
    assert json.loads(ended.stdout)["status"] == "invalid_frame"


def test_spaces_between_the_bytes_are_taken() -> None:
    ended = edge_agent("decode", "--protocol", "toledo_8217", "--hex", "02 30 31 2E 32 33 34 0D")
    assert (ended.returncode, ended.stdout) == (0, "ok 1.234 kg stable\n")


def test_what_a_scanner_sent_cannot_act_on_the_terminal() -> None:
    ended = edge_agent("decode", "--protocol", "line", "--hex", "1B5D303B7078C29B0D")
    assert ended.stdout.strip().isprintable()


def test_list_names_scales_and_scanners_and_no_printers() -> None:
    ended = edge_agent("decode", "--list")
    names = {line.split()[0] for line in ended.stdout.splitlines()}
    assert {"toledo_8217", "line"} <= names
    assert "escpos" not in names
    as_json = [json.loads(line) for line in edge_agent("decode", "--list", "--json").stdout.splitlines()]
    assert {row["protocol"] for row in as_json} == names
    assert {row["kind"] for row in as_json} == {"scale", "scanner"}


# status and print


def test_a_dead_socket_ends_with_3(tmp_path: Path) -> None:
    left = socket.socket(socket.AF_UNIX)
    left.bind(str(tmp_path / "s"))
    left.close()
    for words in (("status",), ("print", "confirm"), ("print", "reprint"), ("print", "void")):
        ended = edge_agent(*words, "--socket", tmp_path / "s")
        assert ended.returncode == 3
        assert "systemctl status edge-agent" in ended.stderr


def test_no_socket_ends_with_3(tmp_path: Path) -> None:
    assert edge_agent("status", "--socket", tmp_path / "none").returncode == 3


@pytest.mark.parametrize("reads", [True, False])
def test_an_agent_that_closes_at_once_is_one_that_cannot_be_reached(tmp_path: Path, reads: bool) -> None:
    with answering(tmp_path / "s", b"", reads=reads):
        ended = edge_agent("status", "--socket", tmp_path / "s")
    assert ended.returncode == 3
    assert "Traceback" not in ended.stderr


def test_a_healthy_booth_is_one_screen_and_ends_with_0(tmp_path: Path) -> None:
    with answering(tmp_path / "s", answer(STATUS)):
        ended = edge_agent("status", "--socket", tmp_path / "s")
    assert ended.returncode == 0
    assert "booth    DHAKA-0001   agent 1.0   running 1:02:05" in ended.stdout
    assert "পার্সেল স্ক্যান করুন" in ended.stdout
    assert "1.234 kg, 0.2 s ago" in ended.stdout


@pytest.mark.parametrize(
    "ill",
    [
        {"uplink": {"status": "offline", "reason": "no way to the broker"}},
        {"ledger": {**STATUS["ledger"], "reserve_spent": True}},
        {"devices": [{**STATUS["devices"][0], "status": "absent", "hint": "plug it in"}]},
    ],
    ids=["uplink", "ledger", "device"],
)
def test_a_booth_that_needs_somebody_ends_with_1(tmp_path: Path, ill: dict[str, Any]) -> None:
    with answering(tmp_path / "s", answer({**STATUS, **ill})):
        assert edge_agent("status", "--socket", tmp_path / "s").returncode == 1


def test_status_as_json_is_the_agents_own_object(tmp_path: Path) -> None:
    with answering(tmp_path / "s", answer(STATUS)):
        ended = edge_agent("status", "--json", "--socket", tmp_path / "s")
    assert json.loads(ended.stdout) == STATUS


@pytest.mark.parametrize("words", [(), ("--json",)], ids=["text", "json"])
def test_a_barcode_in_the_status_cannot_act_on_the_terminal(tmp_path: Path, words: tuple[str, ...]) -> None:
    counter = {**STATUS["counter"], "prompt": "Accepted: \x1b]0;owned\x07\x9b2J\u202e\udc80"}
    with answering(tmp_path / "s", answer({**STATUS, "counter": counter})):
        ended = edge_agent("status", *words, "--socket", tmp_path / "s")
    assert all(line.isprintable() for line in ended.stdout.splitlines())
    assert ended.returncode == 0


@pytest.mark.parametrize("words", [(), ("--json",)], ids=["text", "json"])
def test_an_output_that_takes_nothing_is_one_line_and_no_traceback(
    tmp_path: Path, words: tuple[str, ...]
) -> None:
    """`edge-agent status > /dev/full`"""
    command = [*PROGRAM, "status", *words, "--socket", str(tmp_path / "s")]
    long = {**STATUS, "devices": STATUS["devices"] * 500}  # more than any buffer holds
    for status in (STATUS, long):
        with answering(tmp_path / "s", answer(status)), Path("/dev/full").open("w") as full:
            ended = subprocess.run(
                command, stdout=full, stderr=subprocess.PIPE, text=True, timeout=40, check=False
            )
        assert (ended.returncode, len(ended.stderr.splitlines())) == (2, 1), ended.stderr
        assert "the output cannot be written: No space left on device" in ended.stderr
        (tmp_path / "s").unlink(missing_ok=True)


def test_what_the_end_of_the_program_still_has_to_write_is_no_traceback_either() -> None:
    with Path("/dev/full").open("w") as full:
        ended = subprocess.run(
            [*PROGRAM, "decode", "--protocol", "toledo_8217", "--hex", GOOD_FRAME],
            stdout=full,
            stderr=subprocess.PIPE,
            text=True,
            timeout=40,
            check=False,
            env={**os.environ, "PYTHONUNBUFFERED": ""},
        )
    assert (ended.returncode, len(ended.stderr.splitlines())) == (2, 1), ended.stderr
    assert "[output.unwritable]" in ended.stderr


def test_bangla_on_a_terminal_that_has_none_is_escaped(tmp_path: Path) -> None:
    with answering(tmp_path / "s", answer(STATUS)):
        ended = edge_agent_process("status", "--socket", tmp_path / "s", PYTHONIOENCODING="ascii")
    assert ended.returncode == 0
    assert "\\u09aa" in ended.stdout


def test_a_refused_order_ends_with_1_and_its_reason(tmp_path: Path) -> None:
    refusal = {"ok": False, "code": "flow.nothing_to_do", "error": "nothing to decide", "hint": ""}
    with answering(tmp_path / "s", json.dumps(refusal).encode() + b"\n"):
        ended = edge_agent("print", "confirm", "--socket", tmp_path / "s")
    assert ended.returncode == 1
    assert "nothing to decide" in ended.stderr


def test_an_order_that_is_carried_out_ends_with_0(tmp_path: Path) -> None:
    with answering(tmp_path / "s", b'{"ok":true,"result":{"phase":"idle","attempt":0}}\n'):
        ended = edge_agent("print", "void", "--socket", tmp_path / "s")
    assert (ended.returncode, ended.stdout) == (0, "void: the counter is now idle\n")
