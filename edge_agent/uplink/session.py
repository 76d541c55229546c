"""The one MQTT session: connected for as long as the booth runs, with a back-off that never gives up.

Owns: which version to speak, when to connect. Must not know: paho, payloads, the ledger.
"""

from __future__ import annotations

import logging
from asyncio import CancelledError

from edge_agent.sdk.clock import Clock
from edge_agent.sdk.errors import LinkError
from edge_agent.uplink.backoff import STABLE_S, Backoff
from edge_agent.uplink.broker import Broker, Handler
from edge_agent.uplink.connection import Connection

log = logging.getLogger(__name__)

PATIENCE_FIRST_S = 4.0  # for a broker that is there; a dead address costs no more
PATIENCE_CAP_S = 30.0  # a link of 3 s round trip needs some 15 s for TCP, TLS and CONNACK
HANG_UPS = 2  # a broker that restarts may hang up once; one that knows no MQTT 5 always does

SESSION_TAKEN_OVER = 0x8E
BUSY_CODES = {0x88, 0x89, 0x97, 0x9F}  # server unavailable, busy, quota exceeded, connection rate exceeded


class Session:
    """Keeps one connection to the broker for ever, until cancelled."""

    def __init__(self, broker: Broker, handler: Handler, clock: Clock, seed: int | None = None) -> None:
        self._broker = broker
        self._handler = handler
        self._clock = clock
        self._backoff = Backoff(clock.monotonic_s(), seed)
        self._link: Connection | None = None
        self._patience_s = PATIENCE_FIRST_S
        self._preferred = 4 if broker.protocol == "3.1.1" else 5
        self._version = self._preferred
        self._hang_ups = 0
        self._up_since_s = 0.0
        self._left = self._excused = False

    @property
    def connected(self) -> bool:
        return self._link is not None and self._link.up

    @property
    def flowing(self) -> bool:
        """Whether the network takes our bytes at once."""
        return self._link is not None and self._link.up and self._link.flowing

    @property
    def duplicate(self) -> bool:
        """Whether another client seems to use our id."""
        if self.connected and self._clock.monotonic_s() - self._up_since_s >= STABLE_S:
            self._backoff.settled()
        return self._backoff.duplicate

    async def run(self) -> None:
        """Connect, serve, back off; returns by cancellation, or once it was closed."""
        while not self._left:
            if await self._attempt():
                await self._serve()
            if not self._left:
                await self._clock.sleep(self._backoff.delay_s(self._clock.monotonic_s()))

    def publish(
        self, topic: str, payload: bytes, *, qos: int = 1, retain: bool = False, expiry_s: int = 0
    ) -> int:
        """Hand one message to the wire; gives its id. Raises LinkError uplink.down without a connection."""
        if self._link is None or not self._link.up:
            raise LinkError("uplink.down", "no connection to the broker")
        return self._link.publish(topic, payload, qos, retain, expiry_s)

    def drop(self, reason: str) -> None:
        """Give the connection up (a broker that no longer acknowledges); `run` connects anew."""
        if self._link is not None:
            self._link.lose(reason)

    def excuse(self) -> None:
        """It is known why this connection ended: nobody fights for our id, the next may come soon."""
        self._excused = True

    async def close(self) -> None:
        """Say goodbye so that the broker does not publish our will, within a second; for good."""
        self._left = True
        if self._link is not None:
            await self._link.leave()

    async def _attempt(self) -> bool:
        began_s = self._clock.monotonic_s()
        link = Connection(self._broker, self._handler, self._version, self._patience_s)
        try:
            await link.open()
        except LinkError as error:
            self._learn(link, error)
            await link.close()
            self._handler.went_down(str(error), link.refusal_code)
            return False
        except CancelledError:
            await link.close()
            raise
        self._hang_ups = 0
        self._up_since_s = self._clock.monotonic_s()
        self._patience_s = min(PATIENCE_CAP_S, max(PATIENCE_FIRST_S, 3 * (self._up_since_s - began_s)))
        self._backoff.connected()
        self._link = link
        return True

    def _learn(self, link: Connection, error: LinkError) -> None:
        """What a failed try tells about the next one: more patience, more distance, the other MQTT."""
        late = error.code in {"uplink.silent", "uplink.busy"}
        busy = error.code == "uplink.busy" or link.refusal_code in BUSY_CODES
        refused = error.code == "uplink.refused" and link.answered and not busy and not link.refused_version
        self._backoff.failed(busy=busy, refused=refused)
        if late:
            self._patience_s = min(PATIENCE_CAP_S, self._patience_s * 2)
        if error.code == "uplink.refused" and not link.answered:
            self._hang_ups += 1
        if self._broker.protocol == "auto" and (link.refused_version or self._hang_ups >= HANG_UPS):
            self._version, self._hang_ups = (4 if self._version == 5 else 5), 0

    async def _serve(self) -> None:
        link = self._link
        if link is None:
            return
        code = 0
        try:
            code = await link.wait_lost()
        finally:
            self._link = None
            self._version = self._preferred
            await link.close()
        before = self._backoff.duplicate
        now_s = self._clock.monotonic_s()
        excused, self._excused = self._excused, False
        taken_over = code == SESSION_TAKEN_OVER
        self._backoff.lived(self._up_since_s, now_s, taken_over=taken_over, excused=excused)
        if self._backoff.duplicate and not before:
            log.warning("connections end soon after they begin: does another box use our id?")
