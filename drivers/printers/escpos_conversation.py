"""Talking with an ESC/POS printer: its four real-time questions, and the ids of pages that it has printed.

Owns: which question has which number, and the ids. Must not know: pages, jobs, when it is worth asking.
"""

from __future__ import annotations

from drivers.printers.conversation import Conversation
from drivers.printers.escpos_condition import Condition
from drivers.printers.escpos_raster import status_question
from drivers.printers.escpos_status import QUESTIONS, Printed, Report, StatusDecoder
from edge_agent.sdk.driver import Context
from edge_agent.sdk.errors import ProtocolError


class EscposConversation(Conversation):
    """What one ESC/POS printer says on one link."""

    def __init__(self, context: Context, words: frozenset[str]) -> None:
        questions: dict[str, bytes] = {
            source: status_question(number) for number, source in enumerate(QUESTIONS, 1)
        }
        super().__init__(context, StatusDecoder(), Condition(), questions, words)
        self.expected_id = b""
        self.printed_id = b""

    def _understand(self, value: Report | Printed) -> None:
        if isinstance(value, Report):
            super()._understand(value)
        elif value.id == self.expected_id:
            self.printed_id = value.id
        else:
            text = "reports as printed what nobody waits for any more"
            self._sink.trouble(ProtocolError("printer.late_proof", text, value.id))
