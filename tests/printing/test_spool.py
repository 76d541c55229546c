"""The queue's pure machines: what waits, what is next, and that no sequence of events breaks a promise."""

from __future__ import annotations

import random
from collections import Counter as Count
from dataclasses import replace

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from edge_agent.ledger.print_jobs import Paper
from edge_agent.ledger.prints import PrintState
from edge_agent.printing import job as life
from edge_agent.printing.age import Age, Moment, age
from edge_agent.printing.job import Job, Requester
from edge_agent.printing.quota import HOUR_MS, Quota, Window
from edge_agent.printing.spool import DOUBT_LIMIT, QUEUE_LIMIT, RETRY_MS, Spool
from edge_agent.sdk.errors import CommandError
from edge_agent.sdk.values import ClockQuality, Proof, Stamp
from tests.printing.world import DEEDS, World, asked, order

NUMBERS = st.integers(1, 3)  # few jobs, so that much happens to each
CUTS = ["before", "sending", "sent"]
STEPS = st.one_of(
    st.tuples(st.just("label"), NUMBERS),
    st.tuples(st.just("print"), st.sampled_from(sorted(DEEDS))),
    st.tuples(st.just("cut"), st.tuples(st.sampled_from(CUTS), st.sampled_from(sorted(DEEDS)))),
    st.tuples(st.sampled_from(["order", "drawn", "undrawable", "cancel"]), NUMBERS),
    st.tuples(st.sampled_from(["reprint", "confirm", "scan"]), NUMBERS),
    st.tuples(st.just("reboot"), st.tuples(st.sampled_from([5, 3600]), st.sampled_from(["ntp", "none"]))),
    st.tuples(st.just("wait"), st.sampled_from([1, 11, 11, 300, 601, 3601])),
    st.tuples(st.sampled_from(["broken", "mended"]), st.none()),
)


def play(world: World, deed: str, what: object) -> None:
    if deed == "label":
        asked(world.order, int(str(what)))
        world.drawn(int(str(what)), well=True)
    elif deed in {"order", "cancel", "reprint", "confirm"}:
        asked(getattr(world, deed), int(str(what)))
    elif deed == "scan":
        world.scan(int(str(what)))
    elif deed in {"drawn", "undrawable"}:
        world.drawn(int(str(what)), well=deed == "drawn")
    elif deed == "print":
        world.work(str(what))
    elif deed == "cut":
        cut, done = what  # type: ignore[misc]  # a pair of the strategy
        world.work(done, cut)
    elif deed == "reboot":
        off_s, quality = what  # type: ignore[misc]  # a pair of the strategy
        world.die(off_s, quality, reboot=True)
    elif deed == "wait":
        world.wait(int(str(what)))
    elif deed == "broken":
        world.usable = False
    else:
        world.mend()


def judge(world: World) -> None:
    """Every promise, by what is on paper and what is on disk."""
    assert max(world.on_paper.values(), default=0) <= 1, "two labels with the same mark"
    for key, job in world.disk.items():
        out = bool(world.on_paper[key])
        if job.state in life.WAITING or job.state in {
            PrintState.FAILED,
            PrintState.EXPIRED,
            PrintState.CANCELLED,
        }:
            assert not out, f"{job.state}, and it is on paper"
        if job.state is PrintState.CONFIRMED and job.proof == "scanned":
            assert out
        if job.proof in {"printed", "consumed", "sent"}:
            assert job.proof in world.said[key], "a proof that the printer never gave"
    attempts = {name: max(n for job, n in world.disk if job == name) for name, _ in world.disk}
    assert all(count - 1 <= world.reprints[name] for name, count in attempts.items()), (
        "nobody ordered a reprint"
    )
    claims = [event for event in world.events if event.type in {"label.printed", "label.reprinted"}]
    assert all(
        event.data["proof"] in {"printed", "consumed", "sent", "scanned", "operator"} for event in claims
    )
    assert len({(event.data["job"], event.data["attempt"]) for event in claims}) == len(claims), (
        "claimed twice"
    )
    for event in claims:
        assert (event.type == "label.reprinted") == (int(str(event.data["attempt"])) > 1)


def heal(world: World) -> None:
    """Everything works again: then nothing may be left that waits or is under way."""
    world.mend()
    for job in list(world.disk.values()):
        if job.state is PrintState.RECEIVED:
            world.drawn(int(job.order.job, 16), well=True)
    for _ in range(QUEUE_LIMIT):
        world.work("printed")
        world.wait(60)
    assert [job for job in world.disk.values() if job.state in life.WAITING] == [], "something is stuck"
    assert not any(job.state is PrintState.SENDING for job in world.disk.values())
    judge(world)


LEASTS = (Proof.SENT, Proof.PRINTED)
QUOTAS = (Quota(), Quota(labels=3))


@given(st.lists(STEPS, min_size=10, max_size=40), st.sampled_from(LEASTS), st.sampled_from(QUOTAS))
@settings(max_examples=100, deadline=None)
def test_whatever_happens_no_label_is_doubled_claimed_or_stuck(
    steps: list[tuple[str, object]], least: Proof, quota: Quota
) -> None:
    world = World(quota, least)
    for deed, what in steps:
        play(world, deed, what)
        judge(world)
    heal(world)


