"""Lines in, events out: latency, start, burst, outage, sudden death. The agent beside the floor, run by run.

Owns: these lanes. Must not know: processes, MQTT bytes (workbench).
"""

from __future__ import annotations

import time
from collections.abc import Callable, Sequence
from typing import TypeVar

from tests.bench import paho_alone
from tests.bench.figures import Figure, Hold, middle, percentile
from tests.bench.witness import Witness
from tests.bench.workbench import FIRST_S, Command, Effort, Workbench, agent, floor, workbench

RATE = 10.0  # lines a second: ten clerks at once
WARM_LINES = 20
BURST_LINES = 20_000
OUTAGE_LINES = 20_000
LONG_OUTAGE_LINES = 200_000
KILL_LINES = 200
TAKEN_S = 0.05  # a line read this long before the kill counts as taken
ALL_IN_S = 600.0
QUIET_S = 20.0

Result = TypeVar("Result")


def latency(effort: Effort) -> list[Figure]:
    """Line on the terminal to subscriber, at a clerk's pace."""
    lines = int(effort.seconds(10) * RATE)

    def one(command: Command) -> tuple[float, float]:
        with workbench(effort, command) as bench:
            bench.up()
            bench.feed.paced(RATE, WARM_LINES)
            bench.settle()
            first = bench.feed.count
            bench.feed.paced(RATE, lines)
            bench.settle()
            took = _latencies_ms(bench, first)
            return percentile(took, 0.5), percentile(took, 0.99)

    ours, bare = _in_turn(effort.runs(5), one)
    return [
        Figure(
            "latency", "line to subscriber, p50 at 10/s", middle([p for p, _ in ours]), "ms",
            middle([p for p, _ in bare]), Hold(1.5, of_floor=True, margin=0.1),
        ),
        Figure(
            "latency", "the same, p99", middle([p for _, p in ours]), "ms", middle([p for _, p in bare]),
            note="one stall of the disk or the machine decides it: shown, not judged",
        ),
    ]  # fmt: skip


def start(effort: Effort) -> list[Figure]:
    """From exec to the first event at the subscriber."""

    def one(command: Command) -> float:
        with workbench(effort, command) as bench:
            return bench.first_event()

    ours, bare = _in_turn(effort.runs(7), one)
    hold = Hold(0.35, margin=0.2)
    return [Figure("start", "exec to first event at a subscriber", middle(ours), "s", middle(bare), hold)]


def burst(effort: Effort) -> list[Figure]:
    """Lines as fast as they are taken."""
    lost: list[int] = []

    def one(command: Command) -> float:
        with workbench(effort, command) as bench:
            bench.up()
            first, begin = bench.feed.count, time.monotonic()
            bench.feed.burst(BURST_LINES)
            bench.subscriber.wait_for(bench.feed.count, ALL_IN_S, QUIET_S)
            if command is agent:
                lost.append(bench.missing_since(first))
            arrived = [at for n, at in bench.subscriber.arrived.items() if n >= first]
            return len(arrived) / (max(arrived) - begin)

    ours, bare = _in_turn(effort.runs(3), one)
    rate = Hold(0.5, of_floor=True, least=True)
    return [
        Figure("burst", "20,000 lines at once: delivered", middle(ours), "/s", middle(bare), rate),
        Figure("burst", "the same: lost", max(lost), "lines", hold=Hold(0, margin=0)),
    ]


def outage(effort: Effort) -> list[Figure]:
    """The broker is away while lines come, then it is back."""
    figures = _outage(effort, OUTAGE_LINES, effort.runs(3))
    return figures + (_outage(effort, LONG_OUTAGE_LINES, 1) if effort.long else [])


def _outage(effort: Effort, lines: int, runs: int) -> list[Figure]:
    rates, totals, growths, lost, alone = [], [], [], [], []
    for _ in range(runs):
        alone.append(paho_alone.messages_per_second(effort.folder))
        with workbench(effort, agent) as bench:
            bench.up()
            first, before = bench.feed.count, bench.program.usage()
            bench.broker.kill(keep_sessions=True)
            bench.feed.burst(lines)
            bench.feed.wait_read()
            time.sleep(2.0)  # what was read is stored, and the agent knows that the broker is gone
            stored = bench.program.usage()
            back = bench.broker.start()
            bench.subscriber.wait_for(bench.feed.count, ALL_IN_S, QUIET_S)
            after = bench.program.usage()
            arrived = [at for n, at in bench.subscriber.arrived.items() if n >= first]
            rates.append(len(arrived) / (max(arrived) - min(arrived)))
            totals.append(max(arrived) - back)
            growths.append(max(stored.rss_mib, after.rss_mib) - before.rss_mib)
            lost.append(bench.missing_since(first))
    name = f"{lines:,} lines in an outage"
    rate = Hold(0.75, of_floor=True, least=True)
    in_time = Hold(4.0) if lines == OUTAGE_LINES else None
    return [
        Figure("outage", f"{name}: lost", max(lost), "lines", hold=Hold(0, margin=0)),
        Figure(
            "outage", "drained, beside paho alone", middle(rates), "/s", middle(alone), rate,
            note="the floor sends one event a message, the agent up to 32",
        ),
        Figure("outage", "broker back to all stored", middle(totals), "s", hold=in_time),
        Figure("outage", "memory grown", middle(growths), "MiB", hold=Hold(5.0)),
    ]  # fmt: skip


def kill(effort: Effort) -> list[Figure]:
    """SIGKILL under load: what was told as stored, or read 50 ms before, is there after the restart."""
    told_lost = lost = told = 0
    runs = effort.runs(3)
    for _ in range(runs):
        with workbench(effort, agent) as bench:
            bench.up()
            witness = Witness(bench.folder / "agent.sock")
            witness.start()
            if not witness.listens.wait(FIRST_S):
                raise TimeoutError("the agent's socket tells nothing")
            first = bench.feed.count
            bench.feed.paced(50.0, KILL_LINES)
            bench.feed.wait_read()
            time.sleep(TAKEN_S)
            bench.program.kill()
            witness.join(FIRST_S)
            bench.program.start()
            bench.subscriber.wait_for_start(2, ALL_IN_S)
            told += witness.told
            told_lost += sum(n not in bench.subscriber.arrived for n in range(first, first + witness.told))
            lost += bench.missing_since(first)
    deaths = f"in {runs} sudden deaths (SIGKILL)"
    return [
        Figure(
            "kill", f"lost of {told} lines told as stored, {deaths}", told_lost, "lines",
            hold=Hold(0, margin=0),
        ),
        Figure(
            "kill", f"lost of {runs * KILL_LINES} lines read 50 ms before, {deaths}", lost, "lines",
            hold=Hold(0, margin=0),
            note="on a loaded machine a line can be read and not yet on disk: it was not told as stored",
        ),
    ]  # fmt: skip


def _in_turn(runs: int, one: Callable[[Command], Result]) -> tuple[Sequence[Result], Sequence[Result]]:
    """Agent, floor, agent, floor …: what disturbs the machine meanwhile disturbs both."""
    ours, bare = [], []
    for _ in range(runs):
        ours.append(one(agent))
        bare.append(one(floor))
    return ours, bare


def _latencies_ms(bench: Workbench, first: int) -> list[float]:
    sent, arrived = bench.feed.sent, bench.subscriber.arrived
    return [(arrived[n] - sent[n]) * 1000 for n in sent if n >= first and n in arrived]
