"""One device's life: it is opened again for ever, and whatever its driver does stays its own matter."""

from __future__ import annotations

import asyncio
import itertools
import logging
from dataclasses import replace

import pytest

from edge_agent.sdk.driver import SLEEPS, Context, Kind
from edge_agent.sdk.errors import DeviceError, EdgeError, LinkError, ProtocolError
from edge_agent.supervisor import (
    ANNOUNCE_GAP_S,
    ASLEEP,
    RETRY_CAP_S,
    RETRY_FIRST_S,
    RETRY_WRONG_DEVICE_S,
    STABLE_S,
    UNHEARD,
    DeviceStatus,
)
from tests.supervisor.bench import Bench, Ports, absent, ends, serve, then_ends, turns

LOST = LinkError("link.lost", "hung up", hint="plug it in")
WRONG = DeviceError("device.wrong", "a modem", hint="check the port")


async def forever(_context: Context) -> None:
    await asyncio.Event().wait()


async def test_a_device_that_answers_is_ready_with_its_identity() -> None:
    bench = Bench()
    async with bench.running():
        view = bench.device.view()
        assert (view.status, view.identity, view.reason) == (DeviceStatus.READY, "model 7", "")
        assert bench.outlet.told == [("ready", "")]


async def test_a_device_that_says_nothing_is_identifying_and_cannot_be_used() -> None:
    bench = Bench(forever)
    async with bench.running():
        assert bench.device.view().status is DeviceStatus.IDENTIFYING
        assert not bench.device.is_usable
        assert bench.outlet.told == []


async def test_a_scanner_is_ready_once_it_is_open() -> None:
    bench = Bench(forever, kind=Kind.SCANNER)
    async with bench.running():
        assert bench.device.view().status is DeviceStatus.READY
        assert bench.device.view().identity == UNHEARD


async def test_the_first_barcode_takes_the_place_of_not_heard_yet() -> None:
    bench = Bench(forever, kind=Kind.SCANNER)
    async with bench.running():
        bench.device.ready()
        assert bench.device.view().identity == ""


async def test_a_lost_device_is_absent_and_ready_again_within_three_seconds_of_its_return() -> None:
    bench = Bench()
    async with bench.running():
        bench.ports.refusals = [absent() for _ in range(3)]
        bench.ports.link.hang_up()
        await turns()
        assert bench.device.view().status is DeviceStatus.ABSENT
        assert bench.outlet.disturbances == ["one"]
        await bench.clock.advance(60)
        assert bench.device.is_ready
        bench.ports.refusals = []
        bench.ports.link.hang_up()
        await turns()
        await bench.clock.advance(3)
        assert bench.device.is_ready


async def test_what_is_plugged_in_ends_the_wait_for_an_absent_port() -> None:
    bench = Bench(ports=Ports(*[absent() for _ in range(6)]))
    async with bench.running():
        await bench.clock.advance(30)
        bench.ports.refusals = [absent()]
        await bench.clock.advance(RETRY_CAP_S)
        bench.plug.plug_in()
        await turns()
        assert bench.device.is_ready


async def test_an_absent_port_is_tried_at_growing_distances_up_to_the_cap_for_ever() -> None:
    bench = Bench(ports=Ports(*[absent() for _ in range(1000)]))
    async with bench.running():
        await bench.clock.advance(600)
        tries = bench.ports.tries
        gaps = [later - earlier for earlier, later in itertools.pairwise(tries)]
        assert gaps[0] <= RETRY_FIRST_S
        assert max(gaps) <= RETRY_CAP_S + 0.001
        assert min(gaps[3:]) >= RETRY_CAP_S * 0.79
        assert bench.ports.tries[-1] > bench.clock.monotonic_s() - RETRY_CAP_S - 0.001


async def test_a_wrong_device_is_asked_rarely() -> None:
    bench = Bench(ends(WRONG))
    async with bench.running():
        await bench.clock.advance(60)
        assert bench.device.view().status is DeviceStatus.FAULTY
        assert len(bench.ports.tries) <= 60 / (RETRY_WRONG_DEVICE_S * 0.8) + 1


