"""Barcodes of a keyboard scanner that is set for another keyboard: recognised, refused, never turned back.

Owns: what proves it, and the words that name the fix. Must not know: keys, drivers, the flow.

Only what cannot well be chance proves it: a check digit, a label's mark, a command code, or a courier's
number with signs in place of its digits (docs/decisions/0018-keyboard-layouts.md).
"""

from __future__ import annotations

import logging
from collections.abc import Callable
from dataclasses import dataclass, replace

from edge_agent.barcodes import booth_command, keyboard
from edge_agent.barcodes.meaning import Meaning, refused
from edge_agent.barcodes.parse import TEXT
from edge_agent.counter.feedback import Cue, Prompt, Sound
from edge_agent.counter.scanned import scan_event
from edge_agent.events.model import EventDraft
from edge_agent.printing.mark import read_mark
from edge_agent.sdk.values import Scan

log = logging.getLogger(__name__)

LONGEST = 256  # no code of ours is longer; a whole page of text in a QR code is not turned about four times
CAPS = "Caps Lock"
CHECKED = frozenset(
    ("s10", "sscc", "gs1", "gs1_digital_link", "ean13", "ean8", "upca", "gtin14", "isbn13", "isbn10")
)
COURIER = "courier_ref"
SMALL_LETTERS = "small_letters"
FIXES = {CAPS: "scan its set-up code 'Caps Lock off', or set caps_lock in its table"}
US_KEYBOARD = "scan its set-up code 'keyboard country USA'"


@dataclass(frozen=True, slots=True)
class Mistyped:
    """What is to be told of such a barcode. One that is meant as a command code is not passed on."""

    event: EventDraft
    cue: Cue


class KeyboardScanners:
    """The booth's scanners that type, by their ids."""

    def __init__(self, ids: frozenset[str], parse: Callable[[Scan], Meaning]) -> None:
        self._ids = ids
        self._parse = parse
        self._told: dict[str, str] = {}

    def mistyped(self, scan: Scan, meaning: Meaning) -> Mistyped | None:
        """What is wrong with the scanner; None where nothing is, or nobody can know."""
        if scan.device not in self._ids or len(scan.text) > LONGEST:
            return None
        layout = self._layout(scan, meaning)
        if self._told.get(scan.device, "") != layout and (layout or self._is_known(scan, scan.text)):
            self._told[scan.device] = layout
            if layout:
                fix = FIXES.get(layout, US_KEYBOARD)
                log.warning("%s: the scanner is set for %s: %s", scan.device, _shown(layout), fix)
        return self._refusal(scan, layout) if layout else None

    def _layout(self, scan: Scan, meaning: Meaning) -> str:
        if meaning.type == "s10" and meaning.valid:
            return CAPS if SMALL_LETTERS in meaning.warnings and scan.text.lower() == scan.text else ""
        if (meaning.valid and meaning.type != TEXT) or read_mark(scan.text):
            return ""
        if self._is_known(scan, scan.text.swapcase(), couriers=False):
            return CAPS
        return keyboard.explained_by(scan.text, lambda text: self._is_known(scan, text))

    def _is_known(self, scan: Scan, text: str, *, couriers: bool = True) -> bool:
        if booth_command.looks_like(text) or read_mark(text):
            return True
        meaning = self._parse(replace(scan, text=text))
        signs = couriers and meaning.type == COURIER and not scan.text.isalnum()
        return meaning.valid and (meaning.type in CHECKED or signs)

    def _refusal(self, scan: Scan, layout: str) -> Mistyped:
        error = "caps_lock" if layout == CAPS else "keyboard_layout"
        secret = keyboard.explained_by(scan.text, booth_command.looks_like)
        event = scan_event(replace(scan, text="") if secret else scan, refused(TEXT, scan.text, error))
        event = replace(event, data={**event.data, "layout": layout})
        prompt = "scanner_caps" if layout == CAPS else "scanner_layout"
        return Mistyped(event, Cue(Prompt(prompt, {"layout": layout}), Sound.REJECTED))


def _shown(layout: str) -> str:
    return layout if layout == CAPS else f"a {layout} keyboard"
