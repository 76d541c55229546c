"""What every driver of the catalogue owes, ours and third parties'."""

from __future__ import annotations

import importlib
import re
from collections import Counter
from decimal import Decimal
from importlib.metadata import EntryPoint, entry_points
from inspect import signature

import pytest

from edge_agent.sdk.clock import ManualClock
from edge_agent.sdk.driver import Context, DriverSpec, Indication, Kind, Options
from edge_agent.sdk.errors import ConfigError, ProtocolError
from edge_agent.sdk.testing import Golden, MemoryLink
from tests.codecs.catalogue import FRAMES, every_frame, frames, specs
from tests.drivers.rig import SinkLog

BASES = {"captured", "manual_example", "public_test", "computed"}
NAME = re.compile(r"[a-z][a-z0-9_]*")
ALL = [pytest.param(spec, id=name) for name, spec in sorted(specs().items())]
SCALES = [pytest.param(s, id=name) for name, s in sorted(specs().items()) if s.kind is Kind.SCALE]


def entries() -> tuple[EntryPoint, ...]:
    return tuple(entry_points(group="edge_agent.drivers"))


def test_there_is_a_driver_of_each_kind() -> None:
    assert {spec.kind for spec in specs().values()} == set(Kind)


def test_each_name_is_claimed_once() -> None:
    assert [name for name, count in Counter(point.name for point in entries()).items() if count > 1] == []


@pytest.mark.parametrize("point", entries(), ids=lambda point: point.name)
def test_the_entry_point_is_named_as_its_spec(point: EntryPoint) -> None:
    spec = point.load()
    assert isinstance(spec, DriverSpec)
    assert spec.name == point.name
    assert NAME.fullmatch(spec.name)
    assert spec.title


@pytest.mark.parametrize("spec", ALL)
def test_it_has_golden_frames(spec: DriverSpec) -> None:
    assert frames(spec.name)


def test_every_folder_of_frames_belongs_to_a_driver() -> None:
    assert {path.name for path in FRAMES.iterdir() if path.is_dir()} <= set(specs())


@every_frame
def test_each_frame_says_where_it_comes_from(protocol: str, golden: Golden) -> None:
    assert golden.basis in BASES
    assert golden.source


@pytest.mark.parametrize("spec", ALL)
def test_its_frames_have_names_of_their_own(spec: DriverSpec) -> None:
    assert [
        name for name, count in Counter(golden.id for golden in frames(spec.name)).items() if count > 1
    ] == []


@pytest.mark.parametrize("spec", ALL)
def test_it_names_its_documents(spec: DriverSpec) -> None:
    assert spec.sources
    assert all(source.strip() for source in spec.sources)


@pytest.mark.parametrize("spec", ALL)
def test_its_options_are_explained_and_their_defaults_allowed(spec: DriverSpec) -> None:
    names = [option.name for option in spec.options]
    assert len(set(names)) == len(names)
    for option in spec.options:
        assert NAME.fullmatch(option.name)
        assert len(option.help) > 10, option.name
        assert Options(spec.options, {option.name: option.default})[option.name] == option.default


@pytest.mark.parametrize("spec", ALL)
def test_a_choice_that_is_none_is_refused(spec: DriverSpec) -> None:
    for option in spec.options:
        if option.choices:
            with pytest.raises(ConfigError):
                Options(spec.options, {option.name: "no such choice"})


@pytest.mark.parametrize("spec", ALL)
def test_every_choice_builds_a_codec_and_a_driver(spec: DriverSpec) -> None:
    choices = [{option.name: choice} for option in spec.options for choice in option.choices]
    for given in [{}, *choices]:
        options = Options(spec.options, given)
        assert list(spec.decoder(options).flush()) == []
        if spec.build:
            spec.build(Context("device", MemoryLink(), ManualClock(), SinkLog(), options))


@pytest.mark.parametrize("spec", ALL)
def test_building_its_driver_touches_neither_link_nor_sink(spec: DriverSpec) -> None:
    if spec.build is None:
        return
    link, sink = MemoryLink(), SinkLog()
    link.arrive(b"waiting")
    spec.build(Context("device", link, ManualClock(), sink, Options(spec.options)))
    assert link.written == b""
    assert link.discard_input() == len(b"waiting")
    assert sink.identities == []


@pytest.mark.parametrize("spec", ALL)
def test_it_can_be_simulated(spec: DriverSpec) -> None:
    if spec.kind is Kind.SCALE:
        assert spec.device_half is not None
        return
    module, _, name = spec.extra["device"].partition(":")
    device = getattr(importlib.import_module(module), name)
    given = Options(spec.options) if "options" in signature(device).parameters else None
    assert device(given) if given else device()


@pytest.mark.parametrize("spec", SCALES)
def test_a_scale_without_unit_on_its_wire_has_a_setting_for_it(spec: DriverSpec) -> None:
    assert spec.unit_on_wire or "unit" in {option.name for option in spec.options}


@pytest.mark.parametrize("spec", SCALES)
def test_a_simulated_scale_survives_every_byte_and_answers_every_request(spec: DriverSpec) -> None:
    assert spec.device_half is not None
    half = spec.device_half(Options(spec.options))
    now = Indication(Decimal("1.234"))
    for value in range(256):
        for request in half.feed(bytes([value])):
            assert isinstance(request, ProtocolError) or isinstance(half.reply(request, now), bytes)
    assert isinstance(half.broadcast(now), bytes)


@pytest.mark.parametrize("spec", ALL)
def test_a_driver_that_talks_over_serial_says_how(spec: DriverSpec) -> None:
    if "serial" in spec.transports:
        assert spec.serial.bits in (7, 8)
        assert spec.serial.parity in ("N", "E", "O")
        assert spec.serial.stop in (1, 2)
