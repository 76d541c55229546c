"""What a guest that wakes from a saved state must not share with others that woke from the same one."""

from __future__ import annotations

from pathlib import Path

from tests.vm.machine import Image
from tests.vm.waking import awake


def test_two_wakings_draw_different_random_numbers(image: Image, folder: Path) -> None:
    """Else two runs of an agent on one disk give the same name to two print jobs."""
    drawn = set()
    for time in ("first", "second"):
        with awake(image, folder / time, image.booted) as guest:
            drawn.add(guest.run("head -c 16 /dev/urandom | od -An -tx1"))
    assert len(drawn) == 2, drawn
