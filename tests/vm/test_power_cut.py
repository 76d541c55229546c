"""Pull the plug: QEMU is killed, and of its disk only what had been flushed is sure to be left.

The disk is then looked at from outside and compared with what people were told and with what the centre on
the host had received. tests.vm.power does it; here its verdict is read.
"""

from __future__ import annotations

import pytest

from tests.vm.cutting import Cutting


@pytest.mark.parametrize("disk", ["first", "second"])
def test_five_power_cuts_in_a_row_lose_and_double_nothing(cutting: Cutting, disk: str) -> None:
    """P1 told means on disk, P2 once at the centre without gaps, P3 weights right, P4 no label twice."""
    verdict = cutting.verdict(disk)
    if verdict["findings"]:
        cutting.keep()
    assert verdict["findings"] == []
    assert len(verdict["cuts"]) == 5
    assert len(verdict["saved"]) >= 4, "the booth has worked between the cuts"


def test_a_ledger_that_does_not_wait_for_the_disk_is_found_out(cutting: Cutting) -> None:
    """The check above can fail: with synchronous=NORMAL a parcel that was told saved is gone."""
    verdict = cutting.verdict("careless")
    assert any("told saved and is not on the disk" in finding for finding in verdict["findings"]), verdict


def test_cuts_fall_into_commits_that_are_under_way(cutting: Cutting) -> None:
    """Else nothing would have been there to lose: the ten cuts are worth no more than what they hit."""
    found = [count for disk in ("first", "second") for count in cutting.verdict(disk)["unflushed"]]
    assert len(found) == 10
    assert max(found) > 0, found
