"""A new configuration, from the centre or from a person on the box: checked, tried, kept or undone.

Owns: commit-confirm as the running agent sees it, what is reported. Must not know: MQTT, TOML, files.

    checked → written → restart → trial → confirmed (the centre answers, a person says so) | undone → restart
"""

from __future__ import annotations

import asyncio
import json
import logging
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any

from edge_agent.commands.keyring import Keyring
from edge_agent.commands.operations import AfterRestart, Progress
from edge_agent.commands.router import Router
from edge_agent.events.model import EventDraft, JsonValue, StoredEvent
from edge_agent.ledger.commands import APPLYING
from edge_agent.ledger.ledger import Entry, Ledger
from edge_agent.registry import Registry
from edge_agent.sdk.clock import Clock
from edge_agent.sdk.errors import CommandError, DeviceError
from edge_agent.settings.checked import Checked
from edge_agent.settings.generations import LINK, PERSON, Generation, Report, Trial, digest
from edge_agent.settings.show import effective
from edge_agent.settings.starting import Started, asked, refusal
from edge_agent.uplink.desired import Desired, read_desired

log = logging.getLogger(__name__)

WINDOW_S = 600  # contract: undone if the link is not back within ten minutes
WINDOW_S_LIMIT = 24 * 3600  # of a person on the box
TYPE = "config.apply"
LOOK_S = 1.0  # only while a trial runs
INVALID_REST_S = 10.0  # a check costs a second of a processor, a new refusal an event; the newest wish counts
SLOT = "config"  # the serial of the last report that is on record as an event
KINDS = {"applied": "config.applied", "trial": "config.tried", "refused": "config.refused",
         "undone": "config.undone"}  # fmt: skip


@dataclass(frozen=True, slots=True)
class Surroundings:
    """What a change touches. `online` tells whether the centre answers on the present connection."""

    ledger: Ledger
    clock: Clock
    drivers: Registry
    keyring: Keyring
    stored: Callable[[Sequence[StoredEvent]], None]
    restart: Callable[[], None]
    online: Callable[[], bool]
    changed: Callable[[], None]


