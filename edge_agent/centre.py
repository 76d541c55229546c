"""The parts that reach the central system, made from settings and joined: uplink, certificate, metrics.

Owns: which of them exist, and what they are told of. Must not know: what they do inside, the rest of the
booth.
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Iterator, Sequence
from pathlib import Path
from typing import TYPE_CHECKING

from edge_agent.commands import replay
from edge_agent.commands.letters import Letters
from edge_agent.commands.operations import Operation
from edge_agent.events.model import StoredEvent
from edge_agent.ledger.ledger import Ledger
from edge_agent.metrics import Metrics, Shed
from edge_agent.sdk.clock import Clock
from edge_agent.sdk.errors import ConfigError
from edge_agent.status import Snapshot
from edge_agent.uplink.broker import Broker, plain_reason
from edge_agent.uplink.budget import Budget
from edge_agent.uplink.credentials import Credentials
from edge_agent.uplink.messages import compact
from edge_agent.uplink.topics import Topics
from edge_agent.uplink.uplink import Presence, Uplink

if TYPE_CHECKING:
    from edge_agent.enrolment.tending import Tending
    from edge_agent.settings.model import Settings

Stored = Callable[[Sequence[StoredEvent]], None]


class Centre:
    """`uplink` is None where `uplink.enabled` is false; then nothing else of it exists."""

    def __init__(
        self, settings: Settings, ledger: Ledger, clock: Clock, snapshot: Snapshot, stored: Stored
    ) -> None:
        self._settings = settings
        self._ledger = ledger
        self._clock = clock
        self._snapshot = snapshot
        self._stored = stored
        self._shed = Shed()
        tls = settings.uplink.tls
        self._credentials = Credentials(tls.ca, tls.cert, tls.key, clock) if tls is not None else None
        self.uplink = self._make_uplink() if settings.uplink.enabled else None
        snapshot.uplink = self.uplink

    def orders(self) -> dict[str, Operation]:
        """What the centre may order of these parts."""
        if self.uplink is None:
            return {}
        replaying = replay.Replaying(self.uplink.publisher, self._clock)
        return {replay.TYPE: replaying, **self._letters(self.uplink).orders()}

    def local_orders(self) -> dict[str, Operation]:
        """What a person on the box may order of them."""
        return self._letters(self.uplink).local_orders() if self.uplink is not None else {}

    def works(self) -> Iterator[tuple[Awaitable[object], str]]:
        """What runs while the agent does, each with its name."""
        if self.uplink is None:
            return
        yield self.uplink.run(), "uplink"
        yield self._metrics(self.uplink).run(), "metrics"
        yield self._letters(self.uplink).run(), "dead letters"
        if self._credentials is not None:
            yield self._tending(self.uplink, self._credentials).run(), "certificate"

    def _make_uplink(self) -> Uplink:
        settings = self._settings.uplink
        topics = Topics(settings.root, self._settings.booth.id, self._settings.commands.groups)
        return Uplink(
            self._ledger,
            self._broker(topics),
            topics,
            self._clock,
            Presence(self._snapshot.presence, self._snapshot.devices, self._alarms, self._snapshot.unknown),
            window=settings.window,
            central=settings.ack == "central",
            budget=Budget(settings.daily_mib, self._clock, self._ledger.boot),
            shed=self._shed,
        )

    def _broker(self, topics: Topics) -> Broker:
        settings, files = self._settings.uplink, self._credentials
        return Broker(
            host=settings.host,
            port=settings.port,
            client_id=self._settings.booth.id,
            will_topic=topics.state,
            will_payload=compact({"status": "offline", "reason": "lost", "boot": self._ledger.boot}),
            subscriptions=topics.subscriptions,
            # where a PUBACK counts, it must tell delivery from none: MQTT 3.1.1 does not
            protocol="5" if settings.ack == "broker" else settings.protocol,
            keepalive_s=settings.keepalive_s,
            username=settings.username,
            password=_password(settings.password_file),
            tls=files.context if files else None,
            explain=files.explain if files else plain_reason,
        )

    def _tending(self, uplink: Uplink, credentials: Credentials) -> Tending:
        from edge_agent.enrolment.renewal import Renewal
        from edge_agent.enrolment.tending import Tending

        tls, renewal = self._settings.uplink.tls, None
        if tls is not None and tls.cert is not None and tls.key is not None:
            paths = (tls.ca, tls.cert, tls.key)
            renewal = Renewal(self._settings.booth.id, paths, self._clock, uplink.ask_certificate)
        return Tending(credentials, uplink, renewal, self._clock)

    def _letters(self, uplink: Uplink) -> Letters:
        return Letters(self._ledger, self._clock, uplink.health, self._stored)

    def _metrics(self, uplink: Uplink) -> Metrics:
        return Metrics(
            uplink,
            self._ledger,
            self._clock,
            every_s=self._settings.uplink.metrics_s,
            figures=self._snapshot.figures,
            shed=self._shed,
            stored=self._stored,
            credentials=self._credentials,
        )

    def _alarms(self) -> list[str]:
        full = [] if self._ledger.has_room else ["disk_full"]
        return full + (self._credentials.alarms() if self._credentials else [])


def _password(path: Path | None) -> str:
    if path is None:
        return ""
    try:
        return Path(path).read_text(encoding="utf-8").strip("\r\n")
    except (OSError, UnicodeDecodeError) as error:
        why = error.strerror if isinstance(error, OSError) else "it is no UTF-8 text"
        raise ConfigError(
            "uplink.password",
            f"cannot read uplink.password_file {path}: {why}",
            hint="it must be there, and be readable for the agent: chgrp edge-agent FILE; chmod 640 FILE",
        ) from error
