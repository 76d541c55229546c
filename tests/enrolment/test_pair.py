"""The booth's key and certificate fit each other whatever fails while they are replaced, and whenever."""

from __future__ import annotations

import errno
import os
import ssl
from collections.abc import Callable, Sequence
from pathlib import Path

import pytest

from edge_agent.enrolment import keys
from edge_agent.sdk.clock import ManualClock
from edge_agent.sdk.errors import ConfigError
from edge_agent.uplink import pair
from edge_agent.uplink.credentials import Credentials
from simulators.central.authority import Authority

BOOTH = "DHAKA-01"
STEPS = 18  # calls that change or flush a file in one replacement: counted by a test below


class PowerGone(BaseException):
    """Nothing is done any more, not even tidying up."""


class Disk:
    """Counts what changes a file; from call `fails_at` on it fails, once or for good."""

    def __init__(self, patch: pytest.MonkeyPatch) -> None:
        self.done: list[str] = []
        self.fails_at: int | None = None
        self.error: BaseException = OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))
        self.for_good = True
        for owner, name in ((Path, "replace"), (Path, "unlink"), (os, "open"), (os, "write"), (os, "fsync")):
            patch.setattr(owner, name, self._counted(name, getattr(owner, name)))

    def _counted(self, name: str, deed: Callable[..., object]) -> Callable[..., object]:
        def run(*args: object, **more: object) -> object:
            at = len(self.done)
            self.done.append(name)
            if self._fails(at) and (name != "unlink" or isinstance(self.error, PowerGone)):
                raise self.error  # but a full disk lets files go
            return deed(*args, **more)

        return run

    def _fails(self, at: int) -> bool:
        if self.fails_at is None:
            return False
        return at >= self.fails_at if self.for_good else at == self.fails_at


class Files:
    """Of one booth, key and certificate in folders of their own."""

    def __init__(self, folder: Path) -> None:
        self.authority = Authority(folder / "ca")
        self.ca, self.cert, self.key = folder / "ca.pem", folder / "c" / "b.pem", folder / "k" / "b.key"
        self.ca.write_text(self.authority.ca_pem)
        self.pairs = [self._made() for _ in range(3)]
        pair.put(self.cert, self.key, *self.pairs[0])
        self.credentials = Credentials(self.ca, self.cert, self.key, ManualClock())

    def _made(self) -> tuple[bytes, bytes]:
        made = keys.make(BOOTH)
        return self.authority.sign(made.csr, BOOTH).encode(), made.key

    def used(self) -> int:
        """Which pair the booth connects with; OpenSSL takes none that does not fit."""
        self.credentials.context()
        chain = self.cert.read_bytes()
        return next(number for number, (one, _) in enumerate(self.pairs) if one == chain)

    def settled(self) -> bool:
        """Whether the two files themselves fit."""
        ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT).load_cert_chain(str(self.cert), str(self.key))
        return True


@pytest.fixture
def files(tmp_path: Path) -> Files:
    return Files(tmp_path)


def _try(files: Files, disk: Disk, number: int, fails_at: int) -> None:
    disk.done.clear()
    disk.fails_at = fails_at
    try:
        pair.put(files.cert, files.key, *files.pairs[number])
    except (ConfigError, PowerGone):
        assert len(disk.done) > fails_at
    finally:
        disk.fails_at = None


def test_there_are_no_more_steps_than_are_tried(files: Files, monkeypatch: pytest.MonkeyPatch) -> None:
    disk = Disk(monkeypatch)
    pair.put(files.cert, files.key, *files.pairs[1])
    assert len(disk.done) <= STEPS
    order = [name for name in disk.done if name in {"write", "fsync", "replace"}]
    assert order == [
        *("write", "fsync"),  # the key
        *("write", "fsync"),  # the certificate
        "fsync",  # the key's name
        *("replace", "fsync"),  # the certificate in its place, for good, before
        *("replace", "fsync"),  # the key in its own
    ]


@pytest.mark.parametrize("kind", ["full disk", "one error", "power cut"])
def test_a_pair_fits_whatever_step_fails(files: Files, monkeypatch: pytest.MonkeyPatch, kind: str) -> None:
    disk = Disk(monkeypatch)
    disk.for_good = kind != "one error"
    if kind == "power cut":
        disk.error = PowerGone()
    for step in range(STEPS):
        _try(files, disk, 1, step)
        assert files.used() in {0, 1}
        assert files.settled()
        pair.put(files.cert, files.key, *files.pairs[0])
        assert files.used() == 0, "and the next replacement works"


@pytest.mark.parametrize(
    "seconds",
    [pytest.param((0, 3), id="two"), pytest.param(range(STEPS), id="all", marks=pytest.mark.torture)],
)
def test_two_replacements_that_fail_leave_a_pair_that_fits(
    files: Files, monkeypatch: pytest.MonkeyPatch, seconds: Sequence[int]
) -> None:
    """What the first left behind is the only key of the certificate, or is of no use: the second can tell."""
    disk = Disk(monkeypatch)
    for first in range(STEPS):
        for second in seconds:
            _try(files, disk, 1, first)
            _try(files, disk, 2, second)
            assert files.used() in {0, 1, 2}
            assert files.settled()
            pair.put(files.cert, files.key, *files.pairs[0])


def test_the_booth_connects_while_the_disk_lets_nothing_be_finished(
    files: Files, monkeypatch: pytest.MonkeyPatch
) -> None:
    disk = Disk(monkeypatch)
    pair.put(files.cert, files.key, *files.pairs[1])
    last = max(at for at, name in enumerate(disk.done) if name == "replace")
    _try(files, disk, 2, last)
    disk.fails_at = 0
    assert files.used() == 2
    disk.fails_at = None
    assert files.used() == 2
    assert files.settled()


def test_a_key_left_over_never_replaces_the_good_one(files: Files) -> None:
    """Also when the certificate is damaged, and nothing fits."""
    left = files.key.with_name("b.key.new")
    left.write_bytes(files.pairs[1][1])
    good = files.key.read_bytes()
    chain = files.cert.read_bytes()
    files.cert.write_text("rubbish")
    with pytest.raises(OSError, match="do not fit together"):
        files.credentials.context()
    files.cert.unlink()
    with pytest.raises(FileNotFoundError):
        files.credentials.context()
    files.cert.write_bytes(chain)
    assert files.key.read_bytes() == good
    assert files.used() == 0


def test_a_full_disk_leaves_nothing_half_written(files: Files, monkeypatch: pytest.MonkeyPatch) -> None:
    disk = Disk(monkeypatch)
    pair.put(files.cert, files.key, *files.pairs[0])
    writes = [at for at, name in enumerate(disk.done) if name == "write"]
    for at in writes:
        _try(files, disk, 1, at)
        assert sorted(one.name for one in (*files.key.parent.iterdir(), *files.cert.parent.iterdir())) == [
            "b.key",
            "b.pem",
        ]
    with monkeypatch.context() as patch:
        patch.setattr(disk, "fails_at", len(disk.done))
        with pytest.raises(ConfigError) as told:
            pair.put_one(files.ca, b"another")
    assert told.value.code == "enrol.files"
    assert files.ca.read_text() == files.authority.ca_pem
