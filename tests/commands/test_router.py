"""Commands from the centre: taken durably at once, executed once and in order, always answered."""

from __future__ import annotations

import asyncio
import json
from collections.abc import AsyncIterator, Awaitable, Callable, Mapping
from contextlib import asynccontextmanager
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from edge_agent.commands.admission import Admission, spread_ms
from edge_agent.commands.operations import AfterRestart, Progress, Stepwise, Unbroken
from edge_agent.commands.router import RUN_S, WAITING, WAITING_FOR_MANY, Router
from edge_agent.events.model import JsonValue
from edge_agent.ledger.commands import RESTARTING, STREAMS_LIMIT
from edge_agent.ledger.ledger import Ledger, Limits
from edge_agent.sdk.clock import ManualClock
from edge_agent.sdk.errors import CommandError, DeviceError
from edge_agent.sdk.values import ClockQuality
from edge_agent.uplink.orders import CommandMessage, Refused, read_command
from tests.waiting import asleep

DEADLINE_S = 20.0


class Bench:
    """A router on a real ledger, with an inbox that the test fills."""

    def __init__(self, ledger: Ledger) -> None:
        self.ledger = ledger
        self.clock = ManualClock()
        self.inbox: asyncio.Queue[tuple[CommandMessage | Refused, Callable[[], None]]] = asyncio.Queue(16)
        self.responses: list[Mapping[str, JsonValue]] = []
        self.taken: list[str] = []
        self.executed: list[Mapping[str, object]] = []
        self.deed: Callable[[], Awaitable[JsonValue]] = _done
        self.admission = Admission("B-0001")
        self.restarted: list[str] = []
        self.taken_back: list[str] = []
        self.before_restart: Callable[[], Awaitable[object]] = _done
        self.router = Router(
            ledger,
            self.clock,
            {
                "test.do": self._do,
                "test.other": self._do,
                "test.unbroken": Unbroken(self._do),
                "test.steps": Stepwise(self._steps),
                "test.restart": Stepwise(self._restart),
                "test.unbroken.restart": Stepwise(self._restart, unbroken=True),
            },
            self.admission,
            respond=self.responses.append,
            stored=lambda _: None,
        )

    async def _do(self, args: Mapping[str, object]) -> JsonValue:
        self.executed.append(args)
        return await self.deed()

    async def _steps(self, args: Mapping[str, object], progress: Progress, command: str) -> JsonValue:
        progress(step="first", percent=0)
        progress(step="second", percent=50)
        return {"id": command}

    async def _restart(self, args: Mapping[str, object], progress: Progress, command: str) -> AfterRestart:
        await self.before_restart()
        return AfterRestart(
            RESTARTING, lambda: self.restarted.append(command), lambda: self.taken_back.append(command)
        )

    def send(
        self, command: str = "c-1", kind: str = "test.do", *, addressee: str = "", **more: object
    ) -> None:
        message = read_command(json.dumps({"id": command, "type": kind, **more}).encode(), addressee)
        self.inbox.put_nowait((message, lambda: self.taken.append(command)))

    def states(self, command: str = "c-1") -> list[JsonValue]:
        return [answer["state"] for answer in self.responses if answer["id"] == command]

    async def until(self, condition: Callable[[], object]) -> None:
        async with asyncio.timeout(DEADLINE_S):
            while not condition():
                await self.ledger.ping()
                await asyncio.sleep(0)

    async def until_taken(self, command: str) -> None:
        await self.until(lambda: command in self.taken)

    async def quiet(self) -> None:
        for _ in range(5):
            await self.ledger.ping()
            for _ in range(10):
                await asyncio.sleep(0)

    async def ended(self, command: str = "c-1") -> Mapping[str, JsonValue]:
        """The last answer about a command."""
        final = {"done", "failed", "rejected", "expired"}
        await self.until(lambda: final & {str(state) for state in self.states(command)})
        return next(answer for answer in reversed(self.responses) if answer["id"] == command)

    async def break_disk(self) -> None:
        await self.ledger._worker.read(lambda c: c.execute("PRAGMA query_only=1").fetchall())

    async def mend_disk(self) -> None:
        await self.ledger._worker.read(lambda c: c.execute("PRAGMA query_only=0").fetchall())

    async def finished(self) -> list[dict[str, object]]:
        """The ends that are on record as events."""
        events = await self.ledger.after(0, 100)
        return [json.loads(event.data) for event in events if event.type == "command.finished"]


