"""Command codes at the counter: obeyed, refused, on record, and never passed on as barcodes."""

from __future__ import annotations

from pathlib import Path

import pytest

from edge_agent.barcodes.booth_command import BoothCommand, CommandCode, make
from edge_agent.counter.command_codes import MOST_A_MINUTE
from edge_agent.counter.parcel import Phase
from edge_agent.sdk.errors import DeviceError
from edge_agent.sdk.values import Proof
from tests.counter.counter_bench import BOOTH, ITEM, KEY, WINDOW_MS, CounterBench, opened

FAR = "20991231"


def code(command: BoothCommand, *, once: bool = False, name: str = "K7Q2ZD", until: str = FAR) -> str:
    return make(CommandCode(command, name, once, until), booth=BOOTH, key=KEY)


async def commands(bench: CounterBench) -> list[str]:
    """The outcomes on record, oldest first; no event of any kind may carry a code's text."""
    events = await bench.ledger.after(0, 1000)
    assert not any("BXC1" in event.data or "BXC1" in event.subject for event in events)
    return [event.data for event in events if event.type == "command.scanned"]


async def scan_again(bench: CounterBench, text: str) -> None:
    await bench.clock.advance(WINDOW_MS / 1000)
    await bench.scan(text)


async def asking(bench: CounterBench) -> None:
    """A parcel whose label is in doubt."""
    bench.devices.results = [(Proof.UNKNOWN, "printer.lost")]
    await bench.weigh("0.000")
    await bench.scan(ITEM)
    await bench.weigh("1.234")
    await bench.until(lambda: bench.phase is Phase.ASKING)


async def test_confirm_says_that_the_label_is_there(tmp_path: Path) -> None:
    async with opened(tmp_path) as bench:
        await asking(bench)
        await bench.scan(code(BoothCommand.CONFIRM))
        assert bench.phase is Phase.IDLE
        assert "parcel.accepted" in await bench.types()
        (record,) = await commands(bench)
        assert '"confirm"' in record
        assert '"taken"' in record


async def test_reprint_prints_a_marked_label_and_void_gives_the_parcel_back(tmp_path: Path) -> None:
    async with opened(tmp_path) as bench:
        await asking(bench)
        bench.devices.results = [(Proof.UNKNOWN, "printer.lost")]
        await bench.scan(code(BoothCommand.REPRINT))
        await bench.until(lambda: len(bench.devices.jobs) == 2)
        assert bench.devices.jobs[1].attempt == 2
        await bench.until(lambda: bench.phase is Phase.ASKING)
        await bench.scan(code(BoothCommand.VOID))
        assert bench.phase is Phase.IDLE
        assert "parcel.voided" in await bench.types()


async def test_an_order_that_means_nothing_now_is_refused_audibly_and_counted(tmp_path: Path) -> None:
    async with opened(tmp_path) as bench:
        await bench.scan(code(BoothCommand.CONFIRM))
        assert bench.sounds("refused_command") == ["rejected"]
        assert bench.counter.counts.refused == 1
        (record,) = await commands(bench)
        assert '"nothing_to_do"' in record


@pytest.mark.parametrize("goal", ["zero", "tare"])
async def test_the_scale_is_set_once_the_order_is_on_record(tmp_path: Path, goal: str) -> None:
    async with opened(tmp_path) as bench:
        await bench.scan(code(BoothCommand(goal.upper())))
        await bench.until(lambda: "scale_set" in bench.prompts)
        assert bench.devices.goals == [goal]


async def test_a_scale_that_refuses_is_told(tmp_path: Path) -> None:
    async with opened(tmp_path) as bench:
        bench.devices.refusal = DeviceError("scale.motion", "the load moves")
        await bench.scan(code(BoothCommand.TARE))
        await bench.until(lambda: bench.sounds("scale_refused") == ["rejected"])


async def test_a_code_for_a_single_time_counts_once_even_after_a_restart(tmp_path: Path) -> None:
    text = code(BoothCommand.ZERO, once=True)
    async with opened(tmp_path) as bench:
        await bench.scan(text)
        await bench.until(lambda: bench.devices.goals)
    async with opened(tmp_path) as bench:
        await bench.scan(text)
        await bench.quiet()
        assert bench.devices.goals == []
        assert '"used"' in (await commands(bench))[-1]


async def test_two_codes_of_one_read_are_both_used_up(tmp_path: Path) -> None:
    async with opened(tmp_path) as bench:
        await asking(bench)
        zero = code(BoothCommand.ZERO, once=True, name="AAAAAA")
        await bench.scan(zero, code(BoothCommand.CONFIRM, once=True, name="BBBBBB"))
        await bench.quiet()
        await scan_again(bench, zero)
        assert ['"taken"' in record for record in await commands(bench)] == [True, True, False]


async def test_a_clock_that_jumps_and_comes_back_makes_no_used_code_new(tmp_path: Path) -> None:
    async with opened(tmp_path) as bench:
        zero = code(BoothCommand.ZERO, once=True, until="20301231")
        await bench.scan(zero)
        await bench.quiet()
        bench.clock.jump_utc(20 * 365 * 86_400_000)
        await scan_again(bench, code(BoothCommand.TARE, once=True, name="BBBBBB"))
        await bench.quiet()
        bench.clock.jump_utc(-20 * 365 * 86_400_000)
        await scan_again(bench, zero)
        assert ['"taken"' in record for record in await commands(bench)] == [True, True, False]


async def test_a_code_that_was_not_saved_is_not_used_up_and_not_obeyed(tmp_path: Path) -> None:
    text = code(BoothCommand.ZERO, once=True)
    async with opened(tmp_path) as bench:
        await bench.break_disk()
        await bench.scan(text)
        await bench.quiet()
        assert bench.devices.goals == []
        assert "not_saved" in bench.prompts
        await bench.mend_disk()
        await bench.scan(text)
        await bench.until(lambda: bench.devices.goals == ["zero"])


@pytest.mark.parametrize(
    ("text", "outcome"),
    [
        (code(BoothCommand.VOID)[:-1] + "A", "signature"),
        (code(BoothCommand.VOID, until="20200101"), "expired"),
        ("BXC1-FORMAT-DISK", "form"),
        ("bxc1-confirm-m-20991231", "form"),
        ("  BXC1-\x1b[2J\u202e", "form"),
    ],
)
async def test_a_bad_code_is_refused_and_its_text_goes_nowhere(
    tmp_path: Path, text: str, outcome: str
) -> None:
    async with opened(tmp_path, accepts=("text", "s10")) as bench:
        await asking(bench)
        await bench.scan(text)
        assert bench.phase is Phase.ASKING
        assert f'"{outcome}"' in (await commands(bench))[-1]
        assert bench.sounds("refused_command") == ["rejected"]


async def test_codes_that_come_all_the_time_are_refused(tmp_path: Path) -> None:
    async with opened(tmp_path) as bench:
        for _ in range(MOST_A_MINUTE + 1):
            await scan_again(bench, code(BoothCommand.CONFIRM))
        assert '"too_often"' in (await commands(bench))[-1]
        await bench.clock.advance(60)
        await scan_again(bench, code(BoothCommand.CONFIRM))
        assert '"nothing_to_do"' in (await commands(bench))[-1]


async def test_a_booth_that_only_records_still_does_not_pass_codes_on(tmp_path: Path) -> None:
    async with opened(tmp_path, None) as bench:
        await bench.scan(code(BoothCommand.CONFIRM), "BXC1-X")
        assert await bench.types() == ["command.scanned", "command.scanned"]
        await commands(bench)
