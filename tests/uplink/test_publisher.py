"""The publisher over a real ledger and a scripted wire: window, acknowledgements, refusals, timers."""

from __future__ import annotations

import asyncio
import json
from collections.abc import AsyncIterator
from itertools import chain
from pathlib import Path

import pytest

from edge_agent.events.model import EventDraft
from edge_agent.ledger.ledger import Entry, Ledger, Limits
from edge_agent.ledger.outbox import Rejection
from edge_agent.sdk.clock import ManualClock
from edge_agent.sdk.errors import LinkError
from edge_agent.uplink.publisher import CENTRAL_ACK_TIMEOUT_S, PUBACK_TIMEOUT_S, Publisher


class Wire:
    """Takes messages, remembers them, is told by the test what the broker answers."""

    def __init__(self) -> None:
        self.messages: dict[int, bytes] = {}
        self.dropped: list[str] = []

    def publish(self, topic: str, payload: bytes, *, qos: int = 1, retain: bool = False) -> int:
        mid = len(self.messages) + 1
        self.messages[mid] = payload
        return mid

    def drop(self, reason: str) -> None:
        self.dropped.append(reason)

    def seqs(self) -> list[list[int]]:
        return [[event["seq"] for event in json.loads(payload)] for payload in self.messages.values()]


class Bench:
    """A publisher with everything it needs."""

    def __init__(self, ledger: Ledger, *, central: bool = True, window: int = 4) -> None:
        self.ledger, self.wire, self.clock = ledger, Wire(), ManualClock()
        self.publisher = Publisher(
            ledger, self.wire, self.clock, topic="t", booth="B1", window=window, central=central
        )
        self._task = asyncio.create_task(self.publisher.run())

    async def commit(self, count: int = 1, text: str = "x") -> None:
        events = [EventDraft("scan.read", "s", self.clock.stamp(), {"text": text}) for _ in range(count)]
        self.publisher.offer(await self.ledger.commit(Entry(events)))

    async def settle(self) -> None:
        await self.ledger.after(0, 1)
        for _ in range(20):
            await asyncio.sleep(0)
        await self.ledger.after(0, 1)
        for _ in range(20):
            await asyncio.sleep(0)

    async def close(self) -> None:
        self._task.cancel()
        await asyncio.gather(self._task, return_exceptions=True)
        await self.publisher.close()


@pytest.fixture
async def ledger(tmp_path: Path) -> AsyncIterator[Ledger]:
    opened = await Ledger.open(tmp_path / "l.db", "boot", limits=Limits(reserve_mib=1))
    yield opened
    await opened.close()


@pytest.fixture
async def bench(ledger: Ledger) -> AsyncIterator[Bench]:
    made = Bench(ledger)
    yield made
    await made.close()


@pytest.fixture
async def broker_bench(ledger: Ledger) -> AsyncIterator[Bench]:
    made = Bench(ledger, central=False)
    yield made
    await made.close()


async def test_nothing_leaves_without_a_connection(bench: Bench) -> None:
    await bench.commit(3)
    await bench.settle()
    assert bench.wire.messages == {}


async def test_a_fresh_event_leaves_at_once_as_a_cloudevent_batch(bench: Bench) -> None:
    bench.publisher.went_up(100, 1 << 20)
    await bench.commit()
    (event,) = json.loads(bench.wire.messages[1])
    assert event["specversion"] == "1.0"
    assert event["type"] == "booth.scan.read.v1"
    assert event["source"] == "/booths/B1"
    assert (event["seq"], event["epoch"]) == (1, bench.ledger.epoch)
    assert event["data"] == {"text": "x"}
    assert event["time"].endswith("Z")


async def test_what_waited_leaves_oldest_first_in_full_messages(bench: Bench) -> None:
    await bench.commit(70)
    bench.publisher.went_up(100, 1 << 20)
    await bench.settle()
    assert [len(batch) for batch in bench.wire.seqs()] == [32, 32, 6]
    assert list(chain(*bench.wire.seqs())) == list(range(1, 71))


