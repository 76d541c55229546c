"""edge-sim as a program: what it prints, what it takes, how it ends."""

from __future__ import annotations

import os
import signal
import socket
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest
import serial
from PIL import Image

from edge_agent.registry import Registry
from edge_agent.settings.load import load
from simulators.cli import main

EDGE_SIM = str(Path(sys.executable).with_name("edge-sim"))
DEADLINE_S = 40  # a slow, shared machine starts an interpreter in seconds


class Program:
    """A running edge-sim whose input and output are the test's."""

    def __init__(self, process: subprocess.Popen[str]) -> None:
        self.process = process

    def line(self, containing: str) -> str:
        """The next line that contains this; the ones before are passed over."""
        while text := self._read():
            if containing in text:
                return text.strip()
        raise AssertionError(f"ended without {containing!r}")

    def tell(self, line: str) -> str:
        stdin = self.process.stdin
        if stdin is None:
            raise AssertionError("no input")
        stdin.write(line + "\n")
        stdin.flush()
        return self._read().strip()

    def _read(self) -> str:
        return self.process.stdout.readline() if self.process.stdout else ""


@contextmanager
def edge_sim(*args: object, stdin: int = subprocess.PIPE) -> Iterator[Program]:
    process = subprocess.Popen(
        [EDGE_SIM, *map(str, args)],
        stdin=stdin,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        env={**os.environ, "PYTHONUNBUFFERED": "1"},
    )
    with process:
        try:
            yield Program(process)
        finally:
            if process.poll() is None:
                process.terminate()
            if process.stdin:
                process.stdin.close()
            process.wait(DEADLINE_S)


def ended(*args: object, text: str = "", stdin: int | None = None) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [EDGE_SIM, *map(str, args)],
        **({"input": text} if stdin is None else {"stdin": stdin}),
        capture_output=True,
        text=True,
        timeout=DEADLINE_S,
        check=False,
    )


def exit_code(args: list[str]) -> int:
    """Of edge-sim run within the test: argparse leaves by an exception."""
    try:
        return main(args)
    except SystemExit as left:
        return int(left.code or 0)


def test_a_scale_on_a_pty_is_weighed_and_takes_orders(tmp_path: Path) -> None:
    with edge_sim("scale", "--pty", tmp_path / "scale", "--put", "2.5") as program:
        assert program.line("listens") == f"scale listens at serial:{tmp_path / 'scale'}"
        with serial.Serial(str(tmp_path / "scale"), timeout=DEADLINE_S) as host:
            host.write(b"W")
            assert host.read_until(b"\r") == b"\x0202.500\r"
        assert program.tell("scale unit lb").startswith("ok")
        assert program.tell("scale nonsense").startswith("error unknown verb")


def test_a_scale_in_pounds_speaks_pounds(tmp_path: Path) -> None:
    args = ("--unit", "lb", "--capacity", "60", "--division", "0.01", "--tcp", "127.0.0.1:0")
    with edge_sim("scale", *args) as program:
        url = program.line("listens").rsplit(" ", 1)[1]
        with socket.create_connection(("127.0.0.1", int(url.rsplit(":", 1)[1])), DEADLINE_S) as host:
            host.sendall(b"W")
            assert host.recv(100) == b"\x02000.00\r"


def test_end_of_input_ends_it_and_removes_its_port(tmp_path: Path) -> None:
    done = ended("scale", "--pty", tmp_path / "scale", text="scale put 1\nscale show\n")
    assert done.returncode == 0
    assert done.stdout.count("ok ") == 2
    assert not (tmp_path / "scale").is_symlink()


def test_quit_ends_it(tmp_path: Path) -> None:
    done = ended("scanner", "--pty", tmp_path / "s", text="quit\nscan never\n")
    assert (done.returncode, "scanned" in done.stdout) == (0, False)


def test_a_file_of_orders_is_obeyed(tmp_path: Path) -> None:
    (tmp_path / "orders").write_text("scan one\n\nwait 0\nscan two")
    with (
        (tmp_path / "orders").open() as orders,
        edge_sim("scanner", "--pty", tmp_path / "s", stdin=orders.fileno()) as program,
    ):
        program.line("listens")
        assert [program.line("ok") for _ in range(3)] == ["ok scanned", "ok", "ok scanned"]
        assert program.process.wait(DEADLINE_S) == 0


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT])
def test_without_input_it_runs_until_a_signal_and_cleans_up(tmp_path: Path, number: int) -> None:
    control = tmp_path / "control.sock"
    with edge_sim(
        "scanner", "--pty", tmp_path / "s", "--control", control, stdin=subprocess.DEVNULL
    ) as program:
        program.line("orders are taken")
        with socket.socket(socket.AF_UNIX) as orders:
            orders.settimeout(DEADLINE_S)
            orders.connect(str(control))
            orders.sendall(b"scan abc\n")
            assert orders.recv(100) == b"ok scanned\n"
        program.process.send_signal(number)
        assert program.process.wait(DEADLINE_S) == 0
    assert list(tmp_path.iterdir()) == []


