"""What another user of the box may not see, also where root runs the tests.

Owns: a closed folder, and who looks at it. Must not know: what is tested.
"""

from __future__ import annotations

import os
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

NOBODY = 65534


@contextmanager
def closed(folder: Path) -> Iterator[None]:
    """Without any right to this folder; what is still to be imported may be out of reach, too."""
    mode = folder.stat().st_mode
    folder.chmod(0)
    was = os.geteuid()
    if was == 0:
        os.setresuid(NOBODY, NOBODY, 0)  # the real one too: access(2) asks for that
    try:
        yield
    finally:
        if was == 0:
            os.setresuid(0, 0, 0)
        folder.chmod(mode)
