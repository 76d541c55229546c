"""Acceptance of a parcel as a pure state machine: scan and weigh, label, accept.

Owns: the transitions and what each of them records. Must not know: devices, the ledger's file, clocks, texts.

Each call of `step` gives the next state, what must be on disk together with it, and what may happen only
after that. The table of states stands in docs/acceptance.md.
"""

from __future__ import annotations

from dataclasses import dataclass, field, replace

from edge_agent.counter.evidence import evidence, numeral, weight_data
from edge_agent.counter.feedback import Cue, Prompt, Sound
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
from edge_agent.counter.parcel import Parcel, Phase, State
from edge_agent.counter.prompts import LIVE_PROMPTS, prompt_of
from edge_agent.counter.settling import kilograms
from edge_agent.counter.zero import disproves_zero, zero_lost
from edge_agent.events.model import EventDraft, JsonValue
from edge_agent.ledger.prints import PrintState, PrintStep
from edge_agent.printing.job import LABEL_FAULT, PROOF_RANK
from edge_agent.sdk.values import PrintResult, Proof, Stamp

RETRY_HELD_MS = 10_000  # a printer that cannot tell its state is tried again this often while a label is held
SCALE_AWAY = "scale_away"
VOID_LABEL = Cue(Prompt("void_label"), Sound.NEEDS_YOU)
OTHER_LABEL = Cue(Prompt("other_label"), Sound.REJECTED)


