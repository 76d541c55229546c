"""The `edge-agent` program as a shell runs it, and a settings file of a booth without devices.

Owns: `edge_agent`, `edge_agent_process`, `settings_file`, Daemon. Must not know: any verb.
"""

from __future__ import annotations

import io
import os
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager, redirect_stderr, redirect_stdout
from pathlib import Path

from edge_agent.cli.main import main
from edge_agent.local.client import ask
from edge_agent.sdk.errors import LinkError

DEADLINE_S = 40.0  # starting Python on a loaded machine
PROGRAM = (sys.executable, "-m", "edge_agent")


def edge_agent(*words: object) -> subprocess.CompletedProcess[str]:
    """Run it to its end, in this process: what it says and its exit code. An exception is not caught."""
    output, errors = _Stream(errors="strict"), _Stream(errors="backslashreplace")
    with redirect_stdout(output), redirect_stderr(errors):
        try:
            code = main([str(word) for word in words])
        except SystemExit as end:  # argparse ends so
            code = end.code if isinstance(end.code, int) else 1
    return subprocess.CompletedProcess(words, code, output.text(), errors.text())


class _Stream(io.TextIOWrapper):
    """An output as a program has it: text that is encoded, with the answer to what cannot be."""

    def __init__(self, *, errors: str) -> None:
        super().__init__(io.BytesIO(), encoding="utf-8", errors=errors)

    def text(self) -> str:
        self.flush()
        assert isinstance(self.buffer, io.BytesIO)
        return self.buffer.getvalue().decode(errors="surrogateescape")


def edge_agent_process(*words: object, **environment: str) -> subprocess.CompletedProcess[str]:
    """Run it to its end in a process of its own, for what only a whole program shows."""
    return subprocess.run(
        [*PROGRAM, *map(str, words)],
        capture_output=True,
        text=True,
        timeout=DEADLINE_S,
        env={**os.environ, **environment},
        errors="surrogateescape",
        check=False,
    )


def settings_file(folder: Path, more: str = "") -> Path:
    """Settings of a booth without devices and centre, whose files are all in this folder."""
    path = folder / "booth.toml"
    path.write_text(
        'schema = 1\n[booth]\nid = "TEST-0001"\n[uplink]\nenabled = false\n'
        f'[state]\ndirectory = "{folder}/state"\n[local]\nsocket = "{folder}/s"\n{more}'
    )
    return path


class Daemon:
    """`edge-agent run` in its own process."""

    def __init__(self, folder: Path, process: subprocess.Popen[str]) -> None:
        self.socket = folder / "s"
        self.process = process

    def serves(self) -> bool:
        try:
            ask(self.socket, {"op": "status"})
        except LinkError:
            return False
        return True

    def until_it_serves(self) -> None:
        end = time.monotonic() + DEADLINE_S
        while not self.serves():
            assert self.process.poll() is None, "the agent ended"
            assert time.monotonic() < end, "the agent does not answer"
            time.sleep(0.02)

    def stop(self) -> int:
        self.process.send_signal(signal.SIGTERM)
        return self.process.wait(DEADLINE_S)


@contextmanager
def daemon(settings: Path) -> Iterator[Daemon]:
    """A running agent; killed at the end if the test has not stopped it."""
    with (settings.parent / "log").open("a") as log:
        process = subprocess.Popen(
            [*PROGRAM, "run", "-c", str(settings)],
            stdin=subprocess.DEVNULL,
            stdout=log,
            stderr=log,
            text=True,
        )
    made = Daemon(settings.parent, process)
    try:
        made.until_it_serves()
        yield made
    finally:
        process.kill()
        process.wait()
