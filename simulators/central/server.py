"""The centre as a program: one connection to the broker, one file, one ack for each commit.

Owns: the connection's life, the two threads that touch the file, waiting for a state. Must not know: SQL.
An event is acknowledged after its commit, never before; everything that counts is in the file, so that the
centre may be killed at any moment and started again on it.
"""

from __future__ import annotations

import asyncio
import json
import secrets
import ssl
import time
import uuid
from collections.abc import Callable, Mapping
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from types import TracebackType
from typing import Any, TypeVar

from edge_agent.sdk.errors import CommandError, ConfigError, LinkError, ProtocolError
from simulators.central.acks import Acker
from simulators.central.commands import JsonValue, Order, Signer, make_command, make_configuration
from simulators.central.desk import Desk
from simulators.central.moods import Moods
from simulators.central.racing import first_to_end
from simulators.central.report import CommandRecord, Report, read_command, read_latest, read_report
from simulators.central.store import Store
from simulators.central.taken import News, Taken
from simulators.central.topics import BOOTH, TARGET, incoming, listened
from simulators.mqtt.client import MqttClient
from simulators.mqtt.packets import Version
from simulators.mqtt.properties import Properties
from simulators.mqtt.topics import is_topic

START_TIMEOUT_S = 15.0  # a broker that was started just before us is up within seconds
RETRY_S = 0.25  # a simulator's broker is on the same machine: come back at once
INBOX_LIMIT = 4096  # 3.1.1 names no Receive Maximum: room for what comes during a slow commit
TAKE_LIMIT = 32  # messages of one commit: at most 1,024 events, some 20 ms
LOOK_AGAIN_S = 0.02  # `wait_for` reads the file at most this often while events stream in


ValueT = TypeVar("ValueT")


