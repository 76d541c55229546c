"""The publisher over a real ledger and a scripted wire: window, acknowledgements, refusals, timers."""

from __future__ import annotations

import json
from itertools import chain
from pathlib import Path

import pytest

from edge_agent.events.model import EventDraft
from edge_agent.ledger.ledger import Entry, Ledger
from edge_agent.ledger.outbox import Rejection
from edge_agent.sdk.errors import LinkError
from edge_agent.uplink.doubt import CENTRAL_ACK_TIMEOUT_S
from edge_agent.uplink.flow import PUBACK_TIMEOUT_S
from tests.uplink.publishing import Bench


async def test_nothing_leaves_without_a_connection(bench: Bench) -> None:
    await bench.commit(3)
    await bench.settle()
    assert bench.wire.messages == {}


async def test_a_fresh_event_leaves_at_once_as_a_cloudevent_batch(bench: Bench) -> None:
    bench.up(100, 1 << 20)
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
    bench.up(100, 1 << 20)
    await bench.settle()
    assert [len(batch) for batch in bench.wire.seqs()] == [32, 32, 6]
    assert list(chain(*bench.wire.seqs())) == list(range(1, 71))


async def test_no_message_is_larger_than_32_kib(bench: Bench) -> None:
    await bench.commit(40, "x" * 3000)
    bench.up(100, 1 << 20)
    await bench.settle()
    assert max(len(payload) for payload in bench.wire.messages.values()) <= 32 * 1024


async def test_the_window_is_the_smaller_of_ours_and_the_brokers(bench: Bench) -> None:
    await bench.commit(320)
    bench.up(2, 1 << 20)
    await bench.settle()
    assert len(bench.wire.messages) == 2
    bench.flow.puback(1, 0)
    await bench.settle()
    assert len(bench.wire.messages) == 3


async def test_a_puback_does_not_take_an_event_out_of_the_ledger(bench: Bench) -> None:
    bench.up(100, 1 << 20)
    await bench.commit(5)
    bench.flow.puback(1, 0)
    await bench.settle()
    assert bench.publisher.acked == 0


async def test_the_centres_word_does_and_survives_a_restart(bench: Bench, tmp_path: Path) -> None:
    bench.up(100, 1 << 20)
    await bench.commit(5)
    bench.flow.puback(1, 0)
    bench.publisher.central_ack(bench.ledger.epoch, 4, ())
    await bench.publisher.close()
    assert bench.ledger.acked == 4


async def test_an_acknowledgement_of_another_epoch_is_not_ours(bench: Bench) -> None:
    bench.up(100, 1 << 20)
    await bench.commit(5)
    bench.publisher.central_ack("other", 5, ())
    assert bench.publisher.acked == 0


async def test_an_acknowledgement_beyond_the_end_is_cut_and_reported(bench: Bench) -> None:
    bench.up(100, 1 << 20)
    await bench.commit(2)
    bench.publisher.central_ack(bench.ledger.epoch, 99, ())
    assert bench.publisher.acked == 2
    assert "ack_beyond_end" in bench.publisher.health.trouble


async def test_a_refused_event_becomes_a_dead_letter_and_the_stream_goes_on(bench: Bench) -> None:
    bench.up(100, 1 << 20)
    await bench.commit(3)
    bench.publisher.central_ack(bench.ledger.epoch, 3, (Rejection(2, "schema"),))
    await bench.publisher.close()
    assert len(await bench.ledger.letters.between(0, 1 << 40, 9999)) == 1
    assert bench.ledger.acked == 3


async def test_a_new_connection_sends_again_what_is_not_stored_and_nothing_else(bench: Bench) -> None:
    bench.up(100, 1 << 20)
    await bench.commit(3)
    bench.publisher.central_ack(bench.ledger.epoch, 1, ())
    bench.down()
    bench.up(100, 1 << 20)
    await bench.settle()
    assert bench.wire.seqs() == [[1, 2, 3], [2, 3]]


async def test_without_the_centres_word_in_time_the_same_numbers_are_sent_again(bench: Bench) -> None:
    bench.up(100, 1 << 20)
    await bench.commit(2)
    bench.flow.puback(1, 0)
    await bench.clock.advance(CENTRAL_ACK_TIMEOUT_S - 1)
    bench.check()
    await bench.settle()
    assert bench.wire.seqs() == [[1, 2]]
    await bench.clock.advance(2)
    bench.check()
    await bench.settle()
    assert bench.wire.seqs() == [[1, 2], [1, 2]]


