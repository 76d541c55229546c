"""Where a template's text comes from: the booth's own folder, else those that come with the agent.

Owns: names, folders, the bound of a file, whether it marks reprints. Must not know: what else it says.
"""

from __future__ import annotations

import os
import re
import tomllib
from dataclasses import dataclass
from decimal import Decimal
from difflib import get_close_matches
from importlib import resources
from pathlib import Path

from edge_agent.regular import read_regular
from edge_agent.sdk.errors import ConfigError

MAX_FILE_BYTES = 65_536  # four times the longest shipped template with every line commented
SUFFIX = ".toml"
CONDITIONS = frozenset({"when", "unless", "each"})  # not drawn on every label
HINT = "correct the template file; the label is not printed until then"

_NAME = re.compile(r"[a-z0-9][a-z0-9_-]{0,63}")


@dataclass(frozen=True, slots=True)
class TemplateText:
    """A template as it was read; pictures come from `folder`, which a shipped one does not have."""

    name: str
    text: str
    folder: Path | None


def shipped_names() -> tuple[str, ...]:
    """The templates that come with the agent."""
    files = (resources.files("edge_agent.labels") / "templates").iterdir()
    return tuple(sorted(file.name.removesuffix(SUFFIX) for file in files if file.name.endswith(SUFFIX)))


def template_text(name: str, folder: Path | None = None) -> TemplateText:
    """The template of this name: the booth's own in `folder`, else the shipped one. Raises ConfigError."""
    own = own_templates(folder) if folder is not None else {}
    if _NAME.fullmatch(name) and name in own:
        return read_template(own[name])
    known = frozenset(shipped_names())
    if name not in known:
        raise _unknown(name[:80], known | own.keys())
    file = resources.files("edge_agent.labels") / "templates" / f"{name}{SUFFIX}"
    return TemplateText(name, file.read_text(encoding="utf-8"), None)


def own_templates(folder: Path) -> dict[str, Path]:
    """Those of the booth by their names; none where there is no such folder, or none that we may know of.

    Raises ConfigError("template.unreadable") for one that is there and closed: its labels would be missing.
    """
    if not os.access(folder, os.F_OK):
        return {}
    try:
        names = [entry.name for entry in os.scandir(folder) if entry.name.endswith(SUFFIX)]
    except OSError as cause:
        why = f"the folder {folder} of the booth's own templates cannot be read: {cause.strerror}"
        hint = "labels.templates must be a folder that the agent may read: chgrp edge-agent, chmod 750"
        raise ConfigError("template.unreadable", why, hint=hint) from cause
    return {name.removesuffix(SUFFIX): folder / name for name in names}


def read_template(path: Path) -> TemplateText:
    """A template's text from a file, named after it. Raises ConfigError("template.unreadable")."""
    try:
        content = read_regular(path, MAX_FILE_BYTES)
        if len(content) > MAX_FILE_BYTES:
            raise _unreadable(path, f"expected at most {MAX_FILE_BYTES} bytes")
        text = content.decode().replace("\r\n", "\n")
    except (OSError, ValueError) as cause:
        why = (cause.strerror if isinstance(cause, OSError) else None) or cause
        raise _unreadable(path, f"the file {path} cannot be read: {why}") from cause
    return TemplateText(path.stem, text, path.parent)


def toml_of(read: TemplateText) -> dict[str, object]:
    """What it says, unchecked. Raises ConfigError("template.…")."""
    if len(read.text) > MAX_FILE_BYTES:
        raise _refused(read, f"expected at most {MAX_FILE_BYTES} characters", "unreadable")
    try:
        return tomllib.loads(read.text, parse_float=Decimal)
    except (tomllib.TOMLDecodeError, ValueError) as cause:
        raise _refused(read, f"is no TOML: {cause}", "syntax") from None
    except RecursionError:
        raise _refused(read, "is no TOML: nested too deeply", "syntax") from None


def check_marks_reprints(read: TemplateText) -> None:
    """Raise ConfigError where a reprint could not be told from the original, as far as the text says.

    Loads nothing: that the mark can be drawn is seen with the first label.
    """
    if not any(map(_marks, _tables(toml_of(read)))):
        told = f"template {read.name!r} has no element of type 'reprint' without condition"
        hint = "a parcel's label needs one: a second one would look like the first"
        raise ConfigError("label.no_reprint_mark", told, hint=hint)


def _marks(entry: dict[str, object]) -> bool:
    """Whether it is always drawn and marks a reprint, or is a group that holds such a one."""
    if any(map(entry.get, CONDITIONS)):
        return False
    return entry.get("type") == "reprint" or (
        entry.get("type") == "group"
        and any(one.get("type") == "reprint" and _marks(one) for one in _tables(entry))
    )


def _tables(table: dict[str, object]) -> list[dict[str, object]]:
    """Its elements."""
    listed = table.get("element")
    return [entry for entry in listed if isinstance(entry, dict)] if isinstance(listed, list) else []


def _refused(read: TemplateText, why: str, code: str) -> ConfigError:
    return ConfigError(f"template.{code}", f"template {read.name!r}: {why}", hint=HINT)


def _unreadable(path: Path, why: str) -> ConfigError:
    return ConfigError("template.unreadable", f"template {path.stem!r}: {why}", hint=HINT)


def _unknown(name: str, known: frozenset[str]) -> ConfigError:
    close = get_close_matches(name, sorted(known), n=1, cutoff=0.5)
    nearest = f"did you mean {close[0]!r}?" if close else f"known: {', '.join(sorted(known))}"
    hint = "correct the name of the template"
    return ConfigError("template.unknown", f"template {name!r}: no such template; {nearest}", hint=hint)
