"""Log lines: one printable line each, bounded in length and rate, never waiting; levels that return."""

import io
import logging
import os
import pty
import re
import sys
import unicodedata
from collections.abc import Callable, Iterator

import pytest
from hypothesis import given
from hypothesis import strategies as st

from edge_agent.logs import (
    DEBUG_LINES_A_WINDOW,
    KINDS_LIMIT,
    LINE_LIMIT,
    LINES_A_WINDOW,
    WINDOW_S,
    LineFormatter,
    Logs,
    RateLimit,
    bounded,
    is_journal,
    one_line,
)
from edge_agent.sdk.errors import ConfigError

HOSTILE = [
    "a\nb", "a\r\nb", "\x1b[2J", "\x00", "\x7f", "\x85", "\u2028\u2029", "\u202e12.5 kg\u202c",
    "\u2066x\u2069", "\ufeff", "\u200f", "\ud800", "\U000e0041", "\ue000", "\xad", "<0>emerg",
    "\t", "\x9b31m",
]  # fmt: skip
log = logging.getLogger("edge_agent.test")


def record(message: object, *args: object, level: int = logging.INFO) -> logging.LogRecord:
    return logging.LogRecord("edge_agent.scale", level, "", 0, message, args, None)  # type: ignore[arg-type]  # any


@pytest.mark.parametrize("text", HOSTILE)
def test_hostile_text_is_one_line_without_controls(text: str) -> None:
    shown = one_line(text)
    assert shown.isprintable()
    assert not any(unicodedata.category(sign) in {"Cc", "Cf", "Cs", "Zl", "Zp"} for sign in shown)


def test_bangla_stays_readable() -> None:
    assert one_line("ওজন ১২.৫০ কেজি") == "ওজন ১২.৫০ কেজি"


@given(st.text(st.characters(codec=None)))
def test_any_text_is_one_printable_line_that_can_be_encoded(text: str) -> None:
    shown = bounded(text)
    assert shown.isprintable()
    assert len(shown.encode()) <= LINE_LIMIT


@given(st.text(), st.integers(4, 200))
def test_the_bound_is_in_bytes_whatever_the_signs(text: str, repeat: int) -> None:
    shown = bounded(text * repeat, 64)
    assert shown.isprintable()
    assert len(shown.encode()) <= 64


def test_of_a_text_too_long_head_and_tail_are_kept() -> None:
    shown = bounded("head" + "x" * 10**6 + "tail")
    assert shown.startswith("headx")
    assert shown.endswith("xtail")


@given(st.text(st.characters(codec=None)), st.booleans())
def test_any_argument_gives_one_printable_line(argument: str, journal: bool) -> None:
    line = LineFormatter(journal=journal).format(record("scale says %s", argument))
    assert line.isprintable()
    assert len(line.encode()) <= LINE_LIMIT


@pytest.mark.parametrize(
    ("level", "priority"),
    [(10, 7), (logging.INFO, 6), (logging.WARNING, 4), (logging.ERROR, 3), (logging.CRITICAL, 2), (35, 6)],
)  # fmt: skip
def test_the_journal_is_told_the_priority(level: int, priority: int) -> None:
    line = LineFormatter(journal=True).format(record("lost", level=level))
    assert line == f"<{priority}>edge_agent.scale: lost"


