"""The driver of scanners that type: ends, silences, losses, hands on the keys, bursts of two scanners."""

from __future__ import annotations

import asyncio
import os
import random
from collections.abc import Sequence

import pytest
from hypothesis import given
from hypothesis import strategies as st

from drivers.scanners.input_keys import CODES, MODIFIERS
from drivers.scanners.wedge import SPEC
from drivers.scanners.wedge_events import (
    DOWN,
    EV_KEY,
    EV_SYN,
    EVENT,
    SYN_DROPPED,
    SYN_REPORT,
    TORN_SILENCE_S,
    InputEventDecoder,
    WedgeDevice,
    event,
    spelt,
)
from edge_agent.links.evdev import EvdevLink, Node
from edge_agent.sdk.clock import ManualClock
from edge_agent.sdk.driver import Context, Options
from edge_agent.sdk.errors import CommandError, LinkError, ProtocolError
from edge_agent.sdk.framing import SCAN_LINE_LIMIT
from edge_agent.sdk.testing import MemoryLink, random_split
from edge_agent.sdk.values import Scan, ScanText
from tests.drivers.rig import SinkLog, context, driven, turns
from tests.waiting import Unhurried

LOST = event(EV_SYN, SYN_DROPPED, 0) + event(EV_SYN, SYN_REPORT, 0)
TYPABLE = st.text(
    st.sampled_from([chr(code) for code in range(0x20, 0x7F)] + ["\x1d"]), min_size=2, max_size=40
)


class Bench:
    """One driver on a link in memory, and the scanner that types."""

    def __init__(self, **options: object) -> None:
        self.clock = ManualClock()
        self.sink = SinkLog()
        self.link = MemoryLink()
        assert SPEC.build is not None
        given_ = context(SPEC, self.link, self.clock, self.sink, **options)
        self.scanner = WedgeDevice(given_.options)
        self.driver = SPEC.build(given_)

    async def type(self, *pieces: bytes) -> None:
        for piece in pieces:
            self.link.arrive(piece)
        await turns()

    @property
    def texts(self) -> list[str]:
        return [scan.text for scan in self.sink.scanned]

    @property
    def codes(self) -> list[str]:
        return [error.code for error in self.sink.troubles]


def decoded(data: bytes, **options: object) -> list[ScanText | ProtocolError]:
    decoder = InputEventDecoder(Options(SPEC.options, options))
    return [*decoder.feed(data), *decoder.flush()]


def codes(values: Sequence[ScanText | ProtocolError]) -> list[str]:
    return [value.code for value in values if isinstance(value, ProtocolError)]


def texts(values: Sequence[ScanText | ProtocolError]) -> list[str]:
    return [value.text for value in values if isinstance(value, ScanText)]


@given(sent=st.lists(TYPABLE, max_size=4), seed=st.integers(0, 1 << 32))
def test_texts_arrive_exactly_however_they_are_split(sent: list[str], seed: int) -> None:
    options = Options(SPEC.options, {"aim": True, "prefix": "<", "suffix": ">"})
    device, decoder = WedgeDevice(options), InputEventDecoder(options)
    stream = b"".join(device.encode(text, "]C1") for text in sent)
    found = [value for chunk in random_split(stream, seed) for value in decoder.feed(chunk)]
    assert [(value.text, value.aim) for value in found if isinstance(value, ScanText)] == [
        (text, "]C1") for text in sent
    ]
    assert codes(found) == []


@given(st.lists(st.binary(max_size=200), max_size=6))
def test_any_bytes_are_survived_and_little_is_held(chunks: list[bytes]) -> None:
    decoder = InputEventDecoder(Options(SPEC.options))
    for chunk in chunks:
        for value in decoder.feed(chunk):
            assert isinstance(value, ScanText | ProtocolError)
        assert decoder.held <= SCAN_LINE_LIMIT + 8
    decoder.flush()
    assert decoder.flush() == []