def test_a_finer_head_has_more_dots_and_as_much_paper(tmp_path: Path) -> None:
    with edge_sim(
        "printer",
        "--language",
        "tspl",
        "--dpi",
        "300",
        "--tcp",
        "127.0.0.1:0",
        "--labels",
        tmp_path / "labels",
    ) as program:
        url = program.line("listens").rsplit(" ", 1)[1]
        with socket.create_connection(("127.0.0.1", int(url.rsplit(":", 1)[1])), DEADLINE_S) as host:
            raster = b"BITMAP 0,0,156,1,0," + bytes(156)
            host.sendall(b"SIZE 104 mm,10 mm\r\nCLS\r\n" + raster + b"\r\nPRINT 1,1\r\n")
            assert program.line("label") == "label: whole, 120 rows"
    with Image.open(tmp_path / "labels" / "0001.png") as label:
        assert label.size == (1248, 120)


def test_a_printer_keeps_its_labels_and_says_so(tmp_path: Path) -> None:
    with edge_sim(
        "printer", "--tcp", "127.0.0.1:0", "--labels", tmp_path / "labels", "--width-dots", "8"
    ) as program:
        url = program.line("listens").rsplit(" ", 1)[1]
        with socket.create_connection(("127.0.0.1", int(url.rsplit(":", 1)[1])), DEADLINE_S) as host:
            host.sendall(b"\x1b@\x1dv0\x00\x01\x00\x02\x00\xff\x81\x1dVB\x00\x1d(H\x06\x0000AAAA")
            assert host.recv(100) == b"\x37\x22AAAA\x00"
        assert program.line("label") == "label: whole, 2 rows"
        assert program.tell("printer show").startswith("ok ready")
        program.tell("wait 1")
    assert [path.name for path in (tmp_path / "labels").iterdir()] == ["0001.png"]


@pytest.mark.parametrize(
    ("args", "told"),
    [
        (["scale"], "one of the arguments --pty --hidraw --tcp is required"),
        (
            ["scale", "--pty", "{}/s", "--protocol", "smoke"],
            "unknown protocol 'smoke'",
        ),
        (["scale", "--pty", "{}/s", "--protocol", "escpos"], "protocol escpos is for no scale"),
        (["scale", "--pty", "{}/s", "--unit", "stone"], "no scale has 30 by 0.005 stone"),
        (["scale", "--pty", "{}/s", "--unit", "g"], "option 'unit' must be one of kg, lb"),
        (["scale", "--pty", "{}/s", "--put", "x"], "'x' is no number"),
        (["scale", "--pty", "{}/s", "--rate", "0"], "a scale sends"),
        (["scale", "--pty", "{}/s", "--option", "probe=perhaps"], "option probe is true or false"),
        (["scale", "--pty", "{}/s", "--option", "colour=red"], "expected NAME=VALUE"),
        (["scale", "--pty", "{}/s", "--fault", "noise"], "noise needs chance for each frame"),
        (["scale", "--tcp", "nowhere"], "expected HOST:PORT"),
        (["scale", "--tcp", "127.0.0.1:99999"], "expected HOST:PORT"),
        (["scale", "--tcp", "203.0.113.1:0"], "cannot listen on 203.0.113.1:0"),
        (["scanner", "--pty", "{}/s", "--option", "terminator=bell"], "must be one of any, cr"),
        (["scanner", "--pty", "/proc/none/s"], "cannot make /proc/none/s"),
        (["printer", "--tcp", "127.0.0.1:0", "--width-dots", "100"], "multiple of 8 dots"),
        (["printer", "--tcp", "127.0.0.1:0", "--speed", "0"], "a printer has a speed"),
        (["printer", "--tcp", "127.0.0.1:0", "--answers", "morse"], "invalid choice: 'morse'"),
        (["booth", "--broker-port", "70000"], "'70000' is no port"),
        (["toaster"], "invalid choice: 'toaster'"),
        ([], "required: COMMAND"),
    ],
)
def test_wrong_usage_is_told_in_one_sentence_with_exit_code_2(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], args: list[str], told: str
) -> None:
    assert exit_code([word.format(tmp_path) for word in args]) == 2
    assert told in capsys.readouterr().err