WEIGHTS = {
    "label": 6, "print": 8, "cut": 3, "cancel": 2, "reprint": 4, "confirm": 1, "scan": 2, "order": 1,
    "undrawable": 1, "reboot": 1, "wait": 4, "broken": 1, "mended": 2,
}  # fmt: skip


def random_day(seed: int, length: int) -> World:
    """A day of mostly sensible deeds about the newest jobs, so that every state is often reached."""
    dice = random.Random(seed)
    world = World(dice.choice(QUOTAS), dice.choice(LEASTS))
    newest = 1
    for _ in range(length):
        (deed,) = dice.choices(list(WEIGHTS), list(WEIGHTS.values()))
        newest += deed == "label" and dice.random() < 0.7
        number = max(1, newest - dice.choice([0, 0, 0, 1, 2]))
        done = dice.choice(sorted(DEEDS))
        what: object = number
        if deed == "print":
            what = done
        elif deed == "cut":
            what = (dice.choice(CUTS), done)
        elif deed == "reboot":
            what = (dice.choice([5, 3600]), dice.choice(["ntp", "none"]))
        elif deed == "wait":
            what = dice.choice([1, 11, 11, 11, 11, 11, 601])
        play(world, deed, what)
        judge(world)
    heal(world)
    return world


def test_three_hundred_random_days_break_no_promise_and_reach_every_state() -> None:
    reached: Count[str] = Count()
    for seed in range(300):
        try:
            world = random_day(seed, 80)
        except AssertionError as broken:
            raise AssertionError(f"seed {seed}: {broken}") from broken
        reached.update(job.state.value for job in world.disk.values())
        reached.update(event.type for event in world.events)
    ends = {"sent", "confirmed", "unconfirmed", "failed", "expired", "cancelled"}
    told = {f"label.{end}" for end in (*ends - {"sent"}, "printed", "reprinted")}
    assert {name for name in ends | told if reached[name] < 10} == set()


@pytest.mark.torture
@pytest.mark.parametrize("first", range(0, 20_000, 1_000))
def test_twenty_thousand_random_days_break_no_promise(first: int) -> None:
    for seed in range(first, first + 1_000):
        random_day(seed, 120)


# Order and bounds


NOW = World().now


def waiting(number: int, now: Moment = NOW, requester: Requester = Requester.CENTRE) -> Job:
    return Job(order(number, now, requester=requester), 1, PrintState.QUEUED)


def later(now: Moment, milliseconds: int) -> Moment:
    at = now.at
    return Moment(
        now.boot, replace(at, uptime_ms=at.uptime_ms + milliseconds, utc_ms=at.utc_ms + milliseconds)
    )


@pytest.fixture
def spool() -> Spool:
    made = Spool(Window(Quota(labels=10, mm=2_000)))
    for number in (1, 2, 3):
        made.put(waiting(number))
    return made


def next_of(spool: Spool, now: Moment = NOW, *, usable: bool = True) -> str | None:
    found = spool.next(now, usable=usable)
    return found.order.key if found else None


def reasons(spool: Spool) -> set[str]:
    return {job.reason for job in spool.jobs()}


def test_the_oldest_comes_first(spool: Spool) -> None:
    assert next_of(spool) == "order-1"
    spool.take(f"{1:012x}")
    assert next_of(spool) == "order-2"


def test_the_counters_receipt_goes_before_orders_and_uses_its_own_part_of_the_hour(spool: Spool) -> None:
    spool.put(waiting(4, requester=Requester.FLOW))
    assert next_of(spool) == "order-4"
    for number in range(5):  # half of the hour's labels: what orders may use
        spool.window.use(paper(number, 10))
    assert next_of(spool) == "order-4"
    spool.take(f"{4:012x}")
    assert next_of(spool) is None
    assert reasons(spool) == {"print.quota"}


def test_one_that_the_printer_refused_lets_others_go_first_and_comes_again(spool: Spool) -> None:
    spool.later(waiting(1), NOW, "printer.paper_out")
    assert next_of(spool) == "order-2"
    assert next_of(spool, later(NOW, RETRY_MS)) == "order-1"


def test_a_printer_that_is_ready_again_ends_the_pause(spool: Spool) -> None:
    spool.later(waiting(1), NOW, "printer.paper_out")
    spool.hurry()
    assert next_of(spool) == "order-1"


def test_a_printer_that_cannot_print_is_not_tried_and_that_is_said(spool: Spool) -> None:
    assert next_of(spool, usable=False) is None
    assert reasons(spool) == {"printer.not_ready"}


def test_what_is_not_drawn_yet_is_not_printed(spool: Spool) -> None:
    spool.put(replace(waiting(1), state=PrintState.RECEIVED))
    assert next_of(spool) == "order-2"


