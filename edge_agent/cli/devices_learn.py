"""`edge-agent devices learn`: a profile for an unknown scale, from known weights on its pan.

Owns: asking for each weight, the file of recordings, how the profile is shown.
Must not know: how a profile is found.
"""

from __future__ import annotations

import argparse
import asyncio
import json
import os
from collections.abc import Iterator, Sequence
from decimal import Decimal
from pathlib import Path
from typing import Any

from edge_agent.cli.terminal import answer, note, tell
from edge_agent.discovery.candidates import PROFILE
from edge_agent.discovery.identify import LEGIBLE, clearest
from edge_agent.discovery.learn import Learnt, Profile, learn
from edge_agent.discovery.lines import legibility
from edge_agent.discovery.ports import port_at, stable_url
from edge_agent.discovery.recording import (
    FILE_LIMIT,
    WEIGHINGS_LIMIT,
    Recording,
    Weighing,
    from_json,
    parse_line,
    parse_weight,
    shown_bytes,
    shown_line,
    to_json,
    with_parity_seen,
)
from edge_agent.discovery.stanza import Stanza, of_profile
from edge_agent.discovery.sweep import LISTEN_S, Port, lines_to_try, listen, sweep
from edge_agent.links.find import serial_ports
from edge_agent.links.usb_identity import usb_id_of
from edge_agent.registry import Registry
from edge_agent.sdk.clock import SystemClock
from edge_agent.sdk.driver import SerialSettings, show
from edge_agent.sdk.errors import ConfigError, DeviceError
from edge_agent.sdk.values import UNITS

RECORD_S = 3  # six lines of the slowest indicator
SAMPLE_BYTES = 64
TEXT_BYTES = 32  # two lines: what parts text from noise shows in less
NO_PORT = "serial:/dev/serial/by-path/NAME"


def run(args: argparse.Namespace) -> int:
    """0 when exactly one profile reads every weight."""
    if args.unit and args.unit not in UNITS:
        raise ConfigError(
            "devices.usage", f"unknown unit {args.unit[:20]!a}; known: {', '.join(sorted(UNITS))}"
        )
    if args.save and (args.save.is_dir() or not os.access(args.save.parent, os.W_OK)):
        raise ConfigError("devices.recording", f"cannot write {args.save}: name a file in a folder of yours")
    weighings = _read(args.recording) if args.recording else _record(args)
    if args.save:
        _save(args.save, weighings)
    learnt = learn(weighings, Registry.installed().load(PROFILE), args.unit)
    port = stable_url(port_at(args.port).url, serial_ports()) if args.port else NO_PORT
    if args.json:
        tell(json.dumps(as_json(learnt, port), indent=2))
    else:
        tell("\n".join(lines(learnt, weighings, port)))
    return 0 if learnt.profile else 1


# Recording


def _read(file: Path) -> list[Weighing]:
    try:
        with file.open("rb") as opened:
            data = opened.read(FILE_LIMIT + 1)
        return from_json(data.decode("utf-8"))
    except OSError as error:
        raise ConfigError("devices.recording", f"cannot read {file}: {error.strerror}") from error
    except UnicodeDecodeError:
        raise ConfigError("devices.recording", f"{file} is no UTF-8 text") from None


def _save(file: Path, weighings: Sequence[Weighing]) -> None:
    try:
        file.write_text(to_json(weighings), encoding="utf-8")
    except OSError as error:
        raise ConfigError("devices.recording", f"cannot write {file}: {error.strerror}") from error


def _record(args: argparse.Namespace) -> list[Weighing]:
    """One recording with each weight on the pan; the line settings are found with the first."""
    if not args.port or not args.weights:
        raise ConfigError("devices.usage", "give PORT and --weights, or --recording FILE")
    weights = _weights(args.weights)
    port = port_at(args.port)
    line = parse_line(args.line) if args.line else None
    weighings = []
    for weight in weights:
        what = f"Put {format(weight, 'f')} on the pan" if weight else "Empty the pan"
        answer(f"{what}, wait until the display stands still, press Enter.")
        line = line or _line_of(port)
        recording = asyncio.run(listen(port, line, SystemClock(), args.seconds or RECORD_S))
        note(f"  {len(recording.data)} bytes")
        weighings.append(Weighing(weight, recording))
    return weighings


def _weights(text: str) -> list[Decimal]:
    weights = [parse_weight(part.strip()) for part in text.split(",")]
    if len(weights) > WEIGHINGS_LIMIT:
        raise ConfigError("devices.usage", f"at most {WEIGHINGS_LIMIT} weights")
    return weights


def _line_of(port: Port) -> SerialSettings:
    """The line settings at which the scale's bytes are text. Raises DeviceError."""
    heard = asyncio.run(sweep(port, lines_to_try(()), SystemClock(), _is_text, LISTEN_S))
    best = clearest(heard)
    if best is None or (port.has_line and not _is_text(best)):
        raise DeviceError(
            "devices.no_text",
            "no line settings give lines of text" if best else "nothing was heard",
            device=port.url,
            hint="set the scale to send by itself, or give --line",
        )
    if best.line is None:
        return SerialSettings()
    note(f"  line {shown_line(best.line)}")
    return best.line


def _is_text(recording: Recording) -> bool:
    seen = with_parity_seen(recording)
    return len(seen.data) >= TEXT_BYTES and legibility(seen) >= LEGIBLE


# Showing


def as_json(learnt: Learnt, port: str) -> dict[str, Any]:
    """What was learnt as one JSON object."""
    return {
        "learnt": learnt.profile is not None,
        "why": learnt.why,
        "line": shown_line(learnt.line) if learnt.line else None,
        "profiles": [
            {
                "settings": {name: _plain(value) for name, value in profile.given.items()},
                "columns": [profile.number.start + 1, profile.number.stop],
                "notes": profile.notes,
                "stanza": _stanza(profile, learnt, port).text(),
            }
            for profile in learnt.profiles
        ],
    }


def _stanza(profile: Profile, learnt: Learnt, port: str) -> Stanza:
    return of_profile(profile.score.candidate, learnt.line, port).bound(usb_id_of(port))


def _plain(value: object) -> object:
    return format(value, "f") if isinstance(value, Decimal) else value


def lines(learnt: Learnt, weighings: Sequence[Weighing], port: str) -> Iterator[str]:
    """What was learnt, for a person; every byte of the device escaped."""
    profile = learnt.profile
    if profile is None:
        yield f"not learnt: {learnt.why}"
        for weighing in weighings:
            sample = shown_bytes(weighing.recording.data[-SAMPLE_BYTES:])
            yield f"  {format(weighing.weight, 'f'):>10}  {sample}"
    for number, one in enumerate(learnt.profiles, 1):
        yield f"profile {number} reads every known weight; {', '.join(one.score.reasons[:2])}"
        yield from (f"  {line}" for line in _details(one))
        yield ""
        yield _stanza(one, learnt, port).text().rstrip("\n")


def _details(profile: Profile) -> Iterator[str]:
    for reading in profile.score.samples:
        yield f"{shown_bytes(reading.raw)}  is  {show(reading)} {reading.unit or ''}".rstrip()
    yield from profile.notes
