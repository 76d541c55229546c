"""The language in which running simulators are told what to do: `scale put 1.234`, `unplug printer`.

Owns: finding the device and the verb of a line, unplugging and fault wires, and telling what was wrong.
Must not know: where lines come from (simulators.control_socket, the command line), what a verb does.
"""

from __future__ import annotations

import difflib
import random
from collections.abc import Mapping

from edge_agent.sdk.clock import Clock
from edge_agent.sdk.errors import CommandError, EdgeError
from simulators import verbs
from simulators.faults import FAULTS, parse_faults
from simulators.printer import PrinterSim
from simulators.scale import ScaleSim
from simulators.scanner import ScannerSim
from simulators.verbs import DeviceT, Verb
from simulators.wire import Toward, Wire

Simulated = ScaleSim | ScannerSim | PrinterSim

GENERAL = (
    "scan TEXT",
    "unplug NAME",
    "plug NAME",
    "wire NAME [host|device] FAULT [NUMBER] ...",
    "wait SECONDS",
    "list",
)
LONGEST_WAIT_S = 3600  # a script that waits longer has gone wrong
SHOWN = 60  # characters of a wrong word that are repeated: enough to find it again


class Control:
    """Obeys lines for the devices that it is given, by name."""

    def __init__(self, devices: Mapping[str, Simulated], clock: Clock, *, seed: int = 0) -> None:
        self._devices = devices
        self._clock = clock
        self._dice = random.Random(seed)

    async def answer(self, line: str) -> str:
        """Obey one line; gives `ok ...` or `error ...`, never raises for what stands in the line."""
        try:
            return f"ok {await self.obey(line)}".rstrip()
        except EdgeError as error:
            return f"error {error.message}"

    async def obey(self, line: str) -> str:
        """Obey one line. Raises CommandError or ConfigError with what was expected."""
        word, _, rest = line.strip().partition(" ")
        rest = rest.strip()
        match word:
            case "help":
                return self._help()
            case "list":
                return ", ".join(f"{name} at {device.endpoint.url}" for name, device in self._devices.items())
            case "scan":
                return await _obey(verbs.SCANNER, self._the_scanner(), f"scan {rest}", "scanner")
            case "unplug":
                await self._device(rest).endpoint.unplug()
                return f"{rest} is unplugged"
            case "plug":
                await self._device(rest).endpoint.plug()
                return f"{rest} is at {self._device(rest).endpoint.url}"
            case "wire":
                return self._wire(rest)
            case "wait":
                await self._clock.sleep(float(verbs.whole(rest, "a number of seconds", LONGEST_WAIT_S)))
                return ""
        return await _tell(self._device(word), rest, word)

    def _device(self, name: str) -> Simulated:
        device = self._devices.get(name)
        if device is None:
            known = [*self._devices, "scan", "unplug", "plug", "wire", "wait", "list", "help"]
            raise _unknown("sim.unknown_word", "device or word", name, known)
        return device

    def _the_scanner(self) -> ScannerSim:
        scanners = [device for device in self._devices.values() if isinstance(device, ScannerSim)]
        if len(scanners) != 1:
            raise CommandError("sim.which_scanner", f"there are {len(scanners)} scanners: name one")
        return scanners[0]

    def _wire(self, rest: str) -> str:
        name, *words = rest.split() or [""]
        wire = self._device(name).endpoint
        if not isinstance(wire, Wire):
            raise CommandError("sim.no_wire", f"{name} hangs on no fault wire")
        toward = Toward.HOST
        if words and words[0] in tuple(Toward):
            toward = Toward(words.pop(0))
        if not words:
            raise CommandError("sim.no_fault", f"expected a fault: clean, silent, {', '.join(FAULTS)}")
        wire.impair(*parse_faults(words, self._dice), toward=toward)
        return f"{name} to the {toward}: {' '.join(words)}"

    def _help(self) -> str:
        usages = [f"{name} {usage}" for name, device in self._devices.items() for usage in _usages(device)]
        return " | ".join([*usages, *GENERAL])


async def _tell(device: Simulated, rest: str, name: str) -> str:
    match device:
        case ScaleSim():
            return await _obey(verbs.SCALE, device, rest, name)
        case ScannerSim():
            return await _obey(verbs.SCANNER, device, rest, name)
        case PrinterSim():
            return await _obey(verbs.PRINTER, device, rest, name)


async def _obey(table: Mapping[str, Verb[DeviceT]], device: DeviceT, rest: str, name: str) -> str:
    word, _, argument = rest.partition(" ")
    verb = table.get(word)
    if verb is None:
        raise _unknown("sim.unknown_verb", f"verb for {name}", word, list(table))
    if argument.strip() and not verb.usage:
        raise CommandError("sim.too_much", f"{name} {word} takes nothing more")
    return await verb.run(device, argument.strip())


def _usages(device: Simulated) -> list[str]:
    match device:
        case ScaleSim():
            return [f"{word} {verb.usage}".strip() for word, verb in verbs.SCALE.items()]
        case ScannerSim():
            return [f"{word} {verb.usage}".strip() for word, verb in verbs.SCANNER.items()]
        case PrinterSim():
            return [f"{word} {verb.usage}".strip() for word, verb in verbs.PRINTER.items()]


def _unknown(code: str, what: str, word: str, known: list[str]) -> CommandError:
    near = difflib.get_close_matches(word[:SHOWN], known, 1)
    meant = f"; did you mean {near[0]!r}?" if near else f"; known: {', '.join(known)}"
    return CommandError(code, f"unknown {what} {word[:SHOWN]!r}{meant}")
