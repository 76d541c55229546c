"""The counter: what devices report goes through the flow, onto the disk, then to people and printers.

Owns: the order commit → cue → print, duplicate scans, one label at a time.
Must not know: the flow's transitions, device protocols, MQTT.
"""

from __future__ import annotations

import asyncio
import logging
import secrets
from collections import OrderedDict
from collections.abc import Sequence

from edge_agent.barcodes.meaning import Meaning
from edge_agent.counter.acceptance import Acceptance
from edge_agent.counter.feedback import Cue, Prompt, Sound
from edge_agent.counter.inputs import (
    Indicated,
    Input,
    LabelScanned,
    Order,
    Ordered,
    PrintEnded,
    PrinterReady,
    Restarted,
    Scanned,
    Ticked,
    Weighed,
)
from edge_agent.counter.labelling import read_mark
from edge_agent.counter.parcel import Parcel, Phase, State, state_from_json
from edge_agent.counter.seams import Counts, Ports, Tentative
from edge_agent.counter.settling import Settled, Settler
from edge_agent.crash import reach
from edge_agent.events.model import EventDraft, JsonValue
from edge_agent.ledger.ledger import Entry
from edge_agent.ledger.prints import PrintState, PrintStep
from edge_agent.sdk.errors import CommandError, DeviceError
from edge_agent.sdk.values import (
    PrinterState,
    PrintJob,
    PrintResult,
    Proof,
    Ready,
    Scan,
    Weight,
)

log = logging.getLogger(__name__)

SLOT = "acceptance"
TICK_S = 1.0  # only while a parcel is in hand
REPEATS_REMEMBERED = (
    256  # texts of the last window; a scanner that reads more different codes in it is no scanner
)


