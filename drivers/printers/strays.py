"""What a printer says beside its answers: the late answer to a question that was given up, or rubbish.

Owns: telling one from the other, and whether it always talks so. Must not know: bytes, questions, jobs.

A question that went unanswered explains one burst that answers nothing, until two whole rounds have passed
without any: an answer that came late may have passed for that of the first.
"""

from __future__ import annotations

EXPLAINED_LIMIT = 3  # bursts in a row: a printer that was busy for long answers all at once, in few pieces
CALM_ROUNDS = 2


class Strays:
    """The bursts of one conversation."""

    def __init__(self) -> None:
        self.late = 0
        self.rubbish = 0
        self.usual = False  # rubbish has come, and no whole round without any since
        self._explained = 0
        self._calm = 0
        self._came = False

    def missed(self) -> None:
        """A question was given up: its answer may yet come."""
        self._explained = min(self._explained + 1, EXPLAINED_LIMIT)
        self._calm = 0

    def came(self) -> None:
        """A burst that answers nothing."""
        self._came = True
        self._calm = 0
        if self._explained:
            self._explained -= 1
            self.late += 1
        else:
            self.rubbish += 1
            self.usual = True

    def begin_round(self) -> None:
        self._came = False

    def end_round(self) -> None:
        """Every question of a round was answered."""
        if self._came:
            return
        self.usual = False
        self._calm += 1
        if self._calm >= CALM_ROUNDS:
            self._explained = 0

    def watch(self) -> StrayWatch:
        return StrayWatch(self)


class StrayWatch:
    """What has come since before a label. What a printer says in that way at all times counts for nothing."""

    def __init__(self, strays: Strays) -> None:
        self._strays = strays
        self._usual = strays.usual
        self._rubbish = strays.rubbish
        self._late = strays.late

    @property
    def rubbish(self) -> bool:
        """Whether it has begun to say what no question explains."""
        return not self._usual and self._strays.rubbish > self._rubbish

    def late(self) -> bool:
        """Whether something came late since this was asked last: an answer may have been another's."""
        before, self._late = self._late, self._strays.late
        return not self._usual and self._late > before
