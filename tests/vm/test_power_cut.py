"""Pull the plug: QEMU is killed, and of its disk only what had been flushed is sure to be left.

The disk is then looked at from outside and compared with what people were told and with what the centre on
the host had received (tests.vm.power).
"""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.vm.machine import Image, Saved
from tests.vm.moments import AT_ONCE, IN_COMMIT, IN_ORDER, MOMENTS
from tests.vm.power import Chain

CUTS = 5  # of one disk


@pytest.mark.parametrize("disk", [1, 2])
async def test_five_power_cuts_in_a_row_lose_and_double_nothing(
    image: Image, counter: Saved, folder: Path, disk: int
) -> None:
    """P1 told means on disk, P2 once at the centre without gaps, P3 weights right, P4 no label twice.

    So do the labels that the centre orders: none doubled, forgotten, stuck or claimed.
    """
    chain = Chain(image, counter, folder / "chain", seed=disk)
    await chain.suffer(CUTS, first=(disk - 1) * CUTS)
    assert chain.findings == []
    assert len(chain.told) == CUTS
    assert len(chain.seen.record.saved) >= 3, "the booth has worked between the cuts"
    assert len(chain.orders.answered) == len(chain.orders.names) >= 2, "the centre has ordered labels"
    commits = [loss for moment, loss in chain.losses if moment in {IN_COMMIT, IN_ORDER}]
    assert len(commits) >= 2
    assert all(loss.unflushed or loss.torn for loss in commits), "else nothing was there to lose"


async def test_a_ledger_that_does_not_wait_for_the_disk_is_found_out(
    image: Image, counter: Saved, folder: Path
) -> None:
    """The check above can fail: with synchronous=NORMAL a parcel that was told saved is gone."""
    chain = Chain(image, counter, folder / "chain", seed=3, synchronous="NORMAL")
    await chain.suffer(CUTS, first=MOMENTS.index(AT_ONCE), loss=1.0, recover=False)
    assert any("told saved and is not on the disk" in finding for finding in chain.findings), chain.told
