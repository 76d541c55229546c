"""Listening on one port for the code that proves a new scanner, in whatever frames its mode has.

Owns: which drivers could be meant by a port, the wait, the table that comes of it.
Must not know: how the code is shown, where the table goes. Only the port that a person chose is opened.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from typing import Any

from edge_agent.discovery.challenge import Proved, difference, proof
from edge_agent.discovery.stanza import Stanza
from edge_agent.sdk.clock import Clock, within
from edge_agent.sdk.driver import DriverSpec, Kind, Options, OptionValue
from edge_agent.sdk.errors import ProtocolError
from edge_agent.sdk.ports import ByteLink
from edge_agent.sdk.values import ScanText

SILENCE_S = 0.5  # longer than any pause inside a barcode, shorter than the one before the next
TERMINATORS = {"enter": "enter", "keypad_enter": "enter", "tab": "tab"}
NO_SUFFIX = "the scanner sends nothing behind a barcode: better scan its set-up code 'suffix CR' (Enter)"
RELEASED = frozenset({"aim", "prefix", "suffix", "terminator", "caps_lock"})


@dataclass(frozen=True, slots=True)
class Believed:
    """How the scanner is to be read: the driver, and the settings that differ from its own."""

    spec: DriverSpec
    given: dict[str, OptionValue]
    remarks: dict[str, str]

    def stanza(self, port: str, device: str) -> Stanza:
        """The table for the settings."""
        values: dict[str, OptionValue] = {"id": device, "driver": self.spec.name, "port": port}
        return Stanza({**values, **self.given}, self.remarks, Kind.SCANNER.value)


class Trial:
    """One driver's codec with one end of barcodes."""

    def __init__(self, spec: DriverSpec, given: dict[str, OptionValue]) -> None:
        self.spec = spec
        self.given = given
        self.codec: Any = spec.decoder(Options(spec.options, given))


def trials(scheme: str, specs: Sequence[DriverSpec]) -> list[Trial]:
    """What could hang on a port of this kind, the most usual first."""
    return [trial for spec in specs if scheme in spec.transports for trial in _trials_of(spec)]


def _trials_of(spec: DriverSpec) -> Iterator[Trial]:
    yield Trial(spec, {})
    ends = next((option.choices for option in spec.options if option.name == "terminator"), ())
    yield from (Trial(spec, {"terminator": end}) for end in ("etx", "none") if end in ends)


async def hear(
    link: ByteLink,
    tried: Sequence[Trial],
    code: str,
    clock: Clock,
    *,
    wait_s: float,
    say: Callable[[str], None],
) -> Believed | None:
    """The driver that reads the code on this link, None when the time is up. Raises LinkError."""
    end_s = clock.monotonic_s() + wait_s
    while (left_s := end_s - clock.monotonic_s()) > 0:
        try:
            data = await within(clock, min(SILENCE_S, left_s), link.read())
            heard = [(trial, value) for trial in tried for value in trial.codec.feed(data)]
        except TimeoutError:
            heard = [(trial, value) for trial in tried for value in trial.codec.flush()]
        if believed := _believed(heard, code):
            return believed
        if remark := _remark(heard, code):
            say(remark)
    return None


def _believed(heard: Sequence[tuple[Trial, object]], code: str) -> Believed | None:
    for trial, value in heard:
        if not isinstance(value, ScanText):
            continue
        proved = proof(code, (value.aim or "") + value.text)
        known = {option.name for option in trial.spec.options}
        if proved is not None and (not proved.caps or "caps_lock" in known):
            return Believed(
                trial.spec, {**trial.given, **_around(proved, value, known)}, _remarks(trial, value)
            )
    return None


def _around(proved: Proved, value: ScanText, known: set[str]) -> dict[str, OptionValue]:
    found: dict[str, OptionValue] = {
        "aim": proved.aim,
        "prefix": proved.prefix,
        "suffix": proved.suffix,
        "caps_lock": proved.caps,
    }
    if value.terminator in TERMINATORS:
        found["terminator"] = TERMINATORS[value.terminator]
    return {name: setting for name, setting in found.items() if setting and name in known & RELEASED}


def _remarks(trial: Trial, value: ScanText) -> dict[str, str]:
    silent = trial.given.get("terminator") == "none" or (trial.spec.name == "wedge" and not value.terminator)
    return {"driver": NO_SUFFIX} if silent else {}


def _remark(heard: Sequence[tuple[Trial, object]], code: str) -> str:
    """One thing to say about what was heard: of texts the first, else of broken frames the one with a fix."""
    for _, value in heard:
        if isinstance(value, ScanText):
            return difference(code, value.text)
    for _, value in heard:
        if isinstance(value, ProtocolError) and value.hint:
            return f"{value.message}: {value.hint}"
    return ""
