"""Commit-confirm as the running agent sees it: tried, confirmed by the link or a person, undone by itself."""

from __future__ import annotations

import asyncio
import json
import threading
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from pathlib import Path

import pytest

from edge_agent.commands.admission import Admission
from edge_agent.commands.configuring import INVALID_REST_S, WINDOW_S, Configuring, Surroundings
from edge_agent.commands.joining import offer_configuring
from edge_agent.commands.keyring import Keyring
from edge_agent.commands.router import LATE, Router
from edge_agent.ledger.ledger import Ledger, Limits
from edge_agent.local.server import LocalServer
from edge_agent.registry import Registry
from edge_agent.sdk.clock import ManualClock
from edge_agent.sdk.errors import CommandError
from edge_agent.settings.generations import Generation, Generations, Report, Trial
from edge_agent.settings.starting import choose
from edge_agent.uplink.orders import read_command
from tests.commands.signing import BOOTH, SigningKey
from tests.waiting import passing

HEAVY = '[counter]\nmax_weight_kg = "25"\n'
DEADLINE_S = 20.0
KEY = SigningKey()


class Run:
    """One run of the agent, as far as its configuration goes."""

    def __init__(self, folder: Path, ledger: Ledger, clock: ManualClock, *, signed: bool) -> None:
        self.clock = clock
        self.ledger = ledger
        self.online = False
        self.restarts = 0
        self.told: list[dict[str, object]] = []
        self.responses: list[dict[str, object]] = []
        self.started = choose(
            folder / "booth.toml", Registry.installed(), boot="boot", uptime_ms=clock.stamp().uptime_ms
        )
        keyring = Keyring({KEY.id: KEY.public}, required=signed)
        around = Surroundings(
            ledger,
            clock,
            Registry.installed(),
            keyring,
            stored=lambda _: None,
            restart=self._restart,
            online=lambda: self.online,
            changed=lambda: self.told.append(dict(self.configuring.report())),
        )
        self.configuring = Configuring(self.started, around)
        self.router = Router(
            ledger,
            clock,
            {},
            Admission(BOOTH),
            respond=lambda response: self.responses.append(dict(response)),
            stored=lambda _: None,
        )
        offer_configuring(self.configuring, self.router, LocalServer(folder / "socket", {}))
        self.inbox: asyncio.Queue = asyncio.Queue(16)  # type: ignore[type-arg]  # of the router
        self.desired: asyncio.Queue[bytes] = asyncio.Queue(1)

    def _restart(self) -> None:
        self.restarts += 1

    @property
    def max_kg(self) -> str:
        return str(self.started.settings.counter.max_weight_kg)

    @property
    def last(self) -> dict[str, object]:
        last = self.told[-1]["last"]
        assert isinstance(last, dict)
        return last

    def order(self, version: int, config: str, command: str = "c-1") -> None:
        args = {"version": version, "config": config}
        document = {"id": command, "type": "config.apply", "args": args}
        self.inbox.put_nowait((read_command(json.dumps(document).encode()), lambda: None))

    def wish(self, version: int, config: str = HEAVY, **more: object) -> None:
        self.desired.put_nowait(json.dumps({"version": version, "config": config, **more}).encode())

    def wish_signed(self, version: int, config: str = HEAVY, key: SigningKey = KEY, to: str = BOOTH) -> None:
        self.desired.put_nowait(json.dumps(key.signed(version=version, config=config, to=to)).encode())

    async def until(self, condition: Callable[[], object]) -> None:
        async with asyncio.timeout(DEADLINE_S):
            while not condition():
                await self.clock.advance(0)
                await asyncio.sleep(0.002)  # workers write files

    async def recorded(self, *types: str) -> None:
        """Wait until these events are on record, and no others: they are told first, then written."""
        async with asyncio.timeout(DEADLINE_S):
            while await self._events() != list(types):  # noqa: ASYNC110 - a file, which sets no event
                await asyncio.sleep(0.002)

    async def _events(self) -> list[str]:
        return [event.type for event in await self.ledger.after(0, 100) if event.type.startswith("config.")]