async def test_a_broker_that_never_acknowledges_is_left(bench: Bench) -> None:
    bench.up(100, 1 << 20)
    await bench.commit()
    await bench.clock.advance(PUBACK_TIMEOUT_S + 1)
    bench.check()
    assert bench.wire.dropped


@pytest.mark.parametrize("reason", [0x80, 0x83, 0x87, 0x97])
async def test_a_refusal_pauses_and_nothing_sent_beside_it_counts(broker_bench: Bench, reason: int) -> None:
    bench = broker_bench
    bench.up(100, 1 << 20)
    await bench.commit()
    await bench.commit()
    bench.flow.puback(1, reason)
    bench.flow.puback(2, 0)
    await bench.settle()
    assert bench.publisher.acked == 0
    assert len(bench.wire.messages) == 2
    await bench.clock.advance(301)
    bench.check()
    await bench.settle()
    assert bench.wire.seqs()[2:] == [[1, 2]]


async def test_in_broker_mode_a_puback_is_the_acknowledgement(broker_bench: Bench) -> None:
    broker_bench.up(100, 1 << 20)
    await broker_bench.commit(3)
    broker_bench.flow.puback(1, 0)
    assert broker_bench.publisher.acked == 3


async def test_in_broker_mode_an_answer_out_of_order_vouches_for_nothing_before_it(
    broker_bench: Bench,
) -> None:
    broker_bench.up(100, 1 << 20)
    await broker_bench.commit()
    await broker_bench.commit()
    broker_bench.flow.puback(2, 0)
    assert broker_bench.publisher.acked == 0
    broker_bench.flow.puback(1, 0)
    assert broker_bench.publisher.acked >= 1


@pytest.mark.parametrize("central", [True, False])
async def test_delivery_to_nobody_is_no_delivery(ledger: Ledger, central: bool) -> None:
    bench = Bench(ledger, central=central)
    bench.up(100, 1 << 20)
    await bench.commit()
    await bench.commit()
    bench.flow.puback(1, 0x10)
    assert bench.publisher.health.no_consumer
    bench.flow.puback(2, 0)
    assert bench.publisher.acked == 0
    await bench.close()


async def test_an_event_the_broker_cannot_carry_leaves_a_marked_place_and_is_kept(bench: Bench) -> None:
    bench.up(100, 4096)
    await bench.commit(1, "x" * 8000)
    await bench.commit(1)
    await bench.settle()
    first = json.loads(bench.wire.messages[1])[0]
    assert first["type"] == "booth.event.withheld.v1"
    assert first["data"] == {"reason": "too_large_for_broker", "type": "scan.read"}
    assert list(chain(*bench.wire.seqs())) == [1, 2]
    bench.publisher.central_ack(bench.ledger.epoch, 2, ())
    await bench.publisher.close()
    assert len(await bench.ledger.letters.between(0, 1 << 40, 9999)) == 1


async def test_a_gap_at_the_centre_is_filled_although_newer_events_go_on(bench: Bench) -> None:
    """The centre lost one message and acknowledges no further: new traffic must not put off the resending."""
    bench.up(100, 1 << 20)
    await bench.commit(2)
    bench.flow.puback(1, 0)
    for second in range(1, 5):
        await bench.clock.advance(CENTRAL_ACK_TIMEOUT_S / 3)
        await bench.commit(1)
        bench.flow.puback(second + 1, 0)
        bench.check()
        await bench.settle()
    assert sum(1 for batch in bench.wire.seqs() if 1 in batch) == 2


async def test_a_wire_that_takes_no_message_is_not_tried_all_the_time(bench: Bench) -> None:
    tries = 0

    def refuse(topic: str, payload: bytes, **_: object) -> int:
        nonlocal tries
        tries += 1
        raise LinkError("uplink.too_large", "the broker takes nothing")

    bench.wire.publish = refuse  # type: ignore[method-assign]  # a broker with absurd bounds
    await bench.commit(3)
    bench.up(100, 64)
    await bench.settle()
    await bench.settle()
    assert tries == 1
    await bench.clock.advance(31)
    bench.check()
    await bench.settle()
    assert tries == 2


@pytest.mark.parametrize("subject", ["x" * 4000, "\x00" * 4000, "ক" * 1300])
async def test_an_event_is_too_large_by_its_subject_too(bench: Bench, subject: str) -> None:
    bench.up(100, 1100)
    stored = await bench.ledger.commit(Entry([EventDraft("parcel.scanned", subject, bench.clock.stamp())]))
    bench.publisher.offer(stored)
    await bench.settle()
    assert all(len(payload) <= 1100 for payload in bench.wire.messages.values())
    assert bench.wire.seqs() == [[1]]
