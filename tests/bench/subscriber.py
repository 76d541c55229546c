"""A raw MQTT 3.1.1 subscriber: when did each fed line arrive, whatever message carried it.

Owns: the bytes of CONNECT, SUBSCRIBE, PUBACK, and the time of first arrival. Must not know: payload formats.
It speaks the protocol by hand so that no client library is part of what is measured.
"""

from __future__ import annotations

import contextlib
import re
import select
import socket
import struct
import threading
import time

LINE = re.compile(rb"EV(\d{10})")
STARTED = re.compile(rb'"type":"booth\.agent\.started[^}]*?"seq":(\d+)')
CLIENT_ID = b"bench-subscriber"
KEEPALIVE_S = 600  # longer than any lane stays silent
CHUNK_BYTES = 1 << 18
LOOK_S = 0.2  # how soon a stop is noticed
RETRY_S = 0.005  # the broker's return is measured: try often

CONNACK, PUBLISH, SUBACK = 2, 3, 9


class Subscriber(threading.Thread):
    """Hears everything at QoS 1, with a session that outlives the broker's restart."""

    def __init__(self, port: int) -> None:
        super().__init__(name="bench subscriber", daemon=True)
        self.arrived: dict[int, float] = {}
        self.messages = 0
        self.starts: set[int] = set()  # by the number of the agent's event: what comes again counts once
        self.ready = threading.Event()
        self._port = port
        self._end = threading.Event()

    def run(self) -> None:
        while not self._end.is_set():
            with contextlib.suppress(OSError):
                self._listen()
            self.ready.clear()
            self._end.wait(RETRY_S)

    def stop(self) -> None:
        self._end.set()
        self.join(5.0)

    def wait_for(self, count: int, timeout_s: float, quiet_s: float) -> bool:
        """Wait for so many different lines; give up when nothing new came for `quiet_s`."""
        end = time.monotonic() + timeout_s
        seen, moved = len(self.arrived), time.monotonic()
        while len(self.arrived) < count:
            now = time.monotonic()
            if len(self.arrived) != seen:
                seen, moved = len(self.arrived), now
            if now > end or now - moved > quiet_s:
                return False
            time.sleep(0.004)
        return True

    def wait_for_start(self, starts: int, timeout_s: float) -> None:
        """Wait for so many starts of the agent: what it had stored before the last one came before it.

        Raises TimeoutError.
        """
        end = time.monotonic() + timeout_s
        while len(self.starts) < starts:
            if time.monotonic() > end:
                raise TimeoutError(f"only {len(self.starts)} starts of the agent were heard of")
            time.sleep(0.01)

    def _listen(self) -> None:
        with socket.create_connection(("127.0.0.1", self._port), 2.0) as line:
            line.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
            line.sendall(_connect() + _subscribe())
            held = b""
            while not self._end.is_set():
                if not select.select([line], [], [], LOOK_S)[0]:
                    continue
                chunk = line.recv(CHUNK_BYTES)
                if not chunk:
                    return
                held, answers = self._take(held + chunk, time.monotonic())
                line.sendall(answers)

    def _take(self, data: bytes, now: float) -> tuple[bytes, bytes]:
        """Whole packets out of `data`; gives the rest, and the acknowledgements that are due."""
        answers = bytearray()
        at = 0
        while (found := _packet(data, at)) is not None:
            begin, end = found
            kind = data[at] >> 4
            if kind == PUBLISH:
                answers += self._message(data, data[at], begin, end, now)
            elif kind == SUBACK:
                self.ready.set()
            at = end
        return data[at:], bytes(answers)

    def _message(self, data: bytes, head: int, begin: int, end: int, now: float) -> bytes:
        (topic_bytes,) = struct.unpack_from("!H", data, begin)
        body = begin + 2 + topic_bytes
        answer = b""
        if head & 0x06:
            answer = b"\x40\x02" + data[body : body + 2]
            body += 2
        self.messages += 1
        for number in LINE.findall(data, body, end):
            self.arrived.setdefault(int(number), now)
        self.starts.update(int(number) for number in STARTED.findall(data, body, end))
        return answer


def _packet(data: bytes, at: int) -> tuple[int, int] | None:
    """Where the packet's body begins and ends, or None while it is not whole."""
    size, shift, place = 0, 0, at + 1
    while place < len(data):
        byte = data[place]
        size |= (byte & 0x7F) << shift
        shift += 7
        place += 1
        if byte < 0x80:
            return (place, place + size) if place + size <= len(data) else None
    return None


def _connect() -> bytes:
    body = b"\0\4MQTT\4\0" + struct.pack("!HH", KEEPALIVE_S, len(CLIENT_ID)) + CLIENT_ID
    return bytes((0x10, len(body))) + body


def _subscribe() -> bytes:
    body = struct.pack("!HH", 1, 1) + b"#" + b"\1"
    return bytes((0x82, len(body))) + body
