"""When an event that the broker took and the centre never gets is held too large, and when not."""

from __future__ import annotations

from edge_agent.uplink.hangups import LEAST_PACKET_BYTES
from edge_agent.uplink.outgoing import Message
from edge_agent.uplink.passed_over import LATE_S, ROUNDS, PassedOver

BIG, SMALL = 4 * LEAST_PACKET_BYTES, LEAST_PACKET_BYTES


class Round:
    """Thirty seconds: it is sent, the broker takes it, the centre speaks or not, time is up."""

    def __init__(self) -> None:
        self.passed = PassedOver()
        self.now_s = 0.0

    def over(self, message: Message, lacking: int, *, heard_after_s: float | None) -> Message | None:
        self.passed.delivered(message, self.now_s)
        if heard_after_s is not None:
            self.passed.heard(self.now_s + heard_after_s)
        self.now_s += 30.0
        return self.passed.verdict(lacking)


def test_of_several_events_each_goes_alone_and_one_that_is_alone_is_held_too_large_after_rounds() -> None:
    one, batch, alone = Round(), Message((5, 6, 7), BIG), Message((5,), BIG)
    assert one.over(batch, 5, heard_after_s=LATE_S) is batch
    verdicts = [one.over(alone, 5, heard_after_s=0.1) for _ in range(ROUNDS - 1)]
    assert verdicts[-1] is alone
    assert not any(verdicts[:-1])


def test_a_centre_that_says_nothing_or_speaks_too_soon_proves_nothing() -> None:
    one, alone = Round(), Message((5,), BIG)
    assert not any(one.over(alone, 5, heard_after_s=None) for _ in range(20))
    assert Round().over(Message((5, 6), BIG), 5, heard_after_s=LATE_S / 2) is None


def test_an_ordinary_event_is_never_blamed() -> None:
    one, alone = Round(), Message((5,), SMALL)
    assert not any(one.over(alone, 5, heard_after_s=LATE_S) for _ in range(20))


def test_what_the_centre_has_meanwhile_is_not_blamed() -> None:
    one = Round()
    assert one.over(Message((5, 6), BIG), 7, heard_after_s=LATE_S) is None


def test_another_event_begins_anew() -> None:
    one = Round()
    for number in range(1, 30):
        assert one.over(Message((number,), BIG), number, heard_after_s=LATE_S) is None