async def test_no_message_is_larger_than_32_kib(bench: Bench) -> None:
    await bench.commit(40, "x" * 3000)
    bench.publisher.went_up(100, 1 << 20)
    await bench.settle()
    assert max(len(payload) for payload in bench.wire.messages.values()) <= 32 * 1024


async def test_the_window_is_the_smaller_of_ours_and_the_brokers(bench: Bench) -> None:
    await bench.commit(320)
    bench.publisher.went_up(2, 1 << 20)
    await bench.settle()
    assert len(bench.wire.messages) == 2
    bench.publisher.puback(1, 0)
    await bench.settle()
    assert len(bench.wire.messages) == 3


async def test_a_puback_does_not_take_an_event_out_of_the_ledger(bench: Bench) -> None:
    bench.publisher.went_up(100, 1 << 20)
    await bench.commit(5)
    bench.publisher.puback(1, 0)
    await bench.settle()
    assert bench.publisher.acked == 0


async def test_the_centres_word_does_and_survives_a_restart(bench: Bench, tmp_path: Path) -> None:
    bench.publisher.went_up(100, 1 << 20)
    await bench.commit(5)
    bench.publisher.puback(1, 0)
    bench.publisher.central_ack(bench.ledger.epoch, 4, ())
    await bench.publisher.close()
    assert bench.ledger.acked == 4


async def test_an_acknowledgement_of_another_epoch_is_not_ours(bench: Bench) -> None:
    bench.publisher.went_up(100, 1 << 20)
    await bench.commit(5)
    bench.publisher.central_ack("other", 5, ())
    assert bench.publisher.acked == 0


async def test_an_acknowledgement_beyond_the_end_is_cut_and_reported(bench: Bench) -> None:
    bench.publisher.went_up(100, 1 << 20)
    await bench.commit(2)
    bench.publisher.central_ack(bench.ledger.epoch, 99, ())
    assert bench.publisher.acked == 2
    assert "ack_beyond_end" in bench.publisher.health.trouble


async def test_a_refused_event_becomes_a_dead_letter_and_the_stream_goes_on(bench: Bench) -> None:
    bench.publisher.went_up(100, 1 << 20)
    await bench.commit(3)
    bench.publisher.central_ack(bench.ledger.epoch, 3, (Rejection(2, "schema"),))
    await bench.publisher.close()
    assert await bench.ledger.dead_letters() == 1
    assert bench.ledger.acked == 3


async def test_a_new_connection_sends_again_what_is_not_stored_and_nothing_else(bench: Bench) -> None:
    bench.publisher.went_up(100, 1 << 20)
    await bench.commit(3)
    bench.publisher.central_ack(bench.ledger.epoch, 1, ())
    bench.publisher.went_down("cut")
    bench.publisher.went_up(100, 1 << 20)
    await bench.settle()
    assert bench.wire.seqs() == [[1, 2, 3], [2, 3]]


async def test_without_the_centres_word_in_time_the_same_numbers_are_sent_again(bench: Bench) -> None:
    bench.publisher.went_up(100, 1 << 20)
    await bench.commit(2)
    bench.publisher.puback(1, 0)
    await bench.clock.advance(CENTRAL_ACK_TIMEOUT_S - 1)
    bench.publisher.check()
    await bench.settle()
    assert bench.wire.seqs() == [[1, 2]]
    await bench.clock.advance(2)
    bench.publisher.check()
    await bench.settle()
    assert bench.wire.seqs() == [[1, 2], [1, 2]]


async def test_a_broker_that_never_acknowledges_is_left(bench: Bench) -> None:
    bench.publisher.went_up(100, 1 << 20)
    await bench.commit()
    await bench.clock.advance(PUBACK_TIMEOUT_S + 1)
    bench.publisher.check()
    assert bench.wire.dropped


@pytest.mark.parametrize("reason", [0x80, 0x83, 0x87, 0x97])
async def test_a_refusal_pauses_and_nothing_sent_beside_it_counts(broker_bench: Bench, reason: int) -> None:
    bench = broker_bench
    bench.publisher.went_up(100, 1 << 20)
    await bench.commit()
    await bench.commit()
    bench.publisher.puback(1, reason)
    bench.publisher.puback(2, 0)
    await bench.settle()
    assert bench.publisher.acked == 0
    assert len(bench.wire.messages) == 2
    await bench.clock.advance(301)
    bench.publisher.check()
    await bench.settle()
    assert bench.wire.seqs()[2:] == [[1, 2]]


