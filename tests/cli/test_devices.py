"""`edge-agent devices`: listing, identifying over a pty, learning by conversation, adopting, watching."""

from __future__ import annotations

import asyncio
import io
import json
import re
import socket
import sys
import threading
import time
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from decimal import Decimal
from pathlib import Path
from typing import Any

import pytest

from edge_agent.cli.devices_list import lines, shown_device, shown_port
from edge_agent.cli.devices_watch import changes, watch
from edge_agent.cli.main import main
from edge_agent.discovery.ports import is_same_port, next_port, port_at, stable_url
from edge_agent.links.find import FoundPort
from edge_agent.links.hotplug import Hotplug
from edge_agent.registry import Registry
from edge_agent.sdk.clock import SystemClock
from edge_agent.sdk.errors import ConfigError
from edge_agent.settings.load import check_file
from edge_agent.settings.model import Device
from simulators.endpoints import PtyEndpoint
from simulators.scale import ScaleSim
from simulators.scale_physics import ScalePhysics

DEADLINE_S = 20.0  # generous: the machines that run this are slow and shared
FAST_HZ = 100.0  # so that a recording is full at once
VALID = """# a comment
schema = 1
[booth]
id = "DHAKA-0001"
[uplink]
enabled = false
"""
CH340 = FoundPort(
    "/dev/ttyUSB0", vendor="1a86", product="7523", by_path="/dev/serial/by-path/usb-1", model="x"
)
PLUGGED = b"add@/x\0ACTION=add\0SUBSYSTEM=tty\0DEVNAME=ttyUSB1\0"


class Pty(PtyEndpoint):
    """A pty that keeps what it was sent."""

    received = b""

    async def read(self) -> bytes:
        data = await super().read()
        self.received += data
        return data


class Bench:
    """A simulated scale on a pty, in a loop and a thread of its own: the command has the main thread."""

    def __init__(self, folder: Path, protocol: str, options: Mapping[str, object], load: str) -> None:
        self.endpoint = Pty(folder, "scale")
        self._spec = Registry.installed().load(protocol)
        self._physics = ScalePhysics(division=Decimal("0.001"), settle_s=0.01)
        self._physics.put(Decimal(load))
        self._physics.advance(60)
        self._options = options
        self._ready = threading.Event()
        self._loop = asyncio.new_event_loop()
        self._thread = threading.Thread(target=self._serve)

    @property
    def port(self) -> str:
        return str(self.endpoint.path)

    def __enter__(self) -> Bench:
        self._thread.start()
        assert self._ready.wait(DEADLINE_S)
        return self

    def __exit__(self, *_: object) -> None:
        self._loop.call_soon_threadsafe(self._serving.cancel)
        self._thread.join(DEADLINE_S)

    def put(self, load: str) -> None:
        """Have this load on the pan, and wait until it has come to rest."""
        done = threading.Event()
        self._loop.call_soon_threadsafe(self._scale.put, Decimal(load))
        self._loop.call_soon_threadsafe(done.set)
        assert done.wait(DEADLINE_S)
        deadline = time.monotonic() + DEADLINE_S
        while self._physics.moving:
            assert time.monotonic() < deadline, "the load did not come to rest"
            time.sleep(0.01)

    def _serve(self) -> None:
        with asyncio.Runner(loop_factory=lambda: self._loop) as runner:
            runner.run(self._until_cancelled())

    async def _until_cancelled(self) -> None:
        await self.endpoint.start()
        self._scale = ScaleSim(
            self._spec, self._options, self.endpoint, self._physics, SystemClock(), rate_hz=FAST_HZ
        )
        self._serving = asyncio.ensure_future(self._scale.run())
        self._ready.set()
        await asyncio.wait([self._serving])
        await self.endpoint.close()


@contextmanager
def bench(folder: Path, protocol: str, load: str = "12.345", **options: object) -> Iterator[Bench]:
    with Bench(folder, protocol, options, load) as made:
        yield made