def test_a_person_is_told_time_and_level() -> None:
    line = LineFormatter(journal=False).format(record("lost", level=logging.WARNING))
    assert re.fullmatch(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{3}Z WARNING edge_agent\.scale: lost", line)


def test_a_traceback_is_one_line_that_ends_with_the_error() -> None:
    try:
        int("bad\nframe")
    except ValueError:
        told = logging.LogRecord("x", logging.ERROR, "", 0, "driver failed", (), sys.exc_info())
    line = LineFormatter(journal=True).format(told)
    assert line.startswith("<3>x: driver failed\\x0aTraceback")
    assert line.endswith("ValueError: invalid literal for int() with base 10: 'bad\\nframe'")


@pytest.mark.parametrize(
    ("message", "args"), [("%d", ("x",)), ("%s %s", (1,)), ("%(a)s", (1,)), ("%q", (1,)), (b"\xff", ())]
)
def test_a_wrong_log_call_is_a_line_and_no_error(message: object, args: tuple[object, ...]) -> None:
    assert LineFormatter(journal=True).format(record(message, *args)).isprintable()


class Watch:
    """A clock that the test moves."""

    def __init__(self) -> None:
        self.now_s = 0.0

    def __call__(self) -> float:
        return self.now_s


def passed(limit: RateLimit, *records: logging.LogRecord) -> int:
    count = 0
    for one in records:
        list(limit.reports())
        count += limit.passes(one)
    return count


def test_a_repeated_line_is_limited_whatever_its_arguments() -> None:
    assert passed(RateLimit(Watch()), *(record("bad frame %d", n) for n in range(500))) == LINES_A_WINDOW


def test_another_template_logger_or_level_has_its_own_limit() -> None:
    limit = RateLimit(Watch())
    passed(limit, *(record("a") for _ in range(50)))
    assert passed(limit, record("b"), record("a", level=logging.ERROR)) == 2


def test_debug_lines_have_more_room() -> None:
    lines = [record("frame %d", n, level=logging.DEBUG) for n in range(5000)]
    assert passed(RateLimit(Watch()), *lines) == DEBUG_LINES_A_WINDOW


def test_the_suppressed_are_reported_when_the_window_ends() -> None:
    watch = Watch()
    limit = RateLimit(watch)
    passed(limit, *(record("bad frame") for _ in range(LINES_A_WINDOW + 7)))
    watch.now_s = WINDOW_S
    assert [report.getMessage() for report in limit.reports()] == ["7 more like this: bad frame"]
    assert passed(limit, record("bad frame")) == 1


def test_the_table_is_bounded_and_reports_whom_it_forgets() -> None:
    limit = RateLimit(Watch())
    passed(limit, *(record("first") for _ in range(LINES_A_WINDOW + 3)))
    told = []
    for number in range(KINDS_LIMIT * 3):
        told += [report.getMessage() for report in limit.reports()]
        limit.passes(record(f"kind {number}"))
    assert told == ["3 more like this: first"]
    assert len(limit._windows) <= KINDS_LIMIT


Start = Callable[..., Logs]


@pytest.fixture
def pipe() -> Iterator[tuple[io.FileIO, int]]:
    reader, writer = os.pipe()
    os.set_blocking(reader, False)
    with io.FileIO(reader) as end:
        yield end, writer
        os.close(writer)


@pytest.fixture
def start() -> Iterator[Start]:
    root = logging.getLogger()
    before = (root.level, list(root.handlers))
    started: list[Logs] = []

    def make(*args: object, **named: object) -> Logs:
        logs = Logs(*args, **named)  # type: ignore[arg-type]  # passed through
        logs.start()
        started.append(logs)
        return logs

    yield make
    for logs in started:
        logs.stop()
    assert root.handlers == before[1]
    root.setLevel(before[0])


def lines(end: io.FileIO) -> list[str]:
    return (end.read() or b"").decode().splitlines()


def test_lines_reach_the_descriptor(start: Start, pipe: tuple[io.FileIO, int]) -> None:
    start("info", journal=True, descriptor=pipe[1])
    log.info("scale %s ready", "s\n1")
    log.debug("not asked for")
    assert lines(pipe[0]) == ["<6>edge_agent.test: scale s\\x0a1 ready"]


def test_a_reader_that_stopped_blocks_nobody_and_the_loss_is_told(
    start: Start, pipe: tuple[io.FileIO, int]
) -> None:
    start("debug", journal=True, descriptor=pipe[1])
    for number in range(200):
        log.debug("%d %s", number, "x" * 1500)
    held = lines(pipe[0])
    assert len(held) < 100
    assert all(line.startswith("<7>") for line in held)
    log.info("again")
    again, loss = lines(pipe[0])
    assert again == "<6>edge_agent.test: again"
    assert loss == f"<4>edge_agent.logs: {200 - len(held)} lines lost, nobody read them"


def test_a_closed_descriptor_is_no_error(start: Start) -> None:
    reader, writer = os.pipe()
    os.close(reader)
    start("info", descriptor=writer)
    log.info("to nobody")
    os.close(writer)
    log.info("to nothing")


def test_what_was_suppressed_is_told_at_the_stop(start: Start, pipe: tuple[io.FileIO, int]) -> None:
    logs = start("info", journal=True, descriptor=pipe[1])
    for _ in range(LINES_A_WINDOW + 5):
        log.warning("bad frame")
    logs.stop()
    assert lines(pipe[0])[-1] == "<4>edge_agent.test: 5 more like this: bad frame"


def test_another_level_returns_by_itself(start: Start, pipe: tuple[io.FileIO, int]) -> None:
    watch = Watch()
    logs = start("info", journal=True, descriptor=pipe[1], now_s=watch)
    logs.set_level("debug", minutes=5)
    log.debug("seen")
    watch.now_s = 299
    log.debug("still seen")
    watch.now_s = 300
    log.debug("no more")
    assert not log.isEnabledFor(logging.DEBUG)
    log.info("as before")
    assert [line.rpartition(": ")[2] for line in lines(pipe[0])] == ["seen", "still seen", "as before"]


@pytest.mark.parametrize("minutes", [0, -1, 24 * 60 + 1])
def test_a_level_without_an_end_is_refused(start: Start, pipe: tuple[io.FileIO, int], minutes: int) -> None:
    logs = start("info", descriptor=pipe[1])
    with pytest.raises(ConfigError):
        logs.set_level("debug", minutes)
    assert not log.isEnabledFor(logging.DEBUG)


@pytest.mark.parametrize("level", ["", "DEBUG", "trace", "0", "debug\n", "x" * 1000])
def test_an_unknown_level_is_refused(level: str) -> None:
    with pytest.raises(ConfigError) as refusal:
        Logs(level)
    assert str(refusal.value).isprintable()
    assert len(str(refusal.value)) < 200


def test_the_journal_is_known_by_its_node(pipe: tuple[io.FileIO, int]) -> None:
    node = os.fstat(pipe[1])
    assert is_journal({"JOURNAL_STREAM": f"{node.st_dev}:{node.st_ino}"}, pipe[1])
    assert not is_journal({"JOURNAL_STREAM": "1:2"}, pipe[1])
    assert not is_journal({}, pipe[1])
    assert not is_journal({"JOURNAL_STREAM": "1:2"}, 9999)


def test_a_stopped_terminal_blocks_nobody(start: Start) -> None:
    master, terminal = pty.openpty()
    start("debug", descriptor=terminal)
    for number in range(100):
        log.debug("%d %s", number, "x" * 1500)
    first = os.read(master, 65536)
    log.info("again")
    shown = (first + os.read(master, 65536)).decode()
    os.close(master)
    os.close(terminal)
    assert shown.startswith("20")
    assert shown.count("\n") >= 2
