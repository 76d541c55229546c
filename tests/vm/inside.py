"""For tests whose body runs in the guest: the way in, and waiting for a condition there.

Must not know: QEMU, devices.
"""

from __future__ import annotations

import asyncio
import inspect
import os
import time
from collections.abc import Callable
from typing import Any, TypeVar

IN_GUEST = "EDGE_IN_GUEST" in os.environ
EVENTUALLY_S = 120.0  # generous: under emulation with two busy cores a plug-in takes seconds
POLL_S = 0.02

ValueT = TypeVar("ValueT")
Test = Callable[..., Any]


def in_guest(test: Test) -> Test:
    """Run the body of this test in the guest. Its parameters must fit JSON; it may be a coroutine."""
    if IN_GUEST:
        return test

    limit = {"timeout_s": test.takes_s} if hasattr(test, "takes_s") else {}

    def on_host(shared_guest: Any, **parameters: object) -> None:
        shared_guest.call(test, **limit, **parameters)

    ours = inspect.Parameter("shared_guest", inspect.Parameter.POSITIONAL_OR_KEYWORD)
    signature = inspect.signature(test)
    on_host.__signature__ = signature.replace(parameters=[ours, *signature.parameters.values()])  # type: ignore[attr-defined]
    on_host.__name__, on_host.__doc__, on_host.__module__ = test.__name__, test.__doc__, test.__module__
    return on_host


def lasting(seconds: float) -> Callable[[Test], Test]:
    """For a body that may take longer than most; stands below `in_guest`."""

    def mark(test: Test) -> Test:
        test.takes_s = seconds  # type: ignore[attr-defined]
        return test

    return mark


def eventually(check: Callable[[], ValueT], what: str, timeout_s: float = EVENTUALLY_S) -> ValueT:
    """The first true value of `check`, asked again and again."""
    deadline = time.monotonic() + timeout_s
    while not (value := check()):
        assert time.monotonic() < deadline, f"not within {timeout_s} s: {what}"
        time.sleep(POLL_S)
    return value


async def until(check: Callable[[], object], what: str, timeout_s: float = EVENTUALLY_S) -> None:
    """Wait on the loop until `check` holds."""
    deadline = time.monotonic() + timeout_s
    while not check():
        assert time.monotonic() < deadline, f"not within {timeout_s} s: {what}"
        await asyncio.sleep(POLL_S)
