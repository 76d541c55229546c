"""`edge-agent devices adopt --scanner` as a technician runs it: the code is shown, scanned, and believed."""

from __future__ import annotations

import os
import pty
import re
import shutil
import subprocess
import sys
import tomllib
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import zxingcpp
from PIL import Image

from edge_agent.cli.devices_adopt_scanner import page
from edge_agent.discovery.challenge import new_code
from edge_agent.labels.page import to_png

EXAMPLE = Path(__file__).parents[2] / "config" / "booth.example.toml"
SHOWN = re.compile(r"nothing else:  (\S+)")


@contextmanager
def serial_port() -> Iterator[tuple[int, str]]:
    far, near = pty.openpty()
    try:
        yield far, os.ttyname(near)
    finally:
        os.close(far)
        os.close(near)


def adopt(*arguments: str) -> subprocess.Popen[str]:
    return subprocess.Popen(
        [str(Path(sys.executable).with_name("edge-agent")), "devices", "adopt", "--scanner", *arguments],
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        env={**os.environ, "PYTHONIOENCODING": "utf-8"},
    )


def code_shown(program: subprocess.Popen[str]) -> str:
    assert program.stderr is not None
    for line in program.stderr:
        if found := SHOWN.search(line):
            return found[1]
    raise AssertionError("no code was shown")


def test_a_scanner_that_reads_the_code_comes_into_the_settings(tmp_path: Path) -> None:
    settings = tmp_path / "booth.toml"
    shutil.copy(EXAMPLE, settings)
    with serial_port() as (far, name):
        program = adopt(f"serial:{name}", "-c", str(settings), "--yes", "--wait", "60")
        code = code_shown(program)
        os.write(far, b"RB123456785GB\r")
        assert program.stderr is not None
        assert any("another barcode" in line for line in program.stderr)
        os.write(far, f"]Q1{code}\r\n".encode())
        out, err = program.communicate(timeout=60)
    assert program.returncode == 0, err
    table = tomllib.loads(settings.read_text())["scanner"][-1]
    assert table == {"id": "scanner-2", "driver": "line", "port": f"serial:{name}", "aim": True}
    assert tomllib.loads(out)["scanner"] == [table]


def test_without_the_code_nothing_is_written(tmp_path: Path) -> None:
    settings = tmp_path / "booth.toml"
    shutil.copy(EXAMPLE, settings)
    with serial_port() as (far, name):
        program = adopt(name, "-c", str(settings), "--yes", "--wait", "1")
        os.write(far, b"Bx7/cdef-aYq_cdef\r")
        _, err = program.communicate(timeout=60)
    assert program.returncode == 1
    assert f"serial:{name}" in err, "a node may be named as it is"
    assert "devices.not_proved" in err
    assert settings.read_text() == EXAMPLE.read_text()


def test_the_picture_of_the_code_reads_both_ways(tmp_path: Path) -> None:
    code = new_code(lambda letters: letters[3])
    picture = tmp_path / "code.png"
    picture.write_bytes(to_png(page(code)))
    with Image.open(picture) as image:
        found = {(str(one.format), one.text) for one in zxingcpp.read_barcodes(image.convert("L"))}
    assert {text for _, text in found} == {code}
    assert len(found) == 2
