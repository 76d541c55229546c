"""Log lines: one printable line for each record, bounded in length and rate, never waiting for the reader.

Owns: the format, escaping, the rate limit, the level and its way back. Must not know: who logs.

Rule for whoever logs: no personal data. A line may carry device and job ids, codes, counts, times and sizes;
never a name, an address, a phone number, an amount, the content of a barcode or of a label. Bytes of a frame
go to debug level only, in hex. Nothing here can find a name in a text, so this is kept at the log call.
"""

from __future__ import annotations

import contextlib
import logging
import os
import select
import time
from collections import OrderedDict
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass

from edge_agent.sdk.errors import ConfigError

LINE_LIMIT = 2048  # bytes; less than a pipe takes in one piece (4096), so that lines never mix
WINDOW_S = 60.0
LINES_A_WINDOW = 10  # of one kind: enough to see a thing repeat, too few to wear out a card
DEBUG_LINES_A_WINDOW = 600  # somebody watches frames just now, and only for a while: 10 a second
KINDS_LIMIT = 256  # the agent has fewer log calls; above it the oldest kind is forgotten
KIND_LIMIT = 120  # characters of a template that tell its kind
LEVELS = ("debug", "info", "warning", "error")
MINUTES_LIMIT = 24 * 60  # a forgotten debug level ends within a day
PRIORITIES = {logging.DEBUG: 7, logging.INFO: 6, logging.WARNING: 4, logging.ERROR: 3, logging.CRITICAL: 2}
CUT = " … "
FORMAT_FAULTS = (TypeError, ValueError, LookupError, AttributeError)  # arguments that do not fit the template


def one_line(text: str) -> str:
    """The text with everything that is not printable (line ends, controls, bidi, surrogates) as an escape."""
    if text.isprintable():
        return text
    return "".join(sign if sign.isprintable() else _escape(sign) for sign in text)


def _escape(sign: str) -> str:
    number = ord(sign)
    if number < 0x100:
        return f"\\x{number:02x}"
    return f"\\u{number:04x}" if number < 0x10000 else f"\\U{number:08x}"


