"""What is asked of a check of settings, and what comes of it.

Owns: Asked and Checked. Must not know: how settings are checked.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import TYPE_CHECKING

from edge_agent.settings.problems import Problem

if TYPE_CHECKING:
    from edge_agent.settings.model import Settings


@dataclass(frozen=True, slots=True)
class Asked:
    """The bytes of a file, None to read it; `name` is its path, or what problems call it.

    `centre` is the centre's text over it, `signed` whether that was signed.
    """

    file: bytes | None
    name: str
    centre: str = ""
    signed: bool = False


@dataclass(frozen=True, slots=True)
class Checked:
    """The outcome of a check: settings, or the problems in the order of the file."""

    settings: Settings | None
    problems: tuple[Problem, ...] = ()


Check = Callable[[Asked], Checked]
