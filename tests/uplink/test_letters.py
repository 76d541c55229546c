"""Dead letters: laid aside only where there is a place, forgotten by rule, released as new events."""

from __future__ import annotations

import argparse
import asyncio
import json
from pathlib import Path

import pytest

from edge_agent.cli import letters as verb
from edge_agent.commands.letters import Letters
from edge_agent.events.model import EventDraft
from edge_agent.ledger import letters as rules
from edge_agent.ledger.ledger import Entry, Ledger, Limits
from edge_agent.ledger.outbox import Rejection
from edge_agent.sdk.clock import ManualClock
from edge_agent.sdk.errors import CommandError
from edge_agent.sdk.values import ClockQuality
from edge_agent.uplink import marks
from edge_agent.uplink.health import Health
from tests.uplink.publishing import Bench

BIG = 1 << 20
DAY_S = 86_400.0
SECRET = "Rahima Begum 01711000000"


async def _numbers(ledger: Ledger) -> list[int]:
    return [letter.seq for letter in await ledger.letters.between(0, BIG, 9999)]


def _refuse(bench: Bench, upto: int, *seqs: int) -> None:
    bench.publisher.central_ack(bench.ledger.epoch, upto, [Rejection(seq, "schema") for seq in seqs])


async def test_without_a_place_the_event_stays_and_comes_again(
    bench: Bench, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(marks, "LETTERS_LIMIT", 2)
    await bench.commit(6)
    bench.up(4, BIG)
    await bench.settle()
    bench.answer()
    _refuse(bench, 6, 2, 3, 5)
    assert bench.publisher.acked == 4, "believed up to the first for which there is no place"
    assert "dead_letters_full" in bench.health.alarms()
    await bench.clock.advance(31)
    bench.check()
    await bench.settle()
    bench.answer()
    assert bench.wire.seqs()[-1] == [5, 6]
    _refuse(bench, 6, 5)
    assert (bench.publisher.acked, bench.ledger.backlog) == (4, 2)
    await bench.settle()
    letters = Letters(bench.ledger, bench.clock, bench.health, bench.publisher.offer)
    assert await letters.release({"from": 2}) == {"released": 1, "count": 1}
    assert "dead_letters_full" not in bench.health.alarms()
    _refuse(bench, 6, 5)
    assert bench.publisher.acked == 6
    await bench.publisher.close()
    assert await _numbers(bench.ledger) == [3, 5]


async def test_what_waits_for_a_place_is_not_held_too_large(
    bench: Bench, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The centre answers and lacks it still, round after round: it refuses it, as it says itself."""
    monkeypatch.setattr(marks, "LETTERS_LIMIT", 0)
    await bench.commit(1, "x" * 4000)
    bench.up(4, BIG)
    for _ in range(8):
        await bench.settle()
        bench.answer()
        await bench.clock.advance(10)
        _refuse(bench, 1, 1)
        await bench.clock.advance(25)
        bench.check()
    assert bench.wire.seqs()[-1] == [1]
    assert bench.health.alarms() == ["dead_letters_full"]


async def test_a_place_that_was_taken_before_a_restart_is_no_second_one(
    ledger: Ledger, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(marks, "LETTERS_LIMIT", 1)
    clock = ManualClock()
    await ledger.commit(Entry([EventDraft("scan.read", "x", clock.stamp()) for _ in range(3)]))
    await ledger.acknowledge(0, [Rejection(2, "schema")])
    made = marks.Marks(ledger, Health())
    assert made.refused([Rejection(2, "schema")], 3) == 3
    assert made.refused([Rejection(2, "schema"), Rejection(3, "schema")], 3) == 2
    await made.close()


async def test_what_no_broker_carries_is_not_replaced_without_a_place(
    bench: Bench, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(marks, "LETTERS_LIMIT", 0)
    await bench.commit(1)
    await bench.commit(1, text="x" * 5000)
    bench.up(4, 2000)
    await bench.settle()
    assert bench.wire.seqs() == [[1]]
    bench.answer()
    bench.ack(1)
    monkeypatch.setattr(marks, "LETTERS_LIMIT", 1)
    bench.check()
    await bench.settle()
    assert bench.wire.seqs() == [[1], [2]]
    bench.ack(2)
    await bench.publisher.close()
    assert await _numbers(bench.ledger) == [2]


async def test_a_released_letter_is_a_new_event_with_the_old_content(bench: Bench) -> None:
    await bench.commit(1, text=SECRET)
    bench.up(4, BIG)
    await bench.settle()
    bench.answer()
    _refuse(bench, 1, 1)
    await bench.settle()
    letters = Letters(bench.ledger, bench.clock, bench.health, bench.publisher.offer)
    assert await letters.list({}) == {
        "count": 1,
        "letters": [{"seq": 1, "type": "scan.read", "code": "schema"}],
    }
    shown = await letters.show({"seq": 1})
    assert isinstance(shown, dict)
    assert shown["data"] == {"text": SECRET}
    assert await letters.release({"from": 1, "to": 5}) == {"released": 1, "count": 0}
    assert bench.health.alarms() == []
    await bench.settle()
    (event,) = json.loads(bench.wire.messages[max(bench.wire.messages)])
    assert (event["seq"], event["type"]) == (2, "booth.scan.read.v1")
    assert event["data"]["text"] == SECRET
    assert (event["data"]["released"]["seq"], event["data"]["released"]["code"]) == (1, "schema")
    bench.answer()
    bench.ack(2)
    _refuse(bench, 2, 1)  # an old one that was asked for again, and is refused again
    await bench.publisher.close()
    await bench.ledger.acknowledge(2, [Rejection(1, "schema")])
    assert await _numbers(bench.ledger) == [], "it is not laid aside a second time"
    with pytest.raises(CommandError, match="no dead letter"):
        await letters.show({"seq": 1})


async def test_many_are_released_in_parts(ledger: Ledger) -> None:
    clock = ManualClock()
    await ledger.commit(Entry([EventDraft("scan.read", "x", clock.stamp()) for _ in range(70)]))
    await ledger.acknowledge(70, [Rejection(seq, "schema") for seq in range(1, 71)])
    letters = Letters(ledger, clock, Health(), lambda _: None)
    assert await letters.release({"from": 1, "to": 70}) == {"released": 64, "count": 6, "next": 65}
    assert await letters.release({"from": 65, "to": 70}) == {"released": 6, "count": 0}
    assert [event.seq for event in await ledger.after(70, 999)] == list(range(71, 141))


@pytest.mark.parametrize("args", [{}, {"from": "1"}, {"from": 0}, {"from": True}, {"from": 1, "to": 1.5}])
async def test_arguments_of_another_kind_are_refused(ledger: Ledger, args: dict[str, object]) -> None:
    letters = Letters(ledger, ManualClock(), Health(), lambda _: None)
    with pytest.raises(CommandError, match="number of an event"):
        await letters.release(args)


async def test_a_range_that_goes_backwards_is_refused(ledger: Ledger) -> None:
    letters = Letters(ledger, ManualClock(), Health(), lambda _: None)
    with pytest.raises(CommandError, match="lower number first"):
        await letters.release({"from": 9, "to": 7})


# What is forgotten


async def _opened(folder: Path, clock: ManualClock, boot: str = "boot") -> Ledger:
    return await Ledger.open(folder / "l.db", boot, limits=Limits(reserve_mib=1, keep_days=30), clock=clock)


async def _laid_aside(ledger: Ledger, clock: ManualClock, *kinds: str) -> None:
    drafts = [EventDraft(kind, "x", clock.stamp(), {"text": SECRET}) for kind in kinds]
    stored = await ledger.commit(Entry(drafts))
    await ledger.acknowledge(stored[-1].seq, [Rejection(event.seq, "schema") for event in stored])


async def test_after_its_days_a_letter_is_forgotten_and_told_but_for_an_accepted_parcel(
    tmp_path: Path,
) -> None:
    clock = ManualClock(utc_ms=1_790_000_000_000)
    ledger = await _opened(tmp_path, clock)
    await _laid_aside(ledger, clock, "scan.read", "parcel.accepted", "parcel.voided", "scan.read")
    told: list[tuple[str, object]] = []
    letters = Letters(
        ledger, clock, Health(), lambda events: told.extend((e.type, json.loads(e.data)) for e in events)
    )
    running = asyncio.create_task(letters.run())
    await clock.advance(29 * DAY_S)
    await ledger.ping()
    assert told == []
    for _ in range(3):
        await clock.advance(DAY_S)
        await ledger.ping()
    for _ in range(200):
        if told:
            break
        await ledger.ping()
        await asyncio.sleep(0)
    running.cancel()
    await asyncio.gather(running, return_exceptions=True)
    assert told == [("letters.forgotten", {"count": 2, "first": 1, "last": 4, "reasons": {"age": 2}})]
    assert await _numbers(ledger) == [2, 3]
    await ledger.close()


async def test_over_boots_the_wall_clock_counts_and_only_where_somebody_vouches_for_it(
    tmp_path: Path,
) -> None:
    clock = ManualClock(utc_ms=1_790_000_000_000)
    ledger = await _opened(tmp_path, clock)
    await _laid_aside(ledger, clock, "scan.read")
    await ledger.close()
    later = ManualClock(utc_ms=1_790_000_000_000 + 40 * 86_400_000)
    later.quality = ClockQuality.NONE
    ledger = await _opened(tmp_path, later, "another boot")
    assert await ledger.letters.forget(ledger.acked) == []
    later.quality = ClockQuality.NTP
    assert len(await ledger.letters.forget(ledger.acked)) == 1
    assert await _numbers(ledger) == []
    await ledger.close()


async def test_the_centre_knows_of_a_letter_before_it_is_forgotten(tmp_path: Path) -> None:
    clock = ManualClock(utc_ms=1_790_000_000_000)
    ledger = await _opened(tmp_path, clock)
    await ledger.commit(Entry([EventDraft("scan.read", "x", clock.stamp()) for _ in range(2)]))
    await ledger.acknowledge(1, [Rejection(2, "refused_by_broker")])
    await clock.advance(40 * DAY_S)
    assert await ledger.letters.forget(ledger.acked) == []
    await ledger.acknowledge(2)
    assert len(await ledger.letters.forget(ledger.acked)) == 1
    await ledger.close()


async def test_of_many_the_newest_stay(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(rules, "OTHERS_KEPT", 2)
    clock = ManualClock(utc_ms=1_790_000_000_000)
    ledger = await _opened(tmp_path, clock)
    await _laid_aside(ledger, clock, "parcel.accepted", *["scan.read"] * 5)
    (told,) = await ledger.letters.forget(ledger.acked)
    assert json.loads(told.data) == {"count": 3, "first": 2, "last": 4, "reasons": {"count": 3}}
    assert await _numbers(ledger) == [1, 5, 6]
    assert await ledger.letters.forget(ledger.acked) == []
    await ledger.close()


async def test_no_row_of_what_was_forgotten_stays_among_the_letters(tmp_path: Path) -> None:
    clock = ManualClock(utc_ms=1_790_000_000_000)
    ledger = await _opened(tmp_path, clock)
    await _laid_aside(ledger, clock, "scan.read")
    await clock.advance(40 * DAY_S)
    assert len(await ledger.letters.forget(ledger.acked)) == 1
    (body,) = await ledger._worker.read(
        lambda c: c.execute("SELECT count(*) FROM dead_letters WHERE body LIKE '%Rahima%'").fetchone()
    )
    await ledger.close()
    assert body == 0


async def test_a_letter_that_the_version_before_laid_aside_counts_from_now(tmp_path: Path) -> None:
    clock = ManualClock(utc_ms=1_790_000_000_000)
    ledger = await _opened(tmp_path, clock)
    await ledger.commit(Entry([EventDraft("scan.read", "x", clock.stamp())]))
    await ledger._worker.write(
        lambda c: (
            c.execute(
                "INSERT OR IGNORE INTO dead_letters SELECT seq, 'schema', type,"
                " json_object('subject', subject, 'data', json(data)) FROM events"
            )
            and None
        )
    )
    await ledger.acknowledge(1)
    await clock.advance(20 * DAY_S)
    assert await ledger.letters.forget(ledger.acked) == []
    await clock.advance(29 * DAY_S)
    assert await ledger.letters.forget(ledger.acked) == []
    await clock.advance(2 * DAY_S)
    assert len(await ledger.letters.forget(ledger.acked)) == 1
    await ledger.close()


# On the box


def _shown(order: str, answer: dict[str, object]) -> list[str]:
    return list(verb._lines(order, answer))


async def test_letters_of_a_damaged_ledger_come_again_as_events(tmp_path: Path) -> None:
    """Where the centre refuses one again it is a letter again, under its new number."""
    path = tmp_path / "l.db"
    before = await Ledger.open(path, "boot", limits=Limits(reserve_mib=1))
    at = ManualClock().stamp()
    kinds = ["scan.read", "parcel.accepted", "scan.read", "scan.read"]
    await before.commit(
        Entry([EventDraft(kind, f"item-{n}", at, {"n": n}) for n, kind in enumerate(kinds, 1)])
    )
    await before.acknowledge(2, [Rejection(2, "schema"), Rejection(3, "too_large_for_broker")])
    await before.close()
    body = bytearray(path.read_bytes())
    body[-1024:] = b"\xaa" * 1024  # the marks of letters are on the last page
    path.write_bytes(body)
    after = await Ledger.open(path, "boot", limits=Limits(reserve_mib=1))
    try:
        assert after.set_aside is not None
        *events, told = await after.after(0, 10)
        again = {event.subject: json.loads(event.data) for event in events}
        assert again == {
            "item-3": {"n": 3, "salvaged_seq": 3},
            "item-4": {"n": 4, "salvaged_seq": 4},
            "item-2": {"n": 2, "salvaged_seq": 2},
        }
        assert json.loads(told.data)["salvaged"] == 3
        assert events[-1].type == "parcel.accepted"
        await after.acknowledge(3, [Rejection(3, "schema")])
        assert await _numbers(after) == [3]
    finally:
        await after.close()


def test_the_verb_asks_and_shows() -> None:
    parser = argparse.ArgumentParser()
    verb.register(parser.add_subparsers())
    asked = [
        verb._request(parser.parse_args(words))
        for words in (
            ["letters", "list"],
            ["letters", "show", "7"],
            ["letters", "release", "7"],
            ["letters", "release", "7", "9"],
        )
    ]
    assert asked == [
        {"op": "letters.list", "from": 1},
        {"op": "letters.show", "seq": 7},
        {"op": "letters.release", "from": 7, "to": 7},
        {"op": "letters.release", "from": 7, "to": 9},
    ]
    letter = {"seq": 7, "type": "scan.read", "code": "schema"}
    assert _shown("list", {"count": 2, "letters": [letter]}) == [
        "2 dead letters",
        "  7  scan.read  schema",
        "  … more: edge-agent letters list 8",
    ]
    assert _shown("release", {"released": 64, "count": 6, "next": 65}) == [
        "64 released, 6 left",
        "more of these numbers wait: edge-agent letters release 65 TO",
    ]
    assert _shown("release", {"released": 0, "count": 6}) == [
        "no dead letter has such a number: 0 released, 6 left"
    ]
    assert _shown("show", {**letter, "time": None, "subject": "x", "data": {"text": "z"}}) == [
        "7  scan.read  schema  time not kept",
        '{"subject": "x", "data": {"text": "z"}}',
    ]
