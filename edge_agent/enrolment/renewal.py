"""A new certificate in time: asked for under the present one, once two thirds of its life are over.

Owns: when to ask, the request that is open, taking the answer. Must not know: MQTT, how the file gets into
use.

A box that was off for months asks as soon as it is back, also under a certificate that has ended, if the
broker still takes it. A clock that is not trusted asks for nothing: it would ask at once, or never.
"""

from __future__ import annotations

import asyncio
import logging
import secrets
from collections.abc import Callable
from pathlib import Path

from edge_agent.enrolment import keys
from edge_agent.enrolment.messages import Request, read_answer, request_text
from edge_agent.sdk.clock import Clock
from edge_agent.sdk.errors import EdgeError
from edge_agent.sdk.values import ClockQuality
from edge_agent.uplink import pair
from edge_agent.uplink.validity import Validity

log = logging.getLogger(__name__)

ASK_AGAIN_S = 6 * 3600.0  # four times a day for a third of the certificate's life
SIZE_LIMIT = 64 << 10  # bytes of the authority's file

Send = Callable[[bytes], None]


class Renewal:
    """Of one booth. `paths` are ca, cert and key; they are replaced, ca only if the answer brings another."""

    def __init__(self, booth: str, paths: tuple[Path, Path, Path], clock: Clock, send: Send) -> None:
        self._booth = booth
        self._paths = paths
        self._clock = clock
        self._send = send
        self._asked_s: float | None = None
        self._open: tuple[Request, keys.NewKey] | None = None

    def due(self, validity: Validity | None) -> bool:
        """Whether it is time to ask, or to ask again."""
        now = self._clock.stamp()
        if validity is None or now.quality is ClockQuality.NONE:
            return False
        if now.utc_ms < validity.renew_from_ms():
            return False
        return self._asked_s is None or self._clock.monotonic_s() - self._asked_s >= ASK_AGAIN_S

    async def ask(self) -> None:
        """Make a key and send the request."""
        made = await asyncio.to_thread(keys.make, self._booth)
        request = Request(self._booth, secrets.token_hex(16), made.csr)
        self._open = (request, made)
        self._asked_s = self._clock.monotonic_s()
        log.info("asking for a new certificate")
        self._send(request_text(request))

    async def take(self, payload: bytes) -> bool:
        """An answer came: True if the new files are in place. Nothing changes for one that does not fit."""
        if self._open is None:
            return False
        request, made = self._open
        try:
            answer = read_answer(payload, request)
            if answer.error:
                log.error("no new certificate: %s", answer.error[:120])
                return False
            await asyncio.to_thread(self._put, answer.chain, answer.ca, made)
        except (EdgeError, OSError) as error:  # OSError: the authority's file is not there to vouch
            log.error("%s", error)
            return False
        self._open = None
        log.info("a new certificate is in place")
        return True

    def _put(self, chain: str, new_ca: str, made: keys.NewKey) -> None:
        """The present authority must vouch for the certificate, whatever new authority comes with it."""
        ca, cert, key = self._paths
        with ca.open("rb") as file:
            present = file.read(SIZE_LIMIT).decode("ascii", "replace")
        keys.check(chain, present, made, self._booth)
        if new_ca and new_ca != present:
            pair.put_one(ca, new_ca.encode())
        pair.put(cert, key, chain.encode(), made.key)
