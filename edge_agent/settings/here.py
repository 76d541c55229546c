"""A check of settings in this process. Importing it loads pydantic and the model of all settings: 12 MiB.

Owns: which check a question needs. Must not know: how it is made, who asks.
"""

from __future__ import annotations

from pathlib import Path

from edge_agent.registry import Registry
from edge_agent.settings.checked import Asked, Checked
from edge_agent.settings.layers import check_layers
from edge_agent.settings.load import check, check_file


def check_here(asked: Asked, drivers: Registry) -> Checked:
    """What there is to say of a configuration."""
    if asked.file is None:
        return check_file(Path(asked.name), drivers)
    if not asked.centre:
        return check(asked.file, asked.name, drivers)
    return check_layers(asked.file, asked.name, asked.centre, drivers, signed=asked.signed)
