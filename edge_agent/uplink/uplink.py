"""The booth's side of the central contract: session, publisher and presence joined.

Owns: which message goes where, when the booth calls itself online. Must not know: paho, SQL, devices.

`online` is only said after the centre has answered on this connection: its answer to `up/state` is the
acknowledgement of what it has. Before that the state is `degraded`, reason `unproven`.
"""

from __future__ import annotations

import asyncio
import logging
import random
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass

from edge_agent.crash import reach
from edge_agent.events.model import JsonValue, StoredEvent
from edge_agent.ledger.ledger import Ledger
from edge_agent.sdk.clock import Clock
from edge_agent.sdk.errors import CommandError, LinkError
from edge_agent.uplink.broker import Broker, Inbound, Up
from edge_agent.uplink.messages import CommandMessage, Refused, compact, read_ack, read_command
from edge_agent.uplink.publisher import Health, Publisher
from edge_agent.uplink.session import Session
from edge_agent.uplink.topics import Topics

log = logging.getLogger(__name__)

CHECK_S = 2.0  # look at the timers this often while something is unacknowledged; an idle booth sleeps
CENTRAL_BACK_S = 2.0  # nine thousand booths must not answer a restarted centre in the same instant
COMMANDS_WAITING = 8  # half of our Receive Maximum: the other half stays free for acknowledgements


@dataclass(frozen=True, slots=True)
class Presence:
    """What `up/state` says beside the status; asked when it is sent."""

    snapshot: Callable[[], Mapping[str, JsonValue]]
    devices: Callable[[], list[JsonValue]]


class Uplink:
    """Connects the ledger with the centre. Run it; it ends by cancellation after `goodbye`."""

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
    ) -> None:
        self._topics = topics
        self._clock = clock
        self._presence = presence
        self._central = central
        self._session = Session(broker, self, clock)
        self._publisher = Publisher(
            ledger,
            self._session,
            clock,
            topic=topics.events,
            booth=topics.booth,
            window=window,
            central=central,
            on_acknowledged=lambda _: reach("event.acknowledged"),
        )
        self.commands: asyncio.Queue[tuple[CommandMessage | Refused, Callable[[], None]]] = asyncio.Queue(
            maxsize=COMMANDS_WAITING
        )
        self._loop = asyncio.get_running_loop()
        self._status = ""
        self._busy = asyncio.Event()
        self._random = random.Random()  # noqa: S311 - spreads answers, guards nothing

    @property
    def health(self) -> Health:
        return self._publisher.health

    @property
    def acked(self) -> int:
        return self._publisher.acked

    @property
    def status(self) -> str:
        """online, degraded or offline, as the centre is told."""
        if not self.health.connected:
            return "offline"
        healthy = self.health.proven or not self._central
        return "online" if healthy and not self.health.forbidden else "degraded"

    async def run(self) -> None:
        """Keep the session, send what waits, watch the timers."""
        async with asyncio.TaskGroup() as tasks:
            tasks.create_task(self._session.run(), name="uplink session")
            tasks.create_task(self._publisher.run(), name="uplink publisher")
            tasks.create_task(self._watch(), name="uplink timers")

    def stored(self, events: Sequence[StoredEvent]) -> None:
        """Events that are on disk now."""
        self._publisher.offer(events)
        self._busy.set()
        reach("event.published")

    def devices_changed(self) -> None:
        """Publish the inventory anew."""
        self._publish(self._topics.devices, {"devices": self._presence.devices()}, retain=True)

    def live(self, reading: Mapping[str, JsonValue]) -> None:
        """A weight as it is shown now: told to whoever listens, kept by nobody."""
        self._publish(self._topics.live, reading, retain=False, qos=0)

    def respond(self, response: Mapping[str, JsonValue]) -> None:
        """Publish a command's life cycle; its end is in the ledger too."""
        self._publish(self._topics.responses, response, retain=False)

    async def goodbye(self) -> None:
        """Say that the booth is stopping, then leave."""
        self._tell_state("offline", "stopped")
        await self._session.close()
        await self._publisher.close()

    def went_up(self, up: Up) -> None:
        log.info("connected to the broker (MQTT %s)", "5" if up.version == 5 else "3.1.1")
        self._status = ""
        self._publisher.went_up(up.window, up.packet_bytes)
        self._busy.set()
        self._loop.call_soon(self._refresh)
        self._loop.call_soon(self.devices_changed)

    def went_down(self, reason: str) -> None:
        if self.health.connected or not self.health.reason.startswith(reason):
            log.warning("no connection to the broker: %s", reason)
        self._publisher.went_down(reason)

    def acknowledged(self, mid: int, reason: int) -> None:
        self._publisher.puback(mid, reason)
        self._refresh()

    def arrived(self, message: Inbound) -> None:
        """Anything that the broker brings; hostile until parsed."""
        if message.topic == self._topics.ack:
            self._ack(message)
        elif message.topic == self._topics.command:
            self._command(message)
        elif message.topic == self._topics.central_epoch:
            self._central_is_back(fresh=not message.retained)
            message.done()
        else:
            message.done()

    def _central_is_back(self, *, fresh: bool) -> None:
        """Tell the state again, and what was under way when it was away; spread over a whole fleet."""
        self._status = ""
        self._loop.call_soon(self._refresh)
        if fresh:
            self._loop.call_later(self._random.uniform(0.0, CENTRAL_BACK_S), self._publisher.resend)

    def _ack(self, message: Inbound) -> None:
        try:
            ack = read_ack(message.payload)
        except CommandError as error:
            log.warning("%s", error)
        else:
            if not message.retained:
                self._publisher.central_ack(ack.epoch, ack.upto, ack.rejections())
                self._refresh()
        message.done()

    def _command(self, message: Inbound) -> None:
        try:
            command: CommandMessage | Refused = read_command(message.payload)
        except CommandError as error:
            command = Refused("", error)
        if message.retained:
            command = Refused(
                command.id, CommandError("command.retained", "a retained command is never executed")
            )
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
            self._publisher.check()
            if not (self.health.connected and self._publisher.busy):
                self._busy.clear()

    def _refresh(self) -> None:
        """Tell the state when it has changed."""
        status = self.status
        if self.health.connected and status != self._status:
            self._status = status
            why = "forbidden" if self.health.forbidden else "unproven"
            self._tell_state(status, "" if status == "online" else why)

    def _tell_state(self, status: str, reason: str) -> None:
        state: dict[str, JsonValue] = {"status": status, "reason": reason, **self._presence.snapshot()}
        self._publish(self._topics.state, state, retain=True)

    def _publish(self, topic: str, payload: Mapping[str, JsonValue], *, retain: bool, qos: int = 1) -> None:
        try:
            self._session.publish(topic, compact(payload), qos=qos, retain=retain)
        except LinkError:
            return  # told again at the next connection