async def test_the_right_device_in_the_place_of_a_wrong_one_is_ready_within_three_seconds() -> None:
    bench = Bench(ends(WRONG), serve)
    async with bench.running():
        await bench.clock.advance(1)
        bench.plug.plug_in()
        await bench.clock.advance(2)
        assert bench.device.is_ready


async def test_plugs_elsewhere_do_not_have_a_wrong_device_probed_all_the_time() -> None:
    bench = Bench(ends(WRONG))
    async with bench.running():
        for _ in range(100):
            bench.plug.plug_in()
            await bench.clock.advance(0.05)
        assert len(bench.ports.tries) <= 5 / RETRY_FIRST_S + 1


async def test_a_back_off_begins_anew_after_a_time_of_good_service() -> None:
    bench = Bench(ends(LOST), ends(LOST), ends(LOST), ends(LOST), serve)
    async with bench.running():
        await bench.clock.advance(10)
        await bench.clock.advance(STABLE_S)
        bench.ports.link.hang_up()
        await turns()
        await bench.clock.advance(RETRY_FIRST_S)
        assert bench.device.is_ready


@pytest.mark.parametrize(
    "bug",
    [
        ValueError("driver"),
        KeyError("driver"),
        RuntimeError("driver"),
        OSError(5, "I/O error"),
        asyncio.CancelledError(),
        TimeoutError(),
        ExceptionGroup("driver", [LOST, ValueError("driver")]),
    ],
    ids=lambda bug: type(bug).__name__,
)
async def test_a_drivers_bug_is_a_fault_of_that_device_which_is_opened_again(
    bug: BaseException, caplog: pytest.LogCaptureFixture
) -> None:
    bench = Bench(then_ends(bug), serve)
    async with bench.running():
        bench.ports.link.arrive(b"x")
        await turns()
        assert bench.device.view().reason == "driver.bug"
        assert bench.device.view().status is DeviceStatus.FAULTY
        assert bench.ports.opened[0].closed
        await bench.clock.advance(RETRY_CAP_S)
        assert bench.device.is_ready


async def test_a_lost_link_told_by_a_task_group_of_the_driver_is_a_lost_link() -> None:
    bench = Bench(ends(ExceptionGroup("driver", [ExceptionGroup("inner", [LOST])])))
    async with bench.running():
        assert bench.device.view().status is DeviceStatus.ABSENT
        assert bench.device.view().reason == "link.lost"


@pytest.mark.parametrize("refusal", [ValueError("odd url"), OSError(22, "Invalid argument"), TypeError()])
async def test_whatever_opening_a_port_raises_ends_only_that_try(refusal: Exception) -> None:
    bench = Bench(ports=Ports(refusal))
    async with bench.running():
        assert bench.device.view().status is DeviceStatus.FAULTY
        await bench.clock.advance(RETRY_CAP_S)
        assert bench.device.is_ready


async def test_a_link_that_cannot_be_closed_is_no_end() -> None:
    bench = Bench()

    async def refuse() -> None:
        raise OSError(5, "I/O error")

    async with bench.running():
        bench.ports.link.close = refuse  # type: ignore[method-assign]  # the operating system refuses
        bench.ports.link.hang_up()
        await bench.clock.advance(RETRY_CAP_S)
        assert bench.device.is_ready


async def test_a_driver_that_cannot_be_built_is_a_fault_of_that_device() -> None:
    bench = Bench()
    bench.device.configured.spec.build.acts = []  # type: ignore[union-attr]  # the bench's own builder
    async with bench.running():
        assert bench.device.view().reason == "driver.bug"
        assert bench.ports.link.closed


async def test_cancelling_ends_the_device_and_closes_its_port() -> None:
    bench = Bench()
    async with bench.running():
        link = bench.ports.link
        assert not link.closed
    assert link.closed


async def test_changes_close_together_are_told_by_their_end() -> None:
    bench = Bench()
    async with bench.running():
        for _ in range(20):
            bench.ports.link.hang_up()
            await bench.clock.advance(0.6)
        told = len(bench.outlet.told)
        assert told <= 20 * 0.6 / ANNOUNCE_GAP_S + 2
        await bench.clock.advance(ANNOUNCE_GAP_S + RETRY_CAP_S)
        assert bench.outlet.told[-1] == ("ready", "")


