"""Where the broker is, and what passes between a connection to it and whoever it serves.

Owns: Broker, the words for a failure, Up, Inbound, Handler. Must not know: paho, payloads.
"""

from __future__ import annotations

import ssl
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Protocol


def plain_reason(cause: Exception | str) -> str:
    """A cause in one line, for whoever knows no better."""
    said = cause.strerror if isinstance(cause, OSError) else None  # without the number of the error
    return said or str(cause) or type(cause).__name__


@dataclass(frozen=True, slots=True)
class Broker:
    """Where to connect and how. `tls` is asked at each try, in a thread: it may read files, raise OSError."""

    host: str
    port: int
    client_id: str
    will_topic: str
    will_payload: bytes
    subscriptions: tuple[str, ...]
    protocol: str = "auto"
    keepalive_s: int = 30
    username: str = ""
    password: str = field(default="", repr=False)
    tls: Callable[[], ssl.SSLContext] | None = None
    explain: Callable[[Exception | str], str] = plain_reason


@dataclass(frozen=True, slots=True)
class Up:
    """Connected and subscribed. `window` is the broker's Receive Maximum, `packet_bytes` its size limit."""

    window: int
    packet_bytes: int
    version: int


@dataclass(frozen=True, slots=True)
class Inbound:
    """A message from the broker; `done` must be called when it needs no redelivery."""

    topic: str
    payload: bytes
    retained: bool
    done: Callable[[], None]


class Handler(Protocol):
    """Who hears of the session. Called on the loop; must not block or raise."""

    def went_up(self, up: Up) -> None: ...
    def went_down(self, reason: str, code: int) -> None:
        """`code` is the broker's MQTT 5 reason where it gave one, else 0."""

    def acknowledged(self, mid: int, reason: int) -> None: ...
    def arrived(self, message: Inbound) -> None: ...
