"""What an ESC/POS printer's head and cutter can do: from our settings, narrowed by a python-escpos profile.

Owns: looking up a profile. Must not know: commands, pages, links. Only the package's data file is read:
importing the package would set up logging, make a temporary directory and load a pickle.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass
from difflib import get_close_matches
from importlib.metadata import PackageNotFoundError, distribution
from pathlib import Path

from edge_agent.sdk.driver import Options
from edge_agent.sdk.errors import ConfigError

PROFILES = "escpos/capabilities.json"


@dataclass(frozen=True, slots=True)
class Head:
    """Printable dots across, and how the page ends: "partial", "full" or "none"."""

    dots: int
    cut: str


def head_of(options: Options) -> Head:
    """The head as set. A profile can only take away: dots that are not there, a cutter that is not there.

    Raises ConfigError for an unknown profile, or one of another resolution: labels would have the wrong size.
    """
    head = Head(options.integer("width_dots"), options.text("cut"))
    name = options.text("profile")
    if name == "default":
        return head
    profile = _profile(name)
    _agree(name, profile, options.text("dpi"))
    return _narrowed(head, profile)


def _agree(name: str, profile: Mapping[str, object], dpi: str) -> None:
    match profile:
        case {"media": {"dpi": int(known)}} if str(known) != dpi:
            raise ConfigError(
                "printer.profile",
                f"a printer of profile {name!r} has {known} dpi, the settings say {dpi}",
                hint=f'set dpi = "{known}"',
            )


def _narrowed(head: Head, profile: Mapping[str, object]) -> Head:
    match profile:
        case {"media": {"width": {"pixels": int(pixels)}}}:
            dots = min(head.dots, pixels)
        case _:
            dots = head.dots
    match profile:
        case {"features": {"paperFullCut": bool(full), "paperPartCut": bool(partial)}}:
            return Head(dots, _possible(head.cut, full=full, partial=partial))
        case _:
            return Head(dots, head.cut)


def _possible(cut: str, *, full: bool, partial: bool) -> str:
    able = {"full": full, "partial": partial, "none": True}
    if able[cut]:
        return cut
    return next(other for other in ("partial", "full", "none") if able[other])


def _profile(name: str) -> Mapping[str, object]:
    profiles = _profiles()
    if name not in profiles:
        near = get_close_matches(name, profiles, n=1)
        raise ConfigError(
            "printer.profile",
            f"unknown printer profile {name!r}",
            hint=f"did you mean {near[0]}?" if near else 'use profile = "default" and set width_dots',
        )
    return profiles[name]


def _profiles() -> dict[str, dict[str, object]]:
    try:
        path = Path(str(distribution("python-escpos").locate_file(PROFILES)))
        profiles: dict[str, dict[str, object]] = json.loads(path.read_text(encoding="utf-8"))["profiles"]
    except (PackageNotFoundError, OSError, ValueError, KeyError) as error:
        raise ConfigError(
            "printer.profile", f"the printer profiles cannot be read: {error}", hint="install python-escpos"
        ) from error
    return profiles
