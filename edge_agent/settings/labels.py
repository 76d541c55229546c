"""The settings of labels: own templates, fonts, how black letters are.

Owns: the table [labels]. Must not know: templates, printers.
"""

from __future__ import annotations

from pathlib import Path

from pydantic import Field

from edge_agent.labels.faces import BLACK_FROM, BOLD, DEBIAN_FONTS, REGULAR, FontFiles
from edge_agent.settings.strict import Strict
from edge_agent.settings.values import AbsolutePath


class Labels(Strict):
    """How labels are drawn, whatever printer they go to."""

    templates: AbsolutePath = Field(
        default=Path("/etc/edge-agent/labels"),
        description="Folder of the booth's own label templates; they go before shipped ones of their name.",
    )
    font_bangla: AbsolutePath = Field(
        default=DEBIAN_FONTS.bangla[REGULAR], description="Font file of Bangla text."
    )
    font_bangla_bold: AbsolutePath = Field(
        default=DEBIAN_FONTS.bangla[BOLD], description="Font file of bold Bangla text."
    )
    font_latin: AbsolutePath = Field(
        default=DEBIAN_FONTS.latin[REGULAR], description="Font file of English text."
    )
    font_latin_bold: AbsolutePath = Field(
        default=DEBIAN_FONTS.latin[BOLD], description="Font file of bold English text."
    )
    black_from: int = Field(
        default=BLACK_FROM,
        ge=40,
        le=220,
        description="How much of a dot a letter must cover, of 255, to print it; more makes letters thinner.",
    )

    @property
    def fonts(self) -> FontFiles:
        return FontFiles(
            bangla={REGULAR: self.font_bangla, BOLD: self.font_bangla_bold},
            latin={REGULAR: self.font_latin, BOLD: self.font_latin_bold},
        )
