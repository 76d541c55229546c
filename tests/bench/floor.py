"""The bare floor: the least Python that turns lines of a terminal into durable, acknowledged MQTT messages.

Owns: being the yardstick. No states, no checks, no devices, no numbering: read, commit (WAL, FULL), publish,
delete what is acknowledged. Run as a program: floor.py TTY HOST PORT FILE
"""

from __future__ import annotations

import asyncio
import contextlib
import json
import os
import socket
import sqlite3
import sys
import time
import tty
from typing import Any

import paho.mqtt.client as mqtt
from paho.mqtt.enums import CallbackAPIVersion

WINDOW = 100  # paho's best
READ_ROWS = 200
DELETE_ROWS = 500
DELETE_S = 0.5
TICK_S = 0.5


class Floor:
    """One terminal, one file, one broker."""

    def __init__(self, terminal: str, host: str, port: int, file: str) -> None:
        self._loop = asyncio.get_running_loop()
        self._where = (host, port)
        self._rows = sqlite3.connect(file, isolation_level=None)
        for step in ("journal_mode=WAL", "synchronous=FULL"):
            self._rows.execute(f"PRAGMA {step}")
        self._rows.execute("CREATE TABLE IF NOT EXISTS l (n INTEGER PRIMARY KEY AUTOINCREMENT, body BLOB)")
        self._sent = 0  # the newest row that was handed to the client
        self._open: dict[int, int] = {}
        self._gone: list[int] = []
        self._held = b""
        self._client = self._make_client()
        self._terminal = os.open(terminal, os.O_RDWR | os.O_NOCTTY | os.O_NONBLOCK)
        tty.setraw(self._terminal)
        self._loop.add_reader(self._terminal, self._read)

    def _make_client(self) -> mqtt.Client:
        client = mqtt.Client(
            CallbackAPIVersion.VERSION2, "floor", clean_session=False, reconnect_on_failure=False
        )
        client.max_inflight_messages_set(0)
        client.on_connect = self._connected
        client.on_publish = self._acknowledged
        client.on_socket_open = lambda _c, _u, line: self._loop.add_reader(line, client.loop_read)
        client.on_socket_close = self._closed
        client.on_socket_register_write = lambda _c, _u, line: self._loop.add_writer(line, client.loop_write)
        client.on_socket_unregister_write = self._written
        return client

    def tick(self) -> None:
        """Connect while there is no connection, and do paho's housekeeping."""
        if self._client.is_connected():
            self._client.loop_misc()
        else:
            self._client = self._make_client()
            self._open.clear()
            self._delete()
            self._sent = 0
            with contextlib.suppress(OSError):
                self._client.connect(*self._where, keepalive=30)
        self._loop.call_later(TICK_S, self.tick)

    def _connected(self, client: mqtt.Client, *_: Any) -> None:
        line = client.socket()
        if isinstance(line, socket.socket):
            line.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        self._loop.call_soon(self._send)

    def _written(self, _client: mqtt.Client, _user: Any, line: Any) -> None:
        self._loop.remove_writer(line)

    def _closed(self, _client: mqtt.Client, _user: Any, line: Any) -> None:
        self._loop.remove_reader(line)
        self._loop.remove_writer(line)

    def _read(self) -> None:
        *lines, self._held = (self._held + os.read(self._terminal, 65536)).split(b"\n")
        if not lines:
            return
        now = time.time()
        bodies = [
            (json.dumps({"text": line.rstrip(b"\r").decode("ascii", "replace"), "time": now}).encode(),)
            for line in lines
        ]
        self._rows.execute("BEGIN")
        self._rows.executemany("INSERT INTO l (body) VALUES (?)", bodies)
        (newest,) = self._rows.execute("SELECT max(n) FROM l").fetchone()
        self._rows.execute("COMMIT")
        first = newest - len(bodies) + 1
        if self._sent == first - 1 and self._client.is_connected() and len(self._open) < WINDOW:
            for number, (body,) in enumerate(bodies, first):
                self._publish(number, body)
        else:
            self._send()

    def _send(self) -> None:
        while self._client.is_connected() and len(self._open) < WINDOW:
            query = "SELECT n, body FROM l WHERE n>? ORDER BY n LIMIT ?"
            found = self._rows.execute(query, (self._sent, READ_ROWS)).fetchall()
            for number, body in found:
                self._publish(number, body)
            if not found:
                return

    def _publish(self, number: int, body: bytes) -> None:
        self._open[self._client.publish("floor/line", body, 1).mid] = number
        self._sent = number

    def _acknowledged(self, _client: mqtt.Client, _user: Any, mid: int, *_: Any) -> None:
        number = self._open.pop(mid, None)
        if number is not None:
            if not self._gone:
                self._loop.call_later(DELETE_S, self._delete)
            self._gone.append(number)
            if len(self._gone) >= DELETE_ROWS:
                self._delete()
        if len(self._open) < WINDOW // 2:
            self._send()

    def _delete(self) -> None:
        gone, self._gone = self._gone, []
        if gone:
            self._rows.execute("BEGIN")
            self._rows.executemany("DELETE FROM l WHERE n=?", [(number,) for number in gone])
            self._rows.execute("COMMIT")


async def main() -> None:
    terminal, host, port, file = sys.argv[1:]
    Floor(terminal, host, int(port), file).tick()
    await asyncio.Event().wait()


if __name__ == "__main__":
    asyncio.run(main())
