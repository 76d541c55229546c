"""The small parts of the uplink, each alone: spans, back-off, the day's bytes, the window, notices."""

from __future__ import annotations

from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from edge_agent.sdk.clock import ManualClock
from edge_agent.sdk.errors import LinkError
from edge_agent.uplink.backoff import (
    CAP_S,
    CROWD_S,
    FIRST_S,
    REFUSED_S,
    SHORT_LIVES,
    STABLE_S,
    TAKEN_OVER_S,
    Backoff,
)
from edge_agent.uplink.budget import DAY_MS, MIB, Budget
from edge_agent.uplink.flow import Flow
from edge_agent.uplink.hangups import PROOFS, ROUNDS
from edge_agent.uplink.notices import AGAIN_S, ANSWERS, FORBIDDEN_AGAIN_S, Notice, Notices
from edge_agent.uplink.spans import SPANS_LIMIT, Spans
from tests.uplink.publishing import Wire

SPAN = st.tuples(st.integers(1, 60), st.integers(0, 10)).map(lambda pair: (pair[0], pair[0] + pair[1]))


@settings(deadline=None)
@given(st.lists(SPAN, max_size=12), st.integers(0, 70))
def test_spans_are_the_set_of_their_numbers(pairs: list[tuple[int, int]], floor: int) -> None:
    spans, plain = Spans(), set[int]()
    for first, last in pairs:
        spans.add(first, last)
        plain |= set(range(first, last + 1))
    assert [number for number in range(80) if number in spans] == sorted(plain)
    above = spans.above(floor)
    expected = floor
    while expected + 1 in plain:
        expected += 1
    assert above == expected
    assert [number for number in range(80) if number in spans] == sorted(n for n in plain if n > above)


def test_spans_are_bounded() -> None:
    spans = Spans()
    spans.add_all(range(0, 4 * SPANS_LIMIT, 2))
    assert len(spans) == SPANS_LIMIT
    assert 0 in spans


# Back-off


def test_after_any_outage_the_next_try_is_within_the_cap() -> None:
    backoff = Backoff(0.0, 1)
    for outage_s in (0, 10, 60, 3600, 10 * 86_400):
        assert FIRST_S / 2 <= backoff.delay_s(outage_s) <= CAP_S


def test_a_broker_that_does_not_answer_in_time_sees_its_booths_spread_out() -> None:
    spread = [Backoff(0.0, seed) for seed in range(500)]
    for backoff in spread:
        for _ in range(4):
            backoff.failed(busy=True, refused=False)
    delays = sorted(backoff.delay_s(600) for backoff in spread)
    assert delays[0] < 2
    assert CROWD_S - 2 < delays[-1] <= CROWD_S


def test_a_broker_that_refuses_is_not_asked_all_the_time() -> None:
    backoff = Backoff(0.0, 1)
    for _ in range(10):
        backoff.failed(busy=False, refused=True)
    assert backoff.delay_s(600) >= REFUSED_S / 2
    backoff.connected()
    assert backoff.delay_s(1) <= CAP_S


def test_a_fight_without_a_reason_ends_at_one_connect_a_minute() -> None:
    backoff = Backoff(0.0, 1)
    for life in range(30):
        backoff.lived(life, life + 0.5, taken_over=False)
        assert backoff.duplicate == (life >= SHORT_LIVES)
    assert backoff.delay_s(100) >= TAKEN_OVER_S
    backoff.lived(200, 200 + STABLE_S, taken_over=False)
    assert not backoff.duplicate
    assert backoff.delay_s(261) < 1


def test_a_connection_that_ended_over_a_size_is_no_fight() -> None:
    backoff = Backoff(0.0, 1)
    for life in range(30):
        backoff.lived(life, life + 0.5, taken_over=False, excused=True)
    assert not backoff.duplicate
    assert backoff.delay_s(30) <= 1


# The day's bytes


@pytest.fixture
def clock() -> ManualClock:
    return ManualClock()


