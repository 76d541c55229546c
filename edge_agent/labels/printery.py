"""The booth's label at hand: its template and fonts, loaded when the first label is printed.

Owns: the lazy loading. Must not know: what is on the label, printers.

Fonts, HarfBuzz and the template cost some 15 MiB; a booth that only scans does not pay for them.
"""

from __future__ import annotations

import threading
from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING

from edge_agent.sdk.errors import ConfigError
from edge_agent.sdk.values import Page

if TYPE_CHECKING:
    from edge_agent.labels.placing import Template
    from edge_agent.labels.shaping import Fonts


class Printery:
    """Draws one kind of label. Used from worker threads, one at a time."""

    def __init__(self, template: str, folder: Path | None = None, *, dpi: int = 203) -> None:
        """`folder` holds the booth's own templates, which go before the shipped ones."""
        self._name = template
        self._folder = folder
        self._dpi = dpi
        self._lock = threading.Lock()
        self._loaded: tuple[Template, Fonts] | None = None

    def page(self, data: Mapping[str, object], *, reprint: int = 0) -> Page:
        """Draw one label. Raises CommandError label.… for data that cannot be drawn, else ConfigError."""
        from edge_agent.labels.layout import render

        with self._lock:
            template, fonts = self._load()
            return render(template, data, fonts=fonts, dpi=self._dpi, reprint=reprint)

    def check(self) -> None:
        """Load everything now. Raises ConfigError for a wrong template or absent fonts."""
        with self._lock:
            self._load()

    def _load(self) -> tuple[Template, Fonts]:
        if self._loaded is None:
            from edge_agent.labels.shaping import Fonts
            from edge_agent.labels.template import find_template

            try:
                self._loaded = (find_template(self._name, self._folder), Fonts())
            except OSError as error:
                raise ConfigError("label.unreadable", f"label {self._name}: {error}") from error
        return self._loaded
