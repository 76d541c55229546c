"""Telling systemd how the agent is, and feeding its watchdog only while the agent makes progress.

Owns: the notify protocol, the watchdog's judgement. Must not know: what the components do.

A hung device is no reason to restart the agent: only what all devices share (loop, ledger, flow) is expected
to beat. A component that waits for input with nothing to do rests, and owes no beat until it works again.
"""

from __future__ import annotations

import logging
import os
import socket
from collections.abc import Mapping

from edge_agent.sdk.clock import Clock

log = logging.getLogger(__name__)

STATUS_LIMIT = 200  # characters; systemctl shows one line


class Notifier:
    """Sends single datagrams to the service manager, if there is one. Never waits, never raises."""

    def __init__(self, address: str = "") -> None:
        self._address = "\0" + address[1:] if address.startswith("@") else address

    @classmethod
    def from_environment(cls, environment: Mapping[str, str]) -> Notifier:
        return cls(environment.get("NOTIFY_SOCKET", ""))

    def ready(self, status: str = "") -> bool:
        return self._send("READY=1", status)

    def status(self, status: str) -> bool:
        return self._send("", status)

    def stopping(self, status: str = "") -> bool:
        return self._send("STOPPING=1", status)

    def watchdog(self) -> bool:
        return self._send("WATCHDOG=1")

    def _send(self, state: str, status: str = "") -> bool:
        """Whether the manager has the message."""
        if not self._address:
            return False
        shown = "".join(sign if sign.isprintable() else " " for sign in status[:STATUS_LIMIT])
        lines = [state] if state else []
        lines += [f"STATUS={shown}"] if shown else []
        try:
            with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM | socket.SOCK_NONBLOCK) as end:
                end.sendto("\n".join(lines).encode(), self._address)
        except (OSError, ValueError) as error:  # ValueError: an address with a zero byte in it
            log.warning("service manager not reached: %s", error)
            return False
        return True


def watchdog_interval_s(environment: Mapping[str, str], pid: int | None = None) -> float | None:
    """Within how many seconds systemd wants a sign of life from this process; None if it does not."""
    wanted, addressee = environment.get("WATCHDOG_USEC", ""), environment.get("WATCHDOG_PID", "")
    if addressee and addressee != str(os.getpid() if pid is None else pid):
        return None
    if not (wanted.isascii() and wanted.isdecimal()) or int(wanted) == 0:
        return None
    return int(wanted) / 1_000_000


class Watchdog:
    """Pings at half of the interval, and only if every component that owes a beat has given it in time."""

    def __init__(self, notifier: Notifier, interval_s: float | None, clock: Clock) -> None:
        self._notifier = notifier
        self._interval_s = interval_s
        self._clock = clock
        self._every_s: dict[str, float] = {}
        self._due_s: dict[str, float] = {}
        self._withheld = False

    def expect(self, name: str, every_s: float) -> None:
        """From now on this component must beat at least every `every_s` seconds, unless it rests."""
        self._every_s[name] = every_s
        self.beat(name)

    def release(self, name: str) -> None:
        """The component ended as it should."""
        self._every_s.pop(name, None)
        self._due_s.pop(name, None)

    def beat(self, name: str) -> None:
        """The component made progress. Raises KeyError for a name that is not expected."""
        self._due_s[name] = self._clock.monotonic_s() + self._every_s[name]

    def rest(self, name: str) -> None:
        """The component has nothing to do: it owes no beat until its next one."""
        self._due_s.pop(name, None)

    def overdue(self) -> list[str]:
        """The components that should have beaten by now."""
        now = self._clock.monotonic_s()
        return sorted(name for name, due in self._due_s.items() if due < now)

    async def run(self) -> None:
        """Feed the watchdog until cancelled; returns at once if there is none."""
        if self._interval_s is None:
            return
        while True:
            self._feed()
            await self._clock.sleep(self._interval_s / 2)

    def _feed(self) -> None:
        late = self.overdue()
        if not late:
            self._notifier.watchdog()
        elif not self._withheld:
            log.error("no progress: %s; the watchdog is not fed", ", ".join(late))
            self._notifier.status(f"no progress: {', '.join(late)}")
        self._withheld = bool(late)
