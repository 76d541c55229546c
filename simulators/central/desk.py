"""Where requests for certificates are taken and answered, over the centre's connection.

Owns: their topics, publishing the answers. Must not know: codes, keys, storage.
"""

from __future__ import annotations

import time
from collections.abc import Awaitable, Callable
from pathlib import Path
from typing import TYPE_CHECKING, Any

from edge_agent.sdk.errors import CommandError
from simulators.central.taken import News
from simulators.mqtt.client import MqttClient
from simulators.mqtt.packets import Publish, Topic

if TYPE_CHECKING:
    from simulators.central.enrolment import Enrolment

Write = Callable[..., Awaitable[Any]]


class Desk:
    """`write` runs a deed in the thread that owns the file."""

    def __init__(
        self, root: str, db_path: Path, authority: Path, write: Write, tell: Callable[[News], None]
    ) -> None:
        self._root = root
        self._paths = (db_path, authority)
        self._write = write
        self._tell = tell
        self._made: Enrolment | None = None

    async def open(self) -> None:
        """Raises ConfigError for a file or folder that cannot be used."""
        self._made = await self._write(self._open)

    async def close(self) -> None:
        if self._made is not None:
            await self._write(self._made.close)

    def _open(self) -> Enrolment:
        from simulators.central.authority import Authority
        from simulators.central.enrolment import Enrolment

        db_path, authority = self._paths
        return Enrolment(db_path, Authority(authority))

    @property
    def _enrolment(self) -> Enrolment:
        if self._made is None:
            raise CommandError("central.offline", "the centre is not started")
        return self._made

    def topics(self) -> list[Topic]:
        return [Topic(f"{self._root}/_enrol/+/csr", 1), Topic(f"{self._root}/+/up/csr", 1)]

    async def code(self, booth: str) -> str:
        """A one-time code for this booth."""
        return str(await self._write(self._enrolment.new_code, booth, time.time_ns() // 1_000_000))

    async def take(self, client: MqttClient, message: Publish) -> bool:
        """Answer it if it is a request; False if it is something else."""
        who, _, rest = message.topic.removeprefix(f"{self._root}/").partition("/")
        if who == "_enrol" and rest.endswith("/csr"):
            now_ms = time.time_ns() // 1_000_000
            found = await self._write(self._enrolment.first, message.payload, now_ms)
            self._tell(News("enrolled" if found else "enrolment refused", "", rest.removesuffix("/csr")))
            if found:
                await client.publish(f"{self._root}/_enrol/{found[0]}/crt", found[1])
            return True
        if rest == "up/csr":
            answer = await self._write(self._enrolment.renewal, who, message.payload)
            self._tell(News("renewed" if answer else "renewal refused", who, ""))
            if answer:
                await client.publish(f"{self._root}/{who}/dn/crt", answer)
            return True
        return False
