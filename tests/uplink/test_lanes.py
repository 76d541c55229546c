"""What leaves first, how often it leaves again, and what stands in the place of what cannot leave."""

from __future__ import annotations

import json
from itertools import chain

import pytest

from edge_agent.ledger.ledger import Ledger
from edge_agent.ledger.outbox import Rejection
from edge_agent.sdk.errors import CommandError, DeviceError
from edge_agent.uplink.doubt import CENTRAL_ACK_TIMEOUT_S, TIMEOUT_CAP_S, WINDOWS_AHEAD
from edge_agent.uplink.express import WORTH_EVENTS
from edge_agent.uplink.notices import Notice, Notices
from edge_agent.uplink.publisher import UNREADABLE_PAUSE_S
from tests.uplink.publishing import Bench

BIG = 1 << 20


def flat(bench: Bench) -> list[int]:
    return list(chain(*bench.wire.seqs()))


async def drain(bench: Bench, rounds: int = 60) -> None:
    """A broker that answers at once."""
    for _ in range(rounds):
        await bench.settle()
        bench.answer()


# Accepted parcels overtake


async def test_an_accepted_parcel_overtakes_what_waits_and_comes_in_order_too(bench: Bench) -> None:
    await bench.commit(3 * WORTH_EVENTS)
    await bench.commit(1, kind="parcel.accepted")
    parcel = bench.ledger.last
    bench.up(2, BIG)
    await bench.settle()
    assert bench.wire.seqs()[0] == [parcel]
    assert bench.wire.seqs()[1][0] == 1


async def test_what_overtook_and_is_stored_does_not_leave_again(bench: Bench) -> None:
    await bench.commit(2 * WORTH_EVENTS)
    await bench.commit(1, kind="parcel.accepted")
    parcel = bench.ledger.last
    bench.up(2, BIG)
    await bench.settle()
    bench.ack(0, [[parcel, parcel]])
    for _ in range(60):
        bench.answer()
        stored = max((seq for seq in flat(bench) if seq < parcel), default=0)
        bench.ack(stored, [[parcel, parcel]])
        await bench.settle()
    assert flat(bench).count(parcel) == 1
    assert bench.publisher.acked == parcel, "the mark goes over what is known to be stored"


async def test_a_parcel_accepted_while_much_drains_leaves_before_it(bench: Bench) -> None:
    await bench.commit(4 * WORTH_EVENTS)
    bench.up(2, BIG)
    await bench.settle()
    await bench.commit(1, kind="parcel.accepted")
    parcel = bench.ledger.last
    bench.answer()
    await bench.settle()
    assert parcel in bench.wire.seqs()[2]


async def test_with_little_waiting_the_order_is_kept(bench: Bench) -> None:
    await bench.commit(WORTH_EVENTS - 2)
    await bench.commit(1, kind="parcel.accepted")
    bench.up(100, BIG)
    await drain(bench, 4)
    assert flat(bench) == sorted(flat(bench))


async def test_a_centre_that_does_not_name_what_overtook_gets_it_in_its_turn(bench: Bench) -> None:
    await bench.commit(2 * WORTH_EVENTS)
    await bench.commit(1, kind="parcel.accepted")
    bench.up(4, BIG)
    for _ in range(60):
        await bench.settle()
        bench.answer()
        have = set(flat(bench))
        bench.ack(next(n for n in range(bench.ledger.last + 1) if n + 1 not in have))
    assert bench.publisher.acked == bench.ledger.last


async def test_with_the_days_bytes_spent_only_accepted_parcels_leave(ledger: Ledger) -> None:
    bench = Bench(ledger, daily_mib=1)
    bench.up(100, BIG)
    bench.flow.budget.spend(1 << 20)
    await bench.commit(5)
    await bench.commit(1, kind="parcel.accepted")
    await bench.settle()
    assert flat(bench) == [6]
    await bench.clock.advance(86_400)
    bench.check()
    await bench.settle()
    assert sorted(set(flat(bench))) == [1, 2, 3, 4, 5, 6], "the next day the rest follows"
    await bench.close()


# How much may be in doubt, and how often it is sent again


async def test_a_silent_centre_gets_no_more_than_can_be_in_doubt(bench: Bench) -> None:
    await bench.commit(2000)
    bench.up(4, BIG)
    await drain(bench)
    assert len(flat(bench)) == WINDOWS_AHEAD * 4 * 32


