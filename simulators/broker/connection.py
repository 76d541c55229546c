"""One TCP connection of the broker: bytes, back-pressure, timers, and standing still when told to.

Owns: transport, codec, outgoing buffer, keep-alive. Must not know: what the packets mean.
"""

from __future__ import annotations

import asyncio
import socket
from collections.abc import Callable
from typing import Protocol

from simulators.broker.conversation import Conversation
from simulators.broker.shared import Shared
from simulators.mqtt.codec import PACKET_LIMIT, PacketCodec, encode
from simulators.mqtt.packets import Packet, Version
from simulators.mqtt.reasons import Reason

CONNECT_TIMEOUT_S = 10.0  # who opens a socket and says nothing is sent away
CLOSE_LINGER_S = 1.0  # how long a peer that reads nothing may keep a closed connection
WRITE_HIGH_BYTES = 256 << 10  # a slow reader holds this much here; the rest waits in its bounded queue
GATHER_BYTES = 64 << 10  # packets of one turn that go out in one write: one send of the kernel's


class Door(Protocol):
    """Who counts the connections."""

    def came(self, connection: Connection) -> None:
        """The socket is open."""

    def left(self, connection: Connection) -> None:
        """The socket is free again."""


class Connection(asyncio.Protocol):
    def __init__(self, shared: Shared, door: Door) -> None:
        self._loop = asyncio.get_running_loop()
        self._door = door
        self.shared = shared
        self._transport: asyncio.Transport | None = None
        self._codec = PacketCodec(limit=shared.faults.maximum_packet_size or PACKET_LIMIT)
        self._out: list[bytes] = []
        self._out_bytes = 0
        self._flush_due = False
        self._full = False
        self._frozen = False
        self._timers: set[asyncio.TimerHandle] = set()
        self._heard_at = self._loop.time()
        self.conversation = Conversation(shared, self)

    @property
    def writable(self) -> bool:
        return not self._full and not self._frozen

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        if not isinstance(transport, asyncio.Transport):
            raise TypeError("a stream transport is needed")
        transport.get_extra_info("socket").setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        transport.set_write_buffer_limits(high=WRITE_HIGH_BYTES)
        self._transport = transport
        self.later(CONNECT_TIMEOUT_S, self._expect_connect)
        self._door.came(self)

    def data_received(self, data: bytes) -> None:
        self._heard_at = self._loop.time()
        self.conversation.take(self._codec.feed(data))
        self._flush()

    def pause_writing(self) -> None:
        self._full = True
        self._set_reading()

    def resume_writing(self) -> None:
        self._full = False
        self._set_reading()
        self.conversation.writable_again()

    def connection_lost(self, _exc: Exception | None) -> None:
        self._transport = None
        self._out.clear()
        for timer in self._timers:
            timer.cancel()
        self._timers.clear()
        self.conversation.ended()
        self._door.left(self)

    def send(self, packet: Packet, version: Version, limit: int) -> bool:
        """Written at the end of this turn of the loop, together with its neighbours."""
        data = encode(packet, version)
        if len(data) > limit:
            return False
        self._out.append(data)
        self._out_bytes += len(data)
        if self._out_bytes >= GATHER_BYTES:
            self._flush()
        elif not self._flush_due:
            self._flush_due = True
            self._loop.call_soon(self._flush)
        return True

    def hang_up(self) -> None:
        """Close once everything is written; a frozen connection is closed when it thaws or is cut."""
        if self._frozen or self._transport is None:
            return
        self._flush()
        self._transport.close()
        self.later(CLOSE_LINGER_S, self.abort)

    def abort(self) -> None:
        """Vanish without a word."""
        if self._transport is not None:
            self._transport.abort()

    def keep_alive(self, seconds: int) -> None:
        if seconds:
            self._check_alive(seconds * 1.5)

    def later(self, delay_s: float, deed: Callable[[], None]) -> None:
        def act() -> None:
            self._timers.discard(timer)
            deed()

        timer = self._loop.call_later(delay_s, act)
        self._timers.add(timer)

    def freeze(self) -> None:
        """Take bytes (the kernel does), do nothing with them, answer nothing."""
        self._frozen = True
        self._set_reading()

    def thaw(self) -> None:
        """Go on where we stopped."""
        self._frozen = False
        self._heard_at = self._loop.time()
        self._set_reading()
        if self.conversation.over:
            self.hang_up()
            return
        self._flush()
        self.conversation.writable_again()

    def _set_reading(self) -> None:
        if self._transport is None or self._transport.is_closing():
            return
        if self._full or self._frozen:
            self._transport.pause_reading()
        else:
            self._transport.resume_reading()

    def _flush(self) -> None:
        self._flush_due = False
        if self._out and not self._frozen and self._transport is not None:
            data = b"".join(self._out)
            self._out.clear()
            self._out_bytes = 0
            self._transport.write(data)

    def _expect_connect(self) -> None:
        talking = self.conversation.client_id or self.conversation.mute or self._frozen
        if not talking:
            self.abort()

    def _check_alive(self, allowed_s: float) -> None:
        silent_s = self._loop.time() - self._heard_at
        if silent_s < allowed_s or self._frozen:
            self.later(max(allowed_s - silent_s, 0.05), lambda: self._check_alive(allowed_s))
        else:
            self.conversation.evict(Reason.KEEP_ALIVE_TIMEOUT)
