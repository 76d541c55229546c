"""The topic tree of one booth (design: docs/central-integration.md). `{root}/{booth}/up/…` and `…/dn/…`.

Owns: the names. Must not know: payloads, the session.
"""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Topics:
    """All topics of one booth."""

    root: str
    booth: str
    groups: tuple[str, ...] = ()

    def up(self, name: str) -> str:
        return f"{self.root}/{self.booth}/up/{name}"

    def down(self, name: str) -> str:
        return f"{self.root}/{self.booth}/dn/{name}"

    @property
    def state(self) -> str:
        return self.up("state")

    @property
    def devices(self) -> str:
        return self.up("devices")

    @property
    def events(self) -> str:
        return self.up("evt")

    @property
    def live(self) -> str:
        return self.up("live")

    @property
    def metrics(self) -> str:
        return self.up("metrics")

    @property
    def renewal(self) -> str:
        return self.up("csr")

    @property
    def certificate(self) -> str:
        return self.down("crt")

    def enrolment(self, request: str) -> tuple[str, str]:
        """Where a booth without a certificate asks, and where it is answered."""
        return f"{self.root}/_enrol/{request}/csr", f"{self.root}/_enrol/{request}/crt"

    @property
    def responses(self) -> str:
        return self.up("rsp")

    @property
    def config(self) -> str:
        return self.up("cfg")

    @property
    def desired(self) -> str:
        return self.down("cfg")

    @property
    def ack(self) -> str:
        return self.down("ack")

    @property
    def command(self) -> str:
        return self.down("cmd")

    @property
    def fleet_command(self) -> str:
        return f"{self.root}/_all/dn/cmd"

    def group_command(self, group: str) -> str:
        return f"{self.root}/_g/{group}/dn/cmd"

    def addressee(self, topic: str) -> str:
        """Whom a topic for commands is for: the booth, `_all`, `_g/NAME`; empty for any other topic."""
        known = {self.command: self.booth, self.fleet_command: "_all"}
        known |= {self.group_command(group): f"_g/{group}" for group in self.groups}
        return known.get(topic, "")

    @property
    def central_epoch(self) -> str:
        return f"{self.root}/_sys/epoch"

    @property
    def subscriptions(self) -> tuple[str, ...]:
        """What a booth listens to; all at QoS 1."""
        groups = tuple(map(self.group_command, self.groups))
        return (self.down("+"), self.central_epoch, self.fleet_command, *groups)