async def test_a_centre_that_stays_silent_is_tried_with_one_event_more_and_more_rarely(bench: Bench) -> None:
    await bench.commit(2000)
    bench.up(4, BIG)
    await drain(bench)
    first = len(flat(bench))
    at = bench.clock.monotonic_s()
    tries = []
    while bench.clock.monotonic_s() < at + 2 * 3600:
        before = len(flat(bench))
        await bench.clock.advance(2 * CENTRAL_ACK_TIMEOUT_S)
        bench.check()
        await drain(bench, 12 if not tries else 2)
        if len(flat(bench)) > before:
            tries.append(len(flat(bench)) - before)
    assert tries[0] == first, "once more everything, as the contract says"
    assert set(tries[1:]) == {1}
    assert len(tries) <= 2 * 3600 / TIMEOUT_CAP_S + 8


async def test_when_the_silent_centre_speaks_again_everything_flows(bench: Bench) -> None:
    await bench.commit(500)
    bench.up(4, BIG)
    for _ in range(8):
        await drain(bench, 12)
        await bench.clock.advance(TIMEOUT_CAP_S)
        bench.check()
    for _ in range(120):
        await bench.settle()
        bench.answer()
        bench.ack(max([0, *(seq for seq in flat(bench)[-300:])]))
    assert bench.publisher.acked == 500


async def test_nobody_is_asked_with_one_event_at_growing_distances(bench: Bench) -> None:
    await bench.commit(500)
    bench.up(4, BIG)
    await bench.settle()
    sizes = []
    for _ in range(120):
        bench.answer(0x10)
        before = len(bench.wire.messages)
        await bench.clock.advance(5)
        bench.check()
        await bench.settle()
        sizes += [len(batch) for batch in bench.wire.seqs()[before:]]
    assert set(sizes) == {1}
    assert len(sizes) <= 600 / 60 + 6
    assert bench.health.no_consumer
    await bench.clock.advance(60)
    bench.check()
    await bench.settle()
    bench.answer(0)
    bench.ack(1)
    await bench.settle()
    assert len(bench.wire.seqs()[-1]) > 1, "somebody is there again: full messages"


async def test_a_slow_broker_does_not_put_off_the_sending_again(bench: Bench) -> None:
    """Something is always on the wire, and the centre has lost the first message."""
    bench.up(4, BIG)
    await bench.commit(1)
    bench.answer()
    for _ in range(20):
        await bench.commit(1)
        await bench.clock.advance(2)
        bench.flow.puback(min(bench.flow._under, default=0), 0)
        await bench.commit(1)
        bench.check()
        await bench.settle()
    assert flat(bench).count(1) >= 2


# What cannot leave


async def test_a_ledger_that_cannot_be_read_pauses_the_uplink_and_ends_nothing(
    bench: Bench, monkeypatch: pytest.MonkeyPatch
) -> None:
    after = bench.ledger.after

    async def broken(seq: int, limit: int) -> list[object]:
        raise DeviceError("ledger.busy", "too many writes wait", device="ledger")

    await bench.commit(3)
    monkeypatch.setattr(bench.ledger, "after", broken)
    bench.up(4, BIG)
    for _ in range(200):
        if "ledger_unreadable" in bench.health.trouble:
            break
        await bench.clock.advance(0)
    monkeypatch.setattr(bench.ledger, "after", after)
    await bench.clock.advance(UNREADABLE_PAUSE_S)
    bench.check()
    await bench.settle()
    assert flat(bench) == [1, 2, 3]


async def test_a_number_whose_event_is_gone_is_told_as_missing(bench: Bench) -> None:
    await bench.commit(5)
    await bench.ledger._worker.write(lambda c: c.execute("DELETE FROM events WHERE seq IN (2,3)").rowcount)
    bench.up(4, BIG)
    await bench.settle()
    await bench.settle()
    events = [event for payload in bench.wire.messages.values() for event in json.loads(payload)]
    assert [event["seq"] for event in events] == [1, 2, 3, 4, 5]
    assert [event["data"].get("reason") for event in events[1:3]] == ["missing_at_booth"] * 2
    assert "event_missing" in bench.health.alarms()


