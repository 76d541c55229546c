"""The composition root: settings in, a running booth out, and an orderly end.

Owns: which parts exist and in which order they start and stop. Must not know: what any of them does inside.
"""

from __future__ import annotations

import asyncio
import contextlib
import logging
import os
import signal
from collections.abc import AsyncIterator, Awaitable, Callable, Sequence
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING

from edge_agent import __version__
from edge_agent.assembly import Parts, configured_devices
from edge_agent.clock import ClockFloor, boot_id, system_clock
from edge_agent.commands.agent_ops import Controls
from edge_agent.commands.joining import make_configuring, offer_configuring, trial_of
from edge_agent.events.model import EventDraft
from edge_agent.ledger.ledger import Entry, Ledger, Limits
from edge_agent.ledger.single import only_agent
from edge_agent.links.hotplug import Hotplug
from edge_agent.notify import Notifier, Watchdog, watchdog_interval_s
from edge_agent.pages import printery
from edge_agent.registry import Registry
from edge_agent.sdk.clock import Clock
from edge_agent.sdk.errors import DeviceError
from edge_agent.settings.starting import Started
from edge_agent.supervisor import Configured
from edge_agent.uplink.uplink import Uplink

if TYPE_CHECKING:
    from edge_agent.settings.model import Settings

log = logging.getLogger(__name__)

LEDGER_FILE = "ledger.db"
RUNNING_SLOT = "running"  # set while the agent runs: found at start, the last stop was no orderly one
GOODBYE_S = 3.0  # to tell the broker and write the last mark; a power-fail signal gives little more
CLOCK_FILE = "clock-floor"
RESTART = 75  # exit status of a run that ended to be begun anew (EX_TEMPFAIL)
RESTART_WAIT_S = 60.0  # for the parcel in hand; then the flow takes up after the restart what it can
HOUSEKEEPING_S = 10.0  # a third of WatchdogSec=30; each round proves that loop and disk still answer


def _no_level(_level: str, _minutes: int) -> None:
    """A run without a log of its own."""


class App:
    """One booth, from settings to the end of its run."""

    def __init__(
        self,
        settings: Settings,
        registry: Registry,
        set_level: Callable[[str, int], None] = _no_level,
        started: Started | None = None,
    ) -> None:
        """`set_level` is the log's, for some minutes; `started` tells where the settings came from."""
        self._started = started
        self._settings = settings
        self._registry = registry
        self._set_level = set_level
        self._stop = asyncio.Event()
        self._restart = asyncio.Event()

    async def run(self) -> int:
        """Serve until SIGTERM or SIGINT; the exit status, RESTART to be begun anew.

        Raises EdgeError where the booth cannot start.
        """
        loop = asyncio.get_running_loop()
        for number in (signal.SIGTERM, signal.SIGINT):
            loop.add_signal_handler(number, self._end)
        try:
            async with contextlib.AsyncExitStack() as stack:
                await self._assemble(stack)
                await self._stop.wait()
                log.info("restarting" if self._restart.is_set() else "stopping")
        finally:
            for number in (signal.SIGTERM, signal.SIGINT):
                loop.remove_signal_handler(number)
        return RESTART if self._restart.is_set() else 0

    async def _assemble(self, stack: contextlib.AsyncExitStack) -> None:
        """Start everything in order: disk, flow, uplink, then devices; what started last ends first."""
        settings = self._settings
        floor = ClockFloor.load(Path(settings.state.directory) / CLOCK_FILE)
        clock = system_clock(floor)
        devices = configured_devices(settings, self._registry)
        stack.enter_context(only_agent(Path(settings.state.directory)))
        ledger = await stack.enter_async_context(_open_ledger(settings, clock))
        hotplug = stack.enter_context(Hotplug())
        parts = self._parts(clock, ledger, devices, hotplug, floor)
        configuring = self._configuring(parts, ledger, clock)
        await parts.resume()
        await parts.server.start()
        stack.push_async_callback(parts.server.close)
        tasks = await stack.enter_async_context(_background())
        if parts.uplink is not None:
            stack.push_async_callback(_goodbye, parts.uplink)
            for work, name in parts.centre.works():
                tasks(work, name)
            tasks(parts.router.run(parts.uplink.commands), "commands")
        if configuring is not None:
            tasks(configuring(), "configuration")
        tasks(parts.work(), "counter and printing")
        tasks(parts.booth.run(), "devices")
        tasks(parts.strangers.run(), "strangers")
        tasks(self._when_restarting(parts, clock), "restart")
        notifier = Notifier.from_environment(os.environ)
        watchdog = _watchdog(notifier, clock)
        tasks(watchdog.run(), "watchdog")
        tasks(_keep_house(ledger, floor, clock, watchdog), "housekeeping")
        notifier.ready(f"{settings.booth.id}: {len(devices)} devices")
        stack.callback(notifier.stopping)
        log.info("edge-agent %s runs booth %s", __version__, settings.booth.id)

    def _parts(
        self,
        clock: Clock,
        ledger: Ledger,
        devices: Sequence[Configured],
        hotplug: Hotplug,
        floor: ClockFloor,
    ) -> Parts:
        return Parts(
            self._settings,
            clock,
            ledger,
            devices,
            printery=printery(self._settings),
            plugged=hotplug.changed,
            controls=Controls(self._set_level, self._restart.set),
            floor_ms=lambda: floor.utc_ms,
        )

    def _configuring(
        self, parts: Parts, ledger: Ledger, clock: Clock
    ) -> Callable[[], Awaitable[None]] | None:
        """What changes the configuration; without generations there is nothing to change."""
        if self._started is None:
            return None
        made = make_configuring(
            self._started,
            self._registry,
            ledger,
            clock,
            parts.uplink,
            stored=parts.stored,
            restart=self._restart.set,
        )
        offer_configuring(made, parts.router, parts.server)
        parts.snapshot.trial = partial(trial_of, self._started, ledger.boot, clock)
        wishes = parts.uplink.desired if parts.uplink else asyncio.Queue[bytes]()
        return lambda: made.run(wishes, parts.router)

    def _end(self) -> None:
        """Somebody wants us to stop: that is no restart, even if one was ordered."""
        self._restart.clear()
        self._stop.set()

    async def _when_restarting(self, parts: Parts, clock: Clock) -> None:
        """Stop once no parcel is in hand and no label on its way, or after a while."""
        await self._restart.wait()
        until_s = clock.monotonic_s() + RESTART_WAIT_S
        while (parts.counter.busy or parts.prints.busy) and clock.monotonic_s() < until_s:
            await clock.sleep(0.5)
        self._stop.set()