class Configuring:
    """The configuration of one run."""

    def __init__(self, started: Started, around: Surroundings) -> None:
        self._started = started
        self._around = around
        self._generations = started.generations
        self._settled = asyncio.Event()
        self._changing = asyncio.Lock()  # from the look at what stands until something else does
        self._leaving = False

    def report(self) -> dict[str, JsonValue]:
        """What is in force, and what came of the last change: `up/cfg`."""
        now, last = self._started.generation, self._generations.standing.report
        return {
            "generation": now.number,
            "version": now.version,
            "hash": digest(now.centre) if now.centre else "",
            "file": digest(now.file),
            "trial": self._generations.standing.trial is not None,
            "last": _told(last),
        }

    async def run(self, desired: asyncio.Queue[bytes], router: Router) -> None:
        """End the trial, then take what the centre wants; until cancelled."""
        await self._announce()
        await self._end_trial()
        await router.taken_up.wait()
        await self._end_commands(router)
        while True:
            payload = await desired.get()
            if not payload:
                continue  # the centre has taken its wish away; what is in force stays
            try:
                await self._take(payload)
            except (CommandError, DeviceError) as error:
                log.warning("configuration refused: %s", error)
                if error.code == "config.invalid":
                    await self._around.clock.sleep(INVALID_REST_S)

    async def command(
        self, args: Mapping[str, Any], progress: Progress, command: str
    ) -> JsonValue | AfterRestart:
        """`config.apply`: `version` and `config` in an order, which is signed as a whole."""
        version, config = args.get("version"), args.get("config")
        if type(version) is not int or version < 1 or not isinstance(config, str):
            raise CommandError("command.arguments", "args.version is a whole number, args.config TOML text")
        progress(step="check")
        signed = self._around.keyring.required
        async with self._changing:
            if await self._attempt_centre(Desired(version, config), signed=signed, command=command):
                return AfterRestart(APPLYING, self._leave, lambda: self._generations.undo("not_recorded"))
        return {"version": version, "state": "unchanged"}

    async def local(self, request: Mapping[str, JsonValue]) -> JsonValue:
        """A person on the box: a whole file, for good or with `confirm_s` on trial."""
        async with self._changing:
            return await self._attempt_local(request)

    async def _attempt_local(self, request: Mapping[str, JsonValue]) -> JsonValue:
        text, name, window_s = request.get("file"), request.get("name"), request.get("confirm_s", 0)
        if not isinstance(text, str) or not isinstance(name, str):
            raise CommandError(
                "command.arguments", "file is the text of a configuration, name what it is called"
            )
        if type(window_s) is not int or not 0 <= window_s <= WINDOW_S_LIMIT:
            raise CommandError("command.arguments", f"confirm_s is 0 to {WINDOW_S_LIMIT} seconds")
        self._check_free()
        now = self._started.generation
        box_hash = await asyncio.to_thread(self._box_hash)
        made = replace(now, origin="local", file=text, box_hash=box_hash)
        checked = await asyncio.to_thread(self._check, made, name)
        if checked.settings is None:
            raise CommandError("config.invalid", "\n".join(map(str, checked.problems)))
        if checked.settings.state.directory != self._started.settings.state.directory:
            raise CommandError(
                "config.state", "state.directory cannot be changed this way: the ledger is there"
            )
        report = Report(state="trial" if window_s else "applied", hash=digest(text), origin="local")
        if window_s:
            await self._switch(made, self._trial(PERSON, window_s), report)
        else:
            await asyncio.to_thread(self._generations.adopt, made, report)
        self._leave()
        return {"state": report.state, "confirm_s": window_s}

    async def show(self, _request: Mapping[str, JsonValue]) -> JsonValue:
        """What is in force, secrets masked, and what came of the last change."""
        settings = json.loads(json.dumps(effective(self._started.settings)))
        return {**self.report(), "settings": settings, "path": str(self._started.path)}

    async def confirm(self, _request: Mapping[str, JsonValue]) -> JsonValue:
        """A person says that it is well."""
        if not await asyncio.to_thread(self._generations.confirm):
            raise CommandError("config.no_trial", "nothing waits for a confirmation")
        self._settled.set()
        await self._announce()
        return {"state": "applied"}

    async def _take(self, payload: bytes) -> None:
        """What came on `dn/cfg`. Raises CommandError or DeviceError; refusals are reported before."""
        desired = read_desired(payload)
        try:
            signed = await self._is_genuine(desired)
            async with self._changing:
                if await self._attempt_centre(desired, signed=signed, command=""):
                    self._leave()
        except CommandError as error:
            await self._refused(desired, error)
            raise

    async def _is_genuine(self, desired: Desired) -> bool:
        """Whether it is signed. Raises CommandError where it must be, or is wrongly, or is not for us."""
        keyring = self._around.keyring
        if desired.to not in {self._started.settings.booth.id, None} or (
            desired.to is None and keyring.required
        ):
            raise CommandError("command.foreign", "this configuration is not for this booth")
        if desired.signature:
            await keyring.load()
        return keyring.check(desired.signed, desired.keyid, desired.signature)

    async def _attempt_centre(self, desired: Desired, *, signed: bool, command: str) -> bool:
        """Whether a trial begins; False where it is in force already. Raises CommandError with the reason."""
        self._check_free()
        now, standing = self._started.generation, self._generations.standing
        if (desired.version, desired.config) == (now.version, now.centre):
            return False
        if desired.version <= standing.highest:
            message = f"version {desired.version} is not above {standing.highest}, which was taken before"
            raise CommandError("config.version", message)
        made = replace(now, origin="centre", centre=desired.config, version=desired.version, signed=signed)
        checked = await asyncio.to_thread(self._check, made, str(self._started.path))
        if checked.settings is None:
            report = refusal(checked.problems, desired.version, desired.config, "centre", command)
            await self._report_refusal(report)
            raise CommandError("config.invalid", "\n".join(map(str, checked.problems)))
        report = _about(desired, "trial", command=command)
        await self._switch(made, self._trial(LINK, WINDOW_S, command), report)
        return True

    async def _switch(self, made: Generation, trial: Trial, report: Report) -> None:
        await asyncio.to_thread(self._generations.attempt, made, trial, report)
        await self._announce()

    def _trial(self, wait: str, window_s: int, command: str = "") -> Trial:
        """Its time runs from now: the restart is a part of it."""
        ends_ms = self._around.clock.stamp().uptime_ms + window_s * 1000
        return Trial(0, wait, window_s * 1000, self._around.ledger.boot, ends_ms, 0, command)

    def _check(self, made: Generation, name: str) -> Checked:
        from edge_agent.settings.here import check_here

        return check_here(asked(made, name), self._around.drivers)

    def _box_hash(self) -> str:
        try:
            return digest(self._started.path.read_text("utf-8", "replace"))
        except OSError:
            return ""

    def _check_free(self) -> None:
        if self._leaving or self._generations.standing.trial is not None:
            raise CommandError("config.busy", "another configuration is on trial", hint="wait for its end")

    def _leave(self) -> None:
        self._leaving = True
        self._around.restart()

    async def _end_trial(self) -> None:
        """Wait for the confirmation or for the end of the time; undone, the agent begins anew."""
        trial = self._generations.standing.trial
        clock = self._around.clock
        while trial is not None and not self._settled.is_set():
            over = clock.stamp().uptime_ms >= trial.ends_ms
            try:
                if trial.wait == LINK and self._around.online():
                    await asyncio.to_thread(self._generations.confirm)
                    break
                over = over and await asyncio.to_thread(self._generations.undo, "time")
            except DeviceError as error:  # a full disk: confirmed later, or undone by each start
                log.error("%s", error)
            if over:
                await self._announce()
                self._leave()
                return
            await clock.sleep(LOOK_S)
        await self._announce()

    async def _end_commands(self, router: Router) -> None:
        """Tell the end of each `config.apply` from before the restart."""
        last = self._generations.standing.report
        while router.applying and not self._leaving:
            taken = router.applying.pop()
            ours = last.command == taken.id
            state = "done" if ours and last.state == "applied" else "failed"
            code = "config.undone" if ours else "config.interrupted"
            answer = {**_told(last), **({} if state == "done" else {"code": code})}
            await router.end(taken.id, taken.type, state, answer)

    async def _refused(self, desired: Desired, error: CommandError) -> None:
        if error.code not in {"config.invalid", "config.busy"}:  # the first is reported with its problems
            await self._report_refusal(_about(desired, "refused", reason=error.code))

    async def _report_refusal(self, report: Report) -> None:
        """The same refusal is told once: the broker repeats a retained wish at every connection."""
        if await asyncio.to_thread(self._generations.refuse, report):
            await self._announce()

    async def _announce(self) -> None:
        """Tell the centre; and the change is an event, once."""
        self._around.changed()
        last, ledger = self._generations.standing.report, self._around.ledger
        try:
            if last.serial and await ledger.slot(SLOT) != str(last.serial):
                event = EventDraft(KINDS[last.state], last.origin, self._around.clock.stamp(), _told(last))
                self._around.stored(await ledger.commit(Entry([event], {SLOT: str(last.serial)})))
        except DeviceError as error:
            log.error("%s", error)


def _about(desired: Desired, state: str, *, reason: str = "", command: str = "") -> Report:
    """What came of a wish of the centre."""
    wanted = digest(desired.config)
    return Report(0, state, desired.version, wanted, reason, command=command, origin="centre")


def _told(report: Report) -> dict[str, JsonValue]:
    problems: list[JsonValue] = [json.loads(json.dumps(problem)) for problem in report.problems]
    return {
        "state": report.state,
        "origin": report.origin,
        "version": report.version,
        "hash": report.hash,
        "reason": report.reason,
        "problems": problems,
    }
