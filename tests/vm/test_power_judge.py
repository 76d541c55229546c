"""The judge of the power cuts judged: a cut loses what it may, a broken promise is found. Needs no guest."""

from __future__ import annotations

from pathlib import Path

from tests.vm.counter import Seen
from tests.vm.disk_check import OnDisk
from tests.vm.disk_log import ENTRY, FLUSH, FUA, MAGIC, SECTOR_BYTES, SUPER, Growing, Loss, after_cut, writes
from tests.vm.orders import Orders
from tests.vm.power import _lost_numbers, _lost_promises

OLD, NEW = b"o" * SECTOR_BYTES, b"n" * SECTOR_BYTES


def logged(folder: Path, *entries: tuple[int, int], claimed: int | None = None) -> tuple[Path, Path, Path]:
    """A disk of four old sectors, the log of one-sector writes to it (sector, flags), the disk as written."""
    before, written, log = (folder / name for name in ("before.img", "written.img", "log"))
    before.write_bytes(OLD * 4)
    image = bytearray(OLD * 4)
    data = SUPER.pack(MAGIC, 1, len(entries) if claimed is None else claimed, SECTOR_BYTES).ljust(
        SECTOR_BYTES, b"\0"
    )
    for sector, flags in entries:
        sectors = 0 if flags & FLUSH else 1
        data += ENTRY.pack(sector, sectors, flags, 0).ljust(SECTOR_BYTES, b"\0") + NEW * sectors
        if sectors:
            image[sector * SECTOR_BYTES : (sector + 1) * SECTOR_BYTES] = NEW
    log.write_bytes(data + bytes(4 * SECTOR_BYTES))
    written.write_bytes(image)
    return before, written, log


def sectors_of(disk: Path) -> str:
    data = disk.read_bytes()
    return "".join(chr(data[at]) for at in range(0, len(data), SECTOR_BYTES))


def test_writes_before_the_last_flush_stay_and_those_after_it_are_lost(tmp_path: Path) -> None:
    files = logged(tmp_path, (0, 0), (1, 0), (0, FLUSH), (2, 0), (3, FUA))
    after = tmp_path / "after.img"
    assert after_cut(*files, after, loss=1.0, seed=1) == Loss(1, 1)
    assert sectors_of(after) == "nnon"
    assert after_cut(*files, after, loss=0.0, seed=1) == Loss(1, 0)
    assert sectors_of(after) == "nnnn"


def test_without_a_flush_everything_may_be_lost(tmp_path: Path) -> None:
    after = tmp_path / "after.img"
    assert after_cut(*logged(tmp_path, (0, 0), (3, 0)), after, loss=1.0, seed=1) == Loss(2, 2)
    assert sectors_of(after) == "oooo"


def test_a_torn_log_takes_nothing_away(tmp_path: Path) -> None:
    files = logged(tmp_path, (0, 0), (1, 0), claimed=5)
    after = tmp_path / "after.img"
    assert not writes(files[2])[1]
    assert after_cut(*files, after, loss=1.0, seed=1).torn
    assert sectors_of(after) == "nnoo"


def test_a_growing_log_tells_when_a_commit_is_under_way(tmp_path: Path) -> None:
    _, _, log = logged(tmp_path, (0, 0))
    growing = Growing(log)
    growing.look()
    assert (growing.flushes, growing.unflushed) == (0, 1)
    with log.open("r+b") as file:
        file.seek(3 * SECTOR_BYTES)
        file.write(ENTRY.pack(0, 0, FLUSH, 0))
    growing.look()
    assert (growing.flushes, growing.unflushed) == (1, 0)


def on_disk(**events: str) -> OnDisk:
    found = {int(seq[1:]): ("00", "parcel.accepted", subject, {}) for seq, subject in events.items()}
    return OnDisk("ok", "e1", found)


def test_what_was_told_saved_and_is_not_on_the_disk_is_found() -> None:
    seen = Seen()
    seen.record.saved += ["A", "B"]
    assert not list(_lost_promises(on_disk(_1="A", _2="B"), seen))
    assert list(_lost_promises(on_disk(_1="A"), seen)) == ["B was told saved and is not on the disk"]
    assert "damaged" in next(_lost_promises(OnDisk("malformed", "", {}), seen))


def test_a_number_that_the_centre_has_and_the_disk_has_not_is_found() -> None:
    disk = on_disk(_1="A", _2="B")
    assert not list(_lost_numbers(disk, {("e1", 1): "A", ("e1", 2): "B"}))
    assert "has forgotten" in next(_lost_numbers(disk, {("e1", 3): "C"}))
    assert "begins anew" in next(_lost_numbers(disk, {("e0", 1): "A"}))
    assert "on the disk" in next(_lost_numbers(disk, {("e1", 2): "C"}))


def test_an_order_that_was_answered_and_is_not_on_the_disk_is_found() -> None:
    orders = Orders(["L-1", "L-2"], {"L-1"})
    assert not list(orders.lost(OnDisk("ok", "e1", {}, {"L-1": "queued"})))
    assert list(orders.lost(OnDisk("ok", "e1", {}))) == ["order L-1 was answered and is not on the disk"]


def test_an_order_that_is_forgotten_doubled_untold_or_claimed_is_found() -> None:
    orders = Orders(["L-1"])
    job = {"order": "L-1", "job": "a1", "state": "confirmed"}
    printed, silent, paper = {"a1": frozenset({"printed"})}, {"a1": frozenset({""})}, "BXL1:a1:1:L-1"
    assert not list(orders.wrong([job], printed, [paper, "BXL1:b2:1:RR", ""]))
    assert not list(orders.wrong([job], silent, []))
    assert "is forgotten" in next(orders.wrong([], printed, [paper]))
    assert "2 times" in next(orders.wrong([job], printed, [paper, "BXL1:a1:2:L-1"]))
    assert "was not told" in next(orders.wrong([job], {}, [paper]))
    assert "nothing came out" in next(orders.wrong([job], printed, ["BXL1:b2:1:RR"]))
