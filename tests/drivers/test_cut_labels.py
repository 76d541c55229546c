"""One label of each language, cut off at every byte: the plug, the power, the port, the agent itself.

Whatever is cut, and wherever: no second label by itself, no proof without a label, the next label is right
(on a receipt printer's endless paper it follows what came out of the one before).
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from enum import StrEnum
from functools import cache

import pytest

from edge_agent.labels.layout import render
from edge_agent.labels.shaping import Fonts
from edge_agent.labels.template import find_template, sample_data
from edge_agent.sdk.values import Page, PrintJob, PrintResult, Proof
from simulators.faults import Cut
from simulators.paper_path import Label, Mark
from simulators.wire import Toward
from tests.drivers.label_bench import BEST, PAGE, SPECS, Bench, shows
from tests.drivers.rig import turns

NEXT = Page(PAGE.width, 60, bytes((row * 13 + column * 5) % 251 for row in range(60) for column in range(48)))
NEXT_JOB = PrintJob("job-2", NEXT)
STRIDE = {"zpl": 151, "tspl": 509, "epl2": 509, "cpcl": 1009, "escpos": 509}  # primes: no rhythm of the bytes
REAL_ROWS = 24
LEARNT_S, HEALED_S, PRINTED_S = 4.5, 9, 3  # the slowest language asks for four seconds; a label takes one
SHARES = 64  # of all cuts, each a test of its own: one must end within its time


class Way(StrEnum):
    """What ends the job in the middle."""

    POWER = "the printer loses power"
    PLUG = "the plug is pulled"
    PORT = "the port takes no more"
    AGENT = "the agent is killed, and a serial printer waits on"


async def length(language: str, page: Page) -> int:
    """How many bytes a printer receives for a label, questions included."""
    async with Bench(language).on() as bench:
        await bench.settle(LEARNT_S)
        before = bench.printer.received_bytes
        assert (await bench.print(PrintJob("job-1", page))).proof is BEST[language]
        await bench.clock.advance(PRINTED_S)
        return bench.printer.received_bytes - before


async def cut_at(language: str, way: Way, at: int, page: Page) -> None:
    """Print, cut after so many bytes, heal, and print the next label."""
    where = f"{language}: {way} after {at} bytes"
    async with Bench(language, keeps_half_command=way is Way.AGENT).on() as bench:
        await bench.settle(LEARNT_S)
        result = await _cut_print(bench, way, at, PrintJob("job-1", page))
        _is_honest(result, bench, page, where)
        await _heal(bench, way)
        await bench.clock.advance(PRINTED_S)
        ours = [label for label in bench.whole if shows(label, page, language)]
        assert len(ours) <= 1, where
        assert result is None or result.proof is not Proof.FAILED or not bench.labels, where
        before = len(bench.labels)
        after = await bench.print(NEXT_JOB)
        await bench.clock.advance(PRINTED_S)
        fresh = bench.labels[before:]
        assert [label.mark for label in fresh] == [Mark.WHOLE], where
        assert shows(_end_of_strip(fresh[0], language), NEXT, language), where
        assert after.proof is BEST[language], where


def _end_of_strip(label: Label, language: str) -> Label:
    """What stands last on a piece of receipt paper."""
    if language != "escpos":
        return label
    rows = label.page.data[-len(NEXT.data) :]
    return Label(Page(PAGE.width, len(rows) // PAGE.stride, rows), label.mark)


async def _cut_print(bench: Bench, way: Way, at: int, job: PrintJob) -> PrintResult | None:
    match way:
        case Way.POWER:
            bench.printer.lose_power_after(at)
        case Way.PLUG:
            bench.wire.impair(Cut(at), toward=Toward.DEVICE)
        case Way.PORT:
            bench.limit_port(at)
        case Way.AGENT:
            return await _killed(bench, at, job)
    return await bench.print(job)


async def _killed(bench: Bench, at: int, job: PrintJob) -> None:
    """The agent is gone once so many bytes have left, and nobody learns how the job ended."""
    bench.limit_port(at)
    printing = asyncio.ensure_future(bench.start(job))
    for _ in range(40):
        if bench.port_is_full or printing.done():
            break
        await bench.clock.advance(0.25)
    printing.cancel()
    await asyncio.gather(printing, return_exceptions=True)


def _is_honest(result: PrintResult | None, bench: Bench, page: Page, where: str) -> None:
    """A proof is of something: printed means on paper, consumed means received to the end."""
    if result is None:
        return
    if result.proof is Proof.PRINTED:
        assert any(shows(label, page, bench.spec.name) for label in bench.whole), where
    elif result.proof is Proof.FAILED:
        assert (result.accepted_bytes, bench.labels) == (0, []), where
    elif result.proof is not Proof.UNKNOWN:
        assert result.proof is Proof.CONSUMED, where
        assert bench.whole or bench.printer.sheets, where


async def _heal(bench: Bench, way: Way) -> None:
    """What the supervisor and a person do: plug, switch on, open the port anew."""
    bench.wire.impair(toward=Toward.DEVICE)
    bench.printer.lose_power_after(1 << 40)
    await bench.close()
    await bench.printer.power(True)
    await bench.endpoint.plug()
    await turns()
    await bench.open()
    await bench.settle(HEALED_S)


@pytest.mark.parametrize("way", Way, ids=lambda way: way.name.lower())
@pytest.mark.parametrize("language", SPECS)
async def test_a_label_cut_off_here_and_there(language: str, way: Way) -> None:
    for at in range(1 + list(Way).index(way), await length(language, PAGE), STRIDE[language]):
        await cut_at(language, way, at, PAGE)


@cache
def sticker() -> Page:
    """A whole shipped label, without a millimetre of white on either side: as wide as the head."""
    template = find_template("item-50x30")
    page = render(template, sample_data(template), fonts=Fonts())
    left = (page.stride - PAGE.stride) // 2
    rows = [page.data[at : at + page.stride] for at in range(0, len(page.data), page.stride)]
    inside = [row[left : left + PAGE.stride] for row in rows]
    assert not any(row.replace(ink, b"", 1).strip(b"\0") for row, ink in zip(rows, inside, strict=True))
    return Page(PAGE.width, page.height, b"".join(inside))


@cache
def strip() -> Page:
    """The part of a shipped label with its barcode, as wide as a mobile printer's head and 3 mm high."""
    template = find_template("parcel-80")
    page = render(template, sample_data(template), fonts=Fonts())
    stride = PAGE.stride
    rows = [page.data[at : at + stride] for at in range(0, len(page.data), page.stride)]
    blackest = max(
        range(0, len(rows) - REAL_ROWS, 8),
        key=lambda top: int.from_bytes(b"".join(rows[top : top + REAL_ROWS])).bit_count(),
    )
    return Page(PAGE.width, REAL_ROWS, b"".join(rows[blackest : blackest + REAL_ROWS]))


CASES = [*((language, strip) for language in SPECS), *((one, sticker) for one in ("zpl", "escpos", "tspl"))]


@pytest.mark.torture
@pytest.mark.timeout(600)  # seconds on a machine of its own; others may have it too
@pytest.mark.parametrize("share", range(SHARES))
@pytest.mark.parametrize("way", Way, ids=lambda way: way.name.lower())
@pytest.mark.parametrize(("language", "label"), CASES)
async def test_a_label_cut_off_at_every_byte(
    language: str, label: Callable[[], Page], way: Way, share: int
) -> None:
    page = label()
    for at in range(1 + share, await length(language, page), SHARES):
        await cut_at(language, way, at, page)