class Box:
    """The box: its file, its disk, its clock; `run` starts the agent."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.clock = ManualClock()
        self.signed = False
        (folder / "booth.toml").write_text(
            f'schema = 1\n[booth]\nid = "{BOOTH}"\n[state]\ndirectory = "{folder}/state"\n'
            "[uplink]\nenabled = false\n"
        )

    @asynccontextmanager
    async def run(self) -> AsyncIterator[Run]:
        ledger = await Ledger.open(self.folder / "ledger.db", "boot", limits=Limits(reserve_mib=1))
        run = Run(self.folder, ledger, self.clock, signed=self.signed)
        tasks = [
            asyncio.create_task(run.router.run(run.inbox)),
            asyncio.create_task(run.configuring.run(run.desired, run.router)),
        ]
        try:
            await run.until(lambda: run.told or tasks[1].done())
            yield run
            for task in tasks:
                if task.done():
                    task.result()
        finally:
            for task in tasks:
                task.cancel()
            await asyncio.gather(*tasks, return_exceptions=True)
            await ledger.close()


@pytest.fixture
def box(tmp_path: Path) -> Box:
    return Box(tmp_path)


async def test_what_the_centre_wants_is_tried_and_stays_once_the_centre_answers(box: Box) -> None:
    async with box.run() as run:
        run.wish(7)
        await run.until(lambda: run.restarts)
        assert (run.max_kg, run.last["state"]) == ("30", "trial")
    async with box.run() as run:
        assert run.max_kg == "25"
        assert run.told[-1]["trial"] is True
        run.online = True
        await run.clock.advance(1)
        await run.until(lambda: run.last["state"] == "applied")
        assert (run.told[-1]["version"], run.told[-1]["trial"], run.restarts) == (7, False, 0)
        run.wish(7)  # the broker repeats what is retained
    async with box.run() as run:
        await box.clock.advance(2 * WINDOW_S)
        assert (run.max_kg, run.restarts) == ("25", 0)
        await run.recorded("config.tried", "config.applied")


async def test_without_the_centre_it_is_undone_after_ten_minutes(box: Box) -> None:
    async with box.run() as run:
        run.wish(7)
        await run.until(lambda: run.restarts)
    async with box.run() as run:
        await box.clock.advance(WINDOW_S - 5)
        assert run.restarts == 0
        await box.clock.advance(10)
        await run.until(lambda: run.restarts)
    async with box.run() as run:
        assert run.max_kg == "30"
        assert (run.last["state"], run.last["reason"], run.last["version"]) == ("undone", "time", 7)
        await run.recorded("config.tried", "config.undone")
        run.wish(7)
        await run.until(lambda: run.last["reason"] == "config.version")
        assert run.restarts == 0, "what was undone is not tried again under its number"


async def test_the_ten_minutes_go_on_over_restarts_and_jumps_of_the_clock(box: Box) -> None:
    async with box.run() as run:
        run.wish(7)
        await run.until(lambda: run.restarts)
    async with box.run() as run:
        await box.clock.advance(WINDOW_S / 2)
        box.clock.jump_utc(400 * 86_400_000)
        await box.clock.advance(1)
        assert run.restarts == 0
        box.clock.jump_utc(-800 * 86_400_000)
    async with box.run() as run:
        await box.clock.advance(WINDOW_S / 2 - 10)
        assert (run.max_kg, run.restarts) == ("25", 0)
        await box.clock.advance(20)
        await run.until(lambda: run.restarts)


@pytest.mark.parametrize(
    ("config", "line", "nearest"),
    [('[counter]\nmax_weigth_kg = "25"\n', 2, "max_weight_kg"), ('[log]\nlevel = "debgu"\n', 2, "debug")],
)
async def test_a_refusal_names_line_key_and_nearest(box: Box, config: str, line: int, nearest: str) -> None:
    async with box.run() as run:
        run.wish(7, config)
        await run.until(lambda: run.last["state"] == "refused")
        problems = run.last["problems"]
        assert isinstance(problems, list)
        assert (problems[0]["file"], problems[0]["line"], problems[0]["nearest"]) == ("centre", line, nearest)
        told = len(run.told)
        run.wish(7, config)
        await passing(run.clock, run.desired.empty)
        await run.clock.advance(1)
        assert len(run.told) == told, "the same refusal is told once"
        run.wish(8)
        await passing(run.clock, lambda: run.restarts)


async def test_only_what_is_signed_for_this_booth_is_taken_where_signatures_are_required(box: Box) -> None:
    box.signed = True
    async with box.run() as run:
        for version, (send, reason) in enumerate(
            [
                (lambda n: run.wish(n, to=BOOTH), "command.unsigned"),
                (lambda n: run.wish_signed(n, key=SigningKey()), "command.signature"),
                (lambda n: run.wish_signed(n, to="B-0002"), "command.foreign"),
            ],
            start=1,
        ):
            send(version)
            await run.until(lambda reason=reason: run.last["reason"] == reason)
        assert run.restarts == 0
        run.wish_signed(4)
        await run.until(lambda: run.restarts)


async def test_wishes_that_are_invalid_are_checked_no_faster_than_every_ten_seconds(box: Box) -> None:
    """A centre that sends one after the other costs neither the processor nor the ledger more than that."""
    async with box.run() as run:
        run.wish(1, "[counter]\nbogus = 1\n")
        await run.until(lambda: run.last["version"] == 1)
        run.wish(2, "[counter]\nbogus = 1\n")
        await asyncio.sleep(0.1)
        assert (run.last["version"], run.desired.qsize()) == (1, 1)
        await run.clock.advance(INVALID_REST_S)
        await run.until(lambda: run.last["version"] == 2)


@pytest.mark.parametrize(
    "payload", [b"", b"{", b"[]", b'{"version":0,"config":""}', b'{"version":1}', b"\xff"]
)
async def test_what_cannot_be_read_changes_nothing(box: Box, payload: bytes) -> None:
    async with box.run() as run:
        run.desired.put_nowait(payload)
        await run.until(run.desired.empty)
        run.wish(7)
        await run.until(lambda: run.restarts)


async def test_an_empty_configuration_takes_the_centres_away(box: Box) -> None:
    for version, config in ((7, HEAVY), (8, "")):
        async with box.run() as run:
            run.wish(version, config)
            await run.until(lambda r=run: r.restarts)
        async with box.run() as run:
            run.online = True
            await box.clock.advance(1)
            await run.until(lambda r=run: r.last["state"] == "applied")
    async with box.run() as run:
        assert run.max_kg == "30"


async def test_an_order_to_apply_ends_when_the_trial_has(box: Box) -> None:
    async with box.run() as run:
        run.order(7, HEAVY)
        await run.until(lambda: run.restarts)
        assert [one["state"] for one in run.responses] == ["accepted", "running", "running", "running"]
    async with box.run() as run:
        assert run.responses == []
        run.online = True
        await box.clock.advance(1)
        await run.until(lambda: run.responses)
        assert run.responses[-1]["state"] == "done"
        run.order(7, HEAVY, "c-2")
        await run.until(lambda: run.responses[-1]["id"] == "c-2" and run.responses[-1]["state"] == "done")
        assert run.restarts == 0, "it is in force already"


async def test_an_order_to_apply_that_a_slow_card_holds_up_is_late_and_not_failed(
    box: Box, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Its writing cannot be stopped: a centre that was told "failed" would see it applied all the same."""
    may_write = threading.Event()
    attempt = Generations.attempt

    def slow(generations: Generations, made: Generation, trial: Trial, report: Report) -> Generation:
        may_write.wait(DEADLINE_S)
        return attempt(generations, made, trial, report)

    monkeypatch.setattr(Generations, "attempt", slow)
    monkeypatch.setattr("edge_agent.commands.router.RUN_S", 0.05)
    async with box.run() as run:
        run.order(7, HEAVY)
        await run.until(lambda: [one for one in run.responses if one.get("step") == LATE or "reason" in one])
        may_write.set()
        await run.until(lambda: run.restarts)
        assert {one["state"] for one in run.responses} == {"accepted", "running"}
    async with box.run() as run:
        run.online = True
        await box.clock.advance(1)
        await run.until(lambda: run.responses)
        assert (run.responses[-1]["state"], run.max_kg) == ("done", "25")


