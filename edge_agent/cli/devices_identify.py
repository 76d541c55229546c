"""`edge-agent devices identify`: which protocol hangs on a port, with the frames that say so.

Owns: how a finding is shown. Must not know: how it is found.
"""

from __future__ import annotations

import argparse
import asyncio
import json
from collections.abc import Iterator, Sequence
from typing import Any

from edge_agent.cli.decode import as_object
from edge_agent.cli.devices_printers import identify_printer, wants_printer
from edge_agent.cli.terminal import note, tell
from edge_agent.discovery.identify import Finding, Outcome, Wanted, identify
from edge_agent.discovery.ports import port_at, stable_url
from edge_agent.discovery.recording import Recording, parse_line, parse_weight, shown_bytes, shown_line
from edge_agent.discovery.stanza import Stanza, of_guess, remark
from edge_agent.discovery.sweep import LISTEN_S, Port
from edge_agent.discovery.verdict import Display, Guess
from edge_agent.links.find import serial_ports
from edge_agent.links.usb_identity import usb_id_of
from edge_agent.registry import Registry
from edge_agent.sdk.clock import SystemClock
from edge_agent.sdk.driver import DriverSpec, Kind, show
from edge_agent.sdk.errors import ConfigError, EdgeError, LinkError
from edge_agent.sdk.values import UNITS, Reading

SAMPLE_BYTES = 48  # two or three frames: enough for a person to see what it is
SAY = {
    Outcome.DECIDED: "one protocol fits",
    Outcome.AMBIGUOUS: "several protocols fit, and nothing heard decides between them",
    Outcome.TEXT: "lines of text that no protocol knows",
    Outcome.NOISE: "bytes that no protocol knows",
    Outcome.SILENT: "nothing was heard",
}
ADVISE = {
    Outcome.DECIDED: "",
    Outcome.AMBIGUOUS: 'put a weight on it and give what it shows: --display "12.345 kg"',
    Outcome.TEXT: "have its lines learnt from known weights: edge-agent devices learn PORT --weights 0,1.000",
    Outcome.NOISE: "it may be no scale, or one whose maker must be asked for its protocol",
    Outcome.SILENT: "press its PRINT key while this runs with --seconds 20, or let it be asked: --probe",
}


def run(args: argparse.Namespace) -> int:
    """0 when exactly one strong guess is left on the port (with --all: on each that is clear, and on one)."""
    if wants_printer(args):
        return identify_printer(args)
    if args.all == bool(args.port) or (args.all and args.probe):
        raise ConfigError("devices.usage", "give PORT, or --all without --probe: no other device is asked")
    listed = serial_ports()
    ports = [port_at(port.node) for port in listed] if args.all else [port_at(args.port)]
    specs = Registry.installed().of_kind(Kind.SCALE)
    found = asyncio.run(_identify(ports, specs, args))
    if not args.all:
        for one in found:
            if isinstance(one, EdgeError):
                raise one
    shown = [(one, stanza_of(one, stable_url(one.url, listed))) for one in found if isinstance(one, Finding)]
    if args.json:
        tell(json.dumps({"ports": [as_json(*one) for one in shown], "errors": _errors(found)}, indent=2))
    else:
        parts = [*("\n".join(lines(*one)) for one in shown), *_errors(found)]
        tell("\n\n".join(parts) or "no serial ports")
    if args.display and any(one.clearest and not one.verdict.guesses for one, _ in shown):
        note(f"nothing of this reads {args.display[:40]!a}: write it as the display does")
    outcomes = [one.outcome for one, _ in shown]
    return 0 if Outcome.DECIDED in outcomes and Outcome.AMBIGUOUS not in outcomes else 1


async def _identify(
    ports: Sequence[Port], specs: Sequence[DriverSpec], args: argparse.Namespace
) -> list[Finding | LinkError]:
    """All ports at once: they do not wait for one another."""
    return list(await asyncio.gather(*(_one(port, specs, args) for port in ports)))


async def _one(port: Port, specs: Sequence[DriverSpec], args: argparse.Namespace) -> Finding | LinkError:
    try:
        return await identify(port, specs, SystemClock(), wanted_by(args, port, specs))
    except LinkError as error:
        return error


def _errors(found: Sequence[Finding | LinkError]) -> list[str]:
    return [str(one) for one in found if isinstance(one, LinkError)]


def wanted_by(args: argparse.Namespace, port: Port, specs: Sequence[DriverSpec]) -> Wanted:
    """What the arguments want of a port; each question is told before it is sent. Raises ConfigError."""

    def announce(spec: DriverSpec) -> None:
        line = f" ({shown_line(spec.serial)})" if port.has_line else ""
        note(f"{port.url}: asking as {spec.name}{line}: {spec.probe.hex(' ')} {shown_bytes(spec.probe)}")

    return Wanted(
        listen_s=args.seconds or LISTEN_S,
        lines=[parse_line(args.line)] if args.line else (),
        known=known_by(args.set, specs),
        display=display_by(args.display),
        ask=args.probe,
        tell=announce,
    )


