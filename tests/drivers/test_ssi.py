"""The SSI driver: every packet answered after it is dealt with, and each barcode once over a bad line."""

from __future__ import annotations

import random
from collections.abc import Sequence

import pytest

from drivers.scanners.ssi import (
    ACK,
    DECODER,
    NAK,
    PACKET_SILENCE_S,
    SPEC,
    SsiDevice,
    encode_ack,
    encode_nak,
    packet,
)
from edge_agent.sdk.clock import ManualClock
from edge_agent.sdk.driver import Options
from edge_agent.sdk.testing import MemoryLink
from edge_agent.sdk.values import Scan
from tests.drivers.rig import SinkLog, context, driven, turns

HOST_ANSWER_BYTES = {ACK: 6, NAK: 7}


class Bench:
    """The driver with a scanner on the other end that sends again what is not acknowledged."""

    def __init__(self, seed: int = 0, spoil: float = 0.0) -> None:
        self.clock = ManualClock()
        self.sink = SinkLog()
        self.link = MemoryLink()
        assert SPEC.build is not None
        self.driver = SPEC.build(context(SPEC, self.link, self.clock, self.sink))
        self.device = SsiDevice(Options(SPEC.options))
        self._random = random.Random(seed)
        self._spoil = spoil
        self._answered = 0

    def _line(self, data: bytes) -> bytes:
        """The same, or with a bit turned over in its text."""
        if self._random.random() >= self._spoil:
            return data
        at = self._random.randrange(5, len(data))
        return data[:at] + bytes([data[at] ^ 1 << self._random.randrange(8)]) + data[at + 1 :]

    def _answer(self) -> int | None:
        """The opcode of the host's answer, None where there is none or the line ate it."""
        answers = bytes(self.link.written[self._answered :])
        self._answered = len(self.link.written)
        if not answers or self._random.random() < self._spoil:
            return None
        assert len(answers) == HOST_ANSWER_BYTES[answers[1]], "one answer for one packet"
        return answers[1]

    async def send(self, text: str) -> None:
        """One barcode, packet for packet, until each is acknowledged."""
        first, again = self.device.encode(text), self.device.encode(text, again=True)
        for at in range(0, len(first), 257):
            data = first[at : at + 257]
            for _ in range(50):
                self.link.arrive(self._line(data))
                await turns()
                answer = self._answer()
                if answer == ACK:
                    break
                if answer is None:
                    await self.clock.advance(PACKET_SILENCE_S * 0.9)
                data = again[at : at + 257]
            else:
                pytest.fail("never acknowledged")

    @property
    def texts(self) -> list[str]:
        return [scan.text for scan in self.sink.scanned]


async def test_a_barcode_is_acknowledged_only_when_it_is_saved() -> None:
    bench = Bench()
    written: list[bytes] = []

    async def saved(scans: Sequence[Scan]) -> None:
        written.append(bytes(bench.link.written))
        bench.sink.scanned += scans

    bench.sink.scans = saved  # type: ignore[method-assign]  # looks at the line while saving
    async with driven(bench.driver):
        bench.link.arrive(bench.device.encode("RB123456785GB"))
        await turns()
    assert written == [b""]
    assert bench.link.written == encode_ack()


async def test_a_broken_packet_is_asked_for_again() -> None:
    bench = Bench()
    stream = bytearray(bench.device.encode("RB123456785GB"))
    stream[8] ^= 1
    async with driven(bench.driver):
        bench.link.arrive(bytes(stream))
        await turns()
        assert bench.link.written == encode_nak()
        bench.link.arrive(bench.device.encode("RB123456785GB", again=True))
        await turns()
    assert bench.link.written == encode_nak() + encode_ack()
    assert bench.texts == ["RB123456785GB"]


async def test_a_copy_after_a_lost_acknowledgement_is_acknowledged_and_not_scanned_again() -> None:
    bench = Bench()
    async with driven(bench.driver):
        for again in (False, True, True):
            bench.link.arrive(bench.device.encode("RR1", again=again))
            await turns()
    assert bench.link.written == 3 * encode_ack()
    assert bench.texts == ["RR1"]


async def test_every_packet_of_a_long_barcode_is_acknowledged() -> None:
    bench = Bench()
    async with driven(bench.driver):
        await bench.send("x" * 1001)
    assert bench.texts == ["x" * 1001]
    assert bench.link.written == 5 * encode_ack()


async def test_what_can_never_be_taken_is_acknowledged_so_that_it_ends() -> None:
    bench = Bench()
    async with driven(bench.driver):
        await bench.send("")
        await bench.send("y" * 5000)
        await bench.send("next")
    assert bench.texts == ["next"]
    assert {error.code for error in bench.sink.troubles} == {"scan.empty", "frame.too_long"}


async def test_answers_of_the_scanner_are_not_answered() -> None:
    bench = Bench()
    async with driven(bench.driver):
        bench.link.arrive(packet(ACK, source=DECODER) + packet(NAK, b"\x01", source=DECODER))
        await turns()
    assert bench.link.written == b""


@pytest.mark.parametrize("seed", range(8))
async def test_over_a_bad_line_each_barcode_arrives_once_and_in_order(seed: int) -> None:
    bench = Bench(seed, spoil=0.3)
    choose = random.Random(seed)
    sent = ["".join(choose.choices("ABC123", k=choose.choice((3, 13, 300)))) for _ in range(25)]
    async with driven(bench.driver):
        for text in sent:
            await bench.send(text)
    assert bench.texts == sent
