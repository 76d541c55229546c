"""`edge-agent enroll` where its files could not lie: told before the code is spent, and never a traceback.

How it enrols is tests/system/test_mosquitto_config.py.
"""

from __future__ import annotations

import os
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.cli.program import edge_agent, settings_file

CODE = "ABCDEFGHIJKLMNOP"
NOBODY = 65534


@pytest.fixture
def folder(tmp_path: Path) -> Iterator[Path]:
    """A folder that is not for the one who runs the tests: another's where that is root, closed where not."""
    path = tmp_path / "tls"
    path.mkdir()
    if os.geteuid() == 0:
        os.chown(path, NOBODY, -1)
    else:
        path.chmod(0)
    yield path
    path.chmod(0o700)


def settings(tmp_path: Path, folder: Path) -> Path:
    names = (f'{name} = "{folder}/{name}.pem"' for name in ("ca", "cert", "key"))
    return settings_file(tmp_path, "\n".join(("[uplink.tls]", *names)))


@pytest.mark.parametrize("way", [(), ("--request", "out.json"), ("--answer", "in.json"), ("--again",)])
def test_files_that_the_agent_could_not_have_are_refused_with_the_command_that_can(
    tmp_path: Path, folder: Path, way: tuple[str, ...]
) -> None:
    words = [str(tmp_path / word) if word.endswith(".json") else word for word in way]
    ended = edge_agent("enroll", "-c", settings(tmp_path, folder), "--code", CODE, *words)
    assert ended.returncode == 2
    assert str(folder) in ended.stderr
    assert "[enrol.files]" in ended.stderr
    assert "runuser -u" in ended.stderr
    assert not (tmp_path / "out.json").exists()


def test_a_folder_that_is_not_there_yet_is_no_reason(tmp_path: Path) -> None:
    made = settings(tmp_path, tmp_path / "later" / "tls")
    ended = edge_agent("enroll", "-c", made, "--code", CODE, "--request", tmp_path / "out.json")
    assert (ended.returncode, ended.stderr) == (0, "")
    assert (tmp_path / "later" / "tls").is_dir()