@pytest.mark.parametrize("command", ["scale", "scanner", "printer", "broker", "central", "booth"])
def test_every_listed_command_explains_itself(command: str, capsys: pytest.CaptureFixture[str]) -> None:
    assert exit_code(["--help"]) == 0
    assert f"  {command} " in capsys.readouterr().out
    assert exit_code([command, "--help"]) == 0
    assert f"usage: edge-sim {command}" in capsys.readouterr().out


def test_a_booth_writes_settings_that_the_agent_accepts(tmp_path: Path) -> None:
    config = tmp_path / "booth.toml"
    with edge_sim("booth", "--folder", tmp_path / "sim", "--write-config", config) as program:
        program.line("orders are taken")
        settings = load(config, Registry.installed())
        ports = [device.port for device in (*settings.scanner, *settings.scale, *settings.printer)]
        told = program.tell("list")
        assert all(port in told for port in ports)
        socket.create_connection((settings.uplink.host, settings.uplink.port), DEADLINE_S).close()
    assert not (tmp_path / "sim" / "scale").is_symlink()


def test_a_booth_says_when_its_broker_port_is_taken(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    with socket.create_server(("127.0.0.1", 0)) as taken:
        number = taken.getsockname()[1]
        assert exit_code(["booth", "--folder", str(tmp_path / "sim"), "--broker-port", str(number)]) == 2
    assert f"cannot listen on 127.0.0.1:{number}" in capsys.readouterr().err


def test_a_booth_needs_a_folder_that_it_can_make(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    (tmp_path / "file").touch()
    assert exit_code(["booth", "--folder", str(tmp_path / "file" / "sim")]) == 2
    assert "cannot make" in capsys.readouterr().err


# Streams that a caller has closed, or that take nothing


@pytest.mark.parametrize("command", ["scanner --tcp 127.0.0.1:0", "broker --port 0"])
@pytest.mark.parametrize("closed", ["<&-", ">&-"])
def test_a_closed_standard_stream_is_no_traceback(command: str, closed: str) -> None:
    """An input that has ended from the start ends the devices; an output that is closed nothing."""
    process = subprocess.Popen(
        ["/bin/sh", "-c", f'exec "$0" {command} {closed}', EDGE_SIM],
        stdin=subprocess.PIPE,
        stdout=subprocess.DEVNULL,
        stderr=subprocess.PIPE,
        text=True,
    )
    try:
        _, said = process.communicate("quit\n", timeout=3)
    except subprocess.TimeoutExpired:
        process.terminate()
        _, said = process.communicate(timeout=DEADLINE_S)
    assert (process.returncode, said) == (0, "")


@pytest.mark.parametrize("command", ["scanner --tcp 127.0.0.1:0", "broker --port 0"])
def test_an_output_that_takes_nothing_is_one_line_and_no_traceback(command: str) -> None:
    with Path("/dev/full").open("w") as full:
        ended = subprocess.run(
            [EDGE_SIM, *command.split()],
            stdin=subprocess.DEVNULL,
            stdout=full,
            stderr=subprocess.PIPE,
            text=True,
            timeout=DEADLINE_S,
            check=False,
        )
    assert (ended.returncode, ended.stderr) == (
        2,
        "edge-sim: the output cannot be written: no space is left\n",
    )


def test_what_a_printer_may_answer_is_named_as_it_is_typed(capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit):
        main(["printer", "--tcp", "127.0.0.1:0", "--answers", "nosuch"])
    assert "choose from 'eot', 'asb'" in capsys.readouterr().err


def test_what_a_terminal_cannot_show_is_escaped() -> None:
    """Foreign text comes from barcodes and from what is typed."""
    ended = subprocess.run(
        [EDGE_SIM, "scanner", "--tcp", "127.0.0.1:0"],
        input="পার্সেল x\nquit\n",
        capture_output=True,
        encoding="utf-8",
        timeout=DEADLINE_S,
        check=False,
        env={**os.environ, "PYTHONIOENCODING": "ascii"},
    )
    assert (ended.returncode, ended.stderr) == (0, "")
    assert "unknown device or word" in ended.stdout


def test_the_orders_are_listed_a_line_each() -> None:
    ended = subprocess.run(
        [EDGE_SIM, "scanner", "--tcp", "127.0.0.1:0"],
        input="help\nquit\n",
        capture_output=True,
        text=True,
        timeout=DEADLINE_S,
        check=False,
    )
    assert "\n   scanner double TEXT\n" in ended.stdout
