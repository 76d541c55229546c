"""The words that each kind of simulated device understands, one table for each.

Owns: words, their arguments, and what they do to a device. Must not know: where the words come from.
Every verb gives one line of answer, or raises CommandError or ConfigError with what was expected.
"""

from __future__ import annotations

import re
from collections.abc import Awaitable, Callable, Mapping, Sequence
from dataclasses import dataclass
from decimal import Decimal, InvalidOperation
from typing import Generic, TypeVar

from edge_agent.sdk.errors import CommandError
from simulators.paper_path import LONGEST_ROLL_MM, NEAR_END_MM, ROLL_MM
from simulators.print_buffer import Answer
from simulators.printer import PrinterSim
from simulators.scale import ScaleSim
from simulators.scanner import ScannerSim

DeviceT = TypeVar("DeviceT")

ENDINGS = {"none": b"", "cr": b"\r", "lf": b"\n", "crlf": b"\r\n", "tab": b"\t"}
ESCAPE = re.compile(r"\\(?:x([0-9a-fA-F]{2})|(\\))")
MOST_BYTES = 1_000_000_000  # far more than a printer gets between two power cuts
OVERLOADED = Decimal("1.2")  # times Max
LIFTED = Decimal("-0.05")  # times Max: the pan is taken off


@dataclass(frozen=True, slots=True)
class Verb(Generic[DeviceT]):
    """What it is called with, and what it does."""

    usage: str
    run: Callable[[DeviceT, str], Awaitable[str]]


# Arguments


def number(text: str, what: str) -> Decimal:
    try:
        value = Decimal(text)
    except InvalidOperation:
        value = Decimal("NaN")
    if not value.is_finite():
        raise CommandError("sim.bad_number", f"{what} is a number such as 1.234, not {text!r}")
    return value


def whole(text: str, what: str, most: int) -> int:
    if not text.isdecimal() or len(text) > len(str(most)) or int(text) > most:
        raise CommandError("sim.bad_number", f"{what} is a whole number up to {most}, not {text!r}")
    return int(text)


def choice(text: str, choices: Sequence[str]) -> str:
    if text not in choices:
        raise CommandError("sim.bad_word", f"expected {' or '.join(choices)}, not {text!r}")
    return text


def scanned(text: str) -> str:
    r"""A barcode's text as typed: \x1d stands for a control character, \\ for a backslash."""
    if not text or any("\ud800" <= char <= "\udfff" for char in text):
        raise CommandError("sim.bad_word", "expected the text of a barcode")
    return ESCAPE.sub(lambda hit: chr(int(hit[1], 16)) if hit[1] else "\\", text)


# Scale


async def _put(scale: ScaleSim, text: str) -> str:
    scale.put(number(text, "a load"))
    return await _show_scale(scale, "")


def _put_share(share: Decimal) -> Callable[[ScaleSim, str], Awaitable[str]]:
    async def put(scale: ScaleSim, _: str) -> str:
        scale.put(scale.physics.capacity * share)
        return await _show_scale(scale, "")

    return put


async def _knock(scale: ScaleSim, text: str) -> str:
    scale.indication()
    scale.physics.disturb(float(whole(text or "50", "a knock in divisions", 10_000)))
    return "knocked"


async def _drift(scale: ScaleSim, text: str) -> str:
    per_minute = number(text, "a drift a minute")
    if abs(per_minute) > scale.physics.capacity:
        raise CommandError("sim.bad_number", "no scale drifts by more than Max in a minute")
    scale.indication()
    scale.physics.drift(per_minute)
    return f"drifts by {per_minute} {scale.physics.unit} a minute"


def _stick(stuck: bool) -> Callable[[ScaleSim, str], Awaitable[str]]:
    async def stick(scale: ScaleSim, _: str) -> str:
        scale.indication()
        scale.physics.stick(stuck)
        return await _show_scale(scale, "")

    return stick


async def _zero(scale: ScaleSim, _: str) -> str:
    scale.indication()
    return "zeroed" if scale.physics.zero() else "refused: in motion, or too far from zero"


async def _tare(scale: ScaleSim, text: str) -> str:
    scale.indication()
    physics = scale.physics
    done = physics.preset_tare(number(text, "a tare")) if text else physics.tare()
    return "tared" if done else "refused: in motion, outside of the range, or no weight of this scale"


async def _untare(scale: ScaleSim, _: str) -> str:
    scale.physics.clear_tare()
    return "no tare"


async def _unit(scale: ScaleSim, text: str) -> str:
    scale.change_unit(text)
    return await _show_scale(scale, "")


async def _scale_power(scale: ScaleSim, text: str) -> str:
    scale.indication()
    scale.physics.power(choice(text, ("on", "off")) == "on")
    return f"power {text}"


async def _scale_fault(scale: ScaleSim, text: str) -> str:
    scale.physics.fault = choice(text, ("on", "off")) == "on"
    return f"fault {text}"


async def _show_scale(scale: ScaleSim, _: str) -> str:
    now = scale.indication()
    if not scale.physics.answering:
        return "without power, or starting"
    state = "overload" if now.overload else "fault" if now.fault else "moving" if now.motion else "stable"
    return f"{state}: gross {now.gross} tare {now.tare} {now.unit}"


