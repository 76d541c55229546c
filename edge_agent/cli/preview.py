"""`edge-agent print preview`: a label as it would be printed, as a PNG or in the terminal, without a printer.

Owns: the verb, what is shown. Must not know: layout, printers.

Exit codes: 0 drawn, 1 the data does not make this label (element and field are named), 2 wrong template or
usage.
"""

from __future__ import annotations

import argparse
import json
import os
import shutil
import sys
from pathlib import Path
from typing import TYPE_CHECKING, Any

from edge_agent.cli.half_blocks import half_blocks
from edge_agent.cli.label_data import read_fields
from edge_agent.cli.places import DEFAULT_FILE
from edge_agent.cli.terminal import tell
from edge_agent.printing.roll import USUAL_DPI
from edge_agent.registry import Registry
from edge_agent.sdk.errors import ConfigError

if TYPE_CHECKING:
    from edge_agent.labels.placing import Template
    from edge_agent.sdk.values import Page
    from edge_agent.settings.labels import Labels

SAMPLE = "sample"
FALLBACK_COLUMNS = 100  # where the output is no terminal: 100 mm at one square a millimetre


def register(orders: Any) -> None:
    """Add the verb to those of `print`."""
    words = "draw a label as it would be printed, without a printer"
    parser = orders.add_parser("preview", help=words, description=words)
    parser.add_argument("template", metavar="TEMPLATE", help="its name, or a template file")
    parser.add_argument(
        "--data",
        default=SAMPLE,
        metavar="FILE",
        help="JSON or TOML of the label's fields, - for JSON on standard input; left out: the samples",
    )
    parser.add_argument("--out", type=Path, metavar="PNG", help="write a picture; left out: show it here")
    parser.add_argument(
        "--dpi",
        type=int,
        metavar="N",
        help="resolution of the head; left out: that of the label printer in the settings, else 203",
    )
    parser.add_argument(
        "--reprint", type=int, default=0, metavar="N", help="as the n-th reprint, which is marked"
    )
    parser.add_argument(
        "-c", "--config", type=Path, metavar="FILE", help="settings that name own templates and fonts"
    )
    parser.add_argument("--json", action="store_true", help="one JSON object")
    parser.set_defaults(run=run)


def run(args: argparse.Namespace) -> int:
    """Draw it. Raises CommandError label.… for the data, ConfigError for the template and the file."""
    from edge_agent.labels.layout import MAX_DPI, MAX_REPRINT, MIN_DPI, render
    from edge_agent.labels.shaping import Fonts
    from edge_agent.labels.template import sample_data

    labels, usual_dpi = _settings(args.config)
    dpi = usual_dpi if args.dpi is None else args.dpi
    if not MIN_DPI <= dpi <= MAX_DPI or not 0 <= args.reprint <= MAX_REPRINT:
        raise ConfigError(
            "label.request",
            f"--dpi is {MIN_DPI} to {MAX_DPI}, --reprint 0 to {MAX_REPRINT}",
            hint="give numbers within these",
        )
    template = _template(args.template, labels.templates)
    data = sample_data(template) if args.data == SAMPLE else read_fields(args.data)
    fonts = Fonts(labels.fonts, black_from=labels.black_from)
    page = render(template, data, fonts=fonts, dpi=dpi, reprint=args.reprint)
    if args.out is not None:
        _write(page, args.out)
    if args.json:
        tell(json.dumps(_facts(template, page, args.out)))
    elif args.out is not None:
        tell(f"{args.out}: {template.name}, {page.width} x {page.height} dots")
    else:
        columns = shutil.get_terminal_size((FALLBACK_COLUMNS, 0)).columns
        tell("\n".join(half_blocks(page, columns, plain=not _has_blocks())))
    return 0


def _settings(path: Path | None) -> tuple[Labels, int]:
    """What the booth's settings say of labels, and the resolution of its label printer.

    Without a file that we may read, what they say by default.
    """
    from edge_agent.policies import label_dpi
    from edge_agent.settings.labels import Labels
    from edge_agent.settings.load import load

    if path is None and not os.access(DEFAULT_FILE, os.R_OK):
        return Labels(), USUAL_DPI
    settings = load(path or DEFAULT_FILE, Registry.installed())
    return settings.labels, label_dpi(settings)


def _template(name: str, folder: Path) -> Template:
    from edge_agent.labels.template import find_template, load_template

    return load_template(Path(name)) if name.endswith(".toml") else find_template(name, folder)


def _facts(template: Template, page: Page, out: Path | None) -> dict[str, object]:
    width, height = template.label.size_mm
    return {
        "template": template.name,
        "title": template.label.title,
        "size_mm": [str(width), str(height)],
        "dots": [page.width, page.height],
        "png": None if out is None else str(out),
    }


def _write(page: Page, path: Path) -> None:
    from edge_agent.labels.page import to_png

    try:
        path.write_bytes(to_png(page))
    except OSError as error:
        raise ConfigError(
            "label.out", f"{path} cannot be written: {error.strerror or error}", hint="name another file"
        ) from error


def _has_blocks() -> bool:
    try:
        "▀".encode(sys.stdout.encoding or "ascii")
    except UnicodeEncodeError:
        return False
    return True
