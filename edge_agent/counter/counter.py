"""The counter: what devices report goes through the flow, onto the disk, then to people and printers.

Owns: the order commit → cue → print, duplicate scans, one label at a time.
Must not know: the flow's transitions, device protocols, MQTT.
"""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Sequence

from edge_agent.counter.acceptance import Acceptance
from edge_agent.counter.command_codes import SLOT as CODES_SLOT
from edge_agent.counter.command_codes import CommandCodes, ScaleGoals
from edge_agent.counter.cues import NOT_SAVED, SCANNER_FLOODS, Cues
from edge_agent.counter.inputs import (
    Indicated,
    Input,
    LabelScanned,
    Order,
    Ordered,
    PrintEnded,
    PrinterReady,
    Restarted,
    Ticked,
    Weighed,
)
from edge_agent.counter.numbered import begin_numbered, commit_step
from edge_agent.counter.parcel import Parcel, Phase, State, state_from_json
from edge_agent.counter.printing import other_label, print_label, was_sending
from edge_agent.counter.prompts import prompt_of
from edge_agent.counter.reading import Reading
from edge_agent.counter.refusing import not_begun, nothing_to
from edge_agent.counter.scanned import Flood, Repeats, storable
from edge_agent.counter.seams import Counts, Ports, Tentative
from edge_agent.counter.settling import Settled, Settler
from edge_agent.counter.shown import matters
from edge_agent.crash import reach
from edge_agent.events.model import EventDraft
from edge_agent.ledger.ledger import Entry
from edge_agent.sdk.errors import DeviceError
from edge_agent.sdk.values import PrinterState, Proof, Ready, Scan, Stamp, Weight
from edge_agent.whole import whole

log = logging.getLogger(__name__)

