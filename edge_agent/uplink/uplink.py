"""The booth's side of the central contract: session, publisher and presence joined.

Owns: which message goes where, what is done with each that comes. Must not know: paho, SQL, devices.
"""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Callable, Mapping, Sequence

from edge_agent.crash import reach
from edge_agent.events.model import JsonValue, StoredEvent
from edge_agent.ledger.ledger import Ledger
from edge_agent.sdk.clock import Clock
from edge_agent.sdk.errors import CommandError, LinkError
from edge_agent.uplink.acknowledgement import AckMessage, read_ack
from edge_agent.uplink.broker import Broker, Inbound, Up
from edge_agent.uplink.budget import Budget
from edge_agent.uplink.flow import Flow
from edge_agent.uplink.health import Health
from edge_agent.uplink.messages import compact
from edge_agent.uplink.notices import Notice, Notices, Shed
from edge_agent.uplink.orders import CommandMessage, Refused, read_order
from edge_agent.uplink.publisher import Publisher
from edge_agent.uplink.returning import Returning
from edge_agent.uplink.session import Session
from edge_agent.uplink.standing import Presence, Standing
from edge_agent.uplink.topics import Topics

log = logging.getLogger(__name__)

__all__ = ["Presence", "Uplink"]

CHECK_S = 2.0  # look at the timers this often while something is unacknowledged; an idle booth sleeps
COMMANDS_WAITING = 8  # half of our Receive Maximum: the other half stays free for acknowledgements
METRICS_KEPT = 12  # an hour of them, one each five minutes
METRICS_S = 3600  # a figure of an hour ago explains nothing that still matters

Inbox = asyncio.Queue[tuple[CommandMessage | Refused, Callable[[], None]]]
OVERRAN = {0x93, 0x94}  # DISCONNECT: receive maximum exceeded, topic alias invalid


