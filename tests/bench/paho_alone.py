"""How fast paho alone gets messages acknowledged: the floor under a drain.

Owns: that one measurement. Must not know: files, terminals, the agent.
"""

from __future__ import annotations

import asyncio
import socket
import tempfile
import time
from pathlib import Path
from typing import Any

import paho.mqtt.client as mqtt
from paho.mqtt.enums import CallbackAPIVersion

from tests.bench.broker import PrivateBroker

MESSAGES = 10_000
BODY = b"x" * 215  # as long as one small event
WINDOW = 100  # paho's best: beyond it the client walks its queue at each acknowledgement
TOO_LONG_S = 60.0


def messages_per_second(folder: Path) -> float:
    """Acknowledged QoS 1 messages a second, paho's socket watched by asyncio, no file."""
    with tempfile.TemporaryDirectory(prefix="bench-paho-", dir=folder) as place:
        broker = PrivateBroker(Path(place) / "broker")
        broker.start()
        try:
            return asyncio.run(_measure(broker.port))
        finally:
            broker.kill()


async def _measure(port: int) -> float:
    loop, done = asyncio.get_running_loop(), asyncio.Event()
    client = mqtt.Client(CallbackAPIVersion.VERSION2, "alone")
    client.max_inflight_messages_set(0)
    counts = {"sent": 0, "answered": 0}

    def send(*_: Any) -> None:
        while counts["sent"] < MESSAGES and counts["sent"] - counts["answered"] < WINDOW:
            counts["sent"] += 1
            client.publish("alone", BODY, 1)

    def answered(*_: Any) -> None:
        counts["answered"] += 1
        send()
        if counts["answered"] == MESSAGES:
            done.set()

    def written(_client: mqtt.Client, _user: Any, line: Any) -> None:
        loop.remove_writer(line)

    client.on_connect = send
    client.on_publish = answered
    client.on_socket_register_write = lambda _c, _u, line: loop.add_writer(line, client.loop_write)
    client.on_socket_unregister_write = written
    client.connect("127.0.0.1", port)
    line = client.socket()
    if not isinstance(line, socket.socket):
        raise ConnectionError("the broker closed the connection at once")
    loop.add_reader(line, client.loop_read)
    begin = time.monotonic()
    try:
        async with asyncio.timeout(TOO_LONG_S):
            await done.wait()
        return MESSAGES / (time.monotonic() - begin)
    finally:
        loop.remove_reader(line)
        loop.remove_writer(line)
        client.on_socket_unregister_write = None
        line.close()
