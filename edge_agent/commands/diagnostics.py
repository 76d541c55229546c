"""The booth looks at itself because somebody asked: each check by name, bounded in time and size.

Owns: running the checks, their bounds, the checks of the process and of the box. Must not know: devices.

Nothing here carries what a parcel, a person or a barcode is called: counts, conditions, ages and sizes only.
"""

from __future__ import annotations

import asyncio
import json
import os
import time
from collections.abc import Awaitable, Callable, Mapping
from pathlib import Path

from edge_agent.commands.operations import Progress
from edge_agent.events.model import JsonValue
from edge_agent.ledger.ledger import Ledger
from edge_agent.sdk.errors import EdgeError

CHECK_S = 5.0  # a part that does not answer by then is the finding
ANSWER_BYTES = 16 * 1024  # half of what one event may hold: the answer is one
MIB = 1 << 20

Check = Callable[[], Awaitable[JsonValue]]


async def diagnose(checks: Mapping[str, Check], progress: Progress) -> JsonValue:
    """The findings of every check. One that fails or hangs is told so and costs the others nothing."""
    found: dict[str, JsonValue] = {}
    for done, (name, check) in enumerate(checks.items()):
        progress(step=name, percent=100 * done // len(checks))
        found[name] = await _within(check)
        if len(json.dumps(found, ensure_ascii=False).encode()) > ANSWER_BYTES:
            found[name] = {"code": "diagnostics.too_long"}
    return found


async def _within(check: Check) -> JsonValue:
    try:
        async with asyncio.timeout(CHECK_S):
            return await check()
    except TimeoutError:
        return {"code": "diagnostics.silent", "error": f"no answer within {CHECK_S:.0f} s"}
    except EdgeError as error:
        return {"code": error.code, "error": error.message}
    except OSError as error:
        return {"code": "diagnostics.unreadable", "error": error.strerror or type(error).__name__}


def box_checks(ledger: Ledger, directory: Path) -> dict[str, Check]:
    """What the box and the process themselves tell."""

    async def of_ledger() -> JsonValue:
        began_ns = time.perf_counter_ns()
        await ledger.ping()
        return {
            "answers_us": (time.perf_counter_ns() - began_ns) // 1000,
            "last": ledger.last,
            "waiting": ledger.backlog,
            "dead_letters": ledger.letters.count,
            "reserve_spent": ledger.reserve_spent,
            "set_aside": ledger.set_aside is not None,
        }

    async def of_disk() -> JsonValue:
        room = os.statvfs(directory)
        return {
            "free_mib": room.f_bavail * room.f_frsize // MIB,
            "read_only": bool(room.f_flag & os.ST_RDONLY),
        }

    async def of_process() -> JsonValue:
        status = _process_status()
        told = dict(line.split(":", 1) for line in status.splitlines() if ":" in line)
        return {
            "rss_kib": _number(told.get("VmRSS", "")),
            "peak_kib": _number(told.get("VmHWM", "")),
            "threads": _number(told.get("Threads", "")),
            "descriptors": len(os.listdir("/proc/self/fd")),  # noqa: PTH208 - only their number
        }

    async def of_box() -> JsonValue:
        return {"load_percent": round(os.getloadavg()[0] * 100), "cores": os.cpu_count() or 1}

    return {"ledger": of_ledger, "disk": of_disk, "process": of_process, "box": of_box}


def _process_status() -> str:
    return Path("/proc/self/status").read_text(encoding="ascii", errors="replace")


def _number(text: str) -> int:
    digits = text.split()[:1]
    return int(digits[0]) if digits and digits[0].isdecimal() else 0