class Uplink:
    """Connects the ledger with the centre. Run it; it ends by cancellation after `goodbye`."""

    config: Callable[[], Mapping[str, JsonValue]] | None = None  # what `up/cfg` says
    _names_conn = False  # whether the centre tells which connection it answers

    def __init__(
        self,
        ledger: Ledger,
        broker: Broker,
        topics: Topics,
        clock: Clock,
        presence: Presence,
        *,
        window: int,
        central: bool,
        budget: Budget | None = None,
        shed: Shed = lambda _count, _why: None,
    ) -> None:
        self._topics, self._clock = topics, clock
        self._presence, self._window = presence, window
        self.health = Health()
        self.on_certificate: Callable[[bytes], None] = lambda _: None
        self._session = Session(broker, self, clock)
        self.flow = Flow(self._session, clock, budget or Budget(0, clock))
        self._notices = Notices(self.flow, clock, shed, telemetry_kept=METRICS_KEPT)
        self.publisher = Publisher(
            ledger,
            self.flow,
            clock,
            topic=topics.events,
            booth=topics.booth,
            health=self.health,
            window=window,
            central=central,
            on_acknowledged=lambda _: reach("event.acknowledged"),
            on_silence=self._ask,
        )
        self._standing = Standing(
            ledger, self.health, presence, self._tell_state, acked=lambda: self.acked, central=central
        )
        self.commands: Inbox = asyncio.Queue(maxsize=COMMANDS_WAITING)
        self.desired: asyncio.Queue[bytes] = asyncio.Queue(maxsize=1)
        self._loop = asyncio.get_running_loop()
        self._busy = asyncio.Event()
        self._returning = Returning(self._tell_again)

    @property
    def acked(self) -> int:
        return self.publisher.acked

    @property
    def status(self) -> str:
        """online, draining, degraded or offline, as the centre is told."""
        return self._standing.now().status

    @property
    def reason(self) -> str:
        """Why it is not online: what broke the link, else the word that the centre is told."""
        return self.health.reason or self._standing.now().reason

    async def run(self) -> None:
        """Keep the session, send what waits, watch the timers."""
        async with asyncio.TaskGroup() as tasks:
            tasks.create_task(self._session.run(), name="uplink session")
            tasks.create_task(self.publisher.run(), name="uplink publisher")
            tasks.create_task(self._standing.run(), name="uplink state")
            tasks.create_task(self._watch(), name="uplink timers")

    def stored(self, events: Sequence[StoredEvent]) -> None:
        """Events that are on disk now."""
        self.publisher.offer(events)
        self._busy.set()
        reach("event.published")

    def devices_changed(self) -> None:
        """Publish the inventory anew."""
        content = {"devices": self._presence.devices(), "unknown": self._presence.unknown()}
        self._newest(self._topics.devices, content)

    def config_changed(self) -> None:
        """Publish what is in force anew."""
        if self.config is not None:
            self._newest(self._topics.config, self.config())

    def live(self, reading: Mapping[str, JsonValue]) -> None:
        """A weight as it is shown now: told to whoever listens, kept by nobody."""
        if not (self.health.connected and self.flow.budget.telemetry):
            return
        try:
            self.flow.spill(self._topics.live, compact(reading))
        except LinkError:
            return  # the next one comes at once

    def metrics(self, figures: Mapping[str, JsonValue]) -> None:
        """Counters and conditions; the first to be given up."""
        until_s = self._clock.monotonic_s() + METRICS_S
        self._notices.telemetry(
            Notice(self._topics.metrics, compact(figures), until_s=until_s, expiry_s=METRICS_S)
        )
        self._refresh()

    def respond(self, response: Mapping[str, JsonValue]) -> None:
        """Publish a command's life cycle, later if there is no connection; its end is in the ledger too."""
        self._notices.answer(Notice(self._topics.responses, compact(response)))
        self._busy.set()

    def ask_certificate(self, request: bytes) -> None:
        """Ask for a new certificate under the present one."""
        if self.health.connected:
            self._notices.answer(Notice(self._topics.renewal, request))
            self._busy.set()

    def reconnect(self, reason: str) -> None:
        """Leave this connection and make another one: the certificate has changed."""
        self._session.drop(reason)

    async def goodbye(self) -> None:
        """Say that the booth is stopping, then leave."""
        if self.health.connected:
            await self._standing.stopped()
        await self._session.close()
        await self.publisher.close()

    def went_up(self, up: Up) -> None:
        log.info("connected to the broker (MQTT %s)", "5" if up.version == 5 else "3.1.1")
        self.health.connected, self.health.reason, self.health.proven = True, "", False
        self.health.connections += 1
        self.health.version = up.version
        self.health.duplicate = self._session.duplicate
        self._notices.connected()
        self.flow.opened(min(self._window, up.window))
        self.publisher.went_up(up.window, up.packet_bytes)
        self._busy.set()
        self._standing.anew()
        self._loop.call_soon(self.devices_changed)
        self._loop.call_soon(self.config_changed)

    def went_down(self, reason: str, code: int) -> None:
        if self.health.connected or not self.health.reason.startswith(reason):
            log.warning("no connection to the broker: %s", reason)
        self.health.connected, self.health.reason, self.health.proven = False, reason, False
        if code in OVERRAN:
            self.flow.overran()
        if self.flow.closed(code):
            self._session.excuse()
        self._notices.disconnected()
        self.publisher.went_down()

    def acknowledged(self, mid: int, reason: int) -> None:
        self.flow.puback(mid, reason)
        self._notices.pump()
        self._refresh()

    def arrived(self, message: Inbound) -> None:
        """Anything that the broker brings; hostile until parsed."""
        if message.topic == self._topics.ack:
            self._ack(message)
        elif message.topic == self._topics.desired:
            self._desire(message.payload)
            message.done()
        elif addressee := self._topics.addressee(message.topic):
            self._command(message, addressee)
        elif message.topic == self._topics.certificate and not message.retained:
            self.on_certificate(message.payload)
            message.done()
        elif message.topic == self._topics.central_epoch:
            if not message.retained:  # the session has just told everything
                self._returning.said()
            message.done()
        else:
            message.done()

    def _tell_again(self) -> None:
        """The state, and what was under way when the centre was away."""
        self._standing.anew()
        self.publisher.resend()

    def _ask(self) -> None:
        """The centre answers a state with what it has."""
        self._standing.anew()

    def _ack(self, message: Inbound) -> None:
        try:
            ack = read_ack(message.payload)
        except CommandError as error:
            log.warning("%s", error)
        else:
            if not message.retained:
                ours = self.publisher.central_ack(ack.epoch, ack.upto, ack.rej, ack.also)
                self.health.proven = self.health.proven or (ours and self._answers_now(ack))
                self._refresh()
        message.done()

    def _answers_now(self, ack: AckMessage) -> bool:
        """Others may have waited in the broker while the centre died."""
        if ack.conn is None:
            return not self._names_conn
        self._names_conn = True
        return ack.conn == self.health.connections

    def _desire(self, payload: bytes) -> None:
        """The newest wish counts; it is retained, so that what is not taken comes again."""
        if self.desired.full():
            self.desired.get_nowait()
        self.desired.put_nowait(payload)

    def _command(self, message: Inbound, addressee: str) -> None:
        command = read_order(message.payload, addressee, retained=message.retained)
        if not self.commands.full():
            self.commands.put_nowait((command, message.done))
            return
        log.warning("too many commands wait; one is refused")
        busy = {"state": "rejected", "reason": "command.busy", "code": "command.busy"}
        self.respond({"id": command.id, **busy})
        message.done()  # kept back, it would take up our Receive Maximum and acknowledgements with it

    async def _watch(self) -> None:
        while True:
            await self._busy.wait()
            await self._clock.sleep(CHECK_S)
            self.flow.check()
            self.publisher.check()
            self._notices.pump()
            self._refresh()
            if not (self.health.connected and (self.publisher.busy or not self.flow.idle)):
                self._busy.clear()

    def _refresh(self) -> None:
        """Have the state told if it has changed."""
        self.health.forbidden_notices = self._notices.forbidden
        if self._notices.too_large:
            self.health.trouble.add("notice_too_large")
        self.health.duplicate = self._session.duplicate
        self.health.budget_spent = not self.flow.budget.records
        self.health.silent = self.publisher.doubt.in_vain
        self._standing.look()

    def _tell_state(self, state: Mapping[str, JsonValue], *, last: bool) -> None:
        if last and self.flow.room <= 0:  # no answer is awaited any more, and none would come in time
            try:
                self.flow.spill(self._topics.state, compact(state), retain=True)
            except LinkError:
                return  # then the will tells it
        else:
            self._newest(self._topics.state, state)

    def _newest(self, topic: str, payload: Mapping[str, JsonValue]) -> None:
        if self.health.connected:
            self._notices.newest(Notice(topic, compact(payload), retain=True))
            self._busy.set()