def _watchdog(notifier: Notifier, clock: Clock) -> Watchdog:
    watchdog = Watchdog(notifier, watchdog_interval_s(os.environ), clock)
    watchdog.expect("ledger", 2.5 * HOUSEKEEPING_S)
    return watchdog


@contextlib.asynccontextmanager
async def _open_ledger(settings: Settings, clock: Clock) -> AsyncIterator[Ledger]:
    """The ledger, with the start and the kind of the last stop on record."""
    path = Path(settings.state.directory) / LEDGER_FILE
    limits = Limits(
        quota_mib=settings.ledger.quota_mib,
        reserve_mib=settings.ledger.ballast_mib,
        refuse_free_mib=settings.ledger.refuse_free_mib,
        keep_days=settings.ledger.keep_days,
    )
    ledger = await Ledger.open(path, boot_id(), limits=limits, clock=clock)
    try:
        await _record(ledger, Entry(await _start_events(ledger, clock), {RUNNING_SLOT: "yes"}))
        yield ledger
        await _record(ledger, Entry(slots={RUNNING_SLOT: ""}))
    finally:
        await ledger.close()


async def _record(ledger: Ledger, entry: Entry) -> None:
    """A ledger that takes nothing is no reason not to run: only the uplink can empty a full one."""
    try:
        await ledger.commit(entry)
    except DeviceError as error:
        log.error("%s", error)


async def _start_events(ledger: Ledger, clock: Clock) -> list[EventDraft]:
    at = clock.stamp()
    events = []
    if await ledger.slot(RUNNING_SLOT):
        events.append(EventDraft("agent.stopped-uncleanly", "agent", at, {}))
    events.append(EventDraft("agent.started", "agent", at, {"version": __version__}))
    return events


@contextlib.asynccontextmanager
async def _background() -> AsyncIterator[Callable[[Awaitable[object], str], None]]:
    """Tasks that run until the end; one that fails stops the agent, so that systemd starts it anew."""
    tasks: list[asyncio.Task[object]] = []
    owner = asyncio.current_task()
    failed: list[BaseException] = []

    def ended(task: asyncio.Task[object]) -> None:
        itself = RuntimeError(f"{task.get_name()} cancelled itself") if task.cancelled() else None
        if (error := itself or task.exception()) is not None:
            failed.append(error)
            if owner is not None:
                owner.cancel()

    def start(work: Awaitable[object], name: str) -> None:
        task = asyncio.ensure_future(work)
        task.set_name(name)
        task.add_done_callback(ended)
        tasks.append(task)

    try:
        yield start
    except asyncio.CancelledError:
        if failed:
            raise failed[0] from None
        raise
    finally:
        for task in tasks:
            task.remove_done_callback(ended)
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)


async def _keep_house(ledger: Ledger, floor: ClockFloor, clock: Clock, watchdog: Watchdog) -> None:
    """Prove every few seconds that loop and disk answer, and keep the time for a boot without a clock."""
    while True:
        try:
            await ledger.ping()
            watchdog.beat("ledger")
        except DeviceError as error:
            log.error("%s", error)
        await asyncio.to_thread(floor.save, clock.stamp())
        await asyncio.to_thread(ledger.tend_reserve)
        await clock.sleep(HOUSEKEEPING_S)


async def _goodbye(uplink: Uplink) -> None:
    with contextlib.suppress(TimeoutError):
        async with asyncio.timeout(GOODBYE_S):
            await uplink.goodbye()
