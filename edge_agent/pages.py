"""The booth's own pages: from a parcel, or from the booth's state, to what is drawn.

Owns: what stands on the parcel label, the state slip and the test page, under the names that templates use.
Must not know: templates' layout, printers, the queue.
"""

from __future__ import annotations

import asyncio
import secrets
from collections.abc import Mapping
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING, Any

from edge_agent import __version__
from edge_agent.counter.labelling import BoothName, label_data, label_order, receipt_order
from edge_agent.counter.parcel import Parcel
from edge_agent.events.model import JsonValue
from edge_agent.labels.printery import Printery
from edge_agent.ledger.print_jobs import PrintOrder
from edge_agent.sdk.clock import Clock
from edge_agent.sdk.values import Page, Stamp

if TYPE_CHECKING:
    from edge_agent.settings.model import Settings

SLIP_DEVICES, SLIP_FAULTS = 8, 3  # rows that the slip has
FAULT_CHARACTERS = 60  # of a hint; the slip cuts to what fits
LINK_WORDS = {"online": "সংযুক্ত", "degraded": "আংশিক", "offline": "বিচ্ছিন্ন", "disabled": "বন্ধ"}
CLOCK_WORDS = {
    "ntp": "ঠিক আছে / ntp",
    "rtc": "ঠিক আছে / rtc",
    "held": "আগে মেলানো / held",
    "none": "ঠিক নেই / not set",
}
DEVICE_WORDS = {
    "ready": "ঠিক আছে / ready",
    "absent": "নেই / absent",
    "faulty": "ত্রুটি / faulty",
    "opening": "খোলা হচ্ছে / opening",
    "identifying": "চেনা হচ্ছে / identifying",
}


def printery(settings: Settings) -> Printery:
    """What draws the labels. Raises ConfigError for absent fonts, or a template of no use to the counter."""
    labels = settings.labels
    made = Printery(
        settings.counter.label, labels.templates, fonts=labels.fonts, black_from=labels.black_from
    )
    if settings.counter.flow != "none":
        made.check_files(filter(None, (settings.counter.label, settings.counter.receipt)))
        if settings.counter.label:
            made.check_reprints(settings.counter.label)
    return made


class Pages:
    """Draws and fills the booth's pages."""

    def __init__(
        self,
        printery: Printery,
        settings: Settings,
        clock: Clock,
        *,
        boot: str,
        printer: str,
        dpi: int,
    ) -> None:
        """`printer` is the one that prints the counter's labels, `dpi` the resolution of its head."""
        name = settings.booth
        self._printery = printery
        self._booth = BoothName(name.id, name.name, name.name_bn, name.utc_offset_minutes)
        self._label = settings.counter.label
        self._clock = clock
        self._boot = boot
        self._printer = printer
        self._dpi = dpi
        self._receipt = settings.counter.receipt
        self._receipt_printer = settings.counter.receipt_printer or printer
        self._wait_ms = settings.printing.wait_s * 1000

    async def draw(self, template: str, data: Mapping[str, object], reprint: int, dpi: int) -> Page:
        """One page for a head of this resolution, drawn in a worker. Raises EdgeError."""
        return await asyncio.to_thread(self._printery.page, data, reprint=reprint, template=template, dpi=dpi)

    async def label(self, parcel: Parcel, attempt: int, at: Stamp) -> Page:
        """A parcel's label. Raises EdgeError."""
        data = label_data(parcel, attempt, self._booth, at.utc_ms)
        return await self.draw(self._label, data, attempt - 1, self._dpi)

    def order(self, parcel: Parcel, at: Stamp) -> PrintOrder:
        """A parcel's label as the print ledger knows it."""
        data = label_data(parcel, 1, self._booth, at.utc_ms)
        return label_order(parcel, data, at, template=self._label, printer=self._printer, boot=self._boot)

    def receipt(self, parcel: Parcel, at: Stamp) -> PrintOrder:
        """The receipt for the customer who brought the parcel."""
        return receipt_order(
            self.order(parcel, at),
            job=secrets.token_hex(6),
            template=self._receipt,
            printer=self._receipt_printer,
            ttl_ms=self._wait_ms,
        )

    def test(self) -> Mapping[str, JsonValue]:
        """What stands on a test page."""
        return {**self.head(), "agent": {"version": __version__}}

    def slip(self, status: Mapping[str, Any]) -> Mapping[str, JsonValue]:
        """What stands on the state slip, from the status as the agent tells it."""
        uplink, backlog = status["uplink"], int(status["backlog"]["count"])
        return {
            **self.head(),
            "agent": {"version": __version__},
            "link": {"state": f"{LINK_WORDS.get(uplink['status'], '')} / {uplink['status']}"},
            "clock": {"state": CLOCK_WORDS.get(status["clock"], str(status["clock"]))},
            "backlog": {"count": backlog},
            "slip": {"code": f"SLIP-{int(status['ledger']['last']):06d}"},
            "device": _devices(status["devices"]),
            "fault": _faults(uplink, status["devices"]),
        }

    def head(self) -> Mapping[str, JsonValue]:
        """What every page may say: which booth, and what time it is there."""
        booth = self._booth
        names: dict[str, JsonValue] = {"id": booth.id, "name": booth.name or booth.id}
        if booth.name_bn:
            names["name_bn"] = booth.name_bn
        utc = datetime.fromtimestamp(self._clock.stamp().utc_ms / 1000, UTC)
        local = utc + timedelta(minutes=booth.utc_offset_minutes)
        return {"booth": names, "time": {"local": local.strftime("%Y-%m-%d %H:%M")}}


def _devices(devices: list[Mapping[str, Any]]) -> list[JsonValue]:
    """Those in trouble come first; the slip has room for so many."""
    ordered = sorted(devices, key=lambda device: device["status"] == "ready")
    return [
        {"name": str(device["id"]), "state": DEVICE_WORDS.get(device["status"], str(device["status"]))}
        for device in ordered[:SLIP_DEVICES]
    ]


def _faults(uplink: Mapping[str, Any], devices: list[Mapping[str, Any]]) -> list[JsonValue]:
    """The worst first: what stops the counter, then what keeps its records here."""
    found: list[JsonValue] = [
        {"code": str(device["reason"]), "text": str(device["hint"] or device["id"])[:FAULT_CHARACTERS]}
        for device in devices
        if device["status"] != "ready" and device["reason"]
    ]
    if uplink["status"] == "offline" and uplink["reason"]:
        text = "নেটওয়ার্ক দেখুন / Check the network"
        found.append({"code": str(uplink["reason"])[:FAULT_CHARACTERS], "text": text})
    return found[:SLIP_FAULTS]
