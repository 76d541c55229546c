"""The booth's certificate while the agent runs: renewed in time, and new files taken into use without a
restart.

Owns: looking now and then, joining renewal and uplink. Must not know: MQTT, what a certificate holds.
"""

from __future__ import annotations

import asyncio
import logging

from edge_agent.enrolment.renewal import Renewal
from edge_agent.sdk.clock import Clock
from edge_agent.uplink.credentials import Credentials
from edge_agent.uplink.uplink import Uplink

log = logging.getLogger(__name__)

LOOK_S = 60.0  # a new certificate is in use within a minute, whoever put it there
ANSWERS_WAITING = 4  # one is expected; more are a fault of the centre


class Tending:
    """Runs beside the uplink. `renewal` None: somebody else brings new files."""

    def __init__(
        self, credentials: Credentials, uplink: Uplink, renewal: Renewal | None, clock: Clock
    ) -> None:
        self._credentials = credentials
        self._uplink = uplink
        self._renewal = renewal
        self._clock = clock
        self._answers: asyncio.Queue[bytes] = asyncio.Queue(maxsize=ANSWERS_WAITING)
        uplink.on_certificate = self._arrived

    async def run(self) -> None:
        """Until cancelled."""
        async with asyncio.TaskGroup() as tasks:
            tasks.create_task(self._look_now_and_then(), name="certificate looked at")
            tasks.create_task(self._take_answers(), name="certificate taken")

    def _arrived(self, payload: bytes) -> None:
        if not self._answers.full():
            self._answers.put_nowait(payload)

    async def _look_now_and_then(self) -> None:
        while True:
            await self._clock.sleep(LOOK_S)
            await self._use_new_files()
            renewal = self._renewal
            if renewal is not None and self._uplink.health.proven and renewal.due(self._credentials.validity):
                await renewal.ask()

    async def _take_answers(self) -> None:
        while True:
            payload = await self._answers.get()
            if self._renewal is not None and await self._renewal.take(payload):
                await self._use_new_files()

    async def _use_new_files(self) -> None:
        if await asyncio.to_thread(self._credentials.changed):
            log.info("the certificate files have changed; connecting anew with them")
            self._uplink.reconnect("new certificate")