async def test_in_broker_mode_a_puback_is_the_acknowledgement(broker_bench: Bench) -> None:
    broker_bench.publisher.went_up(100, 1 << 20)
    await broker_bench.commit(3)
    broker_bench.publisher.puback(1, 0)
    assert broker_bench.publisher.acked == 3


async def test_in_broker_mode_an_answer_out_of_order_vouches_for_nothing_before_it(
    broker_bench: Bench,
) -> None:
    broker_bench.publisher.went_up(100, 1 << 20)
    await broker_bench.commit()
    await broker_bench.commit()
    broker_bench.publisher.puback(2, 0)
    assert broker_bench.publisher.acked == 0
    broker_bench.publisher.puback(1, 0)
    assert broker_bench.publisher.acked >= 1


@pytest.mark.parametrize("central", [True, False])
async def test_delivery_to_nobody_is_no_delivery(ledger: Ledger, central: bool) -> None:
    bench = Bench(ledger, central=central)
    bench.publisher.went_up(100, 1 << 20)
    await bench.commit()
    await bench.commit()
    bench.publisher.puback(1, 0x10)
    assert bench.publisher.health.no_consumer
    bench.publisher.puback(2, 0)
    assert bench.publisher.acked == 0
    await bench.close()


async def test_an_event_the_broker_cannot_carry_leaves_a_marked_place_and_is_kept(bench: Bench) -> None:
    bench.publisher.went_up(100, 4096)
    await bench.commit(1, "x" * 8000)
    await bench.commit(1)
    await bench.settle()
    first = json.loads(bench.wire.messages[1])[0]
    assert first["type"] == "booth.event.withheld.v1"
    assert first["data"] == {"reason": "too_large_for_broker", "type": "scan.read"}
    assert list(chain(*bench.wire.seqs())) == [1, 2]
    bench.publisher.central_ack(bench.ledger.epoch, 2, ())
    await bench.publisher.close()
    assert await bench.ledger.dead_letters() == 1


async def test_a_gap_at_the_centre_is_filled_although_newer_events_go_on(bench: Bench) -> None:
    """The centre lost one message and acknowledges no further: new traffic must not put off the resending."""
    bench.publisher.went_up(100, 1 << 20)
    await bench.commit(2)
    bench.publisher.puback(1, 0)
    for second in range(1, 5):
        await bench.clock.advance(CENTRAL_ACK_TIMEOUT_S / 3)
        await bench.commit(1)
        bench.publisher.puback(second + 1, 0)
        bench.publisher.check()
        await bench.settle()
    assert sum(1 for batch in bench.wire.seqs() if 1 in batch) == 2


async def test_a_wire_that_takes_no_message_is_not_tried_all_the_time(bench: Bench) -> None:
    tries = 0

    def refuse(topic: str, payload: bytes, *, qos: int = 1, retain: bool = False) -> int:
        nonlocal tries
        tries += 1
        raise LinkError("uplink.too_large", "the broker takes nothing")

    bench.wire.publish = refuse  # type: ignore[method-assign]  # a broker with absurd bounds
    await bench.commit(3)
    bench.publisher.went_up(100, 64)
    await bench.settle()
    await bench.settle()
    assert tries == 1
    await bench.clock.advance(31)
    bench.publisher.check()
    await bench.settle()
    assert tries == 2


@pytest.mark.parametrize("subject", ["x" * 4000, "\x00" * 4000, "ক" * 1300])
async def test_an_event_is_too_large_by_its_subject_too(bench: Bench, subject: str) -> None:
    bench.publisher.went_up(100, 1100)
    stored = await bench.ledger.commit(Entry([EventDraft("parcel.scanned", subject, bench.clock.stamp())]))
    bench.publisher.offer(stored)
    await bench.settle()
    assert all(len(payload) <= 1100 for payload in bench.wire.messages.values())
    assert bench.wire.seqs() == [[1]]