def bounded(text: str, limit: int = LINE_LIMIT) -> str:
    """The text as one line of at most `limit` bytes: head and tail, for the end of a traceback tells most."""
    text = one_line(text if len(text) <= 2 * limit else text[:limit] + CUT + text[-limit:])
    data = text.encode()
    if len(data) <= limit:
        return text
    room = limit - len(CUT.encode())
    head, tail = data[: room - room // 2], data[-(room // 2) :]
    return head.decode(errors="ignore") + CUT + tail.decode(errors="ignore")


class LineFormatter(logging.Formatter):
    """Records as single lines: for the journal with its priority, for a person with time and level."""

    def __init__(self, *, journal: bool) -> None:
        super().__init__()
        self._journal = journal

    def format(self, record: logging.LogRecord) -> str:
        try:
            message = record.getMessage()
        except FORMAT_FAULTS:
            message = f"log arguments do not fit {record.msg!r}"
        if record.exc_info:
            message += "\n" + self.formatException(record.exc_info)
        return bounded(f"{self._head(record)}{record.name}: {message}")

    def _head(self, record: logging.LogRecord) -> str:
        if self._journal:
            return f"<{PRIORITIES.get(record.levelno, 6)}>"
        seconds = time.strftime("%Y-%m-%dT%H:%M:%S", time.gmtime(record.created))
        return f"{seconds}.{int(record.msecs):03d}Z {record.levelname} "


Kind = tuple[str, int, str]  # logger, level, template


@dataclass(slots=True)
class _Window:
    ends_s: float
    lines: int = 0
    suppressed: int = 0


class RateLimit:
    """Lets some lines of one kind (logger, level, template) pass in each window; the rest is counted."""

    def __init__(self, now_s: Callable[[], float] = time.monotonic) -> None:
        self._now_s = now_s
        self._windows: OrderedDict[Kind, _Window] = OrderedDict()

    def passes(self, record: logging.LogRecord) -> bool:
        """Whether this record is to be written; counts it either way. Call `reports` first."""
        template = record.msg if isinstance(record.msg, str) else type(record.msg).__name__
        kind = (record.name, record.levelno, template[:KIND_LIMIT])
        window = self._windows.get(kind)
        if window is None:
            window = self._windows[kind] = _Window(self._now_s() + WINDOW_S)
        window.lines += 1
        within = window.lines <= (LINES_A_WINDOW if record.levelno > logging.DEBUG else DEBUG_LINES_A_WINDOW)
        window.suppressed += not within
        return within

    def reports(self, *, everything: bool = False) -> Iterator[logging.LogRecord]:
        """One record for each kind whose window ended (or must make room) with lines suppressed."""
        now = self._now_s()
        while self._windows:
            kind, window = next(iter(self._windows.items()))  # windows are all equally long: oldest first
            if not (everything or window.ends_s <= now or len(self._windows) >= KINDS_LIMIT):
                return
            del self._windows[kind]
            if window.suppressed:
                yield _report(kind, window.suppressed)


def _report(kind: Kind, count: int) -> logging.LogRecord:
    name, level, template = kind
    return logging.LogRecord(name, level, "", 0, "%d more like this: %s", (count, template), None)


class LineHandler(logging.Handler):
    """Writes lines to a descriptor as far as it takes them now; drops and counts the others.

    A reader that stopped (journal, pipe, terminal) must not stop the event loop.
    """

    def __init__(self, descriptor: int, formatter: LineFormatter, limit: RateLimit) -> None:
        super().__init__()
        self.setFormatter(formatter)
        self._given = self._descriptor = descriptor
        self._limit = limit
        self._rest = b""
        self._dropped = 0

    def open(self) -> None:
        """Take a terminal a second time, without blocking: it promises room for one byte, not for a line."""
        if os.isatty(self._given):
            with contextlib.suppress(OSError):  # another user's terminal: then it is written to as it is
                path = f"/proc/self/fd/{self._given}"
                self._descriptor = os.open(path, os.O_WRONLY | os.O_NONBLOCK | os.O_NOCTTY)

    def close(self) -> None:
        super().close()
        ours, self._descriptor = self._descriptor, self._given
        if ours != self._given:
            os.close(ours)

    def emit(self, record: logging.LogRecord) -> None:
        for report in self._limit.reports():
            self._write(report)
        if self._limit.passes(record):
            self._write(record)

    def flush(self) -> None:
        """Tell what is suppressed and not yet told."""
        for report in self._limit.reports(everything=True):
            self._write(report)

    def _write(self, record: logging.LogRecord) -> None:
        self._rest = self._rest[self._put(self._rest) :]
        lines = [self.format(record)]
        if self._dropped:
            lines.append(self.format(_loss(self._dropped)))
        data = "".join(f"{line}\n" for line in lines).encode()
        sent = 0 if self._rest else self._put(data)
        if sent:
            self._rest = data[sent:]
            self._dropped = 0
        else:
            self._dropped += 1

    def _put(self, data: bytes) -> int:
        """How many bytes were taken."""
        poll = select.poll()
        poll.register(self._descriptor, select.POLLOUT)
        if not data or not any(event & select.POLLOUT for _, event in poll.poll(0)):
            return 0
        try:
            return os.write(self._descriptor, data)
        except OSError:
            return 0  # full, or the reader is gone


def _loss(count: int) -> logging.LogRecord:
    return logging.LogRecord(
        __name__, logging.WARNING, "", 0, "%d lines lost, nobody read them", (count,), None
    )


class Logs:
    """The logging of the whole process, between `start` and `stop`."""

    def __init__(
        self,
        level: str = "info",
        *,
        journal: bool = False,
        descriptor: int = 2,
        now_s: Callable[[], float] = time.monotonic,
    ) -> None:
        self._level = _number(level)
        self._now_s = now_s
        self._until_s: float | None = None
        self._handler = LineHandler(descriptor, LineFormatter(journal=journal), RateLimit(now_s))
        self._handler.addFilter(self._in_force)

    def start(self) -> None:
        self._handler.open()
        logging.getLogger().addHandler(self._handler)
        logging.getLogger().setLevel(self._level)

    def stop(self) -> None:
        logging.getLogger().removeHandler(self._handler)
        self._handler.flush()
        self._handler.close()

    def set_level(self, level: str, minutes: int) -> None:
        """Another level for some minutes; then the configured one returns by itself. Raises ConfigError."""
        number = _number(level)
        if not 1 <= minutes <= MINUTES_LIMIT:
            raise ConfigError(
                "config.log_minutes", f"{minutes} minutes", hint=f"give 1 to {MINUTES_LIMIT} minutes"
            )
        self._until_s = self._now_s() + minutes * 60
        logging.getLogger().setLevel(number)

    def _in_force(self, record: logging.LogRecord) -> bool:
        """Ends a level whose time is up, at the first record after it: no timer, no wake-up."""
        if self._until_s is not None and self._now_s() >= self._until_s:
            self._until_s = None
            logging.getLogger().setLevel(self._level)
        return record.levelno >= logging.getLogger().level


def is_journal(environment: Mapping[str, str], descriptor: int = 2) -> bool:
    """Whether this descriptor goes to the journal (systemd names it by device and inode)."""
    told = environment.get("JOURNAL_STREAM", "")
    try:
        node = os.fstat(descriptor)
    except OSError:
        return False
    return told == f"{node.st_dev}:{node.st_ino}"


def _number(level: str) -> int:
    if level not in LEVELS:
        raise ConfigError(
            "config.log_level", f"unknown level {level[:20]!a}", hint=f"one of {', '.join(LEVELS)}"
        )
    return logging.getLevelNamesMapping()[level.upper()]
