"""The drivers of label languages against a simulated printer: proof, refusal, silence, recovery."""

from __future__ import annotations

import asyncio

import pytest

from edge_agent.sdk.driver import Options
from edge_agent.sdk.errors import ConfigError
from edge_agent.sdk.values import Cover, Page, Paper, PrintJob, Proof, Ready
from simulators.faults import Delayed
from simulators.print_buffer import Answer
from simulators.wire import Toward
from tests.drivers.label_bench import BEST, EVERYTHING, LABEL_LANGUAGES, PAGE, SPECS, WIDTH, Bench, shows

ALL = pytest.mark.parametrize("language", LABEL_LANGUAGES)


@ALL
async def test_a_label_is_printed_once_dot_by_dot_with_the_best_proof(language: str) -> None:
    async with Bench(language).on() as bench:
        await bench.settle()
        result = await bench.print()
        assert (result.proof, result.reason) == (BEST[language], "")
        await bench.clock.advance(30)
        (label,) = bench.whole
        assert shows(label, PAGE, language)
        assert not bench.printer.violations
        assert bench.sink.identities == [""]


@ALL
async def test_a_job_that_comes_first_of_all_is_proved_as_well(language: str) -> None:
    async with Bench(language).on() as bench:
        assert (await bench.print()).proof in (BEST[language], Proof.SENT if language == "epl2" else None)


@ALL
async def test_labels_one_after_the_other_are_each_proved(language: str) -> None:
    async with Bench(language).on() as bench:
        await bench.settle()
        for number in range(3):
            page = Page(WIDTH, 40, bytes([number * 37 % 256]) * (48 * 40))
            assert (await bench.print(PrintJob(f"job-{number}", page))).proof is BEST[language]
        await bench.clock.advance(30)
        assert len(bench.whole) == 3


@ALL
async def test_the_condition_is_told(language: str) -> None:
    async with Bench(language).on() as bench:
        await bench.settle()
        assert (bench.sink.state.ready, bench.sink.state.paper) == (Ready.YES, Paper.OK)
        bench.printer.path.load_roll(0)
        await bench.clock.advance(12)
        assert (bench.sink.state.ready, bench.sink.state.paper) == (Ready.NO, Paper.OUT)
        bench.printer.path.load_roll()
        bench.printer.path.cover_open = True
        await bench.clock.advance(12)
        assert (bench.sink.state.ready, bench.sink.state.cover) == (Ready.NO, Cover.OPEN)
        bench.printer.path.cover_open = False
        await bench.clock.advance(12)
        assert (bench.sink.state.ready, bench.sink.state.cover) == (Ready.YES, Cover.CLOSED)


@pytest.mark.parametrize("language", ["zpl", "cpcl"])
async def test_paper_near_its_end_is_told_and_prints(language: str) -> None:
    async with Bench(language).on() as bench:
        bench.printer.path.load_roll(900)
        await bench.settle()
        assert (bench.sink.state.ready, bench.sink.state.paper) == (Ready.YES, Paper.NEAR_END)
        assert (await bench.print()).proof is BEST[language]


@pytest.mark.parametrize(
    ("language", "flag", "reason"),
    [
        *((language, "cover_open", "printer.cover_open") for language in LABEL_LANGUAGES),
        *((language, "cutter_jammed", "printer.fault") for language in LABEL_LANGUAGES),
        *((language, "overheated", "printer.fault") for language in ("zpl", "tspl", "epl2")),
        *((language, "paused", "printer.paused") for language in ("zpl", "tspl", "epl2")),
        *((language, "no_paper", "printer.paper_out") for language in LABEL_LANGUAGES),
    ],
)
async def test_nothing_is_sent_to_a_printer_that_cannot_print(language: str, flag: str, reason: str) -> None:
    async with Bench(language).on() as bench:
        await bench.settle()
        if flag == "no_paper":
            bench.printer.path.load_roll(0)
        else:
            setattr(bench.printer.path, flag, True)
        await bench.clock.advance(12)
        result = await bench.print()
        assert (result.proof, result.accepted_bytes, result.reason) == (Proof.FAILED, 0, reason)
        bench.printer.path.load_roll()
        if flag != "no_paper":
            setattr(bench.printer.path, flag, False)
        bench.printer.changed()
        await bench.clock.advance(12)
        assert (await bench.print()).proof is BEST[language]
        await bench.clock.advance(30)
        assert len(bench.whole) == 1


