"""The box's own condition, as the kernel tells it: heat, voltage, memory, load.

Owns: where the kernel keeps it. Must not know: who asks. Blocking, short; what cannot be read is left out.
Source: kernel documentation, hwmon/raspberrypi-hwmon.rst and driver-api/thermal/sysfs-api.rst.
"""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

SMALL_FILE = 4096  # bytes; /proc/self/status is about 1,500
ZONES = 4  # thermal zones told; a Raspberry Pi has one
KIB_IN_MIB = 1024


def condition(root: Path = Path("/")) -> dict[str, str | int | bool]:
    """Only what is there: temperatures in degrees Celsius, `under_voltage`, memory in MiB, load."""
    found: dict[str, str | int | bool] = {}
    for number, celsius in enumerate(_temperatures(root)):
        found[f"temperature_{number}_c" if number else "temperature_c"] = celsius
    alarm = _under_voltage(root)
    if alarm is not None:
        found["under_voltage"] = alarm
    memory_mib = _resident_mib(root)
    if memory_mib is not None:
        found["memory_mib"] = memory_mib
    load = _read(root / "proc/loadavg").split(" ")[0]
    if load.replace(".", "", 1).isdecimal():
        found["load_1m"] = load
    return found


def _temperatures(root: Path) -> Iterator[str]:
    """Millidegrees as a decimal text: "48.312"."""
    for zone in sorted((root / "sys/class/thermal").glob("thermal_zone*"))[:ZONES]:
        text = _read(zone / "temp")
        if text.lstrip("-").isdecimal():
            whole, part = divmod(abs(int(text)), 1000)
            yield f"{'-' if text.startswith('-') else ''}{whole}.{part:03d}"


def _under_voltage(root: Path) -> bool | None:
    """Whether the Raspberry Pi's firmware has seen its supply sag; None on other boxes."""
    for sensor in (root / "sys/class/hwmon").glob("hwmon*"):
        if _read(sensor / "name") == "rpi_volt":
            return _read(sensor / "in0_lcrit_alarm") == "1"
    return None


def _resident_mib(root: Path) -> int | None:
    for line in _read(root / "proc/self/status").splitlines():
        words = line.split()
        if words[:1] == ["VmRSS:"] and words[1].isdecimal():
            return int(words[1]) // KIB_IN_MIB
    return None


def _read(path: Path) -> str:
    try:
        with path.open("rb") as file:
            return file.read(SMALL_FILE).decode("ascii", "replace").strip()
    except OSError:
        return ""