def test_telemetry_stops_first_then_records_and_the_day_ends(clock: ManualClock) -> None:
    budget = Budget(1, clock)
    budget.spend(MIB * 8 // 10 + 1)
    assert (budget.telemetry, budget.records) == (False, True)
    budget.spend(MIB)
    assert (budget.telemetry, budget.records) == (False, False)
    clock._move_to(clock._uptime_ms + DAY_MS)
    assert (budget.telemetry, budget.records, budget.used) == (True, True, 0)


def test_without_a_limit_nothing_stops(clock: ManualClock) -> None:
    budget = Budget(0, clock)
    budget.spend(1 << 40)
    assert budget.telemetry
    assert budget.records
    assert budget.to_keep() == ""


def test_a_clock_that_jumps_gives_no_bytes_away(clock: ManualClock) -> None:
    budget = Budget(1, clock)
    budget.spend(2 * MIB)
    clock.jump_utc(400 * DAY_MS)
    assert not budget.records
    clock.jump_utc(-800 * DAY_MS)
    assert not budget.records


def test_the_count_outlives_a_restart_and_a_boot_but_not_its_day(clock: ManualClock) -> None:
    budget = Budget(1, clock, "boot-1")
    budget.spend(2 * MIB)
    kept = budget.to_keep()
    assert kept
    assert budget.to_keep() == "", "written once for each step"
    same, other = Budget(1, clock, "boot-1"), Budget(1, clock, "boot-2")
    for one in (same, other):
        one.restore(kept)
        assert not one.records
    clock.jump_utc(DAY_MS)
    fresh = Budget(1, clock, "boot-2")
    fresh.restore(kept)
    assert fresh.records


@pytest.mark.parametrize("kept", ["", "{", "[]", '{"used":"x"}', "null"])
def test_a_count_that_cannot_be_read_is_none(clock: ManualClock, kept: str) -> None:
    budget = Budget(1, clock)
    budget.restore(kept)
    assert budget.used == 0


# The window and the notices


class Told:
    """Notices over a scripted wire."""

    def __init__(self, clock: ManualClock, window: int = 2, daily_mib: int = 0) -> None:
        self.clock, self.wire, self.shed = clock, Wire(), list[tuple[int, str]]()
        self.flow = Flow(self.wire, clock, Budget(daily_mib, clock))
        self.flow.opened(window)
        self.notices = Notices(
            self.flow, clock, lambda count, why: self.shed.append((count, why)), telemetry_kept=3
        )

    @property
    def sent(self) -> list[bytes]:
        return list(self.wire.messages.values())


class _Raw(Wire):
    """Notices are no batches of events."""

    def publish(
        self, topic: str, payload: bytes, *, qos: int = 1, retain: bool = False, expiry_s: int = 0
    ) -> int:
        self.messages[len(self.messages) + 1] = payload
        return len(self.messages)


@pytest.fixture
def told(clock: ManualClock, monkeypatch: pytest.MonkeyPatch) -> Told:
    monkeypatch.setattr("tests.uplink.test_parts.Wire", _Raw)
    return Told(clock)


def test_notices_wait_for_room_and_only_the_newest_of_a_topic_is_sent(told: Told) -> None:
    for number in range(5):
        told.notices.newest(Notice("devices", b"d%d" % number))
    for number in range(3):
        told.notices.newest(Notice("state", b"s%d" % number))
    assert told.sent == [b"d0", b"d1"]
    told.flow.puback(1, 0)
    told.notices.pump()
    told.flow.puback(2, 0)
    told.notices.pump()
    assert told.sent == [b"d0", b"d1", b"d4", b"s2"]


def test_answers_keep_their_order_and_their_number_is_bounded(told: Told) -> None:
    for number in range(2 * ANSWERS):
        told.notices.answer(Notice("rsp", b"%d" % number))
    while told.flow._under:
        told.flow.puback(next(iter(told.flow._under)), 0)
        told.notices.pump()
    numbers = [int(payload) for payload in told.sent]
    assert numbers == sorted(numbers)
    assert numbers[-1] == 2 * ANSWERS - 1
    assert len(numbers) <= ANSWERS + 2


@pytest.mark.parametrize(("reason", "pause_s"), [(0x97, AGAIN_S), (0x87, FORBIDDEN_AGAIN_S)])
async def test_a_refused_state_is_told_again_later(told: Told, reason: int, pause_s: float) -> None:
    told.notices.newest(Notice("state", b"s"))
    told.flow.puback(1, reason)
    assert told.notices.forbidden == (reason == 0x87)
    told.notices.pump()
    assert len(told.sent) == 1
    await told.clock.advance(pause_s)
    told.notices.pump()
    assert told.sent == [b"s", b"s"]


def test_one_forbidden_topic_stays_an_alarm_while_others_work(told: Told) -> None:
    told.notices.newest(Notice("state", b"s"))
    told.notices.newest(Notice("devices", b"d"))
    told.flow.puback(1, 0x87)
    told.flow.puback(2, 0)
    assert told.notices.forbidden


async def test_an_answer_the_broker_did_not_take_goes_again(told: Told) -> None:
    for number in range(3):
        told.notices.answer(Notice("rsp", b"%d" % number))
    told.flow.puback(1, 0)
    told.flow.puback(2, 0x97)
    told.flow.closed()
    told.notices.disconnected()
    told.flow.opened(8)
    told.notices.connected()
    told.notices.pump()
    assert told.sent == [b"0", b"1", b"1", b"2"]


async def test_telemetry_is_given_up_by_age_number_and_budget_and_counted(told: Told) -> None:
    told.flow.closed()
    for number in range(5):
        told.notices.telemetry(Notice("metrics", b"%d" % number, until_s=told.clock.monotonic_s() + 60))
    assert told.shed == [(1, "queue"), (1, "queue")]
    await told.clock.advance(61)
    told.notices.pump()
    assert told.shed[2:] == [(1, "age")] * 3
    told.flow.budget._limit = MIB
    told.flow.budget.spend(MIB)
    told.notices.telemetry(Notice("metrics", b"x"))
    assert told.shed[5:] == [(1, "budget")]
    assert told.sent == []


def test_a_live_weight_is_lost_rather_than_queued(told: Told) -> None:
    told.wire.flowing = False
    told.flow.spill("live", b"w")
    assert told.sent == []
    told.wire.flowing = True
    told.flow.spill("live", b"w")
    assert told.sent == [b"w"]


def test_a_notice_larger_than_the_broker_takes_is_remembered_as_such(told: Told, tmp_path: Path) -> None:
    def refuse(*_: object, **__: object) -> int:
        raise LinkError("uplink.too_large", "x")

    told.wire.publish = refuse  # type: ignore[method-assign]  # a broker with absurd bounds
    told.notices.newest(Notice("devices", b"d"))
    assert told.notices.too_large


def test_a_notice_over_which_the_broker_hangs_up_is_given_up(told: Told) -> None:
    lives = 0
    while not told.notices.too_large and lives < 20:
        told.flow.opened(2)
        told.notices.connected()
        told.notices.newest(Notice("state", b"s"))
        told.notices.newest(Notice("devices", b"d" * 3000))
        told.flow.puback(min(told.flow._under), 0)
        told.notices.pump()
        told.flow.closed(0x80)
        told.notices.disconnected()
        lives += 1
    assert told.notices.too_large
    assert lives == ROUNDS + PROOFS
