"""One connection to the broker: a fresh client, driven by the event loop, thrown away when it ends.

Owns: the socket from CONNECT to DISCONNECT. Must not know: paho's words, payloads, when to try again.

A client that is thrown away cannot send ghosts of its own queue: the ledger is the queue. Only `connect`
(name look-up, TCP, TLS) runs in a thread; see docs/decisions/0003-threads.md.
"""

from __future__ import annotations

import asyncio
import contextlib
import logging
import socket
import ssl
from collections.abc import Iterator

from edge_agent.sdk.errors import LinkError
from edge_agent.uplink.broker import Broker, Handler, Inbound, Up
from edge_agent.uplink.dialling import Dialling
from edge_agent.uplink.paho_client import (
    ANY_PACKET,
    ANY_WINDOW,
    BROKEN_PROTOCOL,
    Greeting,
    PahoClient,
    alert_of,
    decrypted_bytes,
)

log = logging.getLogger(__name__)

TCP_USER_TIMEOUT_MS = 30_000  # unacknowledged data on a dead link
ENVELOPE_BYTES = 24  # of a PUBLISH beside topic and payload, properties included


class Connection:
    """One connection's life. All but `connect` happens on the loop."""

    def __init__(self, broker: Broker, handler: Handler, version: int, patience_s: float) -> None:
        """`patience_s` bounds the way to TCP and TLS, and again the way to an answer."""
        self._patience_s = patience_s
        self._handler = handler
        self._version = version
        self._explain = broker.explain
        self._where = f"{broker.host}:{broker.port}"
        self._loop = asyncio.get_running_loop()
        self._lost: asyncio.Future[int] = self._loop.create_future()
        self._ready: asyncio.Future[Up] = self._loop.create_future()
        self._adopted: socket.socket | None = None
        self._misc: asyncio.TimerHandle | None = None
        self._flushing = False
        self._dialling: Dialling | None = None
        self._limits = (ANY_WINDOW, ANY_PACKET)
        self.up = False
        self.answered = False
        self.refused_version = False
        self.refusal_code = 0
        self._client = PahoClient(broker, version, patience_s, self)

    async def open(self) -> None:
        """Connect and subscribe. Raises LinkError with the reason."""
        self._dialling = Dialling(self._client.connect, self._client.hang_up)
        try:
            await self._dialling.connected()
            self._adopt()
        except TimeoutError as error:
            code = "uplink.busy" if "handshake" in str(error) else "uplink.silent"
            raise LinkError(code, "no way to the broker in time", device="uplink") from error
        except (OSError, ValueError) as error:
            raise self._no_way(error) from error
        try:
            async with asyncio.timeout(self._patience_s):
                up = await self._ready
        except TimeoutError:
            raise LinkError("uplink.busy", "the broker does not answer", device="uplink") from None
        if self._lost.done():  # in the same moment
            raise LinkError("uplink.refused", "the connection closed at once", device="uplink")
        self.up = True
        self._handler.went_up(up)

    def _no_way(self, error: Exception) -> LinkError:
        """Which of the two it is: the files on this box, or the way to the broker."""
        if isinstance(error, ssl.SSLError) or getattr(error, "filename", None):
            return LinkError("uplink.tls", self._explain(error), device="uplink")
        return LinkError("uplink.unreachable", f"{self._where}: {self._explain(error)}", device="uplink")

    def _adopt(self) -> None:
        sock = self._client.socket()
        if sock is None:
            raise LinkError("uplink.unreachable", "the connection closed at once", device="uplink")
        sock.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        sock.setsockopt(socket.IPPROTO_TCP, socket.TCP_USER_TIMEOUT, TCP_USER_TIMEOUT_MS)
        self._adopted = sock
        self._loop.add_reader(sock, self._read)
        self._flush()
        self._tick()

    @property
    def flowing(self) -> bool:
        """Whether the kernel takes our bytes: nothing waits in the client."""
        return self._watched and not self._client.want_write()

    def publish(self, topic: str, payload: bytes, qos: int, retain: bool, expiry_s: int = 0) -> int:
        """Raises LinkError for a message that the broker would close the connection over."""
        if len(topic) + len(payload) + ENVELOPE_BYTES > self._limits[1]:
            raise LinkError("uplink.too_large", f"{len(payload)} bytes are more than the broker takes")
        return self._client.publish(topic, payload, qos, retain, expiry_s)

    async def wait_lost(self) -> int:
        return await asyncio.shield(self._lost)

    def lose(self, reason: str, code: int = 0) -> None:
        """The connection is over; told once."""
        if not self._ready.done():
            self._ready.set_exception(LinkError("uplink.refused", reason, device="uplink"))
            self._ready.exception()  # it may be that nobody waits any more
        if self._lost.done():
            return
        self._lost.set_result(code)
        if self.up:
            self.up = False
            self._handler.went_down(reason, code)

    async def leave(self) -> None:
        """Flush what the client holds and disconnect."""
        if self._adopted is None:
            return
        self._client.disconnect()
        with contextlib.suppress(TimeoutError):
            async with asyncio.timeout(1.0):
                while self._watched and self._client.want_write():
                    self._flush()
                    await asyncio.sleep(0.01)
        self.lose("closed")

    async def close(self) -> None:
        if self._misc is not None:
            self._misc.cancel()
        self._release()
        self._client.deafen()
        if self._dialling is None or not self._dialling.abandon():
            self._client.hang_up()
        self.lose("closed")

    @property
    def _watched(self) -> bool:
        """Whether the loop still watches the socket; callbacks may end that inside any call."""
        return self._adopted is not None

    def _release(self) -> None:
        if self._adopted is not None:
            self._loop.remove_reader(self._adopted)
            self._loop.remove_writer(self._adopted)
            self._adopted = None

    @contextlib.contextmanager
    def _guarded(self) -> Iterator[None]:
        """Around the client's own work on what the broker sent."""
        try:
            yield
        except BROKEN_PROTOCOL as error:
            self._release()
            self.lose(f"the broker breaks the protocol ({type(error).__name__})")

    def _tick(self) -> None:
        with self._guarded():
            self._client.tend()
        pause = min(5.0, max(0.25, self._client.keepalive_s / 4))
        self._misc = self._loop.call_later(pause, self._tick)

    def _read(self) -> None:
        if self._adopted is None:
            return
        sock = self._adopted
        with self._guarded():
            self._client.read()
        if self._watched and decrypted_bytes(sock):
            self._loop.call_soon(self._read)

    def _flush(self) -> None:
        self._flushing = False
        sock = self._adopted
        if sock is None:
            return
        with self._guarded():
            self._client.write()
        if not self._watched:
            return
        if self._client.want_write():
            self._loop.add_writer(sock, self._flush)
        else:
            self._loop.remove_writer(sock)

    # What the client hears (paho_client.Ears)

    def wants_write(self) -> None:
        if self._adopted is not None and not self._flushing:
            self._flushing = True
            self._loop.call_soon(self._flush)

    def socket_closed(self) -> None:
        """The reason comes in `ended`, at once after this; if none comes, it just closed."""
        alert = alert_of(self._adopted)
        self._release()
        if alert:
            self.lose(self._explain(alert))
        self._loop.call_soon(self.lose, self._explain("connection closed"))

    def greeted(self, greeting: Greeting) -> None:
        self.answered = True
        if greeting.refusal:
            self.refused_version = greeting.wrong_version
            self.refusal_code = greeting.code
            self.lose(greeting.refusal, greeting.code)
            return
        self._limits = (greeting.window, greeting.packet_bytes)

    def subscribed(self, refusals: list[str]) -> None:
        for refusal in refusals:
            log.error("the broker refuses a subscription: %s", refusal)
        if not self._ready.done():
            self._ready.set_result(Up(self._limits[0], self._limits[1], self._version))

    def ended(self, reason: str, code: int) -> None:
        self._release()
        self.lose(self._explain(reason), code)

    def published(self, mid: int, reason: int) -> None:
        self._handler.acknowledged(mid, reason)

    def message(self, inbound: Inbound) -> None:
        self._handler.arrived(inbound)
