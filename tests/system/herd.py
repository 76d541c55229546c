"""A model of many booths that come back to one broker at once, with the booths' own back-off.

Owns: the arithmetic. Must not know: sockets.
tests/system/test_reconnect_herd.py holds it against real sessions.
"""

from __future__ import annotations

from dataclasses import dataclass

from edge_agent.uplink.backoff import Backoff


@dataclass(frozen=True)
class Return:
    """When each booth was back, in seconds after the broker was, and how many tries that took in all."""

    back_s: list[float]
    tries: int

    def by(self, share: float) -> float:
        """When so many of them were back."""
        return self.back_s[min(len(self.back_s) - 1, int(share * len(self.back_s)))]


def modelled(booths: int, rate: float, patience_s: float, outage_s: float) -> Return:
    """The broker serves `rate` a second; who is not served then gives up after `patience_s`."""
    backoffs = [Backoff(0.0, seed) for seed in range(booths)]
    waiting = sorted((backoff.delay_s(outage_s), number) for number, backoff in enumerate(backoffs))
    back, tries, second, allowance = list[float](), 0, 0, 0.0
    while waiting:
        second += 1
        allowance = min(allowance + rate, max(rate, 1.0))
        now = [one for one in waiting if one[0] < second]
        waiting = [one for one in waiting if one[0] >= second]
        tries += len(now)
        for at_s, number in sorted(now):
            if allowance >= 1:
                allowance -= 1
                back.append(at_s)
                continue
            backoffs[number].failed(busy=True, refused=False)
            waiting.append((at_s + patience_s + backoffs[number].delay_s(outage_s + at_s), number))
    return Return(sorted(back), tries)