def known_by(pairs: Sequence[str], specs: Sequence[DriverSpec]) -> dict[str, str]:
    """Settings from NAME=VALUE. Raises ConfigError, also for one that no protocol has."""
    known, names = {}, {option.name for spec in specs for option in spec.options} | {"dialect"}
    for pair in pairs:
        name, equals, value = pair.partition("=")
        if not equals or not name.isidentifier():
            raise ConfigError("devices.usage", f"{pair[:40]!a} is no NAME=VALUE", hint="as --set unit=kg")
        if name not in names:
            raise ConfigError(
                "devices.usage",
                f"no protocol has a setting {name[:40]!a}",
                hint=f"known: {', '.join(sorted(names))}",
            )
        known[name] = value
    return known


def display_by(text: str | None) -> Display | None:
    """What a display shows, from `12.345 kg`. Raises ConfigError."""
    if text is None:
        return None
    weight, _, unit = text.strip().partition(" ")
    if unit.strip() not in ("", *UNITS):
        raise ConfigError("devices.usage", f"unknown unit {unit[:20]!a}", hint='as --display "12.345 kg"')
    return Display(parse_weight(weight), unit.strip())


def stanza_of(found: Finding, port: str, device: str = "scale") -> Stanza | None:
    """The table for the settings, where one guess is left."""
    decided = found.verdict.decided
    return of_guess(decided, found.heard, port, device).bound(usb_id_of(port)) if decided else None


def as_json(found: Finding, stanza: Stanza | None) -> dict[str, Any]:
    """A finding as one JSON object."""
    clearest = found.clearest
    return {
        "port": found.url,
        "outcome": found.outcome.value,
        "heard": [_heard(recording) for recording in found.heard],
        "sample": clearest.data[:SAMPLE_BYTES].hex() if clearest else "",
        "guesses": [_guess(guess, strong=guess in found.verdict.strong) for guess in found.verdict.guesses],
        "stanza": stanza.text() if stanza else None,
        "complete": bool(stanza and stanza.is_complete),
    }


def _heard(recording: Recording) -> dict[str, Any]:
    line = shown_line(recording.line) if recording.line else None
    return {"line": line, "bytes": len(recording.data), "asked": recording.asked.hex()}


def _guess(guess: Guess, *, strong: bool) -> dict[str, Any]:
    return {
        "protocol": guess.spec.name,
        "dialect": guess.candidate.dialect or None,
        "title": guess.spec.title,
        "mark": guess.score.mark,
        "strong": strong,
        "line": shown_line(guess.line) if guess.line else None,
        "reasons": guess.score.reasons,
        "frames": [as_object(reading) for reading in guess.score.samples],
        "open": {item.name: {str(k): v for k, v in item.readings.items()} for item in guess.opens},
        "alike": guess.alike,
    }


def lines(found: Finding, stanza: Stanza | None) -> Iterator[str]:
    """A finding for a person; every byte of the device in hex or escaped."""
    yield f"{found.url}: {SAY[found.outcome]}"
    yield f"  heard {', '.join(map(_heard_words, found.heard))}"
    clearest = found.clearest
    if clearest and not found.verdict.strong:
        yield f"  for example {clearest.data[:SAMPLE_BYTES].hex(' ')}"
        yield f"              {shown_bytes(clearest.data[:SAMPLE_BYTES])}"
    for number, guess in enumerate(found.verdict.guesses, 1):
        yield from _guess_lines(number, guess, strong=guess in found.verdict.strong)
    if stanza:
        yield ""
        yield stanza.text().rstrip("\n")
    if ADVISE[found.outcome]:
        yield f"  {ADVISE[found.outcome]}"


def _heard_words(one: Recording) -> str:
    at = f" at {shown_line(one.line)}" if one.line else ""
    asked = f" when asked {shown_bytes(one.asked)}" if one.asked else ""
    return f"{len(one.data)} bytes{at}{asked}"


def _guess_lines(number: int, guess: Guess, *, strong: bool) -> Iterator[str]:
    strength = "" if strong else "  (weak)"
    yield f"  {number}. {guess.name}  {guess.score.mark} of 100{strength}  {guess.spec.title}"
    line = f"{shown_line(guess.line)}; " if guess.line else ""
    yield f"     {line}{', '.join(guess.score.reasons)}"
    for reading in guess.score.samples:
        yield f"     {reading.raw.hex(' ')}  {shown_bytes(reading.raw)}  {_reading(reading)}"
    for opened in guess.opens:
        yield f"     open: {opened.name}; {remark(opened)}"
    if guess.alike:
        yield f"     reads the same: {', '.join(guess.alike)}"


def _reading(reading: Reading) -> str:
    number = f" {show(reading)} {reading.unit or ''}".rstrip() if reading.weight is not None else ""
    stable = {True: " stable", False: " moving", None: ""}[reading.stable]
    return f"{reading.status.value}{number}{stable}"
