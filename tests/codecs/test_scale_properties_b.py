"""What holds for every frame of the continuous and retail scale protocols, from their device halves' side."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from decimal import Decimal

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from drivers.scales import cas_22, cas_pd2, dibal, digi_ds, hid_scale, print_line, st_gs, toledo_cont, yaohua
from drivers.scales.dibal import encode_price
from edge_agent.sdk.driver import Ask, DriverSpec, Indication, Options, Request
from edge_agent.sdk.errors import ConfigError, ProtocolError
from edge_agent.sdk.testing import byte_by_byte, good, random_split, run_codec
from edge_agent.sdk.values import NUMBERLESS, Reading, Status

EXAMPLES = 15  # of each property for each of thirty protocols and dialects: some seconds altogether
PICTURE = {"picture": "TT,GG,SNNNNNNNUU", "stable_mark": "ST", "net_mark": "NT", "overload_mark": "OL"}
POINTLESS = {"picture": "SNNNNNN", "start": "\x02", "end": "\x03", "decimals": 3, "unit": "kg"}
EVERYDAY = Indication(Decimal("1.235"), "kg")


@dataclass(frozen=True)
class Line:
    """One protocol in one setting. `ask` is the question that it needs; `free` lines have no fixed length."""

    spec: DriverSpec
    options: Mapping[str, object] = field(default_factory=dict)
    ask: bytes = b""
    units: tuple[str, ...] = ("kg",)
    checked: bool = False
    free: bool = False
    reports: bool = False

    def frame(self, now: Indication) -> bytes:
        """What the scale sends for this indication, asked or unasked."""
        assert self.spec.device_half is not None
        half = self.spec.device_half(Options(self.spec.options, self.options))
        if not self.ask:
            return half.broadcast(now)
        requests = half.feed(self.ask)
        return b"".join(half.reply(request, now) for request in requests if isinstance(request, Request))

    def read(self, *chunks: bytes) -> list[Reading | ProtocolError]:
        codec = self.spec.decoder(Options(self.spec.options, self.options))
        return run_codec(codec, chunks)

    def numbers(self, *chunks: bytes) -> set[tuple[str, str | None]]:
        """Every number that these bytes are taken for, as shown, with its unit."""
        found = good(self.read(*chunks))
        return {(format(r.weight, "f"), r.unit) for r in found if r.weight is not None}


WIRE_UNITS = ("kg", "g", "lb", "oz")
LINES = {
    "toledo_cont": Line(toledo_cont.SPEC, units=("kg", "lb", "g", "oz", "t"), checked=True),
    "toledo_cont unchecked": Line(toledo_cont.SPEC, {"checksum": False}, units=("kg", "lb")),
    **{f"st_gs {name}": Line(st_gs.SPEC, {"dialect": name}, units=WIRE_UNITS) for name in st_gs.LAYOUTS},
    "cas_22": Line(cas_22.SPEC, units=WIRE_UNITS),
    "cas_22 asked": Line(cas_22.SPEC, {"address": 7}, ask=b"D07KW\r\n", units=WIRE_UNITS),
    "cas_10": Line(cas_22.SPEC, {"dialect": "cas_10", "unit": "kg"}),
    "cas_pd2 ecr_2": Line(cas_pd2.SPEC, ask=b"W"),
    "cas_pd2 type_0": Line(cas_pd2.SPEC, {"dialect": "type_0"}, ask=b"\x05\x12", checked=True),
    "cas_pd2 type_6": Line(
        cas_pd2.SPEC, {"dialect": "type_6"}, ask=b"\x05\x11", units=("kg", "lb"), checked=True
    ),
    "dibal": Line(dibal.SPEC, ask=encode_price(), checked=True),
    **{f"digi_ds {name}": Line(digi_ds.SPEC, {"dialect": name}) for name in digi_ds.FORMS},
    "digi_ds asked": Line(digi_ds.SPEC, {"ask": True}, ask=b"\x05"),
    "yaohua a9_tf0": Line(yaohua.SPEC, {"dialect": "a9_tf0"}, checked=True),
    "yaohua reversed_eq": Line(yaohua.SPEC, {"dialect": "reversed_eq"}),
    "yaohua forward_eq": Line(yaohua.SPEC, {"dialect": "forward_eq"}),
    "yaohua a12e_checked": Line(yaohua.SPEC, {"dialect": "a12e_checked"}, units=("kg", "lb"), checked=True),
    "yaohua a12_w": Line(yaohua.SPEC, {"dialect": "a12_w"}, units=("kg", "lb")),
    "print_line": Line(print_line.SPEC, units=WIRE_UNITS, free=True),
    "print_line picture": Line(print_line.SPEC, PICTURE, units=WIRE_UNITS),
    "print_line backwards": Line(print_line.SPEC, {**PICTURE, "order": "reversed"}, units=WIRE_UNITS),
    "print_line pointless": Line(print_line.SPEC, POINTLESS),
    "hid_scale": Line(hid_scale.SPEC, units=("kg", "g", "lb", "oz"), reports=True),
}
EACH = pytest.mark.parametrize("line", LINES.values(), ids=LINES.keys())
COLUMNED = pytest.mark.parametrize(
    "line", [c for c in LINES.values() if not c.free], ids=[n for n, c in LINES.items() if not c.free]
)
CHECKED = pytest.mark.parametrize(
    "line", [c for c in LINES.values() if c.checked], ids=[n for n, c in LINES.items() if c.checked]
)


@st.composite
def indications(draw: st.DrawFn, line: Line, *, weighing: bool = False) -> Indication:
    """Anything that a scale of this protocol may show; with `weighing` always a weight at rest or moving."""
    decimals = 3 if len(line.units) == 1 else draw(st.integers(0, 4))
    gross, tare = draw(st.integers(-40_000, 400_000)), draw(st.sampled_from((0, 0, 1, 500, 12_345)))
    overload, fault = (False, False) if weighing else (draw(st.booleans()), draw(st.booleans()))
    return Indication(
        Decimal(gross).scaleb(-decimals),
        draw(st.sampled_from(line.units)),
        Decimal(tare).scaleb(-decimals),
        motion=draw(st.booleans()),
        overload=overload,
        fault=fault,
    )


def proves_nothing(line: Line, reading: Reading) -> bool:
    return "zero_proves_nothing" in line.spec.capabilities and reading.weight == 0


@EACH
@settings(max_examples=EXAMPLES)
@given(data=st.data())
def test_a_number_is_told_exactly_or_not_at_all(line: Line, data: st.DataObject) -> None:
    now = data.draw(indications(line))
    for reading in good(line.read(line.frame(now))):
        if reading.weight is None or proves_nothing(line, reading):
            continue
        assert reading.weight == now.net
        assert reading.weight.as_tuple().exponent <= now.net.as_tuple().exponent
        assert reading.unit == now.unit
        assert not now.overload
        assert not now.fault
        assert not reading.stable or not now.motion
        assert reading.net in (None, now.tare != 0) or line.spec is digi_ds.SPEC
        assert reading.tare in (None, now.tare)


@EACH
def test_an_everyday_weight_is_told(line: Line) -> None:
    (reading,) = good(line.read(line.frame(EVERYDAY)))
    assert (reading.status, reading.weight, reading.unit) == (Status.OK, EVERYDAY.net, "kg")
    assert reading.stable is not False


@EACH
@settings(max_examples=EXAMPLES)
@given(data=st.data())
def test_overload_and_faults_never_carry_a_number(line: Line, data: st.DataObject) -> None:
    now = data.draw(indications(line))
    readings = list(good(line.read(line.frame(now))))
    assert all(r.weight is None for r in readings if r.status in NUMBERLESS)
    if now.overload or now.fault:
        assert all(r.weight is None or proves_nothing(line, r) for r in readings)


@EACH
@settings(max_examples=EXAMPLES)
@given(data=st.data())
def test_any_chunking_gives_the_same_readings(line: Line, data: st.DataObject) -> None:
    frames = [line.frame(data.draw(indications(line))) for _ in range(data.draw(st.integers(1, 4)))]
    whole = list(good(line.read(b"".join(frames))))
    assert list(good(line.read(*frames))) == whole
    if not line.reports:
        assert list(good(line.read(*byte_by_byte(b"".join(frames))))) == whole
        splits = random_split(b"".join(frames), data.draw(st.integers(0, 1 << 32)))
        assert list(good(line.read(*splits))) == whole


@EACH
@settings(max_examples=EXAMPLES)
@given(data=st.data())
def test_a_frame_cut_off_by_the_next_never_gives_a_number_that_was_not_sent(
    line: Line, data: st.DataObject
) -> None:
    first, second = (line.frame(data.draw(indications(line, weighing=True))) for _ in range(2))
    sent = line.numbers(first) | line.numbers(second)
    for cut in range(len(first)):
        assert line.numbers(first[:cut], second) <= sent, first[:cut]


@EACH
@settings(max_examples=EXAMPLES)
@given(data=st.data())
def test_a_frame_cut_off_by_silence_never_gives_a_number_that_was_not_sent(
    line: Line, data: st.DataObject
) -> None:
    frame = line.frame(data.draw(indications(line, weighing=True)))
    sent = line.numbers(frame)
    for cut in range(len(frame)):
        assert line.numbers(frame[:cut]) <= sent, frame[:cut]


@COLUMNED
@settings(max_examples=EXAMPLES)
@given(data=st.data())
def test_a_lost_byte_never_gives_a_number_that_was_not_sent(line: Line, data: st.DataObject) -> None:
    first, second = (line.frame(data.draw(indications(line, weighing=True))) for _ in range(2))
    sent = line.numbers(first) | line.numbers(second)
    for lost in range(len(first)):
        assert line.numbers(first[:lost] + first[lost + 1 :], second) <= sent, (first, lost)


@CHECKED
@settings(max_examples=EXAMPLES)
@given(data=st.data())
def test_a_turned_bit_never_passes_as_another_number(line: Line, data: st.DataObject) -> None:
    frame = line.frame(data.draw(indications(line)))
    sent = line.numbers(frame)
    for bit in range(8 * len(frame)):
        turned = bytearray(frame)
        turned[bit // 8] ^= 1 << bit % 8
        assert line.numbers(bytes(turned)) <= sent, (frame, bit)


# What single pages say of themselves


@given(st.integers(0, 99_999))
def test_a_dibal_scale_understands_every_price(price: int) -> None:
    assert dibal.SPEC.device_half is not None
    (request,) = dibal.SPEC.device_half(Options(())).feed(encode_price(price))
    assert isinstance(request, Request)
    assert request.ask is Ask.STABLE_WEIGHT


def test_a_dibal_price_with_a_wrong_check_is_not_answered() -> None:
    assert dibal.SPEC.device_half is not None
    half = dibal.SPEC.device_half(Options(()))
    (request,) = half.feed(b"98000002\r\n")
    assert isinstance(request, Request)
    assert half.reply(request, EVERYDAY) == b""


@pytest.mark.parametrize("now", [Indication(Decimal(-1)), Indication(Decimal(99), overload=True)])
def test_a_dibal_zero_stands_for_all_that_it_cannot_tell(now: Indication) -> None:
    (reading,) = good(LINES["dibal"].read(LINES["dibal"].frame(now)))
    assert (reading.status, reading.weight) == (Status.OK, Decimal("0.000"))


def test_an_order_of_equals_lines_is_never_guessed() -> None:
    frame = b"=000.3000="
    assert LINES["yaohua reversed_eq"].numbers(frame) == {("3.000", "kg")}
    assert LINES["yaohua forward_eq"].numbers(frame) == {("0.3000", "kg")}


def test_hid_status_5_is_the_only_sign_of_a_weight_below_zero() -> None:
    for status in range(256):
        numbers = LINES["hid_scale"].numbers(bytes((3, status, 2, 0, 20, 0)))
        assert numbers <= {("-20" if status == 5 else "20", "g")}


@pytest.mark.parametrize("picture", ["", "SUU", "NNSNN", "TNT", "N" * 129, "NN€"])
def test_a_picture_that_is_no_line_is_refused(picture: str) -> None:
    options = Options(print_line.SPEC.options, {"picture": picture or "?"})
    with pytest.raises(ConfigError):
        print_line.SPEC.decoder(options)


def test_a_mark_of_more_than_a_byte_is_refused() -> None:
    with pytest.raises(ConfigError):
        print_line.SPEC.decoder(Options(print_line.SPEC.options, {"stable_mark": "স্থির"}))


def test_a_cas_indicator_answers_only_to_its_number() -> None:
    assert cas_22.SPEC.device_half is not None
    half = cas_22.SPEC.device_half(Options(cas_22.SPEC.options, {"address": 7}))
    asked = [request.ask for request in half.feed(b"D08KW\r\nD07KZ\r\n") if isinstance(request, Request)]
    assert asked == [Ask.UNKNOWN, Ask.ZERO]
    assert half.broadcast(EVERYDAY) == b""