async def test_a_payload_the_broker_refuses_is_found_and_the_others_go_on(bench: Bench) -> None:
    await bench.commit(4)
    bench.up(1, BIG)
    await bench.settle()
    bench.flow.puback(1, 0x99)
    bad = 3
    for _ in range(12):
        await bench.settle()
        for mid in list(bench.flow._under):
            (event, *more) = json.loads(bench.wire.messages[mid])
            refused = not more and event["seq"] == bad and event["type"] != "booth.event.withheld.v1"
            bench.flow.puback(mid, 0x99 if refused else 0)
    last = {e["seq"]: e for p in bench.wire.messages.values() for e in json.loads(p)}
    assert last[bad]["type"] == "booth.event.withheld.v1"
    assert last[bad]["data"] == {"reason": "refused_by_broker", "type": "scan.read"}
    assert set(last) == {1, 2, 3, 4}
    bench.ack(4)
    await bench.publisher.close()
    assert len(await bench.ledger.letters.between(0, 1 << 40, 9999)) == 1


async def test_a_forbidden_topic_parks_and_gives_nothing_up(bench: Bench) -> None:
    await bench.commit(2)
    bench.up(4, BIG)
    await bench.settle()
    bench.answer(0x87)
    await bench.clock.advance(299)
    bench.check()
    await bench.settle()
    assert len(bench.wire.messages) == 1
    assert "forbidden" in bench.health.alarms()
    await bench.clock.advance(2)
    bench.check()
    await bench.settle()
    bench.answer(0)
    assert "forbidden" not in bench.health.alarms()
    assert bench.wire.seqs() == [[1, 2], [1, 2]]


async def test_packet_identifier_in_use_makes_a_new_connection_with_half_the_window(bench: Bench) -> None:
    await bench.commit(400)
    bench.up(4, BIG)
    await bench.settle()
    bench.flow.puback(1, 0x91)
    assert bench.wire.dropped
    bench.down()
    bench.up(4, BIG)
    assert bench.flow.room == 2


async def test_too_large_for_a_broker_that_named_no_limit_ends_no_connection_twice(bench: Bench) -> None:
    await bench.commit(4)
    bench.up(4, BIG)
    await bench.settle()
    bench.down(0x95)
    bench.up(4, BIG)
    await bench.settle()
    assert [len(batch) for batch in bench.wire.seqs()[1:]] == [1, 1, 1, 1]


async def test_the_largest_under_way_is_blamed_for_a_size_and_no_other(bench: Bench) -> None:
    """A message of many small events beside a single large one: what hung up was not the many."""
    bench.up(4, BIG)
    await bench.commit(20)
    await bench.commit(1, text="x" * 9000)
    await bench.settle()
    assert [len(batch) for batch in bench.wire.seqs()] == [20, 1]
    bench.down(0x95)
    bench.up(4, BIG)
    await bench.settle()
    bench.answer()
    bench.ack(21)
    await bench.publisher.close()
    assert [len(batch) for batch in bench.wire.seqs()[2:]] == [21], "nothing had to go alone"
    kinds = [event["type"] for event in json.loads(bench.wire.messages[3])]
    assert kinds == ["booth.scan.read.v1"] * 20 + ["booth.event.withheld.v1"]
    assert len(await bench.ledger.letters.between(0, 1 << 40, 9999)) == 1
    assert "event_refused" in bench.health.alarms()


async def test_a_notice_too_large_costs_no_event(bench: Bench) -> None:
    notices = Notices(bench.flow, bench.clock, lambda _count, _why: None, telemetry_kept=3)
    bench.up(4, BIG)
    await bench.commit(3)
    notices.newest(Notice("devices", b"[]".ljust(20_000), retain=True))
    bench.down(0x95)
    notices.disconnected()
    assert notices.too_large
    bench.up(4, BIG)
    notices.connected()
    notices.newest(Notice("devices", b"[]".ljust(20_001), retain=True))
    await bench.settle()
    assert bench.wire.seqs() == [[1, 2, 3], [], [1, 2, 3]], "the notice does not go again, the events do"
    notices.newest(Notice("devices", b"[]".ljust(19_999), retain=True))
    assert bench.wire.seqs()[3:] == [[]], "a smaller one does"
    bench.answer()
    bench.ack(3)
    await bench.publisher.close()
    assert len(await bench.ledger.letters.between(0, 1 << 40, 9999)) == 0


