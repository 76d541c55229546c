"""Any order of scans, weights, printer moods, orders, broken disks and stops: the promises hold.

Judged by what is on record and on paper afterwards, as a power cut leaves it.
"""

from __future__ import annotations

import asyncio
import json
import tempfile
from collections import Counter as Count
from contextlib import AsyncExitStack
from pathlib import Path

from hypothesis import given, settings
from hypothesis import strategies as st

from edge_agent.counter.inputs import Order, Policy
from edge_agent.counter.parcel import Phase
from edge_agent.events.model import StoredEvent
from edge_agent.sdk.errors import EdgeError
from edge_agent.sdk.values import Proof, Ready
from tests.counter.counter_bench import ITEM, OTHER, CounterBench, marked, opened

ITEMS = (ITEM, OTHER, "UA001234568BD")
POLICIES = (
    Policy(),
    Policy(least_proof=Proof.PRINTED),
    Policy(unweighed=True, unlabelled=True),
    Policy(label=False),
)
REFUSES = (Proof.FAILED, "printer.absent")
MOODS = ((Proof.PRINTED, ""), (Proof.SENT, ""), (Proof.UNKNOWN, "link.lost"), REFUSES)
STEPS = st.one_of(
    st.tuples(st.just("scan"), st.sampled_from(ITEMS)),
    st.tuples(st.just("parcel"), st.sampled_from(ITEMS)),
    st.tuples(st.just("weigh"), st.sampled_from(["0.000", "1.234", "0.005", "99.0"])),
    st.tuples(st.just("mood"), st.sampled_from(MOODS)),
    st.tuples(st.just("order"), st.sampled_from(list(Order))),
    st.tuples(st.just("label"), st.integers(1, 3)),
    st.tuples(st.just("wait"), st.sampled_from([1, 11, 61])),
    st.tuples(st.sampled_from(["ready", "break", "mend", "stop", "no scale"]), st.none()),
)


class Day:
    """One booth over as many lives of the agent as the day has."""

    def __init__(self, folder: Path, policy: Policy) -> None:
        self._folder = folder
        self._policy = policy
        self._stack = AsyncExitStack()
        self.paper: list[tuple[str, int]] = []
        self.bench: CounterBench

    async def open(self) -> None:
        self.bench = await self._stack.enter_async_context(opened(self._folder, self._policy))

    async def close(self) -> list[StoredEvent]:
        """End this life; what is on record then."""
        await self.bench.mend_disk()
        events = await self.bench.ledger.after(0, 1000)
        self.paper += [(job.job, job.attempt) for job in self.bench.devices.jobs]
        await self._stack.aclose()
        return events

    async def do(self, deed: str, what: object) -> None:
        bench = self.bench
        if deed == "scan":
            await bench.scan(str(what))
        elif deed == "parcel":
            await bench.weigh("0.000", 3)
            await bench.scan(str(what))
            await bench.weigh("1.234", 3)
        elif deed == "weigh":
            await bench.weigh(str(what), 3)
        elif deed == "mood":
            bench.devices.results.append(what)  # type: ignore[arg-type]  # one of MOODS
        elif deed == "wait":
            await bench.clock.advance(int(str(what)))
        elif deed == "ready":
            await bench.printer_is(Ready.YES)
        elif deed == "no scale":
            bench.devices.has_scale = not bench.devices.has_scale
        else:
            await self._upset(deed, what)

    async def _upset(self, deed: str, what: object) -> None:
        bench = self.bench
        if deed == "order":
            try:
                await bench.counter.order(Order(str(what)))
            except EdgeError:
                return
        elif deed == "label" and bench.counter.state.parcel is not None:
            await bench.scan(marked(bench.counter.state.parcel, int(str(what))))
        elif deed == "break":
            await bench.break_disk()
        elif deed == "mend":
            await bench.mend_disk()
        elif deed == "stop":
            await self.close()
            await self.open()


async def play(folder: Path, policy: Policy, steps: list[tuple[str, object]]) -> None:
    day = Day(folder, policy)
    await day.open()
    for number, (deed, what) in enumerate(steps):
        await day.do(deed, what)
        if ("stop", None) not in steps[number + 1 : number + 2]:
            await day.bench.quiet()  # else it is cut off in the middle of what this step began
    await day.bench.quiet()
    state, counts = day.bench.counter.state, day.bench.counter.counts
    events = await day.close()
    accepted = Count(event.subject for event in events if event.type == "parcel.accepted")
    assert max(accepted.values(), default=0) <= 1, "a parcel was accepted twice"
    assert max(Count(day.paper).values(), default=0) <= 1 + len(_failed(steps)), "a label was doubled"
    assert [event.seq for event in events] == list(range(1, len(events) + 1))
    begun = Count(event.subject for event in events if event.type == "parcel.scanned")
    ended = Count(event.subject for event in events if event.type in {"parcel.accepted", "parcel.voided"})
    open_now = {state.parcel.item} if state.parcel is not None else set()
    assert all(begun[item] - ended[item] <= (item in open_now) for item in begun), "a parcel half exists"
    assert counts.accepted <= sum(accepted.values())
    if policy.label and not policy.unlabelled:
        _every_accepted_parcel_has_a_label(events)
    assert (state.phase is Phase.IDLE) == (state.parcel is None)


def _failed(steps: list[tuple[str, object]]) -> list[object]:
    """Attempts of which the printer took nothing may be made again under the same number."""
    return [what for deed, what in steps if deed == "mood" and what == REFUSES]


def _every_accepted_parcel_has_a_label(events: list[StoredEvent]) -> None:
    for event in events:
        if event.type == "parcel.accepted":
            label = json.loads(event.data)["label"]
            assert label is not None
            assert label["proof"] in {"printed", "consumed", "sent", "scanned", "operator"}


@given(st.sampled_from(POLICIES), st.lists(STEPS, max_size=30))
@settings(max_examples=60, deadline=None)
def test_whatever_the_day_brings_nothing_is_doubled_or_half_done(
    policy: Policy, steps: list[tuple[str, object]]
) -> None:
    with tempfile.TemporaryDirectory() as folder:
        asyncio.run(play(Path(folder), policy, steps))
