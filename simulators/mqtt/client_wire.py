"""The socket of the MQTT client: packets in and out, keep-alive, and one clear end.

Owns: transport, codec, ping timer, write back-pressure. Must not know: sessions, answers, messages.
"""

from __future__ import annotations

import asyncio
import socket
from collections.abc import Callable

from edge_agent.sdk.errors import LinkError, ProtocolError
from simulators.mqtt.codec import PacketCodec, encode
from simulators.mqtt.packets import Disconnect, Packet, Pingreq, Pingresp, Version
from simulators.mqtt.reasons import reason_words

CLOSE_TIMEOUT_S = 1.0  # how long a goodbye may take to leave before the socket is torn down


class ClientWire(asyncio.Protocol):
    """Hands each packet to `take`; calls `ended` once, with the reason, whoever ended it."""

    def __init__(
        self, version: Version, take: Callable[[Packet], None], ended: Callable[[LinkError], None]
    ) -> None:
        self._codec = PacketCodec(version)
        self._version = version
        self._take = take
        self._ended = ended
        self._transport: asyncio.Transport | None = None
        self._writable = asyncio.Event()
        self._gone = asyncio.Event()
        self._ping: asyncio.TimerHandle | None = None
        self._ping_open = False
        self.closing = False
        self.lost: LinkError | None = None

    @property
    def connected(self) -> bool:
        return self._transport is not None and self.lost is None and not self._transport.is_closing()

    def send(self, packet: Packet) -> None:
        """Raises LinkError("mqtt.lost") once the connection is gone."""
        if self._transport is None or self.lost is not None:
            raise self.lost or LinkError("mqtt.lost", "not connected")
        self._transport.write(encode(packet, self._version))

    async def writable(self, timeout_s: float) -> None:
        """Wait until the peer takes our bytes."""
        try:
            async with asyncio.timeout(timeout_s):
                await self._writable.wait()
        except TimeoutError:
            raise LinkError("mqtt.no_answer", f"the broker took no bytes for {timeout_s:g} s") from None

    def keep_alive(self, seconds: int) -> None:
        """Ping at this pace; a ping without an answer by the next one ends the connection."""
        if seconds:
            self._ping = asyncio.get_running_loop().call_later(seconds, self._send_ping, seconds)

    async def close(self, *, abort: bool = False) -> None:
        """Free the socket: after what was written, or at once."""
        self.closing = True
        if self._transport is None:
            return
        if abort:
            self._transport.abort()
        self._transport.close()
        try:
            async with asyncio.timeout(CLOSE_TIMEOUT_S):
                await self._gone.wait()
        except TimeoutError:
            self._transport.abort()
            await self._gone.wait()

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        if not isinstance(transport, asyncio.Transport):
            raise TypeError("a stream transport is needed")
        transport.get_extra_info("socket").setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        self._transport = transport
        self._writable.set()

    def data_received(self, data: bytes) -> None:
        for packet in self._codec.feed(data):
            if isinstance(packet, ProtocolError):
                self._end(LinkError("mqtt.lost", f"the broker broke the protocol: {packet.message}"))
                return
            self._sort(packet)

    def pause_writing(self) -> None:
        self._writable.clear()

    def resume_writing(self) -> None:
        self._writable.set()

    def connection_lost(self, exc: Exception | None) -> None:
        text = "closed" if self.closing else "the broker closed the connection"
        self._end(LinkError("mqtt.lost", f"{text}: {exc}" if exc else text))
        if self._ping is not None:
            self._ping.cancel()
        self._gone.set()

    def _sort(self, packet: Packet) -> None:
        if isinstance(packet, Pingresp):
            self._ping_open = False
        elif isinstance(packet, Disconnect):
            self._end(LinkError("mqtt.lost", f"disconnected: {reason_words(packet.reason)}"))
        else:
            self._take(packet)

    def _send_ping(self, seconds: int) -> None:
        if not self.connected:
            return
        if self._ping_open:
            self._end(LinkError("mqtt.lost", f"no answer to a ping within {seconds} s"))
            return
        self._ping_open = True
        self.send(Pingreq())
        self.keep_alive(seconds)

    def _end(self, reason: LinkError) -> None:
        if self.lost is None:
            self.lost = reason
            self._writable.set()
            self._ended(reason)
        if self._transport is not None:
            self._transport.abort()
