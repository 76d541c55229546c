"""Status of label printers: the printer's half sends the golden bytes, and the host reads any condition."""

from __future__ import annotations

from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from drivers.printers import cpcl_status, epl2_status, tspl_status, zpl_status
from drivers.printers.report import Condition, Report
from edge_agent.sdk.errors import ProtocolError
from edge_agent.sdk.testing import random_split
from edge_agent.sdk.values import ClockQuality, Cover, Paper, PrinterState, Ready, Stamp
from tests.codecs.catalogue import frames

NOW = Stamp(1, 1, ClockQuality.NTP)
FLAG = st.booleans()
SOME = settings(max_examples=60)


def state_of(decoder: Any, *replies: tuple[str, bytes], seed: int = 1) -> PrinterState:
    """What the host makes of these replies, in any chunking."""
    condition = Condition()
    for question, reply in replies:
        decoder.asked(question)
        values = [value for chunk in random_split(reply, seed) for value in decoder.feed(chunk)]
        assert not any(isinstance(value, ProtocolError) for value in values), values
        for value in values:
            assert isinstance(value, Report)
            condition.take(value)
    assert list(decoder.flush()) == []
    return condition.state("printer", NOW)


def golden(protocol: str, name: str) -> bytes:
    return next(frame.whole for frame in frames(protocol) if frame.id == name)


@pytest.mark.parametrize(
    ("protocol", "name", "reply"),
    [
        ("zpl", "hs-idle", zpl_status.host_status_reply(zpl_status.HostStatus(length_dots=1245))),
        ("zpl", "hqes-no-error", zpl_status.error_status_reply(zpl_status.HostStatus())),
        ("zpl", "hqes-paused", zpl_status.error_status_reply(zpl_status.HostStatus(paused=True))),
        ("zpl", "hqes-paper-low", zpl_status.error_status_reply(zpl_status.HostStatus(near_end=True))),
        ("zpl", "label-count", zpl_status.label_count_reply(1234)),
        ("tspl", "status-ready", tspl_status.status_reply(tspl_status.PrinterBits())),
        ("tspl", "status-printing", tspl_status.status_reply(tspl_status.PrinterBits(printing=True))),
        (
            "tspl",
            "status-head-open-and-paper-out",
            tspl_status.status_reply(tspl_status.PrinterBits(head_open=True, paper_out=True)),
        ),
        ("tspl", "full-normal", tspl_status.full_status_reply(tspl_status.PrinterBits())),
        ("tspl", "full-paper-empty", tspl_status.full_status_reply(tspl_status.PrinterBits(paper_out=True))),
        ("tspl", "full-pause", tspl_status.full_status_reply(tspl_status.PrinterBits(paused=True))),
        ("epl2", "report-no-error", epl2_status.error_report_reply(epl2_status.PrinterErrors())),
        (
            "epl2",
            "report-paper-out",
            epl2_status.error_report_reply(epl2_status.PrinterErrors(paper_out=True)),
        ),
        ("epl2", "ack", epl2_status.acknowledgement(epl2_status.PrinterErrors())),
        ("cpcl", "busy", cpcl_status.status_reply(cpcl_status.PrinterBits(busy=True))),
        (
            "cpcl",
            "extended-paper-low",
            cpcl_status.extended_status_reply(cpcl_status.PrinterBits(near_end=True)),
        ),
    ],
)
def test_the_printers_half_sends_the_golden_bytes(protocol: str, name: str, reply: bytes) -> None:
    assert reply == golden(protocol, name)


@SOME
@given(
    st.builds(zpl_status.HostStatus, FLAG, FLAG, FLAG, FLAG, FLAG, FLAG, FLAG, st.integers(0, 999)),
    st.integers(0, 1 << 32),
)
def test_any_condition_of_a_zpl_printer_is_read(now: zpl_status.HostStatus, seed: int) -> None:
    told = state_of(
        zpl_status.StatusDecoder(),
        (zpl_status.HOST_STATUS, zpl_status.host_status_reply(now)),
        (zpl_status.ERROR_STATUS, zpl_status.error_status_reply(now)),
        seed=seed,
    )
    _agree(
        told, now.paper_out, now.head_open, now.ribbon_out or now.cutter_jammed or now.overheated, now.paused
    )
    assert told.busy is (now.formats > 0)
    if not now.paper_out:
        assert told.paper is (Paper.NEAR_END if now.near_end else Paper.OK)


@SOME
@given(
    st.builds(tspl_status.PrinterBits, FLAG, FLAG, FLAG, FLAG, FLAG, FLAG, FLAG, FLAG),
    st.integers(0, 1 << 32),
)
def test_any_condition_of_a_tspl_printer_is_read(now: tspl_status.PrinterBits, seed: int) -> None:
    told = state_of(
        tspl_status.StatusDecoder(),
        (tspl_status.STATUS, tspl_status.status_reply(now)),
        (tspl_status.FULL_STATUS, tspl_status.full_status_reply(now)),
        seed=seed,
    )
    fault = now.jammed or now.ribbon_out or now.overheated
    _agree(told, now.paper_out, now.head_open, fault, now.paused, unnamed=now.head_open)
    assert told.busy is now.printing


@SOME
@given(st.builds(epl2_status.PrinterErrors, FLAG, FLAG, FLAG, FLAG, FLAG))
def test_any_condition_of_an_epl2_printer_is_read(now: epl2_status.PrinterErrors) -> None:
    reply = (epl2_status.ERROR_REPORT, epl2_status.error_report_reply(now))
    told = state_of(epl2_status.StatusDecoder(), reply)
    _agree(told, now.paper_out, now.head_open, now.cutter_jammed or now.overheated, now.paused)


@SOME
@given(st.builds(cpcl_status.PrinterBits, FLAG, FLAG, FLAG, FLAG, FLAG))
def test_any_condition_of_a_cpcl_printer_is_read(now: cpcl_status.PrinterBits) -> None:
    told = state_of(
        cpcl_status.StatusDecoder(),
        (cpcl_status.STATUS, cpcl_status.status_reply(now)),
        (cpcl_status.EXTENDED_STATUS, cpcl_status.extended_status_reply(now)),
    )
    _agree(told, now.paper_out, now.latch_open, now.jammed, None)
    assert told.busy is now.busy


def _agree(
    told: PrinterState,
    paper_out: bool,
    head_open: bool,
    fault: bool,
    paused: bool | None,
    *,
    unnamed: bool = False,
) -> None:
    assert (told.paper is Paper.OUT) is paper_out
    assert told.cover is (Cover.OPEN if head_open else Cover.CLOSED)
    assert bool(told.faults) is fault or (unnamed and told.faults == ("other",))
    assert told.paused is paused
    stopped = paper_out or head_open or fault or bool(paused)
    assert told.ready is (Ready.NO if stopped else Ready.YES)


@pytest.mark.parametrize("module", [zpl_status, tspl_status, epl2_status, cpcl_status])
def test_nothing_told_is_unknown_and_a_reply_to_nothing_is_noise(module: Any) -> None:
    assert Condition().state("printer", NOW).ready is Ready.UNKNOWN
    for value in module.StatusDecoder().feed(b"\x20"):
        assert isinstance(value, ProtocolError)
