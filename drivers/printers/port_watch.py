"""What a printer's USB port tells of it, whatever its language: who it is, and its one status byte.

Owns: how far that is trusted. Must not know: languages, pages, jobs.

The port counts only while the printer answers no question in its own language, and never says that a printer
is ready. Cheap printers send one fixed byte for ever: only a port that has once said that all is well is
believed when it says otherwise.
"""

from __future__ import annotations

from dataclasses import replace

from edge_agent.sdk.errors import LinkError
from edge_agent.sdk.ieee1284 import DeviceId, parse_device_id
from edge_agent.sdk.ports import ByteLink, PortStatus, PrinterPort
from edge_agent.sdk.values import Paper, PrinterState, Ready

FAULT = "port"  # a fault that the port tells and no reply names


class PortWatch:
    """One link's port; on links that have none it knows nothing."""

    def __init__(self, link: ByteLink, words: frozenset[str]) -> None:
        self._port = link if isinstance(link, PrinterPort) else None
        self._words = words
        self._was_well = False
        self._now: PortStatus | None = None

    async def introduce(self) -> DeviceId | None:
        """What the printer says of itself, if that is that it speaks our language."""
        if self._port is None:
            return None
        await self.look()
        try:
            told = parse_device_id(await self._port.device_id())
        except LinkError:
            return None  # it does not tell; a lost link is found out by whoever reads
        return told if any(word.upper() in self._words for word in told.commands) else None

    async def look(self) -> None:
        """Ask the port."""
        if self._port is None:
            return
        try:
            self._now = await self._port.port_status()
        except LinkError:
            self._now = None
            return
        self._was_well = self._was_well or not (self._now.paper_empty or self._now.fault)

    def forget(self) -> None:
        """The printer itself has spoken."""
        self._now = None

    def obstacle(self) -> str:
        """Why nothing would be printed, as a code; empty where the port knows nothing against it."""
        if self._now is None or not self._was_well:
            return ""
        if self._now.paper_empty:
            return "printer.paper_out"
        return "printer.fault" if self._now.fault else ""

    def applied(self, state: PrinterState) -> PrinterState:
        """The condition with what the port adds to it."""
        match self.obstacle():
            case "printer.paper_out":
                return replace(state, ready=Ready.NO, paper=Paper.OUT)
            case "printer.fault":
                return replace(state, ready=Ready.NO, faults=(*state.faults, FAULT))
            case _:
                return state
