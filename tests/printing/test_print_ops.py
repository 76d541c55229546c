"""Orders about printing from the centre and the socket: arguments, refusals, what is the counter's."""

from __future__ import annotations

import asyncio
import json
from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path
from typing import Any, cast

import pytest

from edge_agent.commands.admission import Admission
from edge_agent.commands.print_ops import Prints, central_operations, local_operations
from edge_agent.commands.router import Inbox, Router
from edge_agent.counter.counter import Counter
from edge_agent.counter.inputs import Order
from edge_agent.counter.parcel import Parcel, Phase, State
from edge_agent.events.model import JsonValue
from edge_agent.printing.fields import DATA_BYTES, label_fields
from edge_agent.sdk.errors import CommandError
from edge_agent.uplink.orders import read_command
from tests.printing.queue_bench import QueueBench, opened

GOOD: dict[str, Any] = {"job": "L-1", "template": "parcel-80", "data": {"item": {"number": "RR102030405BD"}}}
IN_HAND = "abcdefabcdef"


class PlayedCounter:
    """A counter with or without a label in hand."""

    def __init__(self, job: str = "") -> None:
        parcel = Parcel("RR102030405BD", "s10", job, 0) if job else None
        self.state = State(Phase.ASKING if job else Phase.IDLE, parcel, 1)
        self.orders: list[Order] = []

    async def order(self, order: Order) -> State:
        if self.state.parcel is None:
            raise CommandError("flow.nothing_to_do", "nothing in hand")
        self.orders.append(order)
        return self.state


def prints_of(bench: QueueBench, job: str = "") -> tuple[Prints, PlayedCounter]:
    counter = PlayedCounter(job)
    made = Prints(
        bench.queue,
        cast(Counter, counter),
        slip=lambda: {"a": "slip"},
        test=lambda: {"a": "test"},
        head=lambda: {
            "booth": {"id": "B-1", "name": "Booth"},
            "time": {"local": str(bench.clock.stamp().utc_ms)},
        },
    )
    return made, counter


async def centre(bench: QueueBench, kind: str, **args: Any) -> Any:
    return await central_operations(prints_of(bench)[0])[kind](args)


async def test_an_order_is_answered_with_the_job(tmp_path: Path) -> None:
    async with opened(tmp_path) as bench:
        bench.printers.usable["printer-1"] = False
        shown = await centre(bench, "print.label", **GOOD, item="RR102030405BD")
        assert len(shown.pop("job")) == 12
        assert shown == {
            "order": "L-1",
            "requester": "centre",
            "kind": "label",
            "printer": "printer-1",
            "subject": "RR102030405BD",
            "attempt": 1,
            "state": "queued",
            "proof": "",
            "reason": "",
            "can_reprint": True,
        }


