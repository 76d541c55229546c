"""The faults of a driver, kept to its device: whatever it raises becomes an EdgeError. Of a label, too.

Owns: the agent's one broad catch, with the traceback in the log. Must not know: the life of a device.
"""

from __future__ import annotations

import asyncio
import contextlib
import logging
from collections.abc import Iterator

from edge_agent.sdk.errors import DeviceError, EdgeError

log = logging.getLogger(__name__)


@contextlib.contextmanager
def contained(who: str, code: str = "driver.bug") -> Iterator[None]:
    """Around every call into a driver or a link. Raises EdgeError and CancelledError only."""
    try:
        yield
    except EdgeError:
        raise
    except asyncio.CancelledError:
        if _is_wanted():
            raise
        raise DeviceError(code, "failed: it cancelled itself", device=who) from None
    except Exception as error:
        if isinstance(error, ExceptionGroup) and (told := _told_by(error)):
            raise told from error
        log.exception("%s failed", who)
        raise DeviceError(code, f"failed: {type(error).__name__}", device=who) from error


def _is_wanted() -> bool:
    """Whether somebody wants this task to end, as opposed to a cancellation that a driver made itself."""
    task = asyncio.current_task()
    return task is not None and task.cancelling() > 0


def _told_by(group: ExceptionGroup[Exception]) -> EdgeError | None:
    """The error of a driver that runs its parts in a TaskGroup, if none of them has a bug."""
    first: BaseException = group
    while isinstance(first, BaseExceptionGroup):
        first = first.exceptions[0]
    _, bugs = group.split(EdgeError)
    return first if bugs is None and isinstance(first, EdgeError) else None
