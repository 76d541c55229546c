"""`edge-sim central` as a program: live lines, command console, --check."""

from __future__ import annotations

import argparse
import asyncio
import sys

import pytest

from simulators.central import cli
from tests.simulators.central.booth import DEADLINE_S, Booth, event
from tests.simulators.central.test_check import record
from tests.simulators.central.test_kill import PROGRAM


def arguments(*options: object) -> argparse.Namespace:
    parser = argparse.ArgumentParser()
    cli.add_arguments(parser)
    return parser.parse_args([str(one) for one in options])


async def test_check_of_a_clean_file_is_0(db, capsys):
    record(db, event(1))
    assert await cli.run(arguments("--db", db, "--check")) == 0
    assert capsys.readouterr().out == "no violations\n"


async def test_check_of_a_bad_file_is_1_and_shows_no_control_characters(db, capsys):
    record(db, event(1, "parcel.accepted", "\x1b[31m"), event(2, "parcel.accepted", "\x1b[31m"))
    assert await cli.run(arguments("--db", db, "--check")) == 1
    out = capsys.readouterr().out
    assert "parcel.doubled: B-1" in out
    assert "\x1b" not in out


async def test_check_of_no_file_is_2(db, capsys):
    assert await cli.run(arguments("--db", db, "--check")) == 2
    assert "--db" in capsys.readouterr().err


@pytest.mark.system
async def test_it_prints_what_happens_and_sends_typed_commands(broker, db):
    process = await asyncio.create_subprocess_exec(
        sys.executable, "-c", PROGRAM, "--db", str(db), "--port", str(broker.port),
        stdin=asyncio.subprocess.PIPE, stdout=asyncio.subprocess.PIPE,
    )  # fmt: skip

    async def line() -> str:
        async with asyncio.timeout(DEADLINE_S):
            return (await process.stdout.readline()).decode().rstrip()

    async def typed(text: str) -> str:
        process.stdin.write(f"{text}\n".encode())
        return await line()

    try:
        assert (await line()).startswith("central on 127.0.0.1:")
        assert [await line() for _ in range(2)] == cli.CONSOLE.split("\n")
        async with Booth(broker.port) as booth:
            await booth.send(event(1, "parcel.accepted", "RR1\nB-9 forged"))
            assert await line() == "B-1 #1 stored parcel.accepted RR1\N{REPLACEMENT CHARACTER}B-9 forged"
            assert await line() == "B-1 acknowledged up to 1"
            assert (await typed('cmd B-1 scale.zero {"device": "scale-1"}')).startswith("sent ")
            await booth.heard(lambda: booth.commands)
            assert booth.commands[0]["args"] == {"device": "scale-1"}
            for wrong in ("cmd B-1 scale.zero [1]", "cmd B-1 scale.zero {", "cmd a/b scale.zero"):
                assert (await typed(wrong)).startswith("not done: ")
            assert (await typed("report")).startswith("1 events, 0 came again")
            assert await line() == "         1 parcel.accepted"
            assert await typed("check") == "no violations"
        process.stdin.write(b"quit\n")
        assert await asyncio.wait_for(process.wait(), DEADLINE_S) == 0
    finally:
        if process.returncode is None:
            process.kill()
        await process.communicate()


@pytest.mark.parametrize("root", ["", "a/#", "+"])
async def test_a_root_that_cannot_begin_a_topic_is_told(db, capsys, root):
    assert await cli.run(arguments("--db", db, "--root", root)) == 2
    assert "--root" in capsys.readouterr().err


@pytest.mark.parametrize("port", ["0", "65536", "x", "-1"])
def test_a_port_that_is_none_is_wrong_usage(port, capsys):
    with pytest.raises(SystemExit, match="2"):
        arguments(f"--port={port}")
    assert "from 1 to 65535" in capsys.readouterr().err


async def test_without_a_broker_it_says_so(broker, db, capsys, monkeypatch):
    monkeypatch.setattr("simulators.central.server.START_TIMEOUT_S", 0.1)
    await broker.cut()
    assert await cli.run(arguments("--db", db, "--port", broker.port)) == 2
    assert "no broker" in capsys.readouterr().err