@pytest.mark.parametrize("language", [*LABEL_LANGUAGES, "escpos"])
def test_a_speed_of_nothing_is_refused_and_no_speed_leaves_it_as_set(language: str) -> None:
    options = SPECS[language].options
    with pytest.raises(ConfigError) as refused:
        Options(options, {"speed": 0})
    assert refused.value.code == "config.option_range"
    assert [Options(options, {"speed": speed})["speed"] for speed in (-1, 1)] == [-1, 1]


# Silence


async def test_a_zebra_that_does_not_answer_at_all_wants_attention_and_is_never_ready() -> None:
    async with Bench("zpl", EVERYTHING - {Answer.HQES}).on() as bench:
        await bench.settle()
        assert bench.sink.state.ready is Ready.YES
        bench.printer.path.cover_open = True  # ~HS gets no reply with the head open
        await bench.clock.advance(15)
        state = bench.sink.state
        assert state.ready is Ready.UNKNOWN
        assert state.silent_since is not None
        result = await bench.print()
        assert (result.proof, result.accepted_bytes, result.reason) == (Proof.FAILED, 0, "printer.silent")
        bench.printer.path.cover_open = False
        await bench.clock.advance(15)
        assert (bench.sink.state.ready, bench.sink.state.silent_since) == (Ready.YES, None)
        assert (await bench.print()).proof is Proof.PRINTED


@ALL
async def test_a_mute_printer_prints_and_proves_nothing_but_the_port(language: str) -> None:
    async with Bench(language, frozenset()).on() as bench:
        await bench.settle()
        assert bench.sink.identities == []
        assert bench.sink.state.ready is Ready.UNKNOWN
        result = await bench.print()
        assert (result.proof, result.reason) == (Proof.SENT, "")
        await bench.clock.advance(30)
        assert len(bench.whole) == 1


@ALL
async def test_a_one_way_link_is_never_asked(language: str) -> None:
    async with Bench(language, frozenset(), status=False).on() as bench:
        await bench.clock.advance(60)
        assert bench.printer.received_bytes == 0
        assert bench.sink.identities == [""]
        assert (await bench.print()).proof is Proof.SENT


@ALL
async def test_a_printer_that_falls_silent_after_the_last_byte_proves_nothing(language: str) -> None:
    async with Bench(language).on() as bench:
        await bench.settle()
        bench.printer.answers = frozenset()
        result = await bench.print()
        assert (result.proof, result.accepted_bytes, result.reason) == (Proof.FAILED, 0, "printer.silent")


@ALL
async def test_garbage_for_answers_is_no_answer(language: str) -> None:
    async with Bench(language).on() as bench:
        bench.printer.garbage = True
        await bench.settle(30)
        result = await bench.print()
        assert result.proof in (Proof.SENT, Proof.UNKNOWN, Proof.FAILED)
        assert result.proof is not Proof.FAILED or result.accepted_bytes == 0


# Proof


@pytest.mark.parametrize(
    ("language", "missing", "proof"),
    [
        ("zpl", {Answer.COUNT}, Proof.CONSUMED),
        ("zpl", {Answer.HS}, Proof.SENT),
        ("tspl", {Answer.FULL_STATUS}, Proof.PRINTED),
        ("tspl", {Answer.STATUS}, Proof.PRINTED),
        ("epl2", {Answer.ACK}, Proof.SENT),
        ("cpcl", {Answer.FULL_STATUS}, Proof.CONSUMED),
    ],
)
async def test_a_question_that_is_not_answered_lowers_the_proof_and_nothing_else(
    language: str, missing: set[Answer], proof: Proof
) -> None:
    async with Bench(language, EVERYTHING - missing).on() as bench:
        await bench.settle()
        result = await bench.print()
        assert (result.proof, result.reason) == (proof, "")
        await bench.clock.advance(30)
        assert len(bench.whole) == 1


