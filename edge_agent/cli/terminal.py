"""Telling and asking the person at the terminal, where there is one.

Owns: what the terminal cannot show, the question on stderr and the answer from stdin.
Must not know: what is told or asked.
"""

from __future__ import annotations

import contextlib
import os
import sys
from collections.abc import Iterator
from pathlib import Path

from edge_agent.sdk.errors import ConfigError

ANSWER_LIMIT = 200  # longer than any answer that is wanted; the rest of a pasted file is not read as one
YES = frozenset({"y", "yes"})


def tell(text: str, end: str = "\n") -> None:
    """Print on stdout; what the terminal cannot show (Bangla on a Latin one) is escaped, not an error."""
    encoding = sys.stdout.encoding or "ascii"
    with told():
        print(text.encode(encoding, "backslashreplace").decode(encoding), end=end, flush=True)


@contextlib.contextmanager
def told() -> Iterator[None]:
    """Around writing to stdout. Raises ConfigError where that takes nothing, as a full disk."""
    try:
        yield
    except BrokenPipeError:
        raise
    except OSError as error:
        drop_output()  # the interpreter would try once more at its end
        raise ConfigError(
            "output.unwritable",
            f"the output cannot be written: {error.strerror or error}",
            hint="send it somewhere else",
        ) from error


def open_streams() -> None:
    """Put the null device where a standard stream is closed: Python has None there, which breaks late."""
    for name, mode in (("stdin", "r"), ("stdout", "w"), ("stderr", "w")):
        if getattr(sys, name) is None:
            setattr(sys, name, Path(os.devnull).open(mode, encoding="utf-8"))  # noqa: SIM115 - for the whole run


def drop_output() -> None:
    """Let what is still to be written to stdout go nowhere."""
    os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())


def note(text: str = "") -> None:
    """Print on stderr, beside the result."""
    print(text, file=sys.stderr, flush=True)


def answer(question: str) -> str:
    """What is typed. Raises ConfigError where nobody is there to type."""
    print(question, end=" ", file=sys.stderr, flush=True)
    line = sys.stdin.readline(ANSWER_LIMIT)
    if not line:
        note()
        raise ConfigError("devices.no_answer", "nobody answers", hint="run it on a terminal, or see --help")
    return line.strip()


def agrees(question: str) -> bool:
    """Whether the answer is yes; anything else is no."""
    return answer(f"{question} [y/N]").lower() in YES
