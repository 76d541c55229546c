"""Settings checked in a process of its own, which ends as soon as the agent has chosen.

Owns: that process, and what goes there and back. Must not know: how settings are checked, which are chosen.

A check takes pydantic and a model of all settings: 12 MiB that a daemon would hold for years for one look at
one file. The process is a fork, made before there is any thread. It reads the file at once, while the agent
imports everything else. Where it cannot be made or ends without an answer, the agent
checks by itself: slower and larger, with the same outcome.
"""

from __future__ import annotations

import contextlib
import gc
import os
import pickle
import signal
import threading
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any, BinaryIO, NoReturn

from edge_agent.registry import Registry
from edge_agent.settings.checked import Asked, Checked
from edge_agent.settings.file import read_bytes
from edge_agent.settings.plain import plain

# What an answer that never came, or came in part, makes of reading it.
NO_ANSWER = (OSError, EOFError, pickle.UnpicklingError)


class Apart:
    """The process beside ours, or none."""

    def __init__(self, pipes: tuple[BinaryIO, BinaryIO] | None) -> None:
        self._pipes = pipes
        self._drivers: Registry | None = None

    @property
    def drivers(self) -> Registry:
        """The drivers that are installed."""
        if self._drivers is None:
            claims = self._asked(None)
            self._drivers = Registry.installed() if claims is None else Registry(claims)
        return self._drivers

    def check(self, asked: Asked) -> Checked:
        """What there is to say of a configuration."""
        checked = self._asked(asked)
        if isinstance(checked, Checked):
            return checked
        from edge_agent.settings.here import check_here

        return check_here(asked, self.drivers)

    def _asked(self, question: Asked | None) -> Any:
        """The answer; None where there is none, and then nobody is asked any more."""
        if self._pipes is None:
            return None
        to_it, from_it = self._pipes
        try:
            pickle.dump(question, to_it)
            to_it.flush()
            return pickle.load(from_it)  # noqa: S301 - written by our own child
        except NO_ANSWER:
            self._pipes = None
            return None


@contextlib.contextmanager
def checking_apart(path: Path) -> Iterator[Apart]:
    """Somebody to ask until the context ends; `path` is the file that will be asked about first."""
    with contextlib.ExitStack() as stack:
        yield Apart(_begin(path, stack))


def _begin(path: Path, stack: contextlib.ExitStack) -> tuple[BinaryIO, BinaryIO] | None:
    """Our ends of the pipes to a process that runs; None where there can be none."""
    if threading.active_count() > 1:  # a fork would copy a lock that another thread holds
        return None
    (questions, to_it), (from_it, answers) = os.pipe(), os.pipe()
    asking, hearing = open(to_it, "wb"), open(from_it, "rb")  # noqa: SIM115, PTH123 - closed by the stack
    stack.callback(_close, asking, hearing)
    try:
        child = os.fork()
    except OSError:
        child = None
    if child == 0:
        _be_the_child(questions, answers, (to_it, from_it), path)
    os.close(questions)
    os.close(answers)
    if child is None:
        return None
    stack.callback(_end, child)
    return asking, hearing


def _end(child: int) -> None:
    """It may still build what nobody asks for any more. With SIGCHLD ignored nobody is there to wait for."""
    with contextlib.suppress(ProcessLookupError, ChildProcessError):
        os.kill(child, signal.SIGKILL)
        os.waitpid(child, 0)


def _close(*files: BinaryIO) -> None:
    for file in files:
        with contextlib.suppress(OSError):  # nobody reads the rest of what was asked
            file.close()


def _be_the_child(questions: int, answers: int, theirs: tuple[int, ...], path: Path) -> NoReturn:
    """Answer until nobody asks. A fault ends it without a word: the agent meets it again, and tells it."""
    try:
        for end in theirs:
            os.close(end)
        gc.disable()  # it lives a second
        os.environ["PYDANTIC_DISABLE_PLUGINS"] = "__all__"  # looking for them takes a tenth of the time
        with open(questions, "rb") as heard, open(answers, "wb") as said:
            _answer(heard, said, path)
    finally:
        os._exit(0)


def _answer(heard: BinaryIO, said: BinaryIO, path: Path) -> None:
    from edge_agent.settings.here import check_here
    from edge_agent.settings.show import effective

    def checked(asked: Asked) -> Checked:
        found = check_here(asked, drivers)
        if found.settings is None:
            return found
        settings: Any = plain(found.settings, effective(found.settings))
        return replace(found, settings=settings)

    drivers = Registry.installed()
    known = {}
    with contextlib.suppress(OSError, ValueError):
        first = Asked(read_bytes(path), str(path))
        known[first] = checked(first)
    while True:
        question = pickle.load(heard)  # noqa: S301 - written by our own parent
        if question is None:
            answer: object = drivers.claims
        else:
            answer = known.get(question) or checked(question)
        pickle.dump(answer, said)
        said.flush()