EVENTS = st.builds(
    event,
    st.sampled_from([0, 1, 4, 17]),
    st.sampled_from([0, 3, *CODES.values(), *MODIFIERS, 59, 240, 767]),
    st.sampled_from([0, 1, 2, -1, 1 << 30]),
    st.integers(0, 1 << 40),
)


@given(st.lists(EVENTS, max_size=80))
def test_any_events_are_survived(events: list[bytes]) -> None:
    decoder = InputEventDecoder(Options(SPEC.options))
    for one in events:
        decoder.feed(one)
        assert decoder.held <= SCAN_LINE_LIMIT + 8
    decoder.flush()
    assert decoder.held == 0


@given(st.text("ABC123", min_size=2, max_size=20), st.integers(0, 200), st.booleans())
def test_a_barcode_touched_by_a_loss_is_never_delivered_in_part(text: str, at: int, shifted: bool) -> None:
    """Wherever the kernel drops events, what comes out is a whole barcode that was sent, or nothing."""
    sent = [text, "RR999", "RB5GB"]
    device = WedgeDevice(Options(SPEC.options))
    stream = [b"".join(device.encode(one) for one in sent)]
    events = [stream[0][i : i + EVENT.size] for i in range(0, len(stream[0]), EVENT.size)]
    at %= len(events)
    state = event(EV_SYN, SYN_DROPPED, 0) + (event(EV_KEY, 42, DOWN) if shifted else b"")
    torn = b"".join(events[:at]) + state + event(EV_SYN, SYN_REPORT, 0) + b"".join(events[at + 7 :])
    found = decoded(torn, terminator="enter")
    assert set(texts(found)) <= set(sent)
    assert "scan.events_lost" in codes(found)


async def test_enter_ends_a_barcode_at_once() -> None:
    bench = Bench()
    async with driven(bench.driver):
        await bench.type(bench.scanner.encode("RB123456785GB"))
        assert bench.texts == ["RB123456785GB"]
        assert bench.clock._sleepers == []


async def test_silence_ends_a_barcode_without_end_key() -> None:
    bench = Bench(terminator="none")
    async with driven(bench.driver):
        await bench.type(bench.scanner.encode("12345678"))
        await bench.clock.advance(0.09)
        assert bench.texts == []
        await bench.clock.advance(0.02)
    assert bench.texts == ["12345678"]


async def test_with_an_end_key_set_silence_tears_a_barcode_and_the_next_is_read() -> None:
    bench = Bench(terminator="enter")
    short = WedgeDevice(Options(SPEC.options, {"terminator": "none"}))
    async with driven(bench.driver):
        await bench.type(short.encode("RB1234"))
        await bench.clock.advance(TORN_SILENCE_S)
        assert (bench.texts, bench.codes) == ([], ["frame.torn"])
        await bench.type(bench.scanner.encode("RR5"))
    assert bench.texts == ["RR5"]


async def test_after_a_loss_a_silence_is_enough_to_begin_anew() -> None:
    bench = Bench(terminator="enter")
    async with driven(bench.driver):
        await bench.type(bench.scanner.encode("LOST")[:240] + LOST)
        await bench.clock.advance(0.1)
        await bench.type(bench.scanner.encode("NEXT"))
    assert bench.texts == ["NEXT"]
    assert bench.codes == ["scan.events_lost"]


async def test_an_unplugged_scanner_drops_and_reports_what_was_unfinished() -> None:
    for terminator in ("any", "enter", "none"):
        bench = Bench(terminator=terminator)
        async with driven(bench.driver) as task:
            await bench.type(bench.scanner.encode("RB1234")[:240])
            bench.link.hang_up()
            await turns()
            assert isinstance(task.exception(), LinkError)
        assert (bench.texts, bench.codes) == ([], ["frame.torn"]), terminator


async def test_a_stuck_key_types_once_and_is_dropped_with_its_barcode() -> None:
    bench = Bench()
    repeats = event(EV_KEY, 30, 2) + event(EV_SYN, SYN_REPORT, 1)
    async with driven(bench.driver):
        await bench.type(
            bench.scanner.encode("12")[: 6 * EVENT.size], event(EV_KEY, 30, DOWN), repeats * 1000
        )
        await bench.clock.advance(3)
    assert bench.texts == []
    assert set(bench.codes) == {"frame.torn"}