async def test_a_live_weight_too_large_blames_nobody(bench: Bench) -> None:
    bench.up(4, BIG)
    await bench.commit(1)
    bench.flow.spill("live", b"[]".ljust(9000))
    bench.down(0x95)
    bench.up(4, BIG)
    await bench.settle()
    bench.answer()
    bench.ack(1)
    await bench.publisher.close()
    assert len(await bench.ledger.letters.between(0, 1 << 40, 9999)) == 0


async def test_smaller_messages_follow_one_that_was_too_large(bench: Bench) -> None:
    """A broker that takes 3,000 bytes and does not say so: found in a few steps, and nothing is held back."""
    bench.up(4, BIG)
    await bench.commit(320, text="x" * 200)
    connections = 1
    for _ in range(400):
        if bench.publisher.acked == 320:
            break
        await bench.settle()
        under = list(bench.flow._under.items())
        if any(one.size > 3000 for _, one in under):
            bench.down(0x95)
            bench.up(4, BIG)
            connections += 1
        else:
            seqs = [seq for mid, _ in under for seq in bench.wire.seqs()[mid - 1]]
            bench.answer()
            bench.ack(max([*seqs, bench.publisher.acked]))
    await bench.publisher.close()
    assert bench.publisher.acked == 320
    assert connections <= 6
    assert len(await bench.ledger.letters.between(0, 1 << 40, 9999)) == 0


# Dead letters


async def test_rejections_that_come_after_their_acknowledgement_are_kept_too(bench: Bench) -> None:
    """A centre that refuses hundreds tells them in several messages with the same `upto`."""
    await bench.commit(6)
    bench.up(4, BIG)
    await bench.settle()
    epoch = bench.ledger.epoch
    bench.publisher.central_ack(epoch, 6, [Rejection(1, "a")])
    bench.publisher.central_ack(epoch, 6, [Rejection(4, "b")])
    bench.publisher.central_ack(epoch, 6, [Rejection(4, "b")])
    await bench.publisher.close()
    assert len(await bench.ledger.letters.between(0, 1 << 40, 9999)) == 2
    assert bench.health.rejected == 2
    assert "dead_letters" in bench.health.alarms()


# Replay


async def test_a_range_is_sent_again_marked_and_the_mark_does_not_move(bench: Bench) -> None:
    await bench.commit(100)
    bench.up(4, BIG)
    await drain(bench, 8)
    bench.ack(100)
    sent = len(bench.wire.messages)
    bench.publisher.replay(10, 50, "c-1")
    await drain(bench, 8)
    again = [e for p in list(bench.wire.messages.values())[sent:] for e in json.loads(p)]
    assert [event["seq"] for event in again] == list(range(10, 51))
    assert {event["replay"] for event in again} == {"c-1"}
    assert bench.publisher.acked == 100
    assert not bench.publisher.replayed.wanted
    assert bench.publisher.replayed.sent == 41


async def test_a_repeated_event_is_the_same_but_for_its_mark(bench: Bench) -> None:
    await bench.commit(1)
    bench.up(4, BIG)
    await bench.settle()
    bench.answer()
    bench.ack(1)
    bench.publisher.replay(1, 1, "c-1")
    await bench.settle()
    first, again = (json.loads(payload)[0] for payload in bench.wire.messages.values())
    assert again.pop("replay") == "c-1"
    assert first == again


async def test_a_repetition_that_a_cut_interrupts_goes_on(bench: Bench) -> None:
    await bench.commit(200)
    bench.up(1, BIG)
    await drain(bench, 12)
    bench.ack(200)
    bench.publisher.replay(1, 200, "c-1")
    await bench.settle()
    bench.down()
    bench.up(1, BIG)
    await drain(bench, 12)
    marked = [e["seq"] for p in bench.wire.messages.values() for e in json.loads(p) if "replay" in e]
    assert set(marked) == set(range(1, 201))
    assert bench.publisher.replayed.sent == 200


@pytest.mark.parametrize(("first", "last"), [(0, 5), (5, 4), (1, 20_001)])
async def test_a_range_that_is_none_or_too_long_is_refused(bench: Bench, first: int, last: int) -> None:
    with pytest.raises(CommandError) as told:
        bench.publisher.replay(first, last, "c-1")
    assert told.value.code == "replay.range"


async def test_one_repetition_at_a_time(bench: Bench) -> None:
    await bench.commit(3)
    bench.publisher.replay(1, 3, "c-1")
    with pytest.raises(CommandError) as told:
        bench.publisher.replay(1, 3, "c-2")
    assert told.value.code == "replay.busy"
