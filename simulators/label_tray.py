"""Where the labels of a simulated printer fall: the last ones in memory, all of them as pictures in a folder.

Owns: file names, and how many labels there may be. Must not know: printers.
"""

from __future__ import annotations

import asyncio
from collections import deque
from collections.abc import Callable
from pathlib import Path

from simulators.paper_path import Label, Mark
from simulators.png import png_of

LABELS_KEPT = 64  # in memory, for tests and the demo
MOST_FILES = 10_000  # a disk full of labels helps nobody; the folder is to be emptied then


class LabelTray:
    """Numbered PNG files: 0001.png, 0002-torn.png, 0003-rest.png. Numbers go on where the folder ends."""

    def __init__(self, folder: Path | None = None, on_label: Callable[[Label], None] | None = None) -> None:
        self.labels: deque[Label] = deque(maxlen=LABELS_KEPT)
        self.trouble = ""  # why the last label was not saved
        self._folder = folder
        self._on_label = on_label
        self._last: int | None = None
        self._unsaved: deque[Label] = deque(maxlen=LABELS_KEPT)
        self._saving = False
        self._fallen = asyncio.Event()

    @property
    def idle(self) -> bool:
        """Whether every label is in its file."""
        return not self._unsaved and not self._saving

    def take(self, label: Label) -> None:
        """A label falls."""
        self.labels.append(label)
        if self._folder is not None:
            self._unsaved.append(label)
            self._fallen.set()
        if self._on_label is not None:
            self._on_label(label)

    async def run(self) -> None:
        """Save what falls, off the loop, until cancelled."""
        while True:
            await self._fallen.wait()
            while self._unsaved:
                self._saving = True
                self.trouble = await asyncio.to_thread(self._save, self._unsaved.popleft())
                self._saving = False
            self._fallen.clear()

    def _save(self, label: Label) -> str:
        """Write one label; gives what went wrong."""
        if self._folder is None:
            return ""
        try:
            number = self._next(self._folder)
            if number > MOST_FILES:
                return f"{self._folder} holds {MOST_FILES} labels: empty it"
            mark = "" if label.mark is Mark.WHOLE else f"-{label.mark}"
            (self._folder / f"{number:04d}{mark}.png").write_bytes(png_of(label.page))
        except OSError as error:
            return f"cannot write to {self._folder}: {error.strerror}"
        self._last = number
        return ""

    def _next(self, folder: Path) -> int:
        if self._last is None:
            folder.mkdir(parents=True, exist_ok=True)
            numbers = (path.stem.partition("-")[0] for path in folder.glob("*.png"))
            self._last = max((int(text) for text in numbers if text.isdecimal()), default=0)
        return self._last + 1