async def test_a_printer_that_counts_and_has_counted_nothing_proves_nothing() -> None:
    async with Bench("zpl").on() as bench:
        await bench.settle()
        bench.printer.blind = True
        result = await bench.print()
        assert (result.proof, result.reason) == (Proof.UNKNOWN, "printer.no_proof")
        assert bench.labels == []


async def test_a_label_whose_printing_was_not_seen_is_unconfirmed() -> None:
    async with Bench("tspl", speed_mm_s=1_000_000).on() as bench:
        await bench.settle()
        bench.wire.impair(Delayed(0.3), toward=Toward.DEVICE)  # printed before it can be asked
        result = await bench.print()
        assert (result.proof, result.reason) == (Proof.UNKNOWN, "printer.no_proof")
        assert len(bench.whole) == 1


async def test_consumed_needs_two_idle_replies_after_the_last_byte() -> None:
    async with Bench("zpl", EVERYTHING - {Answer.COUNT}, speed_mm_s=10).on() as bench:
        await bench.settle()
        start = bench.clock.monotonic_s()
        assert (await bench.print(step_s=0.1)).proof is Proof.CONSUMED
        assert bench.clock.monotonic_s() - start > 1.5  # 15 mm at 10 mm a second
        assert len(bench.whole) == 1


# Trouble after the first byte


@ALL
async def test_paper_running_out_in_mid_label_is_never_taken_for_printed(language: str) -> None:
    async with Bench(language).on() as bench:
        await bench.settle()
        bench.printer.path.end_after(70)
        result = await bench.print()
        assert result.proof is Proof.UNKNOWN or (language == "epl2" and result.proof is Proof.CONSUMED)
        bench.printer.path.load_roll()
        bench.printer.changed()
        await bench.clock.advance(30)
        assert len(bench.whole) == (1 if language == "epl2" else 0)  # EPL2 prints it again by itself


@pytest.mark.parametrize("language", ["zpl", "tspl", "cpcl"])
async def test_paper_running_out_in_mid_label_has_its_reason(language: str) -> None:
    async with Bench(language).on() as bench:
        await bench.settle()
        bench.printer.path.end_after(70)
        result = await bench.print()
        assert (result.proof, result.reason) == (Proof.UNKNOWN, "printer.paper_out")


@pytest.mark.parametrize("language", ["zpl", "tspl"])
async def test_a_pause_after_the_last_byte_is_waited_out(language: str) -> None:
    async with Bench(language, speed_mm_s=5).on() as bench:
        await bench.settle()
        task = asyncio.ensure_future(bench.start())
        await bench.clock.advance(1)
        assert bench.printer.printing
        bench.printer.path.paused = True
        await bench.clock.advance(5)
        assert not task.done()
        bench.printer.path.paused = False
        bench.printer.changed()
        await bench.clock.advance(10)
        assert (await task).proof is Proof.PRINTED


@ALL
async def test_a_printer_that_still_prints_for_somebody_else_is_waited_for(language: str) -> None:
    async with Bench(language, speed_mm_s=20).on() as bench:
        await bench.settle()
        first = await bench.print(step_s=0.01, within_s=1200)
        second = await bench.print(step_s=0.01, within_s=1200)
        assert (first.proof, second.proof) == (BEST[language], BEST[language])
        await bench.clock.advance(60)
        assert len(bench.whole) == 2


@ALL
async def test_a_page_wider_than_the_head_fails_before_the_first_byte(language: str) -> None:
    async with Bench(language).on() as bench:
        await bench.settle()
        wide = PrintJob("wide", Page(WIDTH + 1, 1, bytes(WIDTH // 8 + 1)))
        result = await bench.print(wide)
        assert (result.proof, result.accepted_bytes, result.reason) == (
            Proof.FAILED,
            0,
            "printer.page_too_wide",
        )


@ALL
async def test_an_offset_that_would_cut_the_label_fails_before_the_first_byte(language: str) -> None:
    async with Bench(language, x_offset_dots=100).on() as bench:
        await bench.settle()
        result = await bench.print()
        assert (result.proof, result.accepted_bytes, result.reason) == (Proof.FAILED, 0, "printer.offset")
