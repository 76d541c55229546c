"""What the booth says beside its events: state, inventory, configuration, answers, metrics.

Owns: the newest of each kind, the queue of answers and of telemetry, their way through the window, their
repetition. Must not know: their content.

None of it is durable: what matters of an answer is an event, too (`command.finished`), and a state is told
anew with each connection.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Callable
from dataclasses import dataclass

from edge_agent.sdk.clock import Clock
from edge_agent.sdk.errors import LinkError
from edge_agent.uplink.flow import PACKET_TOO_LARGE, Flow

ANSWERS = 64  # more than can be under way at once; beyond it the oldest goes, its end is in the ledger
AGAIN_S = 30.0  # a broker out of quota; the next try
FORBIDDEN_AGAIN_S = 300.0  # an access list does not change by itself
NOT_AUTHORISED = 0x87
FAILED = 0x80
ANY_BYTES = 1 << 30  # more than MQTT can carry

Shed = Callable[[int, str], None]


@dataclass(frozen=True, slots=True)
class Notice:
    """One message; `until_s` on the monotonic clock, after which it is not worth sending."""

    topic: str
    payload: bytes
    retain: bool = False
    until_s: float | None = None
    expiry_s: int = 0


class Notices:
    """Sends notices as the window allows: the newest state first, then answers, telemetry last."""

    def __init__(self, flow: Flow, clock: Clock, shed: Shed, *, telemetry_kept: int) -> None:
        """`shed` is told how many messages of telemetry were given up, and why."""
        self._flow = flow
        self._clock = clock
        self._shed = shed
        self._newest: dict[str, Notice] = {}
        self._answers: deque[Notice] = deque(maxlen=ANSWERS)
        self._telemetry: deque[Notice] = deque()
        self._telemetry_kept = telemetry_kept
        self._unanswered: list[Notice] = []
        self._not_before_s: dict[str, float] = {}
        self._forbidden: set[str] = set()
        self._refused_bytes: dict[str, int] = {}

    @property
    def too_large(self) -> bool:
        """Whether a notice was given up because the broker takes none of its size."""
        return bool(self._refused_bytes)

    @property
    def forbidden(self) -> bool:
        """Whether the broker does not let us publish on one of these topics."""
        return bool(self._forbidden)

    def newest(self, notice: Notice) -> None:
        """Only the last one of a topic counts."""
        self._newest[notice.topic] = notice
        self.pump()

    def answer(self, notice: Notice) -> None:
        """In order, the oldest given up first."""
        self._answers.append(notice)
        self.pump()

    def telemetry(self, notice: Notice) -> None:
        """The first to be given up: when it is old, when too many wait, when the day's bytes are spent."""
        self._telemetry.append(notice)
        if len(self._telemetry) > self._telemetry_kept:
            self._telemetry.popleft()
            self._shed(1, "queue")
        self.pump()

    def connected(self) -> None:
        """A new connection: whatever was refused may be tried again."""
        self._not_before_s.clear()
        self._forbidden.clear()

    def disconnected(self) -> None:
        """The states are told anew; answers that the broker has not taken go again."""
        self._newest.clear()
        self._answers = deque([*self._unanswered, *self._answers], maxlen=ANSWERS)
        self._unanswered.clear()

    def pump(self) -> None:
        """Send what the window allows."""
        for topic in list(self._newest):
            if self._flow.room > 0 and self._may(topic):
                self._send(self._newest.pop(topic), self._state_answered)
        while self._answers and self._flow.room > 0 and self._may(self._answers[0].topic):
            notice = self._answers.popleft()
            self._unanswered.append(notice)
            self._send(notice, self._answer_answered)
        self._pump_telemetry()

    def _pump_telemetry(self) -> None:
        now_s = self._clock.monotonic_s()
        while self._telemetry and self._is_old(self._telemetry[0], now_s):
            self._telemetry.popleft()
            self._shed(1, "age")
        if self._telemetry and not self._flow.budget.telemetry:
            self._shed(len(self._telemetry), "budget")
            self._telemetry.clear()
        while self._telemetry and self._flow.room > 0 and self._may(self._telemetry[0].topic):
            self._send(self._telemetry.popleft(), self._note)

    @staticmethod
    def _is_old(notice: Notice, now_s: float) -> bool:
        return notice.until_s is not None and now_s > notice.until_s

    def _may(self, topic: str) -> bool:
        return self._clock.monotonic_s() >= self._not_before_s.get(topic, 0.0)

    def _send(self, notice: Notice, answered: Callable[[Notice, int], object]) -> None:
        if len(notice.payload) >= self._refused_bytes.get(notice.topic, ANY_BYTES):
            self._give_up(notice)
            return
        try:
            self._flow.send(
                notice.topic,
                notice.payload,
                lambda reason: answered(notice, reason),
                retain=notice.retain,
                expiry_s=notice.expiry_s,
            )
        except LinkError as error:
            if error.code == "uplink.too_large":
                self._refused_size(notice)

    def _refused_size(self, notice: Notice) -> None:
        """Neither this one nor any larger one of its topic, on no connection: each would end it."""
        known = self._refused_bytes.get(notice.topic, ANY_BYTES)
        self._refused_bytes[notice.topic] = min(known, len(notice.payload))
        self._give_up(notice)

    def _give_up(self, notice: Notice) -> None:
        self._unanswered = [one for one in self._unanswered if one is not notice]
        if notice.until_s is not None:
            self._shed(1, "size")

    def _state_answered(self, notice: Notice, reason: int) -> None:
        if self._note(notice, reason):
            self._newest.setdefault(notice.topic, notice)

    def _answer_answered(self, notice: Notice, reason: int) -> None:
        self._unanswered = [one for one in self._unanswered if one is not notice]
        if self._note(notice, reason) and len(self._answers) < ANSWERS:
            self._answers.appendleft(notice)

    def _note(self, notice: Notice, reason: int) -> bool:
        """Whether the broker has refused it; then its topic rests for a while."""
        if reason == PACKET_TOO_LARGE:
            self._refused_size(notice)
            return False
        forbidden = reason == NOT_AUTHORISED
        (self._forbidden.add if forbidden else self._forbidden.discard)(notice.topic)
        if reason < FAILED:
            return False
        pause_s = FORBIDDEN_AGAIN_S if forbidden else AGAIN_S
        self._not_before_s[notice.topic] = self._clock.monotonic_s() + pause_s
        return True
