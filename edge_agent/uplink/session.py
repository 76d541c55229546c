"""The one MQTT session: connected for as long as the booth runs, with a back-off that never gives up.

Owns: when to connect and when not to. Must not know: paho (connection.py), payloads, the ledger.
"""

from __future__ import annotations

import asyncio
import logging
import random

from edge_agent.sdk.clock import Clock
from edge_agent.sdk.errors import LinkError
from edge_agent.uplink.broker import Broker, Handler
from edge_agent.uplink.connection import Connection

log = logging.getLogger(__name__)

PATIENCE_FIRST_S = 4.0  # for a broker that is there; a dead address costs no more
PATIENCE_CAP_S = 30.0  # a link of 3 s round trip needs some 15 s for TCP, TLS and CONNACK
RETRY_FIRST_S = 0.5
RETRY_CAP_S = 15.0
RETRY_PER_OUTAGE = 1 / 30  # after a minute's outage try every 2 s, after eight minutes every 15 s
STABLE_S = 60.0  # a shorter connection does not reset the back-off: two boxes with one id, a bad ACL
TAKEN_OVER_S = 60.0  # somebody else uses our id: do not fight over it
SHORT_LIVES = 4  # a broker that restarts cuts us off so often; beyond it somebody fights for our id
HANG_UPS = 2  # a broker that restarts may hang up once; one that knows no MQTT 5 always does

SESSION_TAKEN_OVER = 0x8E


class Session:
    """Keeps one connection to the broker for ever, until cancelled."""

    def __init__(self, broker: Broker, handler: Handler, clock: Clock, seed: int | None = None) -> None:
        self._broker = broker
        self._handler = handler
        self._clock = clock
        self._random = random.Random(seed)  # noqa: S311 - spreads reconnects, guards nothing
        self._link: Connection | None = None
        self._patience_s = PATIENCE_FIRST_S
        self._preferred = 4 if broker.protocol == "3.1.1" else 5
        self._version = self._preferred
        self._hang_ups = 0
        self._short_lives = 0
        self._left = False

    @property
    def connected(self) -> bool:
        return self._link is not None and self._link.up

    async def run(self) -> None:
        """Connect, serve, back off; returns by cancellation, or once it was closed."""
        down_since = self._clock.monotonic_s()
        while not self._left:
            taken_over = False
            if await self._attempt():
                up_since = self._clock.monotonic_s()
                taken_over = await self._serve() == SESSION_TAKEN_OVER
                if self._clock.monotonic_s() - up_since >= STABLE_S:
                    down_since, self._short_lives = self._clock.monotonic_s(), 0
                else:
                    self._cut_short()
            if not self._left:
                await self._clock.sleep(self._delay(down_since, taken_over))

    def publish(self, topic: str, payload: bytes, *, qos: int = 1, retain: bool = False) -> int:
        """Hand one message to the wire; gives its id. Raises LinkError uplink.down without a connection."""
        if self._link is None or not self._link.up:
            raise LinkError("uplink.down", "no connection to the broker")
        return self._link.publish(topic, payload, qos, retain)

    def drop(self, reason: str) -> None:
        """Give the connection up (a broker that no longer acknowledges); `run` connects anew."""
        if self._link is not None:
            self._link.lose(reason)

    async def close(self) -> None:
        """Say goodbye so that the broker does not publish our will, within a second; for good."""
        self._left = True
        if self._link is not None:
            await self._link.leave()

    def _cut_short(self) -> None:
        self._short_lives += 1
        if self._short_lives == SHORT_LIVES + 1:
            log.warning("connections end soon after they begin: does another box use our id?")

    def _delay(self, down_since: float, taken_over: bool) -> float:
        if taken_over:
            return TAKEN_OVER_S * self._random.uniform(1.0, 1.5)
        outage = self._clock.monotonic_s() - down_since
        ceiling = min(RETRY_CAP_S, max(RETRY_FIRST_S, outage * RETRY_PER_OUTAGE))
        fights = min(self._short_lives - SHORT_LIVES, 16)
        if fights > 0:
            ceiling = max(ceiling, min(TAKEN_OVER_S, RETRY_FIRST_S * 2**fights))
        return ceiling * self._random.uniform(0.5, 1.0)

    async def _attempt(self) -> bool:
        began_s = self._clock.monotonic_s()
        link = Connection(self._broker, self._handler, self._version, self._patience_s)
        try:
            await link.open()
        except LinkError as error:
            self._learn(link, error)
            await link.close()
            self._handler.went_down(str(error))
            return False
        except asyncio.CancelledError:
            await link.close()
            raise
        self._hang_ups = 0
        took_s = self._clock.monotonic_s() - began_s
        self._patience_s = min(PATIENCE_CAP_S, max(PATIENCE_FIRST_S, 3 * took_s))
        self._link = link
        return True

    def _learn(self, link: Connection, error: LinkError) -> None:
        """What a failed try tells about the next one: more patience, or the other version of MQTT."""
        if error.code == "uplink.silent":
            self._patience_s = min(PATIENCE_CAP_S, self._patience_s * 2)
        if error.code == "uplink.refused" and not link.answered:
            self._hang_ups += 1
        if self._broker.protocol == "auto" and (link.refused_version or self._hang_ups >= HANG_UPS):
            self._version, self._hang_ups = (4 if self._version == 5 else 5), 0

    async def _serve(self) -> int:
        link = self._link
        if link is None:
            return 0
        try:
            return await link.wait_lost()
        finally:
            self._link = None
            self._version = self._preferred
            await link.close()
