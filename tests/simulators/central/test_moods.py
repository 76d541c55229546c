"""How the centre misbehaves when it is told to."""

from __future__ import annotations

import asyncio

from simulators.central import check
from tests.simulators.central.booth import Booth, event
from tests.simulators.central.test_central import quiet


async def test_a_dead_centre_neither_stores_nor_answers(central, booth):
    central.moods.dead = True
    await booth.send(event(1))
    assert await quiet(booth)
    assert (await central.report()).events == 0
    central.moods.dead = False
    await booth.send(event(1))
    await booth.acked(1)


async def test_a_silent_centre_stores_and_does_not_answer(central, booth):
    central.moods.silent = True
    await booth.send(event(1))
    await central.wait_for(lambda one: one.events == 1)
    assert await quiet(booth)


async def test_lost_acks_are_made_good_by_the_next(central, booth):
    central.moods.lose_acks = 1
    await booth.send(event(1))
    await central.wait_for(lambda one: one.events == 1)
    assert await quiet(booth)
    await booth.send(event(2))
    await booth.acked(2)
    assert len(booth.acks) == 1


async def test_acks_come_twice(central, booth):
    central.moods.duplicate_acks = True
    await booth.send(event(1))
    await booth.heard(lambda: len(booth.acks) == 2)
    assert booth.acks[0] == booth.acks[1]


async def test_late_acks_are_late_and_swallow_each_other(central, booth):
    central.moods.ack_delay_s = 0.3
    loop = asyncio.get_running_loop()
    began = loop.time()
    for seq in range(1, 6):
        await booth.send(event(seq))
    await booth.acked(5)
    assert loop.time() - began >= 0.3
    assert len(booth.acks) <= 2


async def test_chosen_numbers_and_types_are_rejected_and_are_no_fault_of_the_booth(central, booth, db):
    central.moods.reject_seqs = {2: "test.seq"}
    central.moods.reject_types = {"label.printed": "test.type"}
    await booth.send(event(1), event(2), event(3, "label.printed"), event(4))
    await booth.acked(4)
    assert booth.rejected() == {2: "test.seq", 3: "test.type"}
    assert check(db) == []


async def test_many_rejections_are_spread_over_several_acks(central, booth: Booth):
    central.moods.reject_types = {"scan.read": "no"}
    batches = [[event(seq, data={}) for seq in range(start, start + 30)] for start in range(1, 1201, 30)]
    await asyncio.gather(*(booth.send(*one) for one in batches))
    await booth.heard(lambda: len(booth.rejected()) == 1200)
    assert max(len(ack["rej"]) for ack in booth.acks) <= 256
    await booth.acked(1200)


async def test_an_older_ack_after_a_newer_one_takes_nothing_back(broker, central):
    central.moods.stale_acks = True
    async with Booth(broker.port) as booth:
        await booth.send(event(1))
        await booth.heard(lambda: booth.acks)
        await booth.send(event(2))
        await booth.heard(lambda: [ack["upto"] for ack in booth.acks][-2:] == [2, 1])