class Central:
    """A central system on `db_path`. With `group` it shares `up/evt` with other members of that group.

    `on_news` is called on the loop for each thing that happens; it must not block.
    """

    def __init__(
        self,
        db_path: Path | str,
        host: str,
        port: int,
        *,
        root: str = "booth/v1",
        moods: Moods | None = None,
        group: str | None = None,
        version: Version = Version.V5,
        signer: tuple[str, Signer] | None = None,
        on_news: Callable[[News], None] | None = None,
        tls: ssl.SSLContext | None = None,
        authority: Path | None = None,
    ) -> None:
        """With `authority`, a folder, booths are enrolled and their certificates renewed."""
        if not is_topic(root):
            raise ConfigError("central.root", f"{root!r} cannot begin a topic", hint="give another --root")
        self.moods = moods or Moods()
        self._path = Path(db_path)
        self._broker = (host, port)
        self._root = root
        self._group = group
        self._version = version
        self._signer = signer
        self._tell = on_news or (lambda _news: None)
        self._acker = Acker(root, self.moods, self._tell)
        self._writer = ThreadPoolExecutor(1, "central-writer")
        self._reader = ThreadPoolExecutor(1, "central-reader")
        self._store: Store | None = None
        self._tls = tls
        self._desk = Desk(root, self._path, authority, self._write, self._tell) if authority else None
        self._client: MqttClient | None = None
        self._online = asyncio.Event()
        self._changed = asyncio.Event()
        self._serving: asyncio.Task[None] | None = None

    async def start(self) -> None:
        """Open the file and the connection. Raises ConfigError for the file, LinkError without a broker."""
        loop = asyncio.get_running_loop()
        try:
            self._store = await loop.run_in_executor(self._writer, Store, self._path)
            if self._desk is not None:
                await self._desk.open()
        except ConfigError:
            await self.stop()
            raise
        self._serving = asyncio.create_task(self._serve())
        await self._either(self._online, START_TIMEOUT_S)
        if not self._online.is_set():
            await self.stop()
            raise LinkError("central.no_broker", f"no broker at {self._broker[0]}:{self._broker[1]}")

    async def stop(self) -> None:
        """Finish the commit in hand and close everything; raises what ended the centre before, if so."""
        serving, self._serving = self._serving, None
        store, self._store = self._store, None
        try:
            if serving is not None:
                serving.cancel()
                await asyncio.wait([serving])
                if not serving.cancelled():
                    serving.result()
        finally:
            if self._desk is not None:
                await self._desk.close()
            if store is not None:
                await asyncio.get_running_loop().run_in_executor(self._writer, store.close)
            self._writer.shutdown()
            self._reader.shutdown()

    async def __aenter__(self) -> Central:
        await self.start()
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        await self.stop()

    async def enrolment_code(self, booth: str) -> str:
        """A one-time code for a booth. Raises CommandError without an authority."""
        if self._desk is None or not BOOTH.fullmatch(booth):
            raise CommandError("central.no_authority", "no authority, or no such booth", hint="--authority")
        return await self._desk.code(booth)

    async def report(self, booth: str | None = None) -> Report:
        """What is in the file now, of one booth or of all."""
        return await self._read(lambda: read_report(self._path, booth))

    async def latest(self, booth: str, kind: str) -> dict[str, object] | None:
        """The last message of a booth on `up/{kind}` (state, devices, metrics, cfg)."""
        return await self._read(lambda: read_latest(self._path, booth, kind))

    async def wait_for(
        self, predicate: Callable[[Report], bool], timeout_s: float = 30.0, *, booth: str | None = None
    ) -> Report:
        """The first report that satisfies; TimeoutError without one. Raises what has ended the centre."""
        return await self._until(lambda: read_report(self._path, booth), predicate, timeout_s)

    async def command(
        self,
        booth: str,
        kind: str,
        args: Mapping[str, JsonValue],
        *,
        notafter_s: float = 60.0,
        spread_s: int | None = None,
    ) -> str:
        """Send a command and give its id. `booth` may also be "_all" or "_g/NAME".

        Raises LinkError without a connection, CommandError for a name that is none.
        """
        client, store = self._online_client(), self._store
        if not TARGET.fullmatch(booth) or store is None:
            raise CommandError("central.no_booth", f"{booth!r} is no booth")
        order, command_id = Order(booth, kind, args, notafter_s, spread_s), str(uuid.uuid4())

        def make(counter: int) -> tuple[str, str]:
            return command_id, make_command(command_id, order, counter, self._signer)

        payload = await self._write(store.add_command, booth, kind, make, time.time_ns() // 1_000_000)
        expiry = Properties(message_expiry_s=max(1, round(notafter_s)))
        await client.publish(f"{self._root}/{booth}/dn/cmd", payload.encode(), properties=expiry)
        return command_id

    async def configure(self, booth: str, version: int, config: str) -> None:
        """Wish a booth this configuration, retained. Raises LinkError without a connection."""
        wish = make_configuration(booth, version, config, self._signer).encode()
        await self._online_client().publish(f"{self._root}/{booth}/dn/cfg", wish, retain=True)

    def _online_client(self) -> MqttClient:
        if self._client is None:
            raise LinkError("central.offline", "not connected to the broker")
        return self._client

    async def outcome(self, command_id: str, timeout_s: float = 10.0) -> CommandRecord:
        """The command once it is done, failed, rejected or expired; TimeoutError if it is not by then."""
        record = await self._until(
            lambda: read_command(self._path, command_id), lambda one: one is None or one.final, timeout_s
        )
        if record is None:
            raise CommandError("central.no_command", f"{command_id!r} was never sent")
        return record

    async def until_failed(self) -> None:
        """Wait; raises what ends the centre. Returns when it is stopped."""
        if self._serving is not None:
            await asyncio.wait([self._serving])
            if not self._serving.cancelled():
                self._serving.result()

    async def _serve(self) -> None:
        while True:
            try:
                await self._session()
            except (LinkError, ProtocolError):
                self._online.clear()
            await asyncio.sleep(RETRY_S)

    async def _session(self) -> None:
        """One connection, until it is lost."""
        name = f"central-{secrets.token_hex(4)}"
        host, port = self._broker
        async with MqttClient(
            name, host=host, port=port, version=self._version, inbox_limit=INBOX_LIMIT, tls=self._tls
        ) as client:
            requests = self._desk.topics() if self._desk else []
            await client.subscribe([*listened(self._root, self._group), *requests])
            await self._announce(client)
            self._client = client
            self._online.set()
            try:
                await first_to_end(self._ingest(client), self._acker.run(client))
            finally:
                self._client = None

    async def _announce(self, client: MqttClient) -> None:
        """Booths send their state again when they see a new epoch of the centre."""
        payload = json.dumps(
            {"epoch": secrets.token_hex(8), "startedms": time.time_ns() // 1_000_000}
        ).encode()
        await client.publish(f"{self._root}/_sys/epoch", payload, retain=True)

    async def _ingest(self, client: MqttClient) -> None:
        while messages := await client.receive(TAKE_LIMIT):
            if self.moods.dead:
                continue
            if self._desk is not None:
                messages = [one for one in messages if not await self._desk.take(client, one)]
            known = [one for one in (incoming(self._root, each) for each in messages) if one is not None]
            if known and self._store is not None:
                taken = await self._write(self._store.take, known, self.moods.rejection)
                self._acker.due(taken.acks)
                self._spread(taken)

    def _spread(self, taken: Taken) -> None:
        for news in taken.news:
            self._tell(news)
        changed, self._changed = self._changed, asyncio.Event()
        changed.set()

    async def _until(
        self, read: Callable[[], ValueT], good: Callable[[ValueT], bool], timeout_s: float
    ) -> ValueT:
        async with asyncio.timeout(timeout_s):
            while True:
                changed = self._changed
                value = await self._read(read)
                if good(value):
                    return value
                await self._next_change(changed)

    async def _next_change(self, changed: asyncio.Event) -> None:
        await self._either(changed, None)
        if self._serving is not None and self._serving.done():
            self._serving.result()
        await asyncio.sleep(LOOK_AGAIN_S)

    async def _either(self, event: asyncio.Event, timeout_s: float | None) -> None:
        """Until the event, the end of serving, or the timeout."""
        waiting = asyncio.create_task(event.wait())
        watched: set[asyncio.Task[Any]] = {waiting} if self._serving is None else {waiting, self._serving}
        try:
            await asyncio.wait(watched, timeout=timeout_s, return_when=asyncio.FIRST_COMPLETED)
        finally:
            waiting.cancel()
            await asyncio.wait([waiting])

    async def _read(self, read: Callable[[], ValueT]) -> ValueT:
        return await asyncio.get_running_loop().run_in_executor(self._reader, read)

    async def _write(self, deed: Callable[..., ValueT], *args: object) -> ValueT:
        """In the writer's thread; a cancelled caller waits until the transaction is over."""
        work = asyncio.get_running_loop().run_in_executor(self._writer, deed, *args)
        try:
            return await asyncio.shield(work)
        finally:
            if not work.done():
                await asyncio.wait([work])