SCALE: Mapping[str, Verb[ScaleSim]] = {
    "put": Verb("WEIGHT", _put),
    "clear": Verb("", _put_share(Decimal(0))),
    "overload": Verb("", _put_share(OVERLOADED)),
    "below": Verb("", _put_share(LIFTED)),
    "knock": Verb("[DIVISIONS]", _knock),
    "drift": Verb("WEIGHT-A-MINUTE", _drift),
    "stick": Verb("", _stick(True)),
    "free": Verb("", _stick(False)),
    "zero": Verb("", _zero),
    "tare": Verb("[WEIGHT]", _tare),
    "untare": Verb("", _untare),
    "unit": Verb("UNIT", _unit),
    "power": Verb("on|off", _scale_power),
    "fault": Verb("on|off", _scale_fault),
    "show": Verb("", _show_scale),
}


# Scanner


async def _scan(scanner: ScannerSim, text: str) -> str:
    await scanner.scan(scanned(text))
    return "scanned"


async def _double(scanner: ScannerSim, text: str) -> str:
    await scanner.double(scanned(text))
    return "scanned twice"


async def _burst(scanner: ScannerSim, text: str) -> str:
    texts = [scanned(word) for word in text.split()]
    await scanner.burst(texts)
    return f"scanned {len(texts)}"


async def _partial(scanner: ScannerSim, text: str) -> str:
    await scanner.partial(scanned(text))
    return "scanned half of it"


async def _ending(scanner: ScannerSim, text: str) -> str:
    ending, _, code = text.partition(" ")
    await scanner.scan_ending(scanned(code), ENDINGS[choice(ending, tuple(ENDINGS))])
    return f"scanned with the ending {ending}"


async def _hostile(scanner: ScannerSim, _text: str) -> str:
    return f"scanned {await scanner.hostile()}"


SCANNER: Mapping[str, Verb[ScannerSim]] = {
    "scan": Verb("TEXT", _scan),
    "double": Verb("TEXT", _double),
    "burst": Verb("TEXT TEXT ...", _burst),
    "partial": Verb("TEXT", _partial),
    "hostile": Verb("", _hostile),
    "ending": Verb("none|cr|lf|crlf|tab TEXT", _ending),
}


# Printer


async def _paper(printer: PrinterSim, text: str) -> str:
    what, _, amount = text.partition(" ")
    match choice(what, ("in", "out", "near", "ends")):
        case "in":
            printer.path.load_roll(whole(amount or str(ROLL_MM), "a roll in mm", LONGEST_ROLL_MM))
        case "near":
            printer.path.load_roll(NEAR_END_MM - 1)
        case "ends":
            printer.path.end_after(whole(amount, "a number of rows", MOST_BYTES))
        case _:
            printer.path.load_roll(0)
    printer.changed()
    return f"{printer.path.left_mm} mm of paper"


async def _cover(printer: PrinterSim, text: str) -> str:
    printer.path.cover_open = choice(text, ("open", "close")) == "open"
    printer.changed()
    return f"cover {text}"


def _path_flag(name: str) -> Callable[[PrinterSim, str], Awaitable[str]]:
    async def switch(printer: PrinterSim, text: str) -> str:
        setattr(printer.path, name, choice(text, ("on", "off")) == "on")
        printer.changed()
        return text

    return switch


def _flag(name: str) -> Callable[[PrinterSim, str], Awaitable[str]]:
    async def switch(printer: PrinterSim, text: str) -> str:
        setattr(printer, name, choice(text, ("on", "off")) == "on")
        printer.changed()
        return text

    return switch


async def _answers(printer: PrinterSim, text: str) -> str:
    words = () if text == "none" else tuple(Answer) if text == "all" else tuple(text.split())
    printer.answers = frozenset(Answer(choice(word, tuple(Answer))) for word in words)
    return f"answers {' '.join(sorted(printer.answers)) or 'nothing'}"


async def _printer_power(printer: PrinterSim, text: str) -> str:
    word, _, amount = text.partition(" ")
    if choice(word, ("on", "off", "cut")) == "cut":
        printer.lose_power_after(whole(amount, "a number of bytes", MOST_BYTES))
        return f"power fails after {amount} bytes"
    await printer.power(word == "on")
    return f"power {word}"


async def _worn(printer: PrinterSim, text: str) -> str:
    columns = [whole(word, "a column", printer.path.width_dots - 1) for word in text.split()]
    printer.path.wear_out(columns)
    return f"{len(columns)} dots of the head are dead"


async def _show_printer(printer: PrinterSim, _: str) -> str:
    labels, violations = len(printer.tray.labels), len(printer.violations)
    halted = "halted" if printer.path.halted else "ready" if printer.powered else "without power"
    trouble = f"; {printer.tray.trouble}" if printer.tray.trouble else ""
    return f"{halted}: {printer.path.left_mm} mm of paper, {labels} labels, {violations} violations{trouble}"


PRINTER: Mapping[str, Verb[PrinterSim]] = {
    "paper": Verb("in [MM]|out|near|ends ROWS", _paper),
    "cover": Verb("open|close", _cover),
    "pause": Verb("on|off", _path_flag("paused")),
    "jam": Verb("on|off", _path_flag("cutter_jammed")),
    "error": Verb("on|off", _path_flag("unrecoverable")),
    "heat": Verb("on|off", _path_flag("overheated")),
    "mute": Verb("on|off", _flag("mute")),
    "garbage": Verb("on|off", _flag("garbage")),
    "blind": Verb("on|off", _flag("blind")),
    "answers": Verb(f"all|none|{' '.join(Answer)}", _answers),
    "power": Verb("on|off|cut BYTES", _printer_power),
    "worn": Verb("COLUMN ...", _worn),
    "show": Verb("", _show_printer),
}
