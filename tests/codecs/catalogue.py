"""Every driver of the catalogue with its golden frames, for the tests that hold for all of them.

Owns: finding specs and frames, checking each, building a codec as a frame needs it, comparing. Must not know:
any protocol, except for the way in which a printer's codec is told its open questions.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import fields, is_dataclass
from decimal import Decimal
from functools import cache
from importlib.metadata import entry_points
from pathlib import Path
from types import TracebackType
from typing import Any

import pytest

from edge_agent.sdk.driver import DriverSpec, Options, show
from edge_agent.sdk.errors import ProtocolError
from edge_agent.sdk.ports import Codec
from edge_agent.sdk.testing import Golden, load_golden
from edge_agent.sdk.values import Reading

FRAMES = Path(__file__).parent.parent / "frames"
ALWAYS_COMPARED = ("weight", "unit", "stable")  # of a reading: absent where a frame does not expect them


@cache
def specs() -> dict[str, DriverSpec]:
    """Every driver that is installed, third parties' included."""
    return {point.name: point.load() for point in entry_points(group="edge_agent.drivers")}


@cache
def frames(protocol: str) -> tuple[Golden, ...]:
    """The golden frames of one protocol."""
    return tuple(
        golden for path in sorted((FRAMES / protocol).glob("*.toml")) for golden in load_golden(path)
    )


def cases() -> list[tuple[str, Golden]]:
    """Every golden frame with its protocol."""
    return [
        (folder.name, golden)
        for folder in sorted(FRAMES.iterdir())
        if folder.is_dir()
        for golden in frames(folder.name)
    ]


class Wrong:
    """Goes on after a frame that fails, and keeps what was wrong with it."""

    def __init__(self) -> None:
        self.errors: list[Exception] = []
        self._frame = ""

    def about(self, golden: Golden) -> Wrong:
        self._frame = golden.id
        return self

    def __enter__(self) -> None:
        """Nothing is to be prepared."""

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> bool:
        if not isinstance(error, Exception):
            return False
        error.add_note(f"frame {self._frame}")
        self.errors.append(error)
        return True


def every_frame(
    check: Callable[[str, Golden], None], which: Callable[[Golden], bool] = lambda golden: True
) -> Callable[[str], None]:
    """A test for each protocol: the check holds for every frame; all for which it does not are told."""

    @pytest.mark.parametrize("protocol", sorted(path.name for path in FRAMES.iterdir() if path.is_dir()))
    def test(protocol: str) -> None:
        chosen = [golden for golden in frames(protocol) if which(golden)]
        assert chosen, "no frame to check"
        wrong = Wrong()
        for golden in chosen:
            with wrong.about(golden):
                check(protocol, golden)
        if wrong.errors:
            raise ExceptionGroup(f"{len(wrong.errors)} of {len(chosen)} frames of {protocol}", wrong.errors)

    return test


def codec_for(protocol: str, golden: Golden) -> Codec[Any]:
    """A fresh codec with the settings that this frame needs, and its questions open."""
    codec = unasked_codec_for(protocol, golden)
    ask(codec, golden)
    return codec


def unasked_codec_for(protocol: str, golden: Golden) -> Codec[Any]:
    """A fresh codec with the settings that this frame needs."""
    spec = specs()[protocol]
    known = {option.name for option in spec.options}
    told = {"unit": golden.unit, "dialect": golden.dialect}
    given = {name: value for name, value in told.items() if value and name in known}
    return spec.decoder(Options(spec.options, {**given, **golden.options}))


def ask(codec: Any, golden: Golden) -> None:
    """Open the questions that this frame answers, by their place; 0 is the last one."""
    for number in golden.asked:
        codec.asked(codec.questions[number - 1])


def shown(value: object) -> dict[str, Any]:
    """A value as golden files write it: decimals and bytes as text, enumerations by their value."""
    if isinstance(value, ProtocolError):
        return {"status": "invalid_frame", "error": value.code}
    if not is_dataclass(value) or isinstance(value, type):
        raise TypeError(f"a codec gave {value!r}")
    found = {item.name: _plain(getattr(value, item.name)) for item in fields(value)}
    if isinstance(value, Reading):
        found["weight"] = show(value) or None
    return {name: content for name, content in found.items() if content is not None}


def _plain(content: object) -> object:
    if isinstance(content, bytes):
        return content.hex()
    if isinstance(content, tuple):
        return list(content)
    return format(content, "f") if isinstance(content, Decimal) else content


def differences(values: Sequence[object], golden: Golden) -> dict[str, tuple[object, object]]:
    """What the last value shows otherwise than the frame expects: name -> (expected, shown)."""
    if not values:
        return {"value": (golden.expect, None)}
    last = shown(values[-1])
    names = set(golden.expect)
    if isinstance(values[-1], Reading):
        names |= set(ALWAYS_COMPARED)
    return {
        name: (golden.expect.get(name), last.get(name))
        for name in sorted(names)
        if golden.expect.get(name) != last.get(name)
    }