async def test_an_order_that_outlives_its_minute_is_answered_with_what_it_came_to(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A centre that was told "failed" would order a second label; this one is printed."""
    monkeypatch.setattr("edge_agent.commands.router.RUN_S", 0.05)
    async with opened(tmp_path) as bench:
        answers: list[Mapping[str, JsonValue]] = []
        inbox: Inbox = asyncio.Queue()
        router = Router(
            bench.ledger,
            bench.clock,
            central_operations(prints_of(bench)[0]),
            Admission("B-1"),
            respond=answers.append,
            stored=lambda _: None,
        )
        serving = asyncio.create_task(router.run(inbox))
        try:
            bench.may_draw.clear()
            body = json.dumps({"id": "c-1", "type": "print.label", "args": GOOD})
            inbox.put_nowait((read_command(body.encode(), ""), lambda: None))
            await bench.until(lambda: answers and answers[-1].get("step") == "late")
            assert bench.printers.taken == []
            bench.may_draw.set()
            await bench.until(lambda: answers[-1]["state"] != "running")
        finally:
            serving.cancel()
            await asyncio.gather(serving, return_exceptions=True)
        assert [answer["state"] for answer in answers] == ["accepted", "running", "running", "done"]
        job = cast(dict[str, str], answers[-1]["answer"])
        assert job["order"] == "L-1"
        await bench.ends(await bench.queue.find(job["job"]), "confirmed")
        assert bench.printers.attempts() == [(job["job"], 1)]


@pytest.mark.parametrize(
    ("change", "code"),
    [
        ({"job": None}, "command.arguments"),
        ({"job": "x" * 65}, "command.arguments"),
        ({"job": "two words"}, "command.arguments"),
        ({"template": "../etc/passwd"}, "command.arguments"),
        ({"template": 7}, "command.arguments"),
        ({"data": None}, "command.arguments"),
        ({"data": ["a"]}, "command.arguments"),
        ({"data": {"weight": {"text": 1.5}}}, "print.data"),
        ({"data": {"items": [{"weight": 1.5}]}}, "print.data"),
        ({"data": {"a": {"b": {"c": {"d": {"e": {}}}}}}}, "print.data"),
        ({"data": {"a": [[[[[]]]]]}}, "print.data"),
        ({"data": {"name": "x" * DATA_BYTES}}, "print.data"),
        ({"data": {"name": "ক" * (DATA_BYTES // 3)}}, "print.data"),
        ({"data": {"name": "\ud83d"}}, "print.data"),
        ({"data": {"\ud83d": "name"}}, "print.data"),
        ({"data": {"count": 10**5000}}, "print.data"),
        ({"item": "Rahim\n"}, "command.arguments"),
        ({"item": "মোঃ আব্দুর রহিম"}, "command.arguments"),
        ({"printer": 7}, "command.arguments"),
        ({"printer": "no-printer"}, "device.unknown"),
        ({"wait_s": 9}, "command.arguments"),
        ({"wait_s": True}, "command.arguments"),
        ({"wait_s": "60"}, "command.arguments"),
        ({"wait_s": 86_401}, "command.arguments"),
    ],
)
async def test_a_wrong_order_is_refused_and_nothing_is_kept(
    tmp_path: Path, change: dict[str, Any], code: str
) -> None:
    async with opened(tmp_path) as bench:
        assert await bench.refused(centre(bench, "print.label", **{**GOOD, **change})) == code
        assert bench.told == []
        assert (await bench.queue.listed())["jobs"] == []


async def test_the_booth_fills_in_what_it_knows_best_and_the_same_order_stays_the_same(
    tmp_path: Path,
) -> None:
    async with opened(tmp_path) as bench:
        data = {"booth": {"name": "A booth as the centre calls it"}, "item": {"number": "RR102030405BD"}}
        first = await centre(bench, "print.label", **{**GOOD, "data": data})
        drawn = bench.drawn[0][1]
        assert drawn["booth"] == {"id": "B-1", "name": "A booth as the centre calls it"}
        assert drawn["time"] == {"local": "1800000000000"}
        await bench.clock.advance(90)
        again = await centre(bench, "print.label", **{**GOOD, "data": data})
        assert again["job"] == first["job"]
        other = {**GOOD, "data": {**data, "booth": {"name": "Another"}}}
        assert await bench.refused(centre(bench, "print.label", **other)) == "print.conflict"


@pytest.mark.parametrize(
    ("data", "told"),
    [
        ({"charge": [{"name": "a"}, {"poisha": 1.5}]}, "charge.2.poisha is a number with decimals"),
        ({"sender": {"name": "\ud83d"}}, "sender.name holds half a character"),
        ({"sender": {"\ud83d": "name"}}, "sender.\\ud83d holds half a character"),
        ({"cod": {"poisha": 16**5000}}, "cod.poisha is a number with more than 18 digits"),
        ({"a": "b", "sender": {"name": "x" * 20_000}}, "sender.name has 20002 bytes"),
    ],
    ids=["decimals", "half a character", "half a key", "digits", "bytes"],
)
def test_what_is_wrong_with_the_data_is_told_with_its_key_and_what_to_do(
    data: dict[str, Any], told: str
) -> None:
    with pytest.raises(CommandError) as refusal:
        label_fields(data)
    assert refusal.value.code == "print.data"
    assert told in refusal.value.message
    assert refusal.value.hint


async def test_a_slip_of_one_name_is_one_slip_though_the_state_changes(tmp_path: Path) -> None:
    async with opened(tmp_path) as bench:
        made, _ = prints_of(bench)
        first = await central_operations(made)["print.slip"]({"job": "S-1"})
        changed = replace(made, slip=lambda: {"a": "other"})
        again = await central_operations(changed)["print.slip"]({"job": "S-1"})
        assert first["job"] == again["job"]  # type: ignore[index,call-overload]  # both are jobs
        assert bench.drawn[0][0] == "status-80"


async def test_orders_about_the_label_in_hand_go_to_the_flow(tmp_path: Path) -> None:
    async with opened(tmp_path) as bench:
        made, counter = prints_of(bench, IN_HAND)
        orders = local_operations(made)
        for args in ({}, {"job": IN_HAND}):
            await orders["print.reprint"](args)
            await orders["print.confirm"](args)
        assert counter.orders == [Order.REPRINT, Order.CONFIRM] * 2
        assert await bench.refused(orders["print.cancel"]({"job": IN_HAND})) == "print.at_counter"


async def test_orders_about_another_job_go_past_the_flow(tmp_path: Path) -> None:
    async with opened(tmp_path) as bench:
        made, counter = prints_of(bench, IN_HAND)
        orders = local_operations(made)
        known = await bench.order()
        await bench.ends(known, "confirmed")
        shown = await orders["print.reprint"]({"job": known.order.job})
        assert shown["attempt"] == 2  # type: ignore[index,call-overload]  # a job
        assert counter.orders == []


async def test_without_a_label_in_hand_and_without_a_job_there_is_nothing_to_decide(tmp_path: Path) -> None:
    async with opened(tmp_path) as bench:
        assert await bench.refused(centre(bench, "print.reprint")) == "flow.nothing_to_do"


async def test_the_centre_has_no_test_page_and_the_booth_has(tmp_path: Path) -> None:
    async with opened(tmp_path) as bench:
        made, _ = prints_of(bench)
        assert "print.test" not in central_operations(made)
        shown = await local_operations(made)["print.test"]({"printer": "printer-2"})
        assert (shown["kind"], shown["printer"]) == ("test", "printer-2")  # type: ignore[index,call-overload]  # a job


async def test_the_names_of_centre_and_booth_do_not_meet(tmp_path: Path) -> None:
    async with opened(tmp_path) as bench:
        made, _ = prints_of(bench)
        await central_operations(made)["print.label"](GOOD)
        other = {**GOOD, "data": {"item": {"number": "OTHER"}}}
        assert await bench.refused(local_operations(made)["print.label"](other)) == ""
