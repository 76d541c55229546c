"""One barcode in the flow: what it means, what it starts, or why it is refused.

Owns: the order of these questions. Must not know: devices, the disk's file, transitions.
"""

from __future__ import annotations

import secrets

from edge_agent.barcodes import booth_command
from edge_agent.counter.acceptance import Acceptance
from edge_agent.counter.command_codes import CommandCodes
from edge_agent.counter.feedback import Cue, Prompt, Sound
from edge_agent.counter.inputs import LabelScanned, Scanned
from edge_agent.counter.mistyped import KeyboardScanners
from edge_agent.counter.numbered import begin_numbered
from edge_agent.counter.scanned import scan_event
from edge_agent.counter.seams import Counts, Ports, Tentative
from edge_agent.printing.mark import read_mark
from edge_agent.sdk.values import Scan

ITEM_LIMIT = 128  # characters of a parcel's own number; a Code 128 on a label has at most 48


class Reading:
    """Takes barcodes into a step that is about to be made. `flow` None: they are recorded, no more."""

    def __init__(
        self,
        ports: Ports,
        flow: Acceptance | None,
        accepts: frozenset[str],
        codes: CommandCodes,
        counts: Counts,
    ) -> None:
        self._ports = ports
        self._flow = flow
        self._accepts = accepts
        self._codes = codes
        self._counts = counts
        self._keyboards = KeyboardScanners(ports.typing, ports.parse)

    async def scan(self, scan: Scan, tentative: Tentative, free_since_ms: int, *, scale_free: bool) -> None:
        """One barcode; `free_since_ms` is when the parcel before was done with."""
        if booth_command.looks_like(scan.text):
            obeyed = self._codes.scan(scan, tentative, self._flow, scale_free=scale_free)
            self._counts.refused += not obeyed
            return
        meaning = self._ports.parse(scan)
        if not self._asks(scan.text) and (wrong := self._keyboards.mistyped(scan, meaning)):
            tentative.events.append(wrong.event)
            tentative.cues.append(wrong.cue)
            self._counts.refused += 1
            return
        tentative.events.append(scan_event(scan, meaning))
        mark = read_mark(scan.text)
        if mark is not None:
            tentative.mark(self._flow, LabelScanned(scan.at, *mark))
        elif self._flow is None:
            return
        elif self._asks(scan.text):
            if prompt := await begin_numbered(self._ports, self._flow, tentative):
                self._refuse(tentative, prompt)
        elif not meaning.valid or len(meaning.value) > ITEM_LIMIT:
            self._refuse(tentative, "refused_code")
        elif meaning.type not in self._accepts:
            self._refuse(tentative, "refused_kind")
        else:
            before = tentative.accepts(meaning.value)
            before = before or await self._ports.ledger.accepted_before(meaning.value)
            given = Scanned(
                at=scan.at,
                item=meaning.value,
                item_type=meaning.type,
                job=secrets.token_hex(6),
                before=before,
                scale_ready=self._ports.devices.scale_ready(),
                room=self._ports.ledger.has_room,
                late=scan.at.uptime_ms < free_since_ms,
            )
            tentative.take(self._flow.step(tentative.state, given))

    def _asks(self, text: str) -> bool:
        """Whether this is the code that begins a parcel without a number."""
        return self._ports.numbers is not None and self._ports.numbers.asks(text)

    def _refuse(self, tentative: Tentative, prompt: str) -> None:
        self._counts.refused += 1
        tentative.cues.append(Cue(Prompt(prompt), Sound.REJECTED))
