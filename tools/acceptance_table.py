"""The table of states of docs/acceptance.md, by driving the machine itself over representative inputs.

Owns: the states and inputs that stand for all others, the words for them, the shape of the table.
Must not know: why the machine decides as it does.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import replace
from decimal import Decimal

from edge_agent.counter.acceptance import RETRY_HELD_MS, Acceptance
from edge_agent.counter.feedback import Cue
from edge_agent.counter.inputs import (
    Indicated,
    Input,
    LabelScanned,
    Order,
    Ordered,
    Outcome,
    Policy,
    PrintEnded,
    PrinterReady,
    Restarted,
    Scanned,
    Ticked,
    Weighed,
)
from edge_agent.counter.parcel import Phase, State
from edge_agent.counter.settling import Settled
from edge_agent.events.model import EventDraft
from edge_agent.ledger.prints import PrintStep
from edge_agent.sdk.values import ClockQuality, PrintResult, Proof, Reading, Stamp, Status

ITEM, OTHER = "RR102030405BD", "EA555123453BD"
JOB, OTHER_JOB = "00000000000a", "00000000000b"
SCANNED_MS, WEIGHED_MS, NOW_MS = 1_000, 2_000, 3_000
LIGHT, RIGHT, HEAVY = "0.005", "1.235", "30.005"
LIVE = (Status.MOTION, Status.OVERLOAD, Status.UNDERLOAD, Status.ERROR)
SHIPPED = Policy(min_weight=Decimal("0.010"), max_weight=Decimal(30))  # the defaults of booth.toml

HEADER = ("input", "next state", "on disk, in one transaction", "then told", "then done")


def at(ms: int) -> Stamp:
    return Stamp(ms, 1_790_000_000_000 + ms, ClockQuality.NTP)


def scanned(item: str = ITEM, job: str = JOB, ms: int = SCANNED_MS) -> Scanned:
    return Scanned(at(ms), item, "s10", job)


def rest(numeral: str, first_ms: int = WEIGHED_MS, unit: str = "kg") -> Weighed:
    """The scale at rest from `first_ms` on."""
    reading = Reading(Status.OK, Decimal(numeral), unit, stable=True, net=False)
    empty = Decimal(numeral) == 0
    return Weighed(
        Settled(reading, "scale-1", at(first_ms), at(first_ms + 200), 2, by_flag=True, empty=empty)
    )


def ended(proof: Proof, reason: str = "", job: str = JOB) -> PrintEnded:
    return PrintEnded(at(NOW_MS), PrintResult(job, 1, proof, 0, reason))


def states(flow: Acceptance) -> Mapping[str, State]:
    """Every state of a parcel's way, reached by the inputs that lead to it."""
    idle = State(pan_clear=True)
    weighing = flow.step(idle, scanned()).state
    labelling = flow.step(weighing, rest(RIGHT)).state
    return {
        "idle, pan not seen empty": State(),
        "idle": idle,
        "weighing, pan not seen empty": flow.step(State(), scanned()).state,
        "weighing": weighing,
        "labelling": labelling,
        "held": flow.step(labelling, ended(Proof.FAILED, "printer.paper_out")).state,
        "asking": flow.step(labelling, ended(Proof.UNKNOWN, "link.lost")).state,
    }


def inputs(policy: Policy) -> Mapping[str, Input]:
    """One input of each kind that the machine could tell apart, in words."""
    patience_s = policy.weight_wait_ms // 1000
    later = SCANNED_MS + policy.weight_wait_ms
    return {
        "scan: an item not known": scanned(OTHER, OTHER_JOB, NOW_MS),
        "scan: the item in hand": scanned(ms=NOW_MS),
        "scan: an item accepted before": replace(scanned("EA111222333BD", OTHER_JOB, NOW_MS), before=True),
        "scan: an item, scale not ready": replace(scanned(OTHER, OTHER_JOB, NOW_MS), scale_ready=False),
        "scan: an item, disk nearly full": replace(scanned(OTHER, OTHER_JOB, NOW_MS), room=False),
        "scan: the label just printed": LabelScanned(at(NOW_MS), JOB, 1),
        "scan: another label of ours": LabelScanned(at(NOW_MS), OTHER_JOB, 1),
        "scale at rest: empty": rest("0.000"),
        "scale at rest: a weight, begun after the scan": rest(RIGHT),
        "scale at rest: a weight, begun before the scan": rest(RIGHT, SCANNED_MS - 500),
        "scale at rest: a weight in another unit": rest(RIGHT, unit="lb"),
        "scale at rest: less than the least weight": rest(LIGHT),
        "scale at rest: more than the largest weight": rest(HEAVY),
        **{f"scale shows {status}": Indicated(Reading(status)) for status in LIVE},
        "label ended: printed": ended(Proof.PRINTED),
        "label ended: consumed": ended(Proof.CONSUMED),
        "label ended: sent": ended(Proof.SENT),
        "label ended: unknown": ended(Proof.UNKNOWN, "link.lost"),
        "label ended: failed, paper out": ended(Proof.FAILED, "printer.paper_out"),
        "label ended: failed, cover open": ended(Proof.FAILED, "printer.cover_open"),
        "label ended: failed, other printer fault": ended(Proof.FAILED, "printer.silent"),
        "label ended: failed, cannot be drawn": ended(Proof.FAILED, "label.format"),
        "label ended: of another job": ended(Proof.PRINTED, job=OTHER_JOB),
        "printer ready again": PrinterReady(at(NOW_MS)),
        "scale away for a second": Ticked(at(NOW_MS), scale_ready=False),
        f"{RETRY_HELD_MS // 1000} s in this state": Ticked(at(NOW_MS + RETRY_HELD_MS)),
        f"{patience_s} s in this state": Ticked(at(NOW_MS + later)),
        "order: confirm": Ordered(at(NOW_MS), Order.CONFIRM),
        "order: reprint": Ordered(at(NOW_MS), Order.REPRINT),
        "order: void": Ordered(at(NOW_MS), Order.VOID),
        "restart, no label byte had left": Restarted(at(NOW_MS), sending=False),
        "restart, label bytes may have left": Restarted(at(NOW_MS), sending=True),
    }