class Counter:
    """The booth's flow at work. `flow` None records scans and weights without accepting parcels."""

    def __init__(
        self,
        ports: Ports,
        settler: Settler,
        flow: Acceptance | None,
        *,
        accepts: frozenset[str],
        repeat_window_ms: int,
    ) -> None:
        self._ports = ports
        self._settler = settler
        self._flow = flow
        self._accepts = accepts
        self._repeat_window_ms = repeat_window_ms
        self._recent: OrderedDict[str, int] = OrderedDict()
        self._step = asyncio.Lock()
        self._labels: asyncio.Queue[tuple[Parcel, int]] = asyncio.Queue(maxsize=4)  # one parcel, few attempts
        self._busy = asyncio.Event()
        self.state = State()
        self.last_cue = Cue(Prompt("scan_parcel"))
        self.counts = Counts()

    async def resume(self) -> None:
        """Take up, or void, what the last stop left in hand. Before any device is opened."""
        if self._flow is None:
            return
        ledger = self._ports.ledger
        try:
            self.state = state_from_json(await ledger.slot(SLOT))
        except DeviceError as error:
            log.error("%s", error)
            now = self._ports.clock.stamp()
            lost = EventDraft("flow.lost", SLOT, now, {"reason": error.code})
            self._ports.stored(await ledger.commit(Entry([lost], {SLOT: ""})))
            return
        if self.state.phase is not Phase.IDLE:
            open_prints = await ledger.interrupted_prints()
            sending = any(step.state is PrintState.SENDING for step in open_prints)
            await self._give(Restarted(self._ports.clock.stamp(), sending))

    async def run(self) -> None:
        """Print labels and watch the time, until cancelled."""
        async with asyncio.TaskGroup() as tasks:
            tasks.create_task(self._print_labels(), name="labels")
            tasks.create_task(self._tick(), name="counter tick")

    async def scans(self, scans: Sequence[Scan]) -> None:
        """Barcodes of one read: recorded in one transaction, then the flow's answer is given."""
        reach("scan.arrived")
        async with self._step:
            tentative = Tentative(self.state)
            for scan in scans:
                self.counts.scans += 1
                if self._is_repeat(scan):
                    self.counts.repeats += 1
                else:
                    await self._scan(scan, tentative)
            await self._commit(tentative)
        reach("scan.committed")

    async def weights(self, weights: Sequence[Weight]) -> None:
        """Readings of the scale that weighs parcels."""
        for weight in weights:
            settled = self._settler.feed(weight)
            if self._flow is None or not self._matters(settled, weight):
                continue
            reach("weight.arrived")
            await self._give(self._shown(settled, weight))
            reach("weight.committed")

    def _shown(self, settled: Settled | None, weight: Weight) -> Input:
        if settled is None:
            return Indicated(weight.reading)
        if settled.empty:
            self._ports.devices.pan_empty(settled.reading)
        return Weighed(settled, self._ports.devices.scale_protocol())

    def unsettle(self) -> None:
        """A bad frame or a lost link: readings before it prove nothing."""
        self._settler.reset()

    async def printer(self, state: PrinterState) -> None:
        """The label printer's condition changed."""
        if state.ready is Ready.YES and self.state.phase is Phase.HELD:
            await self._give(PrinterReady(state.at))

    async def order(self, order: Order) -> State:
        """A person's decision. Raises CommandError where there is nothing to decide."""
        before = self.state
        await self._give(Ordered(self._ports.clock.stamp(), order))
        if self.state == before:
            raise CommandError(
                "flow.nothing_to_do", f"{order} means nothing now: the counter is {before.phase}"
            )
        return self.state

    async def _scan(self, scan: Scan, tentative: Tentative) -> None:
        meaning = self._ports.parse(scan)
        tentative.events.append(_scan_event(scan, meaning))
        mark = read_mark(scan.text)
        if self._flow is None:
            return
        if mark is not None:
            tentative.take(self._flow.step(tentative.state, LabelScanned(scan.at, *mark)))
        elif not meaning.valid:
            self._refuse(tentative, "refused_code")
        elif meaning.type not in self._accepts:
            self._refuse(tentative, "refused_kind")
        else:
            before = await self._ports.ledger.accepted_before(meaning.value)
            given = Scanned(
                at=scan.at,
                item=meaning.value,
                item_type=meaning.type,
                job=secrets.token_hex(6),
                before=before,
                scale_ready=self._ports.devices.scale_ready(),
                room=self._ports.ledger.has_room,
            )
            tentative.take(self._flow.step(tentative.state, given))

    def _refuse(self, tentative: Tentative, prompt: str) -> None:
        self.counts.refused += 1
        tentative.cues.append(Cue(Prompt(prompt), Sound.REJECTED))

    def _is_repeat(self, scan: Scan) -> bool:
        """The same text within the window is the device's repeat, or a second scanner's view of one code."""
        seen = self._recent.pop(scan.text, None)
        self._recent[scan.text] = scan.at.uptime_ms
        while len(self._recent) > REPEATS_REMEMBERED:
            self._recent.popitem(last=False)
        return seen is not None and scan.at.uptime_ms - seen < self._repeat_window_ms

    def _matters(self, settled: Settled | None, weight: Weight) -> bool:
        """Whether the flow could do anything with this reading; spares the lock ten times a second."""
        if settled is None:
            return self.state.phase is Phase.WEIGHING and weight.reading.stable is not True
        if settled.empty:
            return not self.state.pan_clear
        return self.state.phase is Phase.WEIGHING

    async def _give(self, given: Input) -> bool:
        """One step of the flow; False when it could not be saved."""
        if self._flow is None:
            return True
        async with self._step:
            tentative = Tentative(self.state)
            tentative.take(self._flow.step(self.state, given))
            return await self._commit(tentative)

    async def _commit(self, tentative: Tentative) -> bool:
        """On disk first; the state, the cues and the label follow. Not saved is said, and changes nothing."""
        slot = tentative.state.to_json()
        slots = {SLOT: slot} if slot != self.state.to_json() else {}
        if tentative.events or tentative.prints or slots:
            try:
                stored = await self._ports.ledger.commit(Entry(tentative.events, slots, tentative.prints))
            except DeviceError as error:
                log.error("%s", error)
                self.counts.not_saved += 1
                self._say(Cue(Prompt("not_saved"), Sound.FAULT))
                return False
            self._ports.stored(stored)
        self._become(tentative)
        return True

    def _become(self, tentative: Tentative) -> None:
        self.state = tentative.state
        self.counts.accepted += sum(event.type == "parcel.accepted" for event in tentative.events)
        if tentative.began:
            self._settler.begin()  # only readings from now on can belong to this parcel
        waits = self.state.phase is Phase.WEIGHING or not self.state.pan_clear
        self._ports.devices.hurry_scale(waits)  # a pan that is empty only for a moment must be seen
        for cue in tentative.cues:
            self._say(cue)
        if self.state.phase is not Phase.IDLE:
            self._busy.set()
        if tentative.label and self.state.parcel is not None:
            self._labels.put_nowait((self.state.parcel, self.state.attempt))

    def _say(self, cue: Cue) -> None:
        self.last_cue = cue
        self._ports.tell(cue)

    async def _tick(self) -> None:
        while True:
            await self._busy.wait()
            await self._ports.clock.sleep(TICK_S)
            if self.state.phase is Phase.IDLE:
                self._busy.clear()
            else:
                await self._give(Ticked(self._ports.clock.stamp()))

    async def _print_labels(self) -> None:
        while True:
            parcel, attempt = await self._labels.get()
            result = await self._print_label(parcel, attempt)
            while not await self._give(PrintEnded(self._ports.clock.stamp(), result)):
                await self._ports.clock.sleep(TICK_S)  # the label may be out: its end must not be forgotten
            reach("parcel.committed")

    async def _print_label(self, parcel: Parcel, attempt: int) -> PrintResult:
        at = self._ports.clock.stamp()
        try:
            page = await self._ports.render(parcel, attempt, at)
        except CommandError as error:
            log.error("label refused: %s", error)
            return PrintResult(parcel.job, attempt, Proof.FAILED, 0, error.code)
        reach("label.rendered")
        sending = PrintStep(parcel.job, attempt, parcel.item, PrintState.SENDING, at.utc_ms)
        try:
            await self._ports.ledger.commit(Entry(prints=[sending]))
        except DeviceError as error:
            log.error("%s", error)
            return PrintResult(parcel.job, attempt, Proof.FAILED, 0, error.code)
        reach("label.sending")
        result = await self._ports.devices.print_page(PrintJob(parcel.job, page, attempt))
        reach("label.sent")
        self.counts.labels += result.proof is not Proof.FAILED
        return result


def _scan_event(scan: Scan, meaning: Meaning) -> EventDraft:
    data: dict[str, JsonValue] = {"text": scan.text, "type": meaning.type, "valid": meaning.valid}
    if scan.aim:
        data["aim"] = scan.aim
    if meaning.error:
        data["error"] = meaning.error
    return EventDraft("scan.read", scan.device, scan.at, data)
