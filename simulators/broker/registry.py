"""All sessions of a broker: their begin, resumption, takeover and end, and the wills of those who vanished.

Owns: expiry and will timers. Must not know: sockets, packets other than CONNECT, who subscribes to what.
"""

from __future__ import annotations

import asyncio
from dataclasses import dataclass

from simulators.broker.router import Router
from simulators.broker.session import Session
from simulators.mqtt.packets import Connect, Publish, Version, Will
from simulators.mqtt.properties import NEVER_EXPIRES, Properties
from simulators.mqtt.reasons import Reason

SESSIONS_LIMIT = 20_000  # twice a fleet of 9,000 booths and its centre; each costs about two kilobytes


@dataclass(frozen=True, slots=True)
class Admission:
    """A session for a client; `present` tells whether it was there before."""

    session: Session
    present: bool
    takeover: bool


@dataclass(frozen=True, slots=True)
class _PendingWill:
    will: Will
    timer: asyncio.TimerHandle


class Registry:
    def __init__(self, router: Router, loop: asyncio.AbstractEventLoop) -> None:
        self._router = router
        self._loop = loop
        self._sessions: dict[str, Session] = {}
        self._ends: dict[str, asyncio.TimerHandle] = {}
        self._wills: dict[str, _PendingWill] = {}

    def __len__(self) -> int:
        return len(self._sessions)

    def get(self, client_id: str) -> Session | None:
        return self._sessions.get(client_id)

    def admit(self, connect: Connect) -> Admission | Reason:
        """Find or make the client's session; whoever is connected to it is sent away first."""
        session = self._sessions.get(connect.client_id)
        takeover = session is not None and session.outlet is not None
        if session is not None and session.outlet is not None:
            session.outlet.evict(Reason.SESSION_TAKEN_OVER)
            session = self._sessions.get(connect.client_id)
        self._cancel_end(connect.client_id)
        if session is not None and connect.clean_start:
            self._end(session)
            session = None
        self._forget_will(connect.client_id)
        present = session is not None
        if session is None:
            if len(self._sessions) >= SESSIONS_LIMIT:
                return Reason.QUOTA_EXCEEDED
            session = self._sessions[connect.client_id] = Session(connect.client_id, self._loop.time)
        session.expiry_s = expiry_of(connect)
        return Admission(session, present, takeover)

    def release(self, session: Session, will: Will | None) -> None:
        """The client's connection is gone; with `will` set it did not say goodbye."""
        session.outlet = None
        delay_s = 0
        if will is not None:
            delay_s = min(will.properties.will_delay_s or 0, session.expiry_s)
            self._delay_will(session.client_id, will, delay_s)
        if session.expiry_s == 0:
            self._end(session)
        elif session.expiry_s != NEVER_EXPIRES:
            self._ends[session.client_id] = self._loop.call_later(session.expiry_s, self._end, session)

    def close(self) -> None:
        """Cancel all timers; no will is published any more."""
        for client_id in list(self._ends):
            self._cancel_end(client_id)
        for client_id in list(self._wills):
            self._forget_will(client_id)

    def _delay_will(self, client_id: str, will: Will, delay_s: int) -> None:
        if delay_s == 0:
            self._publish(will)
            return
        timer = self._loop.call_later(delay_s, self._publish_will_of, client_id)
        self._wills[client_id] = _PendingWill(will, timer)

    def _publish_will_of(self, client_id: str) -> None:
        pending = self._wills.pop(client_id, None)
        if pending is not None:
            pending.timer.cancel()
            self._publish(pending.will)

    def _publish(self, will: Will) -> None:
        kept = will.properties
        properties = Properties(
            payload_format=kept.payload_format,
            message_expiry_s=kept.message_expiry_s,
            content_type=kept.content_type,
            response_topic=kept.response_topic,
            correlation_data=kept.correlation_data,
            user=kept.user,
        )
        self._router.publish(
            Publish(will.topic, will.payload, will.qos, will.retain, properties=properties), None
        )

    def _forget_will(self, client_id: str) -> None:
        pending = self._wills.pop(client_id, None)
        if pending is not None:
            pending.timer.cancel()

    def _cancel_end(self, client_id: str) -> None:
        timer = self._ends.pop(client_id, None)
        if timer is not None:
            timer.cancel()

    def _end(self, session: Session) -> None:
        """The session is over: a will that still waits is due now."""
        self._cancel_end(session.client_id)
        self._sessions.pop(session.client_id, None)
        self._publish_will_of(session.client_id)
        self._router.forget(session)


def expiry_of(connect: Connect) -> int:
    """The session expiry interval; 3.1.1 knows only "at once" and "never"."""
    if connect.version is Version.V311:
        return 0 if connect.clean_start else NEVER_EXPIRES
    return connect.properties.session_expiry_s or 0
