"""A clerk who follows the prompts: what a person does to get one parcel through, whatever happened before.

Uses only what a clerk has: the scanner, the scale, the paper that came out, the prompts.
"""

from __future__ import annotations

import asyncio
from decimal import Decimal

import numpy as np
import zxingcpp

from edge_agent.sdk.values import Page
from simulators.demo.stage import Stage

STEPS = 60  # prompts followed for one parcel, or looks without a new one, before we call it stuck
LOOK_S = 2.0  # without a new prompt; then the clerk does the same once more


def codes_on(page: Page) -> dict[str, str]:
    """The codes on a printed label, one of each symbology."""
    return dict(every_code_on(page))


def every_code_on(page: Page) -> list[tuple[str, str]]:
    """Every code on a printed page, with its symbology, as zxing-cpp reads it."""
    bits = np.unpackbits(np.frombuffer(page.data, np.uint8).reshape(page.height, page.stride), axis=1)
    picture = np.where(bits[:, : page.width] == 1, 0, 255).astype(np.uint8)
    picture = np.pad(picture, 40, constant_values=255)
    return [(str(code.format), code.text) for code in zxingcpp.read_barcodes(picture)]


def mark_on(page: Page) -> str:
    """The label's own mark, from its QR code."""
    return next((text for text in codes_on(page).values() if text.startswith("BXL1:")), "")


class Clerk:
    """Gets parcels accepted on one stage."""

    def __init__(self, stage: Stage) -> None:
        self._stage = stage
        self._followed = 0  # prompts that were told and acted upon

    async def accept(self, item: str, weight: str) -> None:
        """Follow the prompts until this item is accepted, was accepted before, or the clerk gives up."""
        stage = self._stage
        self._followed = len(stage.record.told)
        await stage.scanner.scan(item)
        for _ in range(STEPS):
            await self._next_prompt()
            if item in stage.record.saved or item in stage.record.known:
                stage.scale.put(Decimal(0))
                return
            await self._follow(item, weight)
        raise AssertionError(f"stuck at {stage.record.prompt}: {stage.record.told[-8:]}")

    async def _follow(self, item: str, weight: str) -> None:
        stage = self._stage
        match stage.record.prompt:
            case "clear_pan":
                stage.scale.put(Decimal(0))
            case "place_parcel":
                stage.scale.put(Decimal(weight))
            case "scan_parcel" | "voided" | "accepted" | "refused_again" | "":
                await asyncio.sleep(1.1)  # longer than the booth takes for a repeat of the device
                await stage.scanner.scan(item)
            case "scan_label":
                await self._show_label(item)

    async def _show_label(self, item: str) -> None:
        """Scan the label that came out; if none did, ask for a reprint."""
        stage = self._stage
        await stage.until("the printer has finished", lambda: stage.printer.idle)
        marks = [mark_on(label.page) for label in stage.printer.tray.labels]
        mine = [mark for mark in marks if mark.endswith(item)]
        if mine:
            await stage.scanner.scan(mine[-1])
        else:
            await stage.agent.ask(op="print.reprint")

    async def _next_prompt(self) -> None:
        """Wait for the next prompt, at most one look; other news, such as weights, are not the clerk's."""
        stage = self._stage
        try:
            async with asyncio.timeout(LOOK_S):
                while len(stage.record.told) == self._followed:
                    stage.changed.clear()
                    await stage.changed.wait()
        except TimeoutError:
            return
        self._followed = len(stage.record.told)
