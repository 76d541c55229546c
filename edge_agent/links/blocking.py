"""Calls of the operating system that may block and cannot be interrupted, each in a thread of its own.

Owns: handing the result over, or back if nobody waits for it any more. Must not know: what is called.

A port that hangs keeps its thread until the kernel lets go. The threads are daemons (a hung port must not
keep the agent from ending) and named after their port: while one of them hangs, callers ask `is_occupied` and
start no second one, so there are never more threads than ports.
"""

from __future__ import annotations

import asyncio
import errno
import threading
from collections.abc import Callable
from concurrent.futures import Future
from typing import TypeVar

from edge_agent.sdk.errors import EdgeError

ResultT = TypeVar("ResultT")

FREE = "free"  # name of a thread whose call came back


def is_occupied(port: str) -> bool:
    """Whether an earlier call for this port has not come back yet."""
    return any(thread.name == port for thread in threading.enumerate())


async def in_thread(
    port: str,
    call: Callable[[], ResultT],
    timeout_s: float,
    give_back: Callable[[ResultT], object] = lambda _: None,
) -> ResultT:
    """The result of `call`. Raises its EdgeError or OSError, or TimeoutError.

    A result that comes after the time-out or a cancellation goes to `give_back`, in the thread.
    """
    outcome: Future[ResultT] = Future()

    def work() -> None:
        try:
            result = _name_freed(call)
        except (OSError, EdgeError) as error:
            if outcome.set_running_or_notify_cancel():
                outcome.set_exception(error)
            return
        if outcome.set_running_or_notify_cancel():
            outcome.set_result(result)
        else:
            give_back(result)

    try:
        threading.Thread(target=work, name=port, daemon=True).start()
    except RuntimeError as error:
        raise OSError(errno.ENOMEM, "no more threads") from error
    try:
        async with asyncio.timeout(timeout_s):
            return await asyncio.wrap_future(outcome)
    except (TimeoutError, asyncio.CancelledError):
        if not outcome.cancel() and outcome.exception() is None:
            give_back(outcome.result())  # it came in the very moment of the time-out
        raise


def _name_freed(call: Callable[[], ResultT]) -> ResultT:
    try:
        return call()
    finally:
        threading.current_thread().name = FREE
