"""A new certificate in time, and files that fit whatever instant the power goes at."""

from __future__ import annotations

import contextlib
import os
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from edge_agent.enrolment.renewal import ASK_AGAIN_S, Renewal
from edge_agent.sdk.clock import ManualClock
from edge_agent.sdk.values import ClockQuality
from edge_agent.uplink import pair
from edge_agent.uplink.credentials import Credentials
from edge_agent.uplink.validity import Validity, validity_of
from simulators.central.authority import Authority
from simulators.central.enrolment import Enrolment

DAY_MS = 86_400_000
BOOTH = "DHAKA-01"


class Box:
    """A booth with a certificate of a simulated authority."""

    def __init__(self, folder: Path) -> None:
        self.authority = Authority(folder / "ca")
        self.centre = Enrolment(folder / "central.db", self.authority)
        self.ca, self.cert, self.key = (folder / name for name in ("ca.pem", "booth.pem", "booth.key"))
        self.ca.write_text(self.authority.ca_pem)
        self.clock = ManualClock(utc_ms=int(datetime.now(UTC).timestamp() * 1000))
        self.sent: list[bytes] = []
        self.renewal = Renewal(BOOTH, (self.ca, self.cert, self.key), self.clock, self.sent.append)
        self.credentials = Credentials(self.ca, self.cert, self.key, self.clock)

    async def renew(self) -> bool:
        await self.renewal.ask()
        answer = self.centre.renewal(BOOTH, self.sent[-1])
        assert answer is not None
        return await self.renewal.take(answer)


@pytest.fixture
def box(tmp_path: Path) -> Box:
    return Box(tmp_path)


async def test_a_renewal_brings_a_new_key_and_certificate_that_fit(box: Box) -> None:
    assert await box.renew()
    first = box.key.read_bytes()
    assert box.key.stat().st_mode & 0o777 == 0o600
    box.credentials.context()
    assert await box.renew()
    assert box.key.read_bytes() != first, "the key is new each time"
    assert box.credentials.changed()
    box.credentials.context()
    box.centre.close()


async def test_an_answer_while_the_authority_s_file_is_gone_is_refused_and_ends_nothing(box: Box) -> None:
    box.ca.unlink()
    assert not await box.renew()
    assert not box.cert.exists()
    box.centre.close()


@pytest.mark.parametrize(("day", "due"), [(0, False), (66, False), (68, True), (99, True), (120, True)])
def test_it_is_due_after_two_thirds_of_its_life(box: Box, day: int, due: bool) -> None:
    now = box.clock.stamp().utc_ms
    validity = Validity(now - day * DAY_MS, now + (100 - day) * DAY_MS)
    assert box.renewal.due(validity) is due
    box.centre.close()


async def test_it_is_asked_for_four_times_a_day_not_all_the_time(box: Box) -> None:
    over = Validity(0, box.clock.stamp().utc_ms)
    assert box.renewal.due(over)
    await box.renewal.ask()
    assert not box.renewal.due(over)
    await box.clock.advance(ASK_AGAIN_S)
    assert box.renewal.due(over)
    box.centre.close()


def test_a_clock_that_nothing_vouches_for_asks_for_nothing(box: Box) -> None:
    box.clock.quality = ClockQuality.NONE
    assert not box.renewal.due(Validity(0, 1))
    assert not box.renewal.due(None)
    box.centre.close()


async def test_an_answer_that_fits_no_request_changes_nothing(box: Box, tmp_path: Path) -> None:
    assert await box.renew()
    before = box.cert.read_bytes()
    assert not await box.renewal.take(b"rubbish")
    await box.renewal.ask()
    stranger = Enrolment(tmp_path / "x.db", Authority(tmp_path / "x"))
    answer = stranger.renewal(BOOTH, box.sent[-1])
    assert answer is not None
    assert not await box.renewal.take(answer), "signed by another authority, which it even brings along"
    assert not await box.renewal.take(b"{}")
    assert (box.cert.read_bytes(), box.ca.read_text()) == (before, box.authority.ca_pem)
    box.centre.close()
    stranger.close()


async def test_a_new_authority_is_taken_only_from_the_present_one(box: Box, tmp_path: Path) -> None:
    following = Authority(tmp_path / "following")
    box.authority.ca_pem += following.ca_pem
    assert await box.renew()
    assert following.ca_pem in box.ca.read_text()
    box.centre._authority = following
    assert await box.renew(), "now the one that follows may sign"
    box.centre.close()


class PowerGoneError(Exception):
    """The power is gone."""


def _cut_at(step: int, monkeypatch: pytest.MonkeyPatch) -> None:
    """After `step` calls that change a file, nothing happens any more."""
    left = [step]

    def counted(deed: Callable[..., object]) -> Callable[..., object]:
        def run(*args: object, **more: object) -> object:
            if left[0] == 0:
                raise PowerGoneError
            left[0] -= 1
            return deed(*args, **more)

        return run

    monkeypatch.setattr(Path, "replace", counted(Path.replace))
    monkeypatch.setattr(Path, "unlink", counted(Path.unlink))
    monkeypatch.setattr(os, "open", counted(os.open))
    monkeypatch.setattr(os, "fsync", counted(os.fsync))


@pytest.mark.parametrize("step", range(12))
async def test_a_cut_at_any_step_leaves_a_pair_that_fits(
    box: Box, monkeypatch: pytest.MonkeyPatch, step: int
) -> None:
    assert await box.renew()
    old = box.cert.read_bytes()
    await box.renewal.ask()
    answer = box.centre.renewal(BOOTH, box.sent[-1])
    assert answer is not None
    with monkeypatch.context() as cut:
        _cut_at(step, cut)
        with contextlib.suppress(PowerGoneError):
            await box.renewal.take(answer)
    box.credentials.context()
    assert box.credentials.validity is not None
    assert (box.cert.read_bytes() == old) or validity_of(box.cert.read_bytes())
    box.centre.close()


def test_a_pair_that_does_not_fit_and_cannot_be_mended_is_told(box: Box, tmp_path: Path) -> None:
    from edge_agent.enrolment import keys

    made, other = keys.make(BOOTH), keys.make(BOOTH)
    pair.put(box.cert, box.key, box.authority.sign(made.csr, BOOTH).encode(), other.key)
    with pytest.raises(OSError, match="do not fit together") as told:
        box.credentials.context()
    said = box.credentials.explain(told.value)
    assert str(box.cert) in said
    assert str(box.key) in said
    box.centre.close()


def test_a_folder_that_cannot_be_written_is_named(box: Box, tmp_path: Path) -> None:
    from edge_agent.sdk.errors import ConfigError

    (tmp_path / "file").write_text("")
    with pytest.raises(ConfigError) as told:
        pair.put(tmp_path / "file" / "c.pem", tmp_path / "file" / "c.key", b"", b"")
    assert told.value.code == "enrol.files"
    box.centre.close()


def test_life_of_a_simulated_certificate_is_long_and_backdated(box: Box) -> None:
    from edge_agent.enrolment import keys

    validity = validity_of(box.authority.sign(keys.make(BOOTH).csr, BOOTH).encode())
    now = datetime.now(UTC)
    assert validity.not_before_ms < int((now - timedelta(hours=20)).timestamp() * 1000)
    assert validity.not_after_ms > int((now + timedelta(days=365)).timestamp() * 1000)
    box.centre.close()