async def _done() -> JsonValue:
    return {"it": "worked"}


@asynccontextmanager
async def opened(folder: Path) -> AsyncIterator[Bench]:
    ledger = await Ledger.open(folder / "ledger.db", "boot", limits=Limits(reserve_mib=1))
    bench = Bench(ledger)
    running = asyncio.create_task(bench.router.run(bench.inbox))
    try:
        yield bench
        if running.done():
            running.result()
    finally:
        running.cancel()
        await asyncio.gather(running, return_exceptions=True)
        await ledger.close()


@pytest.fixture
async def bench(tmp_path: Path) -> AsyncIterator[Bench]:
    async with opened(tmp_path) as made:
        yield made


async def test_a_command_goes_through_its_life_cycle(bench: Bench) -> None:
    bench.send(args={"device": "scale-1"})
    answer = await bench.ended()
    assert bench.states() == ["accepted", "running", "done"]
    assert answer["answer"] == {"it": "worked"}
    assert bench.executed == [{"device": "scale-1"}]
    assert bench.taken == ["c-1"]
    assert await bench.finished() == [{"type": "test.do", "state": "done", "answer": {"it": "worked"}}]


async def test_a_repeated_command_is_answered_again_and_not_executed_again(bench: Bench) -> None:
    bench.send()
    await bench.ended()
    bench.send()
    await bench.until(lambda: len(bench.states()) == 4)
    assert bench.states()[-1] == "done"
    assert bench.responses[-1]["answer"] == {"it": "worked"}
    assert len(bench.executed) == 1
    assert bench.taken == ["c-1", "c-1"]


async def test_a_repeat_after_a_restart_is_answered_from_the_record(tmp_path: Path) -> None:
    async with opened(tmp_path) as bench:
        bench.send()
        await bench.ended()
    async with opened(tmp_path) as bench:
        bench.send()
        assert (await bench.ended())["answer"] == {"it": "worked"}
        assert bench.executed == []


async def test_a_command_cut_off_by_a_stop_is_told_as_failed(tmp_path: Path) -> None:
    async with opened(tmp_path) as bench:
        bench.deed = asyncio.Event().wait
        bench.send()
        await bench.until(lambda: bench.executed)
    async with opened(tmp_path) as bench:
        answer = await bench.ended()
        assert (answer["state"], answer["reason"]) == ("failed", "agent.restarted")
        assert "it may be done" in str(answer["answer"])
        bench.send()
        await bench.until(lambda: len(bench.states()) == 2)
        assert bench.executed == [], "nobody knows how far it came: it is not done again"


async def test_a_command_that_was_only_waiting_at_a_stop_is_told_as_failed(tmp_path: Path) -> None:
    async with opened(tmp_path) as bench:
        bench.deed = asyncio.Event().wait
        bench.send("c-1")
        bench.send("c-2")
        await bench.until(lambda: bench.states("c-2"))
    async with opened(tmp_path) as bench:
        assert (await bench.ended("c-2"))["state"] == "failed"


async def test_a_counter_that_does_not_rise_is_refused_also_after_a_restart(tmp_path: Path) -> None:
    async with opened(tmp_path) as bench:
        bench.send("c-1", counter=5, issuedby="centre")
        await bench.ended("c-1")
        bench.send("c-2", counter=5, issuedby="centre")
        assert (await bench.ended("c-2"))["reason"] == "command.counter"
        bench.send("c-1", counter=5, issuedby="centre")
        await bench.until(lambda: bench.states("c-1").count("done") == 2)
    async with opened(tmp_path) as bench:
        bench.send("c-3", counter=4, issuedby="centre")
        assert "not above the last one, 5" in str((await bench.ended("c-3"))["error"])
        bench.send("c-4", counter=9, issuedby="centre")
        assert (await bench.ended("c-4"))["state"] == "done"
        assert len(bench.executed) == 1
        assert [end["state"] for end in await bench.finished()] == ["done", "done"]


