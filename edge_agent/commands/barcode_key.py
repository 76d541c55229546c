"""The key of the booth's printed command codes, from its file.

Owns: reading and checking that file. Must not know: codes, the flow.
"""

from __future__ import annotations

from pathlib import Path

from edge_agent.barcodes.booth_command import KEY_LEAST
from edge_agent.sdk.errors import ConfigError

FILE_BYTES = 1024  # a key in hex has 64 characters


def command_key(path: Path | None) -> bytes | None:
    """The key, None where no file is named. Raises ConfigError for a file that holds none."""
    if path is None:
        return None
    try:
        with path.open("rb") as file:
            key = bytes.fromhex(file.read(FILE_BYTES).decode("ascii"))
    except OSError as error:
        raise ConfigError(
            "config.command_key",
            f"cannot read counter.command_key_file {path}: {error.strerror}",
            hint="it must be there, and be readable for the agent: chgrp edge-agent FILE; chmod 640 FILE",
        ) from error
    except ValueError as error:
        raise ConfigError(
            "config.command_key", f"counter.command_key_file {path} holds no hex", hint="openssl rand -hex 32"
        ) from error
    if len(key) < KEY_LEAST:
        raise ConfigError(
            "config.command_key",
            f"counter.command_key_file holds {len(key)} bytes, and needs {KEY_LEAST} at least",
            hint="openssl rand -hex 32",
        )
    return key
