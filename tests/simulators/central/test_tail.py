"""What a booth calls stored and the centre does not have is found, though no gap shows it."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from simulators.central.check import check
from simulators.central.moods import Moods
from simulators.central.store import Store
from simulators.central.taken import Incoming
from tests.simulators.central.booth import event


def _file(folder: Path, stored: int, last: int, waiting: int) -> Path:
    store = Store(folder / "central.db")
    events = [event(seq) for seq in range(1, stored + 1)]
    state = {"status": "offline", "epoch": events[0]["epoch"], "backlog": {"count": waiting, "last": last}}
    booth = events[0]["source"].rpartition("/")[2]
    for kind, body in (("evt", events), ("state", state)):
        message = Incoming(f"booth/v1/{booth}/up/{kind}", booth, kind, json.dumps(body).encode(), 1)
        store.take([message], Moods().rejection)
    store.close()
    return folder / "central.db"


@pytest.mark.parametrize(
    ("stored", "last", "waiting", "kinds"),
    [(5, 5, 0, []), (5, 9, 4, []), (5, 9, 0, ["tail"]), (5, 9, 3, ["tail"]), (9, 9, 4, [])],
)
def test_the_end_of_a_stream_is_judged_by_the_booths_own_word(
    tmp_path: Path, stored: int, last: int, waiting: int, kinds: list[str]
) -> None:
    found = check(_file(tmp_path, stored, last, waiting))
    assert [violation.kind for violation in found] == kinds


@pytest.mark.parametrize("mood", ["dead", "silent", "stale_acks", "lose_acks", "ack_delay_s"])
def test_a_mood_is_changed_as_it_is_typed(mood: str) -> None:
    moods = Moods()
    moods.change(mood, "on" if isinstance(getattr(moods, mood), bool) else "3")
    assert getattr(moods, mood) in (True, 3)


def test_a_mood_that_rejects_is_typed_as_key_and_code() -> None:
    moods = Moods()
    moods.change("reject_seqs", "7=event.type")
    moods.change("reject_types", "scan.read=no")
    assert (moods.reject_seqs, moods.reject_types) == ({7: "event.type"}, {"scan.read": "no"})
    for name, value in (("dead", "3"), ("lose_acks", "-1"), ("nothing", "on"), ("lose_acks", "x")):
        with pytest.raises(ValueError, match=r".+"):
            moods.change(name, value)
