"""What machine this is, in plain words, for the head of a report.

Owns: that sentence. Must not know: figures.
"""

from __future__ import annotations

import os
import platform
import re
import sqlite3
import subprocess
from pathlib import Path

from tests.bench.broker import PLACES


def in_words() -> str:
    """Processor, memory, system and the versions that matter."""
    cores = len(os.sched_getaffinity(0))
    load = os.getloadavg()[0]
    parts = (
        f"{_processor()}, {cores} core{'s' if cores > 1 else ''}, {_memory_gib()} GiB of memory",
        f"{_system()}, kernel {platform.release().split('-')[0]}",
        f"Python {platform.python_version()}, SQLite {sqlite3.sqlite_version}, {_mosquitto()}",
        f"load {load:.1f} at the start (a shared, virtual or busy machine makes all times longer)",
    )
    return "; ".join(parts)


def _processor() -> str:
    info = _text("/proc/cpuinfo")
    found = re.search(r"^(?:model name|Model)\s*:\s*(.+)$", info, re.MULTILINE)
    name = found[1].strip() if found else platform.machine()
    return f"{name} ({platform.machine()}{', virtual' if 'hypervisor' in info else ''})"


def _memory_gib() -> int:
    found = re.search(r"^MemTotal:\s+(\d+)", _text("/proc/meminfo"), re.MULTILINE)
    return round(int(found[1]) / (1 << 20)) if found else 0


def _system() -> str:
    found = re.search(r'^PRETTY_NAME="(.+)"$', _text("/etc/os-release"), re.MULTILINE)
    return found[1] if found else platform.system()


def _mosquitto() -> str:
    program = next((place for place in PLACES if Path(place).exists()), "mosquitto")
    told = subprocess.run([program, "-h"], capture_output=True, text=True, check=False).stdout
    found = re.search(r"version ([\d.]+)", told)
    return f"mosquitto {found[1]}" if found else "mosquitto"


def _text(path: str) -> str:
    try:
        return Path(path).read_text()
    except OSError:
        return ""
