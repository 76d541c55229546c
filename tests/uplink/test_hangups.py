"""When a broker that hangs up without a word is held to have done so over a size, and when not."""

from __future__ import annotations

from edge_agent.uplink.hangups import CALM_S, LEAST_PACKET_BYTES, PROOFS, ROUNDS, SOON_S, HangUps, Unanswered

SILENT, KEEPALIVE, SHUT_DOWN = 0x80, 0x8D, 0x8B


class Link:
    """Connections that live a second, one after the other."""

    def __init__(self) -> None:
        self.hangups = HangUps()
        self.now_s = 0.0

    def ends(
        self, *under: int, answered: tuple[int, ...] = (), code: int = SILENT, after_s: float = 1.0
    ) -> bool:
        """One connection with these under way at its end."""
        self.hangups.opened(self.now_s)
        for size in answered:
            self.hangups.answered(size, self.now_s)
        sent_s, self.now_s = self.now_s, self.now_s + after_s
        left = under[:1] if self.hangups.careful else under
        return self.hangups.certain([Unanswered(size, sent_s) for size in left], code, self.now_s)

    def suspected(self) -> None:
        for _ in range(ROUNDS):
            assert not self.ends(9000, 5000, answered=(400,))
        assert self.hangups.careful


def test_what_ends_every_connection_is_sent_alone_and_then_held_too_large() -> None:
    link = Link()
    link.suspected()
    verdicts = [link.ends(9000, 5000, answered=(400,)) for _ in range(PROOFS)]
    assert verdicts == [False] * (PROOFS - 1) + [True]
    assert link.ends(4500, answered=(400,)), "and a smaller one that ends it too is known at once"


def test_an_answer_to_something_as_large_ends_the_suspicion() -> None:
    link = Link()
    link.suspected()
    link.hangups.opened(link.now_s)
    link.hangups.answered(9000, link.now_s)
    assert not link.hangups.careful
    assert not any(link.ends(9000, answered=(9000,)) for _ in range(20))
    assert not link.hangups.careful


def test_a_minute_of_life_ends_the_suspicion() -> None:
    link = Link()
    link.suspected()
    link.hangups.opened(link.now_s)
    link.hangups.answered(400, link.now_s + CALM_S)
    assert not link.hangups.careful


def test_an_ordinary_event_is_never_blamed() -> None:
    """A broker that dies before it has answered anything, or another box with our id."""
    link = Link()
    assert not any(link.ends(LEAST_PACKET_BYTES, 300) for _ in range(200))
    assert not link.hangups.careful


def test_what_is_not_larger_than_what_the_broker_took_is_never_blamed() -> None:
    link = Link()
    assert not any(link.ends(2000, answered=(300, 2500)) for _ in range(200))


def test_a_cut_that_comes_late_or_has_a_name_is_no_hang_up() -> None:
    link = Link()
    assert not any(link.ends(9000, after_s=SOON_S + 1) for _ in range(20))
    assert not any(link.ends(9000, code=code) for code in (0, KEEPALIVE, SHUT_DOWN) for _ in range(20))
    assert not link.hangups.careful


def test_a_broker_that_restarts_costs_nothing() -> None:
    link = Link()
    for _ in range(50):
        assert not link.ends(9000, 12000)
        assert not link.ends(9000, answered=(12000,))
    assert not link.hangups.careful