async def test_an_order_whose_trial_is_undone_has_failed(box: Box) -> None:
    async with box.run() as run:
        run.order(7, HEAVY)
        await run.until(lambda: run.restarts)
    async with box.run() as run:
        await box.clock.advance(WINDOW_S + 5)
        await run.until(lambda: run.restarts)
    async with box.run() as run:
        await run.until(lambda: run.responses)
        assert (run.responses[-1]["state"], run.responses[-1]["reason"]) == ("failed", "config.undone")


async def test_an_order_that_cannot_be_applied_fails_with_every_problem(box: Box) -> None:
    async with box.run() as run:
        run.order(7, '[booth]\nid = "B-0002"\n')
        await run.until(lambda: run.responses and run.responses[-1]["state"] == "failed")
        assert "centre:2:1 booth.id: is not the centre's to set" in str(run.responses[-1]["answer"])


async def test_a_person_tries_a_file_and_keeps_it(box: Box) -> None:
    text = (box.folder / "booth.toml").read_text() + HEAVY
    async with box.run() as run:
        request = {"file": text, "name": "new.toml", "confirm_s": 600}
        assert await run.configuring.local(request) == {"state": "trial", "confirm_s": 600}
        with pytest.raises(CommandError):
            await run.configuring.local(request)
    async with box.run() as run:
        assert run.max_kg == "25"
        run.online = True
        await box.clock.advance(10)
        assert run.last["state"] == "trial", "a person must confirm it, not the link"
        await run.configuring.confirm({})
        with pytest.raises(CommandError):
            await run.configuring.confirm({})
    async with box.run() as run:
        await box.clock.advance(2 * WINDOW_S)
        assert (run.max_kg, run.restarts) == ("25", 0)


