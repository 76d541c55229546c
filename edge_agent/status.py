"""What the agent says of itself, in one JSON object: for the socket, for `edge-agent status`, for `up/state`.

Owns: the shape of that object. Must not know: how it is shown or sent.
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Mapping, Sequence

from edge_agent import __version__
from edge_agent.booth import Booth
from edge_agent.counter.counter import Counter
from edge_agent.events.model import JsonValue
from edge_agent.ledger.ledger import Ledger
from edge_agent.sdk.clock import Clock
from edge_agent.sdk.driver import show
from edge_agent.sdk.values import Cover, Paper, PrinterState, Ready, Stamp
from edge_agent.strangers import Stranger, Strangers
from edge_agent.supervisor import DeviceStatus, DeviceView
from edge_agent.uplink.messages import utc_text
from edge_agent.uplink.uplink import Uplink

NOT_THERE = frozenset({DeviceStatus.ABSENT, DeviceStatus.OPENING})
CONTRACT = 1  # the version in every event's type and in the root of the topics


class Snapshot:
    """Asks every part for its present condition. `uplink` is None for a booth without a centre."""

    def __init__(
        self,
        booth_id: str,
        *,
        ledger: Ledger,
        booth: Booth,
        counter: Counter,
        clock: Clock,
        language: str,
        numbers_left: Callable[[], int] = lambda: 0,
    ) -> None:
        self._numbers_left = numbers_left
        self._booth_id = booth_id
        self._ledger = ledger
        self._booth = booth
        self._counter = counter
        self._clock = clock
        self._language = language
        self.strangers: Strangers | None = None
        self._started = clock.stamp()
        self.uplink: Uplink | None = None
        self.printing: Callable[[], Mapping[str, JsonValue]] = dict
        self.trial: Callable[[], Mapping[str, JsonValue] | None] = lambda: None

    def presence(self) -> Mapping[str, JsonValue]:
        """What `up/state` carries beside the status."""
        now = self._clock.stamp()
        return {
            "agent": __version__,
            "contract": CONTRACT,
            "boot": self._ledger.boot,
            "epoch": self._ledger.epoch,
            "time": utc_text(now.utc_ms),
            "clock": now.quality.value,
            "uptimems": now.uptime_ms,
            "backlog": {"count": self._backlog(), "last": self._ledger.last},
        }

    def figures(self) -> Mapping[str, JsonValue]:
        """What `up/metrics` carries of the booth; no item, no text of anybody."""
        counts = self._counter.counts
        return {
            **self.presence(),
            "ledger": {
                "acknowledged": self._acked(),
                "free_mib": self._ledger.free_mib,
                "reserve_spent": self._ledger.reserve_spent,
            },
            "numbers": {"left": self._numbers_left()},
            "counter": {
                "accepted": counts.accepted,
                "labels": counts.labels,
                "scans": counts.scans,
                "repeats": counts.repeats,
                "doubles": counts.doubles,
                "flooded": counts.flooded,
                "refused": counts.refused,
                "not_saved": counts.not_saved,
            },
            "devices": {view.id: view.status.value for view in self._booth.views()},
            "printing": self.printing(),
        }

    def devices(self) -> list[JsonValue]:
        """The inventory, as `up/devices` and the socket carry it."""
        return [self._device(view) for view in self._booth.views()]

    def unknown(self) -> list[JsonValue]:
        """What could type and is not read, for `up/devices`: nothing that a device says of itself."""
        return [one.facts() for one in self._here()]

    def checks(self) -> dict[str, Callable[[], Awaitable[JsonValue]]]:
        """What `diagnostics.run` asks of us."""
        return {"clock": self.clock_health, "uplink": self.uplink_health, "devices": self.device_health}

    async def clock_health(self) -> JsonValue:
        """For `diagnostics.run`: what vouches for the clock."""
        now = self._clock.stamp()
        return {"time": utc_text(now.utc_ms), "quality": now.quality.value, "uptimems": now.uptime_ms}

    async def uplink_health(self) -> JsonValue:
        """For `diagnostics.run`: the link and what waits for it."""
        return {**self._uplink(), "waiting": self._backlog()}

    async def device_health(self) -> JsonValue:
        """For `diagnostics.run`: each device's condition, nothing of what it read."""
        return {
            view.id: {
                "driver": view.driver,
                "status": view.status.value,
                "reason": view.reason,
                "bad_frames": view.bad_frames,
            }
            for view in self._booth.views()
        }

    def whole(self) -> dict[str, JsonValue]:
        """Everything, for a person on the box."""
        state, counts = self._counter.state, self._counter.counts
        return {
            "booth": self._booth_id,
            **self.presence(),
            "running_ms": self._clock.stamp().uptime_ms - self._started.uptime_ms,
            "uplink": self._uplink(),
            "configuration_on_trial": self.trial(),
            "ledger": {
                "epoch": self._ledger.epoch,
                "last": self._ledger.last,
                "acknowledged": self._acked(),
                "set_aside": self._ledger.set_aside.name if self._ledger.set_aside else None,
                "reserve_spent": self._ledger.reserve_spent,
                "directory": str(self._ledger.directory),
            },
            "counter": {
                "phase": state.phase.value,
                "item": state.parcel.item if state.parcel else None,
                "prompt": self._counter.cues.last.prompt.text(self._language),
                "accepted": counts.accepted,
                "labels": counts.labels,
                "scans": counts.scans,
                "repeats": counts.repeats,
                "refused": counts.refused,
                "not_saved": counts.not_saved,
            },
            "devices": self.devices(),
            "unknown_devices": self._strangers(),
            "printing": self.printing(),
        }

    def _uplink(self) -> Mapping[str, JsonValue]:
        if self.uplink is None:
            return {"status": "disabled", "reason": "uplink.enabled is false"}
        health = self.uplink.health
        return {
            "status": self.uplink.status,
            "reason": self.uplink.reason,
            "no_consumer": health.no_consumer,
            "forbidden": health.forbidden,
            "sent_again": health.resent,
            "rejected": health.rejected,
            "connections": health.connections,
            "alarms": [*health.alarms()],
        }

    def _strangers(self) -> list[JsonValue]:
        """The same for a person on the box, who sees the device: with its own name, cleaned."""
        return [{**one.facts(), "name": one.name} for one in self._here()]

    def _here(self) -> Sequence[Stranger]:
        return self.strangers.here if self.strangers else ()

    def _acked(self) -> int:
        return self.uplink.acked if self.uplink else self._ledger.acked

    def _backlog(self) -> int:
        return self._ledger.last - self._acked()

    def _device(self, view: DeviceView) -> JsonValue:
        shown: dict[str, JsonValue] = {
            "id": view.id,
            "kind": view.kind,
            "driver": view.driver,
            "status": view.status.value,
            "reason": view.reason,
            "hint": view.hint,
            "since": _moment(view.since),
            "identity": view.identity,
            "bad_frames": view.bad_frames,
            "capabilities": list(view.capabilities),
        }
        if view.status in NOT_THERE:
            return shown  # what it said last is no word about now
        if weight := self._booth.latest_weight.get(view.id):
            age = self._clock.stamp().uptime_ms - weight.at.uptime_ms
            shown["reading"] = {
                "status": weight.reading.status.value,
                "weight": show(weight.reading) or None,
                "unit": weight.reading.unit,
                "stable": weight.reading.stable,
                "age_ms": age,
            }
        if watch := self._booth.watches.get(view.id):
            health = watch.health(self._clock.stamp().uptime_ms)
            shown["health"] = {
                "last_good_age_ms": health.last_good_age_ms,
                "frames_per_10_s": health.frames_per_10_s,
                "bad_percent": health.bad_percent,
                "zero_drift": health.zero_drift,
            }
            shown["hint"] = view.hint or health.hint
        if printer := self._booth.latest_printer.get(view.id):
            shown["printer"] = _printer(printer)
            shown["hint"] = view.hint or _printer_hint(view, printer)
        return shown


def _printer(state: PrinterState) -> JsonValue:
    return {
        "ready": state.ready.value,
        "paper": state.paper.value,
        "cover": state.cover.value,
        "faults": list(state.faults),
        "paused": state.paused,
        "busy": state.busy,
        "silent_since": _moment(state.silent_since) if state.silent_since else None,
    }


def _printer_hint(view: DeviceView, state: PrinterState) -> str:
    """What to do with a printer that says it would print nothing; empty for any other."""
    if view.status is not DeviceStatus.READY or state.ready is not Ready.NO:
        return ""
    wanted = {
        "insert paper": state.paper is Paper.OUT,
        "close the cover": state.cover is Cover.OPEN,
        "look at the printer's display": bool(state.faults),
        "press the printer's pause key": bool(state.paused),
    }
    words = [word for word, holds in wanted.items() if holds]
    return "no label can be printed: " + (", ".join(words) or "switch the printer online")


def _moment(stamp: Stamp) -> str:
    return utc_text(stamp.utc_ms)