SLOT = "acceptance"
TICK_S = 1.0  # only while a parcel is in hand


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
        codes: CommandCodes | None = None,
    ) -> None:
        self._ports = ports
        self._settler = settler
        self._flow = flow
        self._repeats = Repeats(repeat_window_ms)
        self._flood = Flood()
        self._codes = codes or CommandCodes("", None)
        self._step = asyncio.Lock()
        self._labels: asyncio.Queue[tuple[Parcel, int]] = asyncio.Queue(maxsize=4)  # one parcel, few attempts
        self._busy = asyncio.Event()
        self._left_over: Restarted | None = None
        self._weighed: Stamp | None = None  # when the run began that the flow has had
        self.state = State()
        self.cues = Cues(ports.clock, ports.tell, lambda: prompt_of(self.state))
        self.counts = Counts()
        self._free_since_ms = 0  # when the parcel before was done with
        self._reading = Reading(ports, flow, accepts, self._codes, self.counts)
        self._scale = ScaleGoals(ports.devices, self.cues.say)

    async def resume(self) -> None:
        """Take up, or void, what the last stop left in hand. Before any device is opened."""
        self._codes.remember(await self._ports.ledger.slot(CODES_SLOT))
        if self._flow is None:
            return
        try:
            self.state = state_from_json(await self._ports.ledger.slot(SLOT))
        except DeviceError as error:
            log.error("%s", error)
            await self._give_up(error.code)
            return
        if self.state.phase is not Phase.IDLE:
            self._left_over = Restarted(self._ports.clock.stamp(), await was_sending(self._ports, self.state))
            await self._give(self._left_over)

    async def _give_up(self, reason: str) -> None:
        lost = EventDraft("flow.lost", SLOT, self._ports.clock.stamp(), {"reason": reason})
        try:
            self._ports.stored(await self._ports.ledger.commit(Entry([lost], {SLOT: ""})))
        except DeviceError as error:
            log.error("%s", error)

    async def _take_up(self) -> None:
        """Until this is on disk nothing else happens to what the last stop left in hand."""
        if self._left_over is not None:
            await self._give(self._left_over)

    @property
    def busy(self) -> bool:
        """Whether a parcel is in hand."""
        return self.state.phase is not Phase.IDLE

    async def run(self) -> None:
        """Print labels and watch the time, until cancelled."""
        while self._left_over is not None:
            await self._ports.clock.sleep(TICK_S)
            await self._take_up()
        async with asyncio.TaskGroup() as tasks:
            tasks.create_task(self._print_labels(), name="labels")
            tasks.create_task(self._tick(), name="counter tick")
            tasks.create_task(self._scale.run(), name="scale goals")
            tasks.create_task(self.cues.run(), name="cues")

    async def scans(self, scans: Sequence[Scan]) -> None:
        """Barcodes of one read: recorded in one transaction, then the flow's answer is given."""
        reach("scan.arrived")
        await self._take_up()
        await whole(self._take_scans([storable(scan) for scan in scans]))
        reach("scan.committed")

    async def _take_scans(self, scans: Sequence[Scan]) -> None:
        async with self._step:
            tentative = Tentative(self.state)
            self.counts.scans += len(scans)
            taken, tentative.events = self._flood.passed(scans)
            tentative.cues = [SCANNER_FLOODS] * bool(tentative.events)
            self.counts.flooded += len(scans) - len(taken)
            fresh = [scan for scan in taken if not self._repeats.has(scan)]
            self.counts.repeats += len(taken) - len(fresh)
            self.counts.doubles = self._repeats.doubles
            try:
                self._check_taken_up()
                for scan in fresh:
                    free = self._scale.free
                    await self._reading.scan(scan, tentative, self._free_since_ms, scale_free=free)
                await self._commit(tentative)
                for mark in tentative.marks:
                    await self._other_label(mark)
            except DeviceError as error:
                self._repeats.forget(fresh)
                self._not_saved(error)
                self.cues.say(NOT_SAVED)

    async def _other_label(self, mark: LabelScanned) -> None:
        cue = await other_label(self._ports, mark, self.state)
        if cue is not None:
            self.cues.say(cue)

    async def weights(self, weights: Sequence[Weight]) -> None:
        """Readings of the scale that weighs parcels."""
        for weight in weights:
            settled = self._settler.feed(weight)
            if self._flow is None or not self._matters(settled, weight):
                continue
            reach("weight.arrived")
            if await self._give(self._shown(settled, weight)):
                self._weighed = settled.first if settled else None
            elif settled:
                self._settler.reset()  # it will come to rest again, and is then offered again
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
        return await whole(self._take_order(order))

    async def _take_order(self, order: Order) -> State:
        async with self._step:
            tentative = Tentative(self.state)
            if self._flow is not None and self._left_over is None:
                tentative.take(self._flow.step(self.state, Ordered(self._ports.clock.stamp(), order)))
            if tentative.state == self.state:
                raise nothing_to(order, self.state.phase)
            await self._commit(tentative)
            return self.state

    async def new_parcel(self) -> State:
        """Begin a parcel that has no number yet. Raises CommandError where none can be begun."""
        return await whole(self._take_new_parcel())

    async def _take_new_parcel(self) -> State:
        async with self._step:
            tentative, flow = Tentative(self.state), None if self._left_over else self._flow
            if refused := await begin_numbered(self._ports, flow, tentative):
                raise not_begun(refused)
            await self._commit(tentative)
            return self.state

    def _matters(self, settled: Settled | None, weight: Weight) -> bool:
        """Whether the flow could do anything with this reading; spares the lock ten times a second."""
        told = self._left_over is not None or (settled is not None and settled.first is self._weighed)
        return not told and matters(self.state, settled, weight.reading)

    async def _give(self, given: Input) -> bool:
        """One step of the flow; False when it could not be saved. That is said once, until it is over."""
        if self._flow is None:
            return True
        try:
            await whole(self._take(self._flow, given))
        except DeviceError as error:
            self._not_saved(error)
            if self.cues.last != NOT_SAVED:
                self.cues.say(NOT_SAVED)
            return False
        return True

    async def _take(self, flow: Acceptance, given: Input) -> None:
        async with self._step:
            if isinstance(given, Restarted) and given is not self._left_over:
                return  # taken up while this waited
            tentative = Tentative(self.state)
            tentative.take(flow.step(self.state, given))
            await self._commit(tentative)
            if given is self._left_over:
                self._left_over = None

    def _check_taken_up(self) -> None:
        if self._left_over is not None:
            raise DeviceError("ledger.broken", "what the last stop left in hand cannot be saved")

    def _not_saved(self, error: DeviceError) -> None:
        log.error("%s", error)
        self.counts.not_saved += 1

    async def _commit(self, tentative: Tentative) -> None:
        """On disk first; the state, the cues and the label follow. Raises DeviceError: nothing changed."""
        slot = tentative.state.to_json()
        slots = {**tentative.slots, **({SLOT: slot} if slot != self.state.to_json() else {})}
        if tentative.events or tentative.prints or slots:
            self._ports.stored(await commit_step(self._ports, tentative, slots))
        self._become(tentative)

    def _become(self, tentative: Tentative) -> None:
        if self.state.phase is not Phase.IDLE and tentative.state.phase is Phase.IDLE:
            self._free_since_ms = self._ports.clock.stamp().uptime_ms
        self.state = tentative.state
        self.counts.refused += sum(event.type == "scan.refused" for event in tentative.events)
        self.counts.accepted += sum(event.type == "parcel.accepted" for event in tentative.events)
        if CODES_SLOT in tentative.slots:
            self._codes.remember(tentative.slots[CODES_SLOT])
        if tentative.goal:
            self._scale.ask(tentative.goal)
        if tentative.began:
            self._settler.begin()  # only readings from now on can belong to this parcel
        waits = self.state.phase is Phase.WEIGHING or not self.state.pan_clear
        self._ports.devices.hurry_scale(waits)  # a pan that is empty only for a moment must be seen
        for cue in tentative.cues:
            self.cues.say(cue)
        if self.state.phase is not Phase.IDLE:
            self._busy.set()
        if tentative.label and self.state.parcel is not None:
            self._labels.put_nowait((self.state.parcel, self.state.attempt))

    async def _tick(self) -> None:
        while True:
            await self._busy.wait()
            await self._ports.clock.sleep(TICK_S)
            if self.state.phase is Phase.IDLE:
                self._busy.clear()
            else:
                ready = self._ports.devices.scale_ready()
                await self._give(Ticked(self._ports.clock.stamp(), ready))

    async def _print_labels(self) -> None:
        while True:
            parcel, attempt = await self._labels.get()
            result = await print_label(self._ports, parcel, attempt)
            self.counts.labels += result.proof is not Proof.FAILED
            while not await self._give(PrintEnded(self._ports.clock.stamp(), result)):
                await self._ports.clock.sleep(TICK_S)  # the label may be out: its end must not be forgotten
            reach("parcel.committed")