@pytest.fixture
def booth(tmp_path: Path) -> Path:
    file = tmp_path / "booth.toml"
    file.write_text(VALID)
    return file


def asked(capsys: pytest.CaptureFixture[str], *arguments: str) -> tuple[int, Any]:
    code = main(["devices", *arguments, "--json"])
    return code, json.loads(capsys.readouterr().out)


def types(monkeypatch: pytest.MonkeyPatch, *answers: str) -> None:
    monkeypatch.setattr(sys, "stdin", io.StringIO("".join(f"{answer}\n" for answer in answers)))


# list


def test_the_ports_of_this_box_can_be_listed(capsys: pytest.CaptureFixture[str]) -> None:
    code, shown = asked(capsys, "list")
    assert code == 0
    assert set(shown) == {"ports", "printers", "devices"}


def test_configured_devices_are_listed_beside_them(booth: Path, capsys: pytest.CaptureFixture[str]) -> None:
    booth.write_text(VALID + '[[scale]]\nid = "pan"\ndriver = "st_gs"\nport = "serial:/dev/none"\n')
    code, shown = asked(capsys, "list", "-c", str(booth))
    assert code == 1, "one is missing"
    assert shown["devices"] == [
        {"id": "pan", "kind": "scale", "driver": "st_gs", "port": "serial:/dev/none", "present": False}
    ]