@dataclass(frozen=True, slots=True)
class Acceptance:
    """The machine itself: only its policy, no state."""

    policy: Policy = field(default_factory=Policy)

    def step(self, state: State, given: Input) -> Outcome:
        """One input. Inputs that mean nothing in this state leave it as it is."""
        match given:
            case Scanned():
                return self._scanned(state, given)
            case Weighed() | Indicated():
                return self._scale(state, given)
            case PrintEnded():
                return self._print_ended(state, given)
            case PrinterReady():
                return self._again(state, given.at) if state.phase is Phase.HELD else Outcome(state)
            case LabelScanned():
                return self._label_scanned(state, given)
            case Ordered():
                return self._ordered(state, given)
            case Ticked():
                return self._ticked(state, given)
            case Restarted():
                return self._restarted(state, given)

    def _scanned(self, state: State, scan: Scanned) -> Outcome:
        if state.phase is not Phase.IDLE:
            if state.parcel is not None and state.parcel.item == scan.item:
                return Outcome(state, cues=[Cue(prompt_of(state))])
            return _refused(state, scan, "busy", "refused_busy")
        if scan.late:
            return _refused(state, scan, "busy", "refused_busy")
        if scan.before:
            return _refused(state, scan, "accepted_before", "refused_again")
        if not scan.room:
            return _refused(state, scan, "disk_full", "not_saved")
        parcel = Parcel(scan.item, scan.item_type, scan.job, scan.at.uptime_ms)
        if not scan.scale_ready:
            if not self.policy.unweighed:
                return _refused(state, scan, "no_scale", "scale_fault")
            return self._to_label(state, replace(parcel, flags=("no_scale",)), scan.at, [])
        begun = replace(state, phase=Phase.WEIGHING, parcel=parcel, attempt=0, since_ms=scan.at.uptime_ms)
        event = EventDraft(
            "parcel.scanned", scan.item, scan.at, {"item_type": scan.item_type, "job": scan.job}
        )
        return Outcome(begun, events=[event], cues=[Cue(prompt_of(begun))])

    def _scale(self, state: State, given: Weighed | Indicated) -> Outcome:
        if state.pan_clear and disproves_zero(given):
            return zero_lost(state)
        return self._weighed(state, given) if isinstance(given, Weighed) else self._indicated(state, given)

    def _weighed(self, state: State, given: Weighed) -> Outcome:
        settled = given.settled
        if settled.empty:
            hinted = state.phase is Phase.WEIGHING and state.reason
            if state.pan_clear and not hinted:
                return Outcome(state)
            reason = "" if hinted else state.reason  # what was told of a load that has gone
            cleared = replace(state, pan_clear=True, zero=numeral(settled.reading), reason=reason)
            return Outcome(cleared, cues=[Cue(prompt_of(cleared))])
        parcel = state.parcel
        if state.phase is not Phase.WEIGHING or parcel is None or not state.pan_clear:
            return Outcome(state)
        if settled.first.uptime_ms <= parcel.scanned_ms:
            return Outcome(state)  # begun before the scan: not yet proof for this parcel
        if settled.reading.unit not in self.policy.units:
            return Outcome(state, cues=[Cue(Prompt("wrong_unit"), Sound.NEEDS_YOU)])
        weighed = kilograms(settled.reading)
        if weighed is None or weighed < self.policy.min_weight:
            return Outcome(state, cues=[Cue(Prompt("too_light"), Sound.REJECTED)])
        if weighed > self.policy.max_weight:
            return Outcome(state, cues=[Cue(Prompt("too_heavy"), Sound.REJECTED)])
        weight = evidence(given, parcel.scanned_ms, state.zero)
        event = EventDraft("weight.settled", parcel.item, settled.last, weight_data(weight))
        return self._to_label(
            replace(state, pan_clear=False, zero=""), replace(parcel, weight=weight), settled.last, [event]
        )

    def _indicated(self, state: State, given: Indicated) -> Outcome:
        reading = given.reading
        if state.phase is not Phase.WEIGHING or reading.status not in LIVE_PROMPTS or not state.pan_clear:
            return Outcome(state)
        if state.reason == reading.status:
            return Outcome(state)
        told = replace(state, reason=str(reading.status))
        return Outcome(told, cues=[Cue(Prompt(LIVE_PROMPTS[reading.status]))])

    def _to_label(self, state: State, parcel: Parcel, at: Stamp, events: list[EventDraft]) -> Outcome:
        if not self.policy.label:
            return self._accept(state, parcel, at, events=events, prints=[], label={})
        labelling = replace(
            state, phase=Phase.LABELLING, parcel=parcel, attempt=1, since_ms=at.uptime_ms, reason=""
        )
        queued = PrintStep(parcel.job, 1, parcel.item, PrintState.QUEUED, at.utc_ms)
        return Outcome(labelling, events, [queued], [Cue(Prompt("printing"))], label=True)

    def _print_ended(self, state: State, ended: PrintEnded) -> Outcome:
        result, parcel = ended.result, state.parcel
        ours = parcel is not None and (result.job, result.attempt) == (parcel.job, state.attempt)
        if parcel is None or not ours or state.phase is not Phase.LABELLING:
            return Outcome(state)
        if result.proof is Proof.FAILED and result.reason.startswith(LABEL_FAULT):
            step = _print_step(state, PrintState.FAILED, ended.at, "", result.reason)
            return replace(_voided(state, parcel, ended.at, result.reason), prints=[step])
        if result.proof is Proof.FAILED:
            return self._not_printed(state, parcel, ended)
        if PROOF_RANK.get(result.proof, 0) >= PROOF_RANK[self.policy.least_proof]:
            return self._printed(state, parcel, ended.at, result.proof.value, result.proof)
        data: dict[str, JsonValue] = {**_label_data(state), "reason": result.reason}
        event = EventDraft("label.unconfirmed", parcel.item, ended.at, data)
        step = _print_step(state, PrintState.UNCONFIRMED, ended.at, result.proof.value, result.reason)
        asking = replace(state, phase=Phase.ASKING, since_ms=ended.at.uptime_ms, reason=result.reason)
        return Outcome(asking, [event], [step], [Cue(prompt_of(asking), Sound.NEEDS_YOU)])

    def _not_printed(self, state: State, parcel: Parcel, ended: PrintEnded) -> Outcome:
        reason = ended.result.reason
        step = _print_step(state, PrintState.FAILED, ended.at, "", reason)
        if self.policy.unlabelled:
            flagged = replace(parcel, flags=(*parcel.flags, "no_label"))
            return self._accept(state, flagged, ended.at, events=[], prints=[step], label={})
        held = replace(state, phase=Phase.HELD, since_ms=ended.at.uptime_ms, reason=reason)
        told = state.reason == reason
        return Outcome(held, prints=[step], cues=[] if told else [Cue(prompt_of(held), Sound.NEEDS_YOU)])

    def _printed(self, state: State, parcel: Parcel, at: Stamp, proof: str, rank: Proof) -> Outcome:
        done = PrintState.SENT if rank is Proof.SENT else PrintState.CONFIRMED
        label: dict[str, JsonValue] = {**_label_data(state), "proof": proof}
        kind = "label.printed" if state.attempt == 1 else "label.reprinted"
        event = EventDraft(kind, parcel.item, at, label)
        step = _print_step(state, done, at, proof, "")
        return self._accept(state, parcel, at, events=[event], prints=[step], label=label)

    def _accept(
        self,
        state: State,
        parcel: Parcel,
        at: Stamp,
        *,
        events: list[EventDraft],
        prints: list[PrintStep],
        label: dict[str, JsonValue],
    ) -> Outcome:
        data: dict[str, JsonValue] = {
            "item_type": parcel.item_type,
            "weight": weight_data(parcel.weight) if parcel.weight else None,
            "label": label or None,
            "flags": list(parcel.flags),
        }
        accepted = EventDraft("parcel.accepted", parcel.item, at, data)
        cue = Cue(Prompt("accepted", {"item": parcel.item}), Sound.SAVED)
        idle = State(pan_clear=state.pan_clear, zero=state.zero)
        return Outcome(idle, [*events, accepted], prints, [cue, Cue(prompt_of(idle))], accepted=parcel)

    def _again(self, state: State, at: Stamp) -> Outcome:
        """The same attempt once more: nothing of it had been accepted by the printer."""
        return Outcome(replace(state, phase=Phase.LABELLING, since_ms=at.uptime_ms), label=True)

    def _label_scanned(self, state: State, scan: LabelScanned) -> Outcome:
        parcel = state.parcel
        if parcel is None:
            return Outcome(state)
        # There must not be two labels of this parcel, and the one in hand comes out, or has come out.
        replaced = scan.job == parcel.job and scan.attempt < state.attempt
        if state.phase is not Phase.ASKING and not replaced:
            return Outcome(state)
        if (scan.job, scan.attempt) == (parcel.job, state.attempt):
            return self._printed(state, parcel, scan.at, "scanned", Proof.PRINTED)
        data: dict[str, JsonValue] = {"scanned_job": scan.job, "scanned_attempt": scan.attempt}
        data |= {**_label_data(state), "reason": "other_label"}
        event = EventDraft("label.mismatched", parcel.item, scan.at, data)
        return Outcome(state, events=[event], cues=[VOID_LABEL if replaced else OTHER_LABEL])

    def _ordered(self, state: State, given: Ordered) -> Outcome:
        parcel = state.parcel
        if parcel is None:
            return Outcome(state)
        if given.order is Order.VOID and state.phase is not Phase.LABELLING:
            return _voided(state, parcel, given.at, "ordered")
        if state.phase is not Phase.ASKING:
            return Outcome(state)
        if given.order is Order.CONFIRM:
            return self._printed(state, parcel, given.at, "operator", Proof.PRINTED)
        if given.order is Order.REPRINT:
            return self._reprint(state, parcel, given.at)
        return Outcome(state)

    def _reprint(self, state: State, parcel: Parcel, at: Stamp) -> Outcome:
        attempt = state.attempt + 1
        again = replace(state, phase=Phase.LABELLING, attempt=attempt, since_ms=at.uptime_ms, reason="")
        queued = PrintStep(parcel.job, attempt, parcel.item, PrintState.QUEUED, at.utc_ms)
        return Outcome(again, prints=[queued], cues=[Cue(Prompt("printing"))], label=True)

    def _ticked(self, state: State, given: Ticked) -> Outcome:
        at, waited = given.at, given.at.uptime_ms - state.since_ms
        if state.phase is Phase.HELD and waited >= RETRY_HELD_MS:
            return self._again(state, at)
        if state.phase is not Phase.WEIGHING or state.parcel is None:
            return Outcome(state)
        if waited >= self.policy.weight_wait_ms:
            return _voided(state, state.parcel, at, "no_weight")
        return _scale_there(state, given.scale_ready)

    def _restarted(self, state: State, given: Restarted) -> Outcome:
        parcel = state.parcel
        if parcel is None:
            return Outcome(State())
        if state.phase is Phase.WEIGHING:
            return _voided(state, parcel, given.at, "restarted")
        if state.phase is Phase.LABELLING and given.sending:
            lost = PrintResult(parcel.job, state.attempt, Proof.UNKNOWN, 0, "agent.restarted")
            return self._print_ended(state, PrintEnded(given.at, lost))
        if state.phase in {Phase.LABELLING, Phase.HELD}:
            return self._again(state, given.at)
        return Outcome(state, cues=[Cue(prompt_of(state), Sound.NEEDS_YOU)])