# What the configuration changes: (setting, policy, state, input).
VARIANTS = (
    (
        '`label = ""`',
        replace(SHIPPED, label=False),
        "weighing",
        "scale at rest: a weight, begun after the scan",
    ),
    ('`without_scale = "flag"`', replace(SHIPPED, unweighed=True), "idle", "scan: an item, scale not ready"),
    (
        '`without_printer = "flag"`',
        replace(SHIPPED, unlabelled=True),
        "labelling",
        "label ended: failed, other printer fault",
    ),
    (
        '`proof = "printed"`',
        replace(SHIPPED, least_proof=Proof.PRINTED),
        "labelling",
        "label ended: consumed",
    ),
    ('`proof = "consumed"`', replace(SHIPPED, least_proof=Proof.CONSUMED), "labelling", "label ended: sent"),
)


def tables() -> str:
    """The generated part of docs/acceptance.md."""
    flow, given = Acceptance(SHIPPED), inputs(SHIPPED)
    parts = [_of_state(flow, name, state, given) for name, state in states(flow).items()]
    driven = "; ".join(given)
    told = f"{len(given)} inputs were given to each of {len(parts)} states: {driven}.\n"
    return "\n".join([told, *parts, _variants()])


def _of_state(flow: Acceptance, name: str, state: State, given: Mapping[str, Input]) -> str:
    effects: dict[tuple[str, ...], list[str]] = {}
    for words, one in given.items():
        effect = _effect(flow.step(state, one), state)
        effects.setdefault(effect, []).append(words)
    effects.pop(_effect(Outcome(state), state), None)
    rows = [("<br>".join(words), *effect) for effect, words in effects.items()]
    return f"### {name}\n\n" + "\n".join(_markdown(rows)) + "\n"


def _variants() -> str:
    rows = []
    for setting, policy, name, words in VARIANTS:
        flow = Acceptance(policy)
        state = states(Acceptance())[name]
        rows.append((f"{setting}; {name}; {words}", *_effect(flow.step(state, inputs(policy)[words]), state)))
    return "### Where the configuration says otherwise\n\n" + "\n".join(_markdown(rows)) + "\n"


def _effect(outcome: Outcome, before: State) -> tuple[str, ...]:
    """Next state, records, cues and deeds, in words."""
    return (
        "stays" if _name(outcome.state) == _name(before) else _name(outcome.state),
        "<br>".join([*map(_event, outcome.events), *map(_print, outcome.prints)]) or "–",
        "<br>".join(map(_cue, outcome.cues)) or "–",
        "draws and prints the label" if outcome.label else "–",
    )


def _name(state: State) -> str:
    pan = ", pan not seen empty" if not state.pan_clear else ""
    if state.phase in {Phase.IDLE, Phase.WEIGHING}:
        return f"{state.phase}{pan}"
    attempt = f", attempt {state.attempt}" if state.attempt > 1 else ""
    return f"{state.phase}{attempt}"


def _event(event: EventDraft) -> str:
    said = [f"{key} `{event.data[key]}`" for key in ("reason", "proof") if event.data.get(key)]
    flags = event.data.get("flags")
    said += [f"flag `{flag}`" for flag in flags] if isinstance(flags, list) else []
    return f"`{event.type}`" + (f" ({', '.join(said)})" if said else "")


def _print(step: PrintStep) -> str:
    return f"print ledger, attempt {step.attempt}: {step.state}"


def _cue(cue: Cue) -> str:
    return f"{cue.prompt.id}" + (f", sound *{cue.sound}*" if cue.sound else "")


def _markdown(rows: list[tuple[str, ...]]) -> Iterator[str]:
    yield "| " + " | ".join(HEADER) + " |"
    yield "|" + "---|" * len(HEADER)
    for row in rows:
        yield "| " + " | ".join(row) + " |"