def test_a_port_that_is_there_is_present_though_no_list_has_it(
    booth: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    with bench(tmp_path, "st_gs") as scale:
        booth.write_text(f'{VALID}[[scale]]\nid = "pan"\ndriver = "st_gs"\nport = "serial:{scale.port}"\n')
        code, shown = asked(capsys, "list", "-c", str(booth))
    assert (code, shown["devices"][0]["present"]) == (0, True)


def test_settings_that_are_invalid_are_wrong_usage(booth: Path, capsys: pytest.CaptureFixture[str]) -> None:
    booth.write_text("schema = 9")
    assert main(["devices", "list", "-c", str(booth)]) == 2
    assert "booth.toml" in capsys.readouterr().err


def test_a_port_is_told_with_its_device_and_its_twin() -> None:
    twin = FoundPort("/dev/ttyUSB1", vendor="1a86", product="7523", twins=True)
    device = Device.model_validate({"id": "pan", "driver": "st_gs", "port": "serial:/dev/ttyUSB1"})
    text = "\n".join(lines([shown_port(twin, [("scale", device)])], [shown_device("scale", device, [twin])]))
    assert "1a86:7523" in text
    assert "= pan" in text
    assert "twin" in text
    assert "present" in text


def test_what_a_device_says_of_itself_steers_no_terminal() -> None:
    hostile = FoundPort("/dev/ttyUSB0", maker="\x1b[2J\u202e", model="a\nb")
    text = "\n".join(lines([shown_port(hostile)], []))
    assert "\x1b" not in text
    assert "\u202e" not in text
    assert text.count("\n") == 0


# identify


def test_a_scale_on_a_pty_is_identified(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    with bench(tmp_path, "st_gs") as scale:
        code, shown = asked(capsys, "identify", scale.port)
        sent = scale.endpoint.received
    (port,) = shown["ports"]
    assert (code, port["outcome"], port["complete"]) == (0, "decided", True)
    assert port["guesses"][0]["protocol"] == "st_gs"
    assert port["guesses"][0]["frames"][0]["weight"] == "12.345"
    assert f'port = "serial:{scale.port}"' in port["stanza"]
    assert sent == b""


def test_the_same_for_a_person(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    with bench(tmp_path, "st_gs") as scale:
        assert main(["devices", "identify", scale.port]) == 0
    out = capsys.readouterr().out
    assert "one protocol fits" in out
    assert "53 54 2c 47 53" in out
    assert '"ST,GS,+ 12.345kg"  ok 12.345 kg stable' in out
    assert "[[scale]]" in out
    assert re.search(r"^  heard [0-9]+ bytes$", out, re.MULTILINE), "a pty has no line settings"


def test_a_display_that_nothing_reads_is_told_as_that(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    with bench(tmp_path, "st_gs") as scale:
        assert main(["devices", "identify", scale.port, "--display", "12.3 kg"]) == 1
    assert "nothing of this reads '12.3 kg'" in capsys.readouterr().err


def test_an_ambiguous_scale_exits_with_1(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    with bench(tmp_path, "yaohua", dialect="reversed_eq") as scale:
        code, shown = asked(capsys, "identify", scale.port)
    assert (code, shown["ports"][0]["outcome"], shown["ports"][0]["stanza"]) == (1, "ambiguous", None)


def test_its_display_decides(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    with bench(tmp_path, "yaohua", dialect="reversed_eq") as scale:
        code, shown = asked(capsys, "identify", scale.port, "--display", "12.345 kg")
    assert code == 0
    assert 'dialect = "reversed_eq"\nunit = "kg"' in shown["ports"][0]["stanza"]


def test_a_silent_scale_is_not_asked_without_leave(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    with bench(tmp_path, "toledo_8217") as scale:
        code, shown = asked(capsys, "identify", scale.port, "--seconds", "1")
        sent = scale.endpoint.received
    assert (code, shown["ports"][0]["outcome"]) == (1, "silent")
    assert sent == b""


def test_each_question_is_told_before_it_is_sent(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    with bench(tmp_path, "and") as scale:
        assert main(["devices", "identify", scale.port, "--seconds", "1", "--probe"]) == 0
        sent = scale.endpoint.received
    captured = capsys.readouterr()
    assert "asking as and" in captured.err
    assert sent[:1].hex() in captured.err
    assert "asking" not in captured.out


def test_raw_text_of_a_device_is_escaped(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    with bench(tmp_path, "print_line", start="\x1b]0;owned\x07", picture="NNNNNNNNUU") as scale:
        main(["devices", "identify", scale.port])
    captured = capsys.readouterr()
    assert "\x1b" not in captured.out + captured.err
    assert "\\x1b" in captured.out


@pytest.mark.parametrize(
    "arguments",
    [
        [],
        ["--all", "/dev/ttyUSB0"],
        ["--all", "--probe"],
        ["nothing"],
        ["smtp:x"],
        ["/dev/../x"],
        ["/dev/x", "--line", "9600"],
        ["/dev/x", "--set", "unit"],
        ["/dev/x", "--set", "unt=kg"],
        ["/dev/x", "--display", "heavy"],
        ["/dev/x", "--display", "1.0 stone"],
    ],
    ids=" ".join,
)
def test_wrong_usage_exits_with_2(arguments: list[str], capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["devices", "identify", *arguments]) == 2
    assert capsys.readouterr().out == ""


@pytest.mark.parametrize("seconds", ["0", "-1", "x", "1e9", "9" * 5000, "๓"])
def test_a_time_that_is_none_is_wrong_usage(seconds: str, capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit) as end:
        main(["devices", "identify", "/dev/x", "--seconds", seconds])
    assert end.value.code == 2


def test_a_port_that_is_not_there_exits_with_1(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["devices", "identify", "/dev/none"]) == 1
    assert "link." in capsys.readouterr().err


# learn


class Hands:
    """A person who puts on the pan what is asked for, then presses Enter."""

    def __init__(self, scale: Bench, *loads: str) -> None:
        self._scale = scale
        self._loads = list(loads)

    def readline(self, _limit: int = -1) -> str:
        if not self._loads:
            return ""
        self._scale.put(self._loads.pop(0))
        return "\n"


def test_a_profile_is_learnt_in_conversation(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    file = tmp_path / "recording.json"
    with bench(tmp_path, "print_line", picture="?: NNNNNNNN UU", unit="") as scale:
        monkeypatch.setattr(sys, "stdin", Hands(scale, "0", "1.000", "2.500"))
        arguments = (scale.port, "--weights", "0,1.000,2.500", "--seconds", "1", "--save", str(file))
        code, shown = asked(capsys, "learn", *arguments)
        sent = scale.endpoint.received
    assert code == 0
    assert shown["profiles"][0]["settings"]["picture"] == " :NNNNNNNNNNUU"
    assert sent == b""
    again, the_same = asked(capsys, "learn", "--recording", str(file))
    assert again == 0
    assert the_same["profiles"][0]["settings"] == shown["profiles"][0]["settings"]


def test_a_recording_that_could_not_be_kept_is_refused_before_the_first_weight(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    types(monkeypatch, "", "")
    for save in (tmp_path, tmp_path / "none" / "x.json"):
        words = ["devices", "learn", "/dev/ttyS9", "--weights", "0,1", "--save", str(save)]
        assert main(words) == 2
        said = capsys.readouterr().err
        assert "cannot write" in said
        assert "press Enter" not in said


def test_nobody_at_the_terminal_is_wrong_usage(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    types(monkeypatch)
    assert main(["devices", "learn", str(tmp_path / "x"), "--weights", "0,1"]) == 2
    assert "nobody answers" in capsys.readouterr().err


def test_what_cannot_be_learnt_exits_with_1_and_says_why(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    file = tmp_path / "recording.json"
    chunks = [[n * 100, b"\x1b[2J hello\r\n".hex()] for n in range(9)]
    weighings = [{"weight": weight, "chunks": chunks} for weight in ("0", "1.000")]
    file.write_text(json.dumps({"schema": 1, "line": None, "weighings": weighings}))
    assert main(["devices", "learn", "--recording", str(file)]) == 1
    out = capsys.readouterr().out
    assert "gave the same lines" in out
    assert "\x1b" not in out


@pytest.mark.parametrize(
    "arguments",
    [
        [],
        ["/dev/x"],
        ["--weights", "1"],
        ["/dev/x", "--weights", "heavy"],
        ["/dev/x", "--weights", "1,,2"],
        ["/dev/x", "--weights", "1," * 30 + "1"],
        ["/dev/x", "--weights", "1", "--unit", "stone"],
        ["/dev/x", "--weights", "1", "--line", "fast"],
        ["--recording", "/dev/null"],
        ["--recording", "/none"],
    ],
    ids=" ".join,
)
def test_learning_without_what_it_needs_is_wrong_usage(
    arguments: list[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    types(monkeypatch)
    assert main(["devices", "learn", *arguments]) == 2


# adopt


def test_a_scale_is_adopted(
    tmp_path: Path, booth: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    types(monkeypatch, "y")
    with bench(tmp_path, "st_gs") as scale:
        assert main(["devices", "adopt", scale.port, "-c", str(booth)]) == 0
    assert booth.read_text().startswith(VALID)
    settings = check_file(booth, Registry.installed()).settings
    assert settings
    assert [(device.id, device.driver) for device in settings.scale] == [("scale", "st_gs")]
    assert "[[scale]]" in capsys.readouterr().err


def test_an_open_setting_is_asked_for(tmp_path: Path, booth: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    types(monkeypatch, "stone", "lb", "y")
    with bench(tmp_path, "yaohua", dialect="a9_tf0") as scale:
        assert main(["devices", "adopt", scale.port, "-c", str(booth)]) == 0
    assert 'unit = "lb"' in booth.read_text()


@pytest.mark.parametrize("typed", ["n", "", "yes please"])
def test_without_a_yes_nothing_is_written(
    typed: str, tmp_path: Path, booth: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    types(monkeypatch, typed)
    with bench(tmp_path, "st_gs") as scale:
        assert main(["devices", "adopt", scale.port, "-c", str(booth)]) == 1
    assert booth.read_text() == VALID


def test_an_ambiguous_scale_is_not_adopted(tmp_path: Path, booth: Path) -> None:
    with bench(tmp_path, "yaohua", dialect="forward_eq") as scale:
        assert main(["devices", "adopt", scale.port, "-c", str(booth), "--yes"]) == 1
    assert booth.read_text() == VALID


def test_a_port_that_is_in_use_is_not_adopted(tmp_path: Path, booth: Path) -> None:
    port = tmp_path / "scale"
    device = f'[[scale]]\nid = "pan"\ndriver = "st_gs"\nport = "serial:{port}"\n'
    booth.write_text(VALID + device)
    assert main(["devices", "adopt", str(port), "-c", str(booth), "--yes"]) == 2
    assert booth.read_text() == VALID + device


def test_settings_that_are_invalid_are_not_touched(tmp_path: Path, booth: Path) -> None:
    booth.write_text("schema = 9")
    assert main(["devices", "adopt", str(tmp_path / "scale"), "-c", str(booth), "--yes"]) == 2
    assert booth.read_text() == "schema = 9"


def test_no_plug_within_the_time_exits_with_1(booth: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["devices", "adopt", "-c", str(booth), "--wait", "1"]) == 1
    assert "no port came" in capsys.readouterr().err


# watch, and names of ports


async def test_ports_that_come_and_go_are_told() -> None:
    ours, theirs = socket.socketpair(socket.AF_UNIX, socket.SOCK_DGRAM)
    theirs.setblocking(False)
    states = [[CH340], [CH340, FoundPort("/dev/ttyUSB1")], [FoundPort("/dev/ttyUSB1")]]
    told: list[tuple[str, str]] = []

    def ports() -> list[FoundPort]:
        ours.send(PLUGGED)
        return states.pop(0) if len(states) > 1 else states[0]

    with Hotplug(lambda: theirs) as hotplug:
        watching = asyncio.ensure_future(
            watch(ports, hotplug, SystemClock(), None, lambda change, port: told.append((change, port.node)))
        )
        async with asyncio.timeout(DEADLINE_S):
            while len(told) < 3:  # noqa: ASYNC110 - told is a list, which sets no event
                await asyncio.sleep(0.01)
        watching.cancel()
        await asyncio.gather(watching, return_exceptions=True)
    ours.close()
    assert told == [("here", "/dev/ttyUSB0"), ("added", "/dev/ttyUSB1"), ("removed", "/dev/ttyUSB0")]


async def test_the_next_port_is_the_one_that_was_not_there() -> None:
    fresh = FoundPort("/dev/ttyUSB1")
    with Hotplug(lambda: None, ()) as hotplug:
        found = await next_port(lambda: [CH340, fresh], [CH340], hotplug, SystemClock(), 5)
    assert found == fresh


def test_watching_ends_after_its_time(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["devices", "watch", "--seconds", "1"]) == 0


def test_another_device_behind_the_same_node_went_and_came() -> None:
    other = FoundPort("/dev/ttyUSB0", vendor="0403", product="6001")
    assert [change for change, _ in changes([CH340], [other])] == ["removed", "added"]


def test_the_name_to_configure_survives_a_replug() -> None:
    assert stable_url("serial:/dev/ttyUSB0", [CH340]) == "serial:/dev/serial/by-path/usb-1"
    assert stable_url("tcp:scale:1", [CH340]) == "tcp:scale:1"
    assert stable_url("serial:/dev/other", [CH340]) == "serial:/dev/other"


def test_two_names_of_one_port_are_the_same(tmp_path: Path) -> None:
    link = tmp_path / "link"
    link.symlink_to("/dev/null")
    assert is_same_port(f"serial:{link}", "serial:/dev/null")
    assert not is_same_port(f"serial:{link}", "serial:/dev/zero")
    assert not is_same_port("tcp:a:1", "serial:/dev/zero")


@pytest.mark.parametrize("written", ["", "ttyUSB0", "serial:ttyUSB0", "x:/dev/y", "/dev/\x1b"])
def test_what_is_no_port_is_refused(written: str) -> None:
    with pytest.raises(ConfigError):
        port_at(written)


def test_a_network_port_has_no_line_settings() -> None:
    assert not port_at("tcp:127.0.0.1:9").has_line
    assert port_at("/dev/ttyUSB0").has_line
