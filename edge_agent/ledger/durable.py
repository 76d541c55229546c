"""A small file that holds the old content or the new one, whenever the power goes.

Owns: that one function. Must not know: what is in the file.
"""

from __future__ import annotations

import os
from pathlib import Path

OWNER_ONLY = 0o600
FOLDER_OWNER_ONLY = 0o700


def replace_file(path: Path, text: str) -> None:
    """Written beside, flushed, renamed, the folder flushed. Blocking. Raises OSError: it holds the old."""
    beside = path.with_name(path.name + ".new")
    path.parent.mkdir(mode=FOLDER_OWNER_ONLY, parents=True, exist_ok=True)
    with beside.open("w", encoding="utf-8") as file:
        beside.chmod(OWNER_ONLY)
        file.write(text)
        file.flush()
        os.fsync(file.fileno())
    beside.replace(path)
    folder = os.open(path.parent, os.O_RDONLY | os.O_DIRECTORY)
    try:
        os.fsync(folder)
    finally:
        os.close(folder)