def _scale_there(state: State, ready: bool) -> Outcome:
    """While a parcel waits for its weight: tell once that the scale is away, and once that it is back."""
    if (state.reason == SCALE_AWAY) is not ready:
        return Outcome(state)
    if ready:
        back = replace(state, reason="")
        return Outcome(back, cues=[Cue(prompt_of(back))])
    return Outcome(replace(state, reason=SCALE_AWAY), cues=[Cue(Prompt("scale_fault"), Sound.NEEDS_YOU)])


def _refused(state: State, scan: Scanned, reason: str, prompt: str) -> Outcome:
    event = EventDraft("scan.refused", scan.item, scan.at, {"reason": reason})
    cue = Cue(Prompt(prompt, {"item": scan.item}), Sound.REJECTED)
    return Outcome(state, events=[event], cues=[cue])


def _voided(state: State, parcel: Parcel, at: Stamp, reason: str) -> Outcome:
    event = EventDraft("parcel.voided", parcel.item, at, {"reason": reason, "job": parcel.job})
    idle = State(pan_clear=state.pan_clear, zero=state.zero)
    return Outcome(idle, events=[event], cues=[Cue(Prompt("voided"), Sound.REJECTED)])


def _print_step(state: State, reached: PrintState, at: Stamp, proof: str, reason: str) -> PrintStep:
    parcel = state.parcel
    job, item = (parcel.job, parcel.item) if parcel else ("", "")
    return PrintStep(job, state.attempt, item, reached, at.utc_ms, proof, reason)


def _label_data(state: State) -> dict[str, JsonValue]:
    job = state.parcel.job if state.parcel else ""
    return {"job": job, "attempt": state.attempt}