async def test_a_device_that_stays_away_is_told_once() -> None:
    bench = Bench(ports=Ports(*[absent() for _ in range(1000)]))
    async with bench.running():
        await bench.clock.advance(600)
        assert bench.outlet.told == [("absent", "link.absent")]


async def test_since_tells_when_the_condition_began_not_when_it_was_last_looked_at() -> None:
    bench = Bench(ends(DeviceError("scale.silent", "no answer")))
    async with bench.running():
        began = bench.device.view().since
        await bench.clock.advance(120)
        assert bench.device.view().status is DeviceStatus.FAULTY
        assert bench.device.view().since == began


async def test_bad_frames_are_counted_and_disturb_what_came_before() -> None:
    bench = Bench()
    async with bench.running():
        bench.device.trouble(ProtocolError("frame.torn", "no end", b"\x02"))
        assert bench.device.view().bad_frames == 1
        assert bench.outlet.disturbances == ["one"]


async def test_what_a_device_says_of_itself_is_one_short_printable_line() -> None:
    bench = Bench()
    async with bench.running():
        bench.device.ready("\x1b[2J\udc80" + "x" * 100_000)
        identity = bench.device.view().identity
        assert identity.isprintable()
        assert len(identity.encode()) <= 64


async def test_a_strangers_code_and_hint_are_short_printable_lines() -> None:
    bench = Bench(ends(DeviceError("\x1b\udc80" + "c" * 9000, "m", hint="\n" * 9000)))
    async with bench.running():
        view = bench.device.view()
        assert view.reason.isprintable()
        assert view.hint.isprintable()
        assert len(view.reason.encode()) <= 64
        assert len(view.hint.encode()) <= 200


async def test_what_an_action_raises_is_an_edge_error(caplog: pytest.LogCaptureFixture) -> None:
    bench = Bench()
    async with bench.running():

        async def stumble(_driver: object) -> None:
            raise KeyError("stumbled")

        with pytest.raises(EdgeError) as told:
            await bench.device.use(stumble)
        assert told.value.code == "driver.bug"
        assert bench.device.is_ready, "a bug in one action does not take the device away"
    assert "stumbled" in caplog.text, "with its traceback"


async def test_a_device_that_is_not_ready_is_not_asked() -> None:
    bench = Bench(forever)
    async with bench.running():

        async def never(_driver: object) -> None:
            raise AssertionError("asked")

        with pytest.raises(EdgeError) as told:
            await bench.device.use(never)
        assert told.value.code == "device.not_ready"


async def test_a_loss_is_logged_once_as_warning_and_its_end_once_as_info(
    caplog: pytest.LogCaptureFixture,
) -> None:
    caplog.set_level(logging.INFO, "edge_agent.supervisor")
    bench = Bench()
    async with bench.running():
        bench.ports.refusals = [absent() for _ in range(100)]
        bench.ports.link.hang_up()
        await bench.clock.advance(60)
        bench.ports.refusals = []
        await bench.clock.advance(RETRY_CAP_S)
    assert [r.levelname for r in caplog.records] == ["INFO", "WARNING", "INFO"]


async def test_a_scale_that_switches_itself_off_is_no_fault_and_says_how_to_wake_it(
    caplog: pytest.LogCaptureFixture,
) -> None:
    bench = Bench()
    bench.device.configured = replace(
        bench.device.configured,
        spec=replace(bench.device.configured.spec, capabilities=frozenset({SLEEPS})),
    )
    with caplog.at_level(logging.INFO):
        async with bench.running():
            bench.ports.refusals = [absent() for _ in range(3)]
            bench.ports.link.hang_up()
            await turns()
            view = bench.device.view()
            assert (view.status, view.hint) == (DeviceStatus.ABSENT, ASLEEP)
            await bench.clock.advance(60)
            assert bench.device.is_ready
    assert [record for record in caplog.records if record.levelno >= logging.WARNING] == []
