"""For tests whose body runs in the guest: the decorator, and simulated USB devices beside the test.

Owns: the way of a test function into the guest, a thread with an event loop for the simulated devices.
Must not know: QEMU.
"""

from __future__ import annotations

import asyncio
import inspect
import os
import threading
import time
from collections.abc import Callable, Coroutine, Iterator
from contextlib import contextmanager
from typing import Any, TypeVar

IN_GUEST = "EDGE_IN_GUEST" in os.environ
EVENTUALLY_S = 60.0  # generous: under emulation with two busy cores a plug-in takes seconds
POLL_S = 0.02

ValueT = TypeVar("ValueT")
Test = Callable[..., Any]


def in_guest(test: Test) -> Test:
    """Run the body of this test in the guest. Its parameters must fit JSON; it may be a coroutine."""
    if IN_GUEST:
        return test

    def on_host(guest: Any, **parameters: object) -> None:
        guest.call(test, **parameters)

    ours = inspect.Parameter("guest", inspect.Parameter.POSITIONAL_OR_KEYWORD)
    signature = inspect.signature(test)
    on_host.__signature__ = signature.replace(parameters=[ours, *signature.parameters.values()])  # type: ignore[attr-defined]
    on_host.__name__, on_host.__doc__, on_host.__module__ = test.__name__, test.__doc__, test.__module__
    return on_host


def eventually(check: Callable[[], ValueT], what: str, timeout_s: float = EVENTUALLY_S) -> ValueT:
    """The first true value of `check`, asked again and again."""
    deadline = time.monotonic() + timeout_s
    while not (value := check()):
        assert time.monotonic() < deadline, f"not within {timeout_s} s: {what}"
        time.sleep(POLL_S)
    return value


class Bench:
    """Where simulated devices run: a thread of their own, since opening a port blocks until they answer."""

    def __init__(self) -> None:
        self._loop = asyncio.new_event_loop()
        self._thread = threading.Thread(target=self._loop.run_forever, name="bench")
        self._thread.start()

    def do(self, work: Coroutine[Any, Any, ValueT], timeout_s: float = EVENTUALLY_S) -> ValueT:
        """Have the devices' loop do this, and wait for it."""
        return asyncio.run_coroutine_threadsafe(work, self._loop).result(timeout_s)

    def tell(self, action: Callable[..., object], *arguments: object) -> None:
        """Call a plain function on the devices' loop."""

        async def call() -> None:
            action(*arguments)

        self.do(call())

    def keep(self, work: Coroutine[Any, Any, object]) -> None:
        """Have the devices' loop do this until the bench is cleared."""
        self._loop.call_soon_threadsafe(self._loop.create_task, work)

    def clear(self) -> None:
        """Stop everything on the loop, then the loop."""

        async def stop_tasks() -> None:
            tasks = [task for task in asyncio.all_tasks() if task is not asyncio.current_task()]
            for task in tasks:
                task.cancel()
            await asyncio.gather(*tasks, return_exceptions=True)

        self.do(stop_tasks())
        self._loop.call_soon_threadsafe(self._loop.stop)
        self._thread.join(EVENTUALLY_S)
        self._loop.close()


@contextmanager
def bench() -> Iterator[Bench]:
    """A bench for simulated devices, cleared at the end."""
    ours = Bench()
    try:
        yield ours
    finally:
        ours.clear()
