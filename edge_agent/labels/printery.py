"""The booth's labels at hand: templates and fonts, loaded when the first label is printed.

Owns: the lazy loading. Must not know: what is on a label, printers.

Fonts, HarfBuzz and a template cost some 10 MiB; a booth that only scans does not pay for them.
"""

from __future__ import annotations

import threading
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import TYPE_CHECKING

from edge_agent.labels.faces import BLACK_FROM, DEBIAN_FONTS, FontFiles, check_fonts
from edge_agent.sdk.errors import ConfigError
from edge_agent.sdk.values import Page

if TYPE_CHECKING:
    from edge_agent.labels.placing import Template
    from edge_agent.labels.shaping import Fonts

MAX_TEMPLATES = 4  # loaded at one time: a booth's label, receipt, bag label and slip; each costs up to 1 MiB


class Printery:
    """Draws labels. Used from worker threads, one at a time."""

    def __init__(
        self,
        template: str,
        folder: Path | None = None,
        *,
        fonts: FontFiles = DEBIAN_FONTS,
        black_from: int = BLACK_FROM,
    ) -> None:
        """`template` is drawn where none is named; `folder` holds the booth's own, which go first."""
        self._name = template
        self._folder = folder
        self._files = fonts
        self._black_from = black_from
        self._lock = threading.Lock()
        self._fonts: Fonts | None = None
        self._templates: dict[str, Template] = {}

    def page(
        self,
        data: Mapping[str, object],
        *,
        dpi: int,
        reprint: int = 0,
        template: str = "",
    ) -> Page:
        """Draw one label for a head of so many dots per inch.

        Raises CommandError label.… for data that cannot be drawn, else ConfigError.
        """
        from edge_agent.labels.layout import render

        with self._lock:
            fonts, found = self._load(template or self._name)
            return render(found, data, fonts=fonts, dpi=dpi, reprint=reprint)

    def check(self) -> None:
        """Load everything now. Raises ConfigError for a wrong template or absent fonts."""
        with self._lock:
            fonts, _ = self._load(self._name)
            fonts.self_test()

    def check_files(self, templates: Iterable[str]) -> None:
        """Look whether templates, and fonts for them, are there; load nothing. Raises ConfigError."""
        from edge_agent.labels.files import template_text

        for name in templates:
            check_fonts(self._files)
            template_text(name, self._folder)

    def check_reprints(self, template: str) -> None:
        """Look whether a second one of it could be told from the first; load nothing. Raises ConfigError."""
        from edge_agent.labels.files import check_marks_reprints, template_text

        check_marks_reprints(template_text(template, self._folder))

    def _load(self, name: str) -> tuple[Fonts, Template]:
        from edge_agent.labels.shaping import Fonts
        from edge_agent.labels.template import find_template

        try:
            if self._fonts is None:
                self._fonts = Fonts(self._files, black_from=self._black_from)
            found = self._templates.pop(name, None) or find_template(name, self._folder)
        except OSError as error:
            raise ConfigError("label.unreadable", f"label {name}: {error}") from error
        self._templates[name] = found
        while len(self._templates) > MAX_TEMPLATES:
            self._templates.pop(next(iter(self._templates)))
        return self._fonts, found
