"""Acknowledgements on their way to the booths: cumulative, so a newer one swallows what waits.

Owns: coalescing, the JSON of an ack, and what a mood does to it. Must not know: storage.
"""

from __future__ import annotations

import asyncio
import json
from collections.abc import Callable, Mapping

from edge_agent.sdk.errors import LinkError
from simulators.central.moods import Moods
from simulators.central.taken import Ack, News
from simulators.mqtt.client import MqttClient
from simulators.mqtt.properties import Properties

AT_ONCE = 32  # acks on the wire at a time: enough to hide the round trip for a whole fleet
REJECTED_LIMIT = 256  # rejections in one ack: it stays under 16 KiB; the others follow in the next
EXPIRY_S = 60  # a booth sends again after 30 s without an ack: an older one is of no use

Key = tuple[str, str]


class Acker:
    """`due` takes what a commit has made; `run` sends it over one connection until that is lost."""

    def __init__(self, root: str, moods: Moods, tell: Callable[[News], None]) -> None:
        self._root = root
        self._moods = moods
        self._tell = tell
        self._pending: dict[Key, Ack] = {}
        self._wanted = asyncio.Event()
        self._before: dict[Key, bytes] = {}

    def due(self, acks: Mapping[Key, Ack]) -> None:
        """Never waits; one entry for each stream, however many acks it stands for."""
        for key, ack in acks.items():
            waiting = self._pending.setdefault(key, Ack())
            waiting.upto = max(waiting.upto, ack.upto)
            waiting.rejected.update(ack.rejected)
            waiting.also = ack.also
            waiting.conn = waiting.conn if ack.conn is None else ack.conn
        if acks:
            self._wanted.set()

    async def run(self, client: MqttClient) -> None:
        """Send what is due, until the connection is lost (LinkError)."""
        while True:
            await self._wanted.wait()
            if self._moods.ack_delay_s:
                await asyncio.sleep(self._moods.ack_delay_s)
            batch = [(key, _part(self._pending[key])) for key in list(self._pending)[:AT_ONCE]]
            sending = (self._send(client, key, ack) for key, ack in batch)
            results = await asyncio.gather(*sending, return_exceptions=True)
            for (key, ack), result in zip(batch, results, strict=True):
                self._settle(key, ack, result)
            if not self._pending:
                self._wanted.clear()

    async def _send(self, client: MqttClient, key: Key, ack: Ack) -> None:
        booth, epoch = key
        rejected = [{"seq": seq, "code": code} for seq, code in sorted(ack.rejected.items())]
        body: dict[str, object] = {"epoch": epoch, "upto": ack.upto, "rej": rejected}
        if ack.also:
            body["also"] = ack.also
        if ack.conn is not None:
            body["conn"] = ack.conn
        payload = json.dumps(body, separators=(",", ":")).encode()
        copies = self._moods.copies()
        sent = [payload] * copies
        if copies and self._moods.stale_acks:
            sent.append(self._before.get(key, payload))
            self._before[key] = payload
        for one in sent:
            await client.publish(
                f"{self._root}/{booth}/dn/ack", one, properties=Properties(message_expiry_s=EXPIRY_S)
            )
        self._tell(News("ack" if copies else "ack lost", booth, f"up to {ack.upto}", ack.upto))

    def _settle(self, key: Key, sent: Ack, failure: BaseException | None) -> None:
        """Take off what was sent; what was not answered, or came in the meantime, stays due."""
        if isinstance(failure, LinkError) and failure.code == "mqtt.no_answer":
            return
        if failure is not None:
            raise failure
        waiting = self._pending[key]
        for seq in sent.rejected:
            waiting.rejected.pop(seq, None)
        if waiting.conn == sent.conn:
            waiting.conn = None
        settled = (waiting.upto, waiting.also, waiting.conn) == (sent.upto, sent.also, None)
        if settled and not waiting.rejected:
            del self._pending[key]


def _part(ack: Ack) -> Ack:
    """As much of an ack as fits one message."""
    return Ack(ack.upto, dict(sorted(ack.rejected.items())[:REJECTED_LIMIT]), ack.also, ack.conn)