async def test_each_issuer_counts_for_itself_and_to_each_addressee(bench: Bench) -> None:
    bench.send("c-1", counter=5, issuedby="a")
    bench.send("c-2", counter=5, issuedby="b")
    bench.send("c-3", counter=5, issuedby="a", to="_all", addressee="_all", spread=0)
    for name in ("c-1", "c-2", "c-3"):
        assert (await bench.ended(name))["state"] == "done"


async def test_more_issuers_than_a_centre_has_are_refused(bench: Bench) -> None:
    for number in range(STREAMS_LIMIT):
        await bench.ledger.take_command(f"x-{number}", "test.do", 0, (f"issuer-{number}", 1))
    bench.send("c-1", counter=1, issuedby="one more")
    assert (await bench.ended())["reason"] == "command.issuers"


async def test_a_command_to_all_waits_for_its_place_and_is_answered_at_once(bench: Bench) -> None:
    bench.send("c-1", to="_all", addressee="_all", spread=30)
    bench.send("c-2")
    assert (await bench.ended("c-2"))["state"] == "done", "it holds nothing else up"
    (accepted,) = [answer for answer in bench.responses if answer["id"] == "c-1"]
    after_ms = accepted["after_ms"]
    assert after_ms == spread_ms("B-0001", "c-1", 30)
    assert isinstance(after_ms, int)
    await asleep(bench.clock)
    await bench.clock.advance((after_ms - 1) / 1000)
    assert bench.states("c-1") == ["accepted"]
    await bench.clock.advance(0.001)
    assert (await bench.ended("c-1"))["state"] == "done"


async def test_an_operation_tells_its_steps(bench: Bench) -> None:
    bench.send(kind="test.steps")
    answer = await bench.ended()
    steps = [one.get("percent") for one in bench.responses if one["state"] == "running"]
    assert steps == [None, 0, 50]
    assert answer["answer"] == {"id": "c-1"}


async def test_an_operation_that_ends_after_a_restart_is_told_as_done_then(tmp_path: Path) -> None:
    async with opened(tmp_path) as bench:
        bench.send(kind="test.restart")
        await bench.until(lambda: bench.restarted)
        assert bench.states() == ["accepted", "running", "running"]
        assert bench.responses[-1]["step"] == "restarting"
        assert bench.taken_back == []
        assert await bench.finished() == []
    async with opened(tmp_path) as bench:
        assert (await bench.ended())["answer"] == {"restarted": True}
        bench.send(kind="test.restart")
        await bench.until(lambda: len(bench.states()) == 2)
        assert bench.restarted == [], "the broker brings it again: once is enough"


async def test_a_restart_that_cannot_be_put_on_record_does_not_happen(bench: Bench) -> None:
    bench.before_restart = bench.break_disk
    bench.send(kind="test.restart")
    assert str((await bench.ended())["reason"]).startswith("ledger.")
    assert (bench.restarted, bench.taken_back) == ([], ["c-1"])


