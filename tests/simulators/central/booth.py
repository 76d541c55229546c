"""A booth for tests of the centre: makes events, sends batches, hears acknowledgements."""

from __future__ import annotations

import asyncio
import json
from collections.abc import Callable, Iterable

from simulators.mqtt.client import MqttClient
from simulators.mqtt.reasons import Reason

DEADLINE_S = 20.0  # generous: two slow cores with other work beside
Event = dict[str, object]


def event(seq: int, kind: str = "scan.read", subject: str = "RR123456785BD", **more: object) -> Event:
    """A good event of booth B-1; fields may be replaced, None takes one away."""
    made: Event = {
        "specversion": "1.0",
        "id": f"0192-{seq}",
        "source": "/booths/B-1",
        "type": f"booth.{kind}.v1",
        "time": "2026-11-23T10:00:00.123Z",
        "subject": subject,
        "data": {"text": f"item {seq}"},
        "epoch": "e1",
        "seq": seq,
        "boot": "boot-1",
        "uptimems": 1000 + seq,
        "clock": "ntp",
    }
    made.update(more)
    return {name: value for name, value in made.items() if value is not None}


def batch(events: Iterable[Event]) -> bytes:
    return json.dumps(list(events)).encode()


class Booth:
    """One booth on the broker; `acks` are all acknowledgements so far."""

    def __init__(self, port: int, name: str = "B-1") -> None:
        self.name = name
        self.acks: list[dict[str, object]] = []
        self.commands: list[dict[str, object]] = []
        self._client = MqttClient(name, host="127.0.0.1", port=port)
        self._listening: asyncio.Task[None] | None = None
        self._heard = asyncio.Event()

    async def __aenter__(self) -> Booth:
        await self._client.connect()
        await self._client.subscribe(f"booth/v1/{self.name}/dn/#")
        self._listening = asyncio.create_task(self._listen())
        return self

    async def __aexit__(self, *_error: object) -> None:
        if self._listening is not None:
            self._listening.cancel()
            await asyncio.wait([self._listening])
        await self._client.close()

    async def send(self, *events: Event) -> int:
        return await self.send_raw(batch(events))

    async def send_until_taken(self, one: Event) -> None:
        """Send again until a centre is there to hear it."""
        for _ in range(round(DEADLINE_S / 0.01)):
            if await self.send(one) != Reason.NO_MATCHING_SUBSCRIBERS:
                return
            await asyncio.sleep(0.01)
        raise TimeoutError("no centre")

    async def send_raw(self, payload: bytes, kind: str = "evt") -> int:
        return await self._client.publish(f"booth/v1/{self.name}/up/{kind}", payload)

    async def acked(self, upto: int, epoch: str = "e1") -> None:
        """Until everything up to a number is acknowledged."""
        await self.heard(lambda: self.upto(epoch) >= upto)

    def upto(self, epoch: str = "e1") -> int:
        return max((int(str(one["upto"])) for one in self.acks if one["epoch"] == epoch), default=0)

    def rejected(self) -> dict[int, str]:
        return {one["seq"]: one["code"] for ack in self.acks for one in ack["rej"]}

    async def heard(self, condition: Callable[[], object]) -> None:
        async with asyncio.timeout(DEADLINE_S):
            while not condition():
                self._heard.clear()
                await self._heard.wait()

    async def _listen(self) -> None:
        async for message in self._client.messages():
            heard = self.acks if message.topic.endswith("/ack") else self.commands
            heard.append(json.loads(message.payload))
            self._heard.set()
