"""Command codes at the counter: read, obeyed once or many times, on record, never passed on.

Owns: which code was used up, how often codes may come, what each orders. Must not know: the key's file.
"""

from __future__ import annotations

import asyncio
import json
import logging
from collections import deque
from collections.abc import Callable, Mapping
from datetime import UTC, datetime

from edge_agent.barcodes import booth_command
from edge_agent.barcodes.booth_command import BoothCommand, CommandCode
from edge_agent.counter.acceptance import Acceptance
from edge_agent.counter.feedback import Cue, Prompt, Sound
from edge_agent.counter.inputs import Order, Ordered
from edge_agent.counter.seams import Devices, Tentative
from edge_agent.events.model import EventDraft, JsonValue
from edge_agent.sdk.errors import EdgeError
from edge_agent.sdk.values import Scan

log = logging.getLogger(__name__)

SLOT = "command_codes"
USED_LIMIT = (
    64  # single-time codes that are not over yet; a booth that uses more of them asks for a new sheet
)
MOST_A_MINUTE = 20  # a clerk orders a few times for a parcel
MINUTE_MS = 60_000
ORDERS = {
    BoothCommand.CONFIRM: Order.CONFIRM,
    BoothCommand.REPRINT: Order.REPRINT,
    BoothCommand.VOID: Order.VOID,
}


class ScaleGoals:
    """Zero and tare as codes order them: one at a time, apart from the scanner that waits for nobody."""

    def __init__(self, devices: Devices, say: Callable[[Cue], None]) -> None:
        self._devices = devices
        self._say = say
        self._asked: asyncio.Queue[str] = asyncio.Queue(maxsize=1)

    @property
    def free(self) -> bool:
        """Whether a goal can be taken now; not while the one before waits."""
        return not self._asked.full()

    def ask(self, goal: str) -> None:
        """See to this one next; dropped where one waits already."""
        if self.free:
            self._asked.put_nowait(goal)

    async def run(self) -> None:
        """See to what is asked, until cancelled."""
        while True:
            goal = await self._asked.get()
            try:
                await self._devices.set_scale(goal)
            except EdgeError as error:
                log.warning("%s: %s", goal, error)
                self._say(Cue(Prompt("scale_refused"), Sound.REJECTED))
            else:
                self._say(Cue(Prompt("scale_set")))


class CommandCodes:
    """The codes of one booth. Without a key every code is refused."""

    def __init__(self, booth: str, key: bytes | None) -> None:
        self._booth = booth
        self._key = key
        self._used: dict[str, str] = {}
        self._lately_ms: deque[int] = deque(maxlen=MOST_A_MINUTE)

    def remember(self, text: str) -> None:
        """What is on disk of codes that are used up."""
        try:
            kept = json.loads(text) if text else {}
        except ValueError:
            kept = {}
        if isinstance(kept, dict):
            self._used = {str(name): str(until) for name, until in list(kept.items())[:USED_LIMIT]}

    def scan(self, scan: Scan, tentative: Tentative, flow: Acceptance | None, *, scale_free: bool) -> bool:
        """Obey the code, or refuse it; either is on record without its text. Gives whether it was obeyed."""
        code = self._read(scan, tentative)
        outcome = code if isinstance(code, str) else self._obey(code, scan, tentative, flow, scale_free)
        data: dict[str, JsonValue] = {"outcome": outcome or "taken"}
        if isinstance(code, CommandCode):
            data |= {"command": code.command.value.lower(), "code": code.name}
        tentative.events.append(EventDraft("command.scanned", scan.device, scan.at, data))
        if outcome:
            tentative.cues.append(Cue(Prompt("refused_command"), Sound.REJECTED))
        return not outcome

    def _read(self, scan: Scan, tentative: Tentative) -> CommandCode | str:
        if self._key is None:
            return "not_enabled"
        now_ms = scan.at.uptime_ms
        if len(self._lately_ms) == MOST_A_MINUTE and now_ms - self._lately_ms[0] < MINUTE_MS:
            return "too_often"
        self._lately_ms.append(now_ms)
        today = _day(scan)
        code = booth_command.read(scan.text, booth=self._booth, key=self._key, today=today)
        if isinstance(code, CommandCode) and code.once:
            used = self._used_up(tentative)
            if code.name in used:
                return "used"
            if len(self._lasting(used, today)) >= USED_LIMIT:
                return "too_many"
        return code

    def _used_up(self, tentative: Tentative) -> Mapping[str, str]:
        """Also by the step that is about to be made."""
        return {**self._used, **(json.loads(tentative.slots[SLOT]) if SLOT in tentative.slots else {})}

    @staticmethod
    def _lasting(used: Mapping[str, str], today: str) -> dict[str, str]:
        """Those that are over go where there is no room: a clock that has jumped may come back."""
        if len(used) < USED_LIMIT:
            return dict(used)
        return {name: until for name, until in used.items() if until >= today}

    def _obey(
        self,
        code: CommandCode,
        scan: Scan,
        tentative: Tentative,
        flow: Acceptance | None,
        scale_free: bool,
    ) -> str:
        """Empty, or why it was refused."""
        order = ORDERS.get(code.command)
        if order is None:
            if not scale_free or tentative.goal:
                return "busy"
            tentative.goal = code.command.value.lower()
        else:
            before = tentative.state
            if flow is not None:
                tentative.take(flow.step(before, Ordered(scan.at, order)))
            if tentative.state == before:
                return "nothing_to_do"
        if code.once:
            used = self._lasting(self._used_up(tentative), _day(scan))
            tentative.slots[SLOT] = json.dumps({**used, code.name: code.until})
        return ""


def _day(scan: Scan) -> str:
    return f"{datetime.fromtimestamp(scan.at.utc_ms / 1000, UTC):%Y%m%d}"