async def test_a_person_who_does_not_confirm_gets_the_old_one_back(box: Box) -> None:
    text = (box.folder / "booth.toml").read_text() + HEAVY
    async with box.run() as run:
        await run.configuring.local({"file": text, "name": "new.toml", "confirm_s": 60})
    async with box.run() as run:
        await box.clock.advance(65)
        await run.until(lambda: run.restarts)
    async with box.run() as run:
        assert run.max_kg == "30"


@pytest.mark.parametrize(
    "request_",
    [
        {},
        {"file": "x", "name": "n", "confirm_s": -1},
        {"file": "x", "name": "n", "confirm_s": "10m"},
        {"file": "schema = 1", "name": "n"},
        {"file": 7, "name": "n"},
    ],
)
async def test_a_local_change_that_is_none_is_refused(box: Box, request_: dict[str, object]) -> None:
    async with box.run() as run:
        with pytest.raises(CommandError):
            await run.configuring.local(request_)  # type: ignore[arg-type]  # that is the point
        assert run.restarts == 0


async def test_the_ledgers_place_cannot_be_changed(box: Box) -> None:
    text = (box.folder / "booth.toml").read_text().replace("/state", "/elsewhere")
    async with box.run() as run:
        with pytest.raises(CommandError, match=r"state\.directory"):
            await run.configuring.local({"file": text, "name": "new.toml"})


async def test_two_changes_at_once_are_one_trial_over_what_was_good(tmp_path: Path) -> None:
    box = Box(tmp_path)
    async with box.run() as run:
        good = run.started.generation.number
        run.wish(5)
        run.order(6, HEAVY)
        await run.until(lambda: run.restarts and run.responses)
        await run.until(lambda: not run.configuring._changing.locked())
        trial = run.started.generations.standing.trial
        assert trial is not None
        assert trial.previous == good, "undone, the booth must not stay with what nobody confirmed"
        assert run.started.generations.numbers() == [good + 1, good]


async def test_a_full_disk_delays_the_confirmation_and_ends_nothing(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    box = Box(tmp_path)
    async with box.run() as run:
        run.wish(5)
        await run.until(lambda: run.restarts)
    async with box.run() as run:
        with monkeypatch.context() as patch:
            tried = fill_disk(patch)
            run.online = True
            while len(tried) < 2:
                await run.clock.advance(1)
                await asyncio.sleep(0.002)
            assert run.started.generations.standing.trial is not None
        while run.started.generations.standing.trial is not None:
            await run.clock.advance(1)
            await asyncio.sleep(0.002)
        assert run.max_kg == "25"


async def test_a_full_disk_keeps_nobody_on_trial_for_ever(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    box = Box(tmp_path)
    async with box.run() as run:
        before = run.max_kg
        run.wish(5)
        await run.until(lambda: run.restarts)
    async with box.run() as run:
        fill_disk(monkeypatch)
        await run.clock.advance(WINDOW_S + 1)
        await run.until(lambda: run.restarts)
    async with box.run() as run:
        assert run.max_kg == before


def fill_disk(patch: pytest.MonkeyPatch) -> list[Path]:
    """Give what was tried to be written since."""
    tried: list[Path] = []

    def full(path: Path, _text: str) -> None:
        tried.append(path)
        raise OSError(28, "No space left on device")

    patch.setattr("edge_agent.settings.generations.replace_file", full)
    return tried