def test_what_a_person_types_is_refused() -> None:
    slow = WedgeDevice(Options(SPEC.options), key_us=45_000)  # two reports for each key
    assert codes(decoded(slow.encode("RB123456785GB"))) == ["scan.typed"]
    assert texts(decoded(WedgeDevice(Options(SPEC.options), key_us=15_000).encode("RB1"))) == ["RB1"]


def test_single_keys_with_silences_between_them_are_no_barcodes() -> None:
    hand = WedgeDevice(Options(SPEC.options, {"terminator": "none"}))
    stream = b""
    for letter in "hello":
        stream += hand.encode(letter)
        hand.pause(0.2)
    found = decoded(stream)
    assert texts(found) == []
    assert set(codes(found)) == {"scan.typed"}


def test_every_byte_of_alt_mode_is_right_or_refused() -> None:
    for byte in range(256):
        found = decoded(spelt(65) + spelt(byte) + event(EV_KEY, 28, DOWN, 9), alt_numpad="read")
        if texts(found):
            assert texts(found)[0].encode("latin-1" if byte > 0x7F else "utf-8") == bytes([65, byte])
        else:
            assert codes(found) == ["scan.alt_mode"]
            assert len(set(f"{byte:03d}")) < 3


def test_alt_mode_is_refused_with_the_fix_unless_it_is_wanted() -> None:
    (error,) = decoded(spelt(83) + spelt(73) + event(EV_KEY, 28, DOWN, 9))
    assert isinstance(error, ProtocolError)
    assert error.code == "scan.alt_mode"
    assert "ALT mode off" in error.hint


def test_a_scanner_cannot_type_what_has_no_key() -> None:
    with pytest.raises(CommandError):
        WedgeDevice(Options(SPEC.options)).encode("é")


async def burst(number: int, seed: int) -> None:
    """Two scanners at once, through pipes, links and drivers: nothing lost, glued or swapped."""
    choose = random.Random(seed)
    wanted = {
        who: ["".join(choose.choices("ABCxyz0123456789-]", k=choose.randint(2, 24))) for _ in range(number)]
        for who in ("left", "right")
    }
    got: dict[str, list[str]] = {"left": [], "right": []}

    class Sink(SinkLog):
        async def scans(self, scans: Sequence[Scan]) -> None:
            for _ in range(choose.randint(0, 3)):
                await asyncio.sleep(0)
            for scan in scans:
                got[scan.device].append(scan.text)

    async def scanner(who: str) -> None:
        reads, writes = os.pipe()
        os.set_blocking(reads, False)
        os.set_blocking(writes, False)
        sink, device = Sink(), WedgeDevice(Options(SPEC.options))
        link = EvdevLink([Node(reads, lambda: ())], f"evdev:{who}", who)
        assert SPEC.build is not None
        driver = SPEC.build(Context(who, link, Unhurried(), sink, Options(SPEC.options)))
        async with driven(driver):
            for text in wanted[who]:
                left = device.encode(text)
                while left:
                    try:
                        left = left[os.write(writes, left[: choose.randint(1, 2000)]) :]
                    except BlockingIOError:
                        await asyncio.sleep(0.001)
                if choose.random() < 0.3:
                    await asyncio.sleep(0)
            while len(got[who]) < number:  # noqa: ASYNC110 - the real clock is part of this test
                await asyncio.sleep(0.001)
        os.close(writes)
        await link.close()
        assert sink.troubles == []

    async with asyncio.timeout(600):
        await asyncio.gather(scanner("left"), scanner("right"))
    assert got == wanted


async def test_a_burst_of_two_scanners_loses_glues_and_swaps_nothing() -> None:
    await burst(150, seed=1)


@pytest.mark.torture
@pytest.mark.timeout(900)
@pytest.mark.parametrize("seed", range(3))
async def test_five_thousand_scans_of_two_scanners_each(seed: int) -> None:
    await burst(5_000, seed)