def test_more_than_the_bound_is_refused(spool: Spool) -> None:
    for number in range(4, QUEUE_LIMIT + 1):
        spool.put(waiting(number))
    with pytest.raises(CommandError) as refused:
        spool.admit()
    assert refused.value.code == "print.full"


def test_what_waited_too_long_is_stale(spool: Spool) -> None:
    assert spool.stale(later(NOW, 599_999)) == []
    assert len(spool.stale(later(NOW, 600_000))) == 3


def test_label_after_label_in_doubt_holds_the_orders_but_no_test(spool: Spool) -> None:
    for _ in range(DOUBT_LIMIT):
        spool.ended(Proof.UNKNOWN)
    assert next_of(spool) is None
    assert reasons(spool) == {"print.suspended"}
    spool.put(waiting(9, requester=Requester.BOOTH))
    assert next_of(spool) == "order-9"


@pytest.mark.parametrize("end", ["printed", "scanned"])
def test_a_label_that_is_seen_ends_the_doubt(spool: Spool, end: str) -> None:
    for _ in range(DOUBT_LIMIT):
        spool.ended(Proof.UNKNOWN)
    if end == "printed":
        spool.ended(Proof.PRINTED)
    else:
        spool.trusted()
    assert next_of(spool) == "order-1"


def test_a_printer_that_takes_nothing_leaves_no_doubt(spool: Spool) -> None:
    for _ in range(DOUBT_LIMIT):
        spool.ended(Proof.FAILED)
    assert not spool.is_suspended


# Quota


def paper(number: int, mm: int = 100, now: Moment = NOW) -> Paper:
    return Paper(f"{number:012x}", 1, "printer-1", mm, now.boot, now.at)


def test_orders_may_use_a_part_and_the_counter_the_rest() -> None:
    window = Window(Quota(labels=10, mm=100_000, orders_percent=50))
    for number in range(5):
        window.use(paper(number))
    assert not window.allows(100, ordered=True)
    assert window.allows(100, ordered=False)
    for number in range(5, 10):
        window.use(paper(number))
    assert not window.allows(100, ordered=False)


def test_the_length_counts_as_well_as_the_number() -> None:
    window = Window(Quota(labels=10, mm=1_000, orders_percent=100))
    window.use(paper(1, 900))
    assert window.allows(100, ordered=True)
    assert not window.allows(101, ordered=True)


def test_an_attempt_counts_once_and_is_given_back_when_nothing_was_printed() -> None:
    window = Window(Quota(labels=10, mm=1_000))
    window.use(paper(1))
    window.use(paper(1))
    assert (window.labels, window.mm) == (1, 100)
    window.use(paper(1, 0))
    assert (window.labels, window.mm) == (0, 0)


def test_paper_counts_for_an_hour() -> None:
    window = Window(Quota())
    window.use(paper(1))
    window.forget(later(NOW, HOUR_MS - 1))
    assert window.counts(paper(1))
    window.forget(later(NOW, HOUR_MS))
    assert not window.counts(paper(1))
    assert window.labels == 0


def test_a_waiting_order_says_that_the_quota_holds_it(spool: Spool) -> None:
    for number in range(10, 15):
        spool.window.use(paper(number))
    assert next_of(spool) is None
    assert reasons(spool) == {"print.quota"}


# Age


def moment(boot: str, uptime_ms: int, utc_ms: int, quality: ClockQuality = ClockQuality.NTP) -> Moment:
    return Moment(boot, Stamp(uptime_ms, utc_ms, quality))


@pytest.mark.parametrize(
    ("then", "now", "expected"),
    [
        (
            moment("a", 1_000, 0),
            moment("a", 61_000, 34_560_000_000),
            Age(60_000, known=True),
        ),  # the clock jumped
        (moment("a", 1_000, 1_000), moment("b", 5_000, 301_000), Age(300_000, known=True)),
        (moment("a", 1_000, 1_000), moment("b", 500_000, 301_000), Age(500_000, known=True)),
        (moment("a", 1_000, 900_000), moment("b", 5_000, 301_000), Age(5_000, known=False)),  # it went back
        (moment("a", 1_000, 0, ClockQuality.NONE), moment("b", 5_000, 9), Age(5_000, known=False)),
        (moment("a", 1_000, 0), moment("b", 5_000, 9, ClockQuality.NONE), Age(5_000, known=False)),
    ],
)
def test_age_is_what_the_clocks_can_vouch_for(then: Moment, now: Moment, expected: Age) -> None:
    assert age(then, now) == expected


def test_an_order_of_unknown_age_waits_for_the_clock_and_expires_by_the_time_since_boot(spool: Spool) -> None:
    unsure = moment("another", 10_000, 0, ClockQuality.NONE)
    assert next_of(spool, unsure) is None
    assert reasons(spool) == {"print.age_unknown"}
    assert spool.stale(unsure) == []
    assert len(spool.stale(moment("another", 600_000, 0, ClockQuality.NONE))) == 3
    known = moment("another", 10_000, NOW.at.utc_ms + 20_000)
    assert next_of(spool, known) == "order-1"