async def test_the_oldest_commands_are_forgotten_whatever_the_clock_says(
    bench: Bench, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A box that boots in 1970 must not forget what it has just executed, and execute it again."""
    monkeypatch.setattr("edge_agent.ledger.commands.KEEP_COMMANDS", 3)
    for number in range(6):
        bench.clock.jump_utc(-400 * 86_400_000)
        bench.send(f"c-{number}")
        await bench.ended(f"c-{number}")
    for number in (5, 4, 3):
        bench.send(f"c-{number}")
        await bench.until(lambda n=number: bench.states(f"c-{n}").count("done") == 2)
    assert len(bench.executed) == 6
    bench.send("c-0")
    await bench.until(lambda: len(bench.executed) == 7)


async def test_an_unknown_type_is_rejected_with_what_is_known(bench: Bench) -> None:
    bench.send(kind="no.such")
    answer = await bench.ended()
    assert (answer["state"], answer["reason"]) == ("rejected", "command.unknown")
    assert "test.do" in str(answer["error"])
    assert await bench.finished() == [], "what was never taken leaves no record"


def _at(bench: Bench, seconds: float) -> str:
    moment = datetime.fromtimestamp(bench.clock.stamp().utc_ms / 1000, UTC) + timedelta(seconds=seconds)
    return moment.isoformat()


async def test_a_command_that_came_too_late_is_expired(bench: Bench) -> None:
    bench.send(notafter=_at(bench, -1))
    assert (await bench.ended())["state"] == "expired"
    assert bench.executed == []


async def test_a_command_that_waited_too_long_is_expired_too(bench: Bench) -> None:
    may_end = asyncio.Event()

    async def slow() -> JsonValue:
        await may_end.wait()
        return None

    bench.deed = slow
    bench.send("c-1")
    bench.send("c-2", notafter=_at(bench, 5))
    await bench.until(lambda: bench.states("c-2") == ["accepted"])
    await bench.clock.advance(10)
    may_end.set()
    assert (await bench.ended("c-2"))["state"] == "expired"
    assert len(bench.executed) == 1


async def test_a_box_that_does_not_know_the_time_calls_nothing_late(bench: Bench) -> None:
    bench.clock.quality = ClockQuality.NONE
    bench.send(notafter="2001-01-01T00:00:00Z")
    assert (await bench.ended())["state"] == "done"


@pytest.mark.parametrize(
    "notafter", ["0001-01-01T00:00:00+14:00", "9999-12-31T23:59:59-14:00", "2026-11-23T10:00:00", 5]
)
async def test_no_time_limit_whatsoever_breaks_the_router(bench: Bench, notafter: object) -> None:
    bench.send(notafter=notafter)
    assert (await bench.ended())["state"] in {"done", "expired"}


async def test_what_an_operation_refuses_is_told_with_code_and_hint(bench: Bench) -> None:
    async def refuse() -> JsonValue:
        raise DeviceError("scale.motion", "it moves", hint="touch nothing")

    bench.deed = refuse
    bench.send()
    answer = await bench.ended()
    assert (answer["state"], answer["reason"]) == ("failed", "scale.motion")
    assert answer["answer"] == {"code": "scale.motion", "error": "it moves", "hint": "touch nothing"}


async def test_an_operation_that_never_ends_is_given_up(
    bench: Bench, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("edge_agent.commands.router.RUN_S", 0.05)
    assert RUN_S <= 60
    bench.deed = asyncio.Event().wait
    bench.send()
    answer = await bench.ended()
    assert answer["reason"] == "command.timeout"
    assert "may have done it" in str(answer["answer"])


# What nothing breaks off


@pytest.fixture
def short_run(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("edge_agent.commands.router.RUN_S", 0.05)


async def late(bench: Bench, command: str = "c-1") -> asyncio.Event:
    """A command that is told as late, and what lets it end."""
    may_end = asyncio.Event()

    async def slow() -> JsonValue:
        await may_end.wait()
        return {"came": "late"}

    bench.deed = slow
    bench.send(command, kind="test.unbroken")
    await bench.until(lambda: [one for one in bench.responses if one["id"] == command and "step" in one])
    return may_end


@pytest.mark.usefixtures("short_run")
async def test_what_is_not_broken_off_is_told_as_late_and_then_as_what_it_came_to(bench: Bench) -> None:
    may_end = await late(bench)
    assert bench.states() == ["accepted", "running", "running"]
    assert bench.responses[-1]["step"] == "late"
    assert await bench.finished() == [], "nobody knows its end yet"
    may_end.set()
    answer = await bench.ended()
    assert (answer["state"], answer["answer"]) == ("done", {"came": "late"})
    assert [end["state"] for end in await bench.finished()] == ["done"]
    assert len(bench.executed) == 1


@pytest.mark.usefixtures("short_run")
async def test_a_late_command_that_is_refused_at_last_is_told_so(bench: Bench) -> None:
    may_end = asyncio.Event()

    async def refuse() -> JsonValue:
        await may_end.wait()
        raise CommandError("print.full", "too many")

    bench.deed = refuse
    bench.send(kind="test.unbroken")
    await bench.until(lambda: bench.states() == ["accepted", "running", "running"])
    may_end.set()
    assert (await bench.ended())["reason"] == "print.full"


@pytest.mark.usefixtures("short_run")
async def test_a_late_command_holds_up_no_other_one(bench: Bench) -> None:
    may_end = await late(bench)
    bench.deed = _done
    bench.send("c-2")
    assert (await bench.ended("c-2"))["state"] == "done"
    bench.send("c-1", kind="test.unbroken")
    await bench.until(lambda: bench.taken.count("c-1") == 2)
    assert bench.states("c-1")[-1] == "accepted", "its repetition is told that it has no end yet"
    may_end.set()
    assert (await bench.ended("c-1"))["answer"] == {"came": "late"}
    assert len(bench.executed) == 2


@pytest.mark.usefixtures("short_run")
async def test_late_commands_count_among_those_that_wait_until_they_end(bench: Bench) -> None:
    ends = [await late(bench, f"c-{number}") for number in range(WAITING)]
    bench.send("c-one-more")
    assert (await bench.ended("c-one-more"))["reason"] == "command.busy"
    for may_end in ends:
        may_end.set()
    for number in range(WAITING):
        await bench.ended(f"c-{number}")
    bench.deed = _done
    bench.send("c-one-more")
    await bench.until(lambda: "done" in bench.states("c-one-more"))


@pytest.mark.usefixtures("short_run")
async def test_a_late_command_that_a_stop_cuts_off_is_told_at_the_next_start(tmp_path: Path) -> None:
    async with opened(tmp_path) as bench:
        await late(bench)
    async with opened(tmp_path) as bench:
        assert (await bench.ended())["reason"] == "agent.restarted"


@pytest.mark.usefixtures("short_run")
async def test_a_late_command_that_ends_after_a_restart_still_brings_it_about(bench: Bench) -> None:
    may_end = asyncio.Event()
    bench.before_restart = may_end.wait
    bench.send(kind="test.unbroken.restart")
    await bench.until(lambda: bench.states() == ["accepted", "running", "running"])
    assert (bench.responses[-1]["step"], bench.restarted) == ("late", [])
    may_end.set()
    await bench.until(lambda: bench.restarted == ["c-1"])
    assert bench.responses[-1]["step"] == RESTARTING
    assert await bench.finished() == []


async def test_commands_are_executed_in_the_order_in_which_they_came(bench: Bench) -> None:
    for number in range(10):
        bench.send(f"c-{number}", args={"n": number})
    await bench.ended("c-9")
    assert [args["n"] for args in bench.executed] == list(range(10))


async def test_a_running_operation_keeps_no_command_from_being_taken(bench: Bench) -> None:
    """What is not taken stays with the broker, fills our Receive Maximum and holds acknowledgements back."""
    bench.deed = asyncio.Event().wait
    for number in range(10):
        bench.send(f"c-{number}")
    await bench.until(lambda: len(bench.taken) == 10)
    assert bench.states("c-9") == ["accepted"]
    assert len(bench.executed) == 1


async def test_more_commands_than_can_wait_are_rejected_and_may_come_again(bench: Bench) -> None:
    may_end = asyncio.Event()

    async def slow() -> JsonValue:
        await may_end.wait()
        return None

    bench.deed = slow
    names = [f"c-{number}" for number in range(WAITING + 2)]
    for name in names:
        await bench.until(lambda: not bench.inbox.full())
        bench.send(name)
        await bench.until_taken(name)
        await bench.quiet()
    assert bench.states(names[-1]) == ["rejected"]
    may_end.set()
    await bench.ended(names[-2])
    bench.send(names[-1])
    await bench.until(lambda: "done" in bench.states(names[-1]))


async def test_orders_to_many_that_wait_an_hour_keep_no_order_of_the_booth_out(bench: Bench) -> None:
    many = [f"all-{number}" for number in range(WAITING_FOR_MANY + 1)]
    for name in many:
        await bench.until(lambda: not bench.inbox.full())
        bench.send(name, to="_all", addressee="_all", spread=3600)
        await bench.until_taken(name)
    assert [bench.states(name)[-1] for name in many] == ["accepted"] * WAITING_FOR_MANY + ["rejected"]
    for number in range(WAITING):
        bench.send(f"own-{number}")
        assert (await bench.ended(f"own-{number}"))["state"] == "done"
    await bench.clock.advance(3600)
    assert {(await bench.ended(name))["state"] for name in many[:-1]} == {"done"}
    bench.send(many[-1], to="_all", addressee="_all", spread=0)
    await bench.until(lambda: "done" in bench.states(many[-1]))


async def test_a_refused_command_is_answered_with_its_id_and_taken(bench: Bench) -> None:
    error = CommandError("command.retained", "a retained command is never executed")
    bench.inbox.put_nowait((Refused("c-7", error), lambda: bench.taken.append("c-7")))
    answer = await bench.ended("c-7")
    assert (answer["state"], answer["reason"]) == ("rejected", "command.retained")
    await bench.until(lambda: bench.taken)


async def test_a_command_that_cannot_be_put_on_record_is_rejected_and_may_come_again(bench: Bench) -> None:
    await bench.break_disk()
    bench.send()
    answer = await bench.ended()
    assert str(answer["reason"]).startswith("ledger.")
    assert bench.executed == []
    assert bench.taken == ["c-1"], "kept back it would block the connection"
    await bench.mend_disk()
    bench.send()
    await bench.until(lambda: "done" in bench.states())


async def test_an_end_that_cannot_be_put_on_record_is_told_all_the_same(bench: Bench) -> None:
    async def breaks() -> JsonValue:
        await bench.break_disk()
        return None

    bench.deed = breaks
    bench.send()
    assert (await bench.ended())["state"] == "done"
    await bench.mend_disk()
    bench.deed = _done
    bench.send("c-2")
    assert (await bench.ended("c-2"))["state"] == "done"


async def test_an_end_is_on_record_even_when_the_ledger_takes_no_more_events(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("edge_agent.ledger.outbox.UNACKED_LIMIT", 1)
    async with opened(tmp_path) as bench:
        bench.send()
        assert (await bench.ended())["state"] == "done"
    async with opened(tmp_path) as bench:
        bench.send()
        assert (await bench.ended())["answer"] == {"it": "worked"}, "not told as failed after the restart"
        assert bench.executed == []


async def test_a_router_starts_on_a_ledger_that_takes_nothing(tmp_path: Path) -> None:
    async with opened(tmp_path) as bench:
        bench.deed = asyncio.Event().wait
        bench.send()
        await bench.until(lambda: bench.executed)
    ledger = await Ledger.open(tmp_path / "ledger.db", "boot", limits=Limits(reserve_mib=1))
    bench = Bench(ledger)
    await bench.break_disk()
    running = asyncio.create_task(bench.router.run(bench.inbox))
    try:
        bench.inbox.put_nowait((Refused("x", CommandError("a.b", "c")), lambda: None))
        await bench.ended("x")
        assert not running.done()
    finally:
        running.cancel()
        await asyncio.gather(running, return_exceptions=True)
        await ledger.close()


async def test_a_bug_in_one_operation_costs_this_command_and_not_the_agent(bench: Bench) -> None:
    async def buggy() -> JsonValue:
        raise KeyError("a name that nobody thought of")

    bench.deed = buggy
    bench.send("c-1")
    await bench.until(lambda: "failed" in bench.states("c-1"))
    assert bench.responses[-1]["reason"] == "command.bug"
    bench.deed = _done
    bench.send("c-2")
    await bench.until(lambda: "done" in bench.states("c-2"))
