"""Our ZPL through somebody else's renderer: the very dots of the page come out, in every way to write them.

The renderer is the npm package zpl-renderer-js (the Go library zebrash), none of our requirements: set
EDGE_ZPL_RENDERER to a folder in which it is installed; without it this says so and proves nothing. It is what
found that printers and emulations disagree about `!`, which our run lengths therefore never use.
"""

from __future__ import annotations

import io
import os
import random
import subprocess
from pathlib import Path

import pytest
from PIL import Image

from drivers.printers import zpl_page
from edge_agent.sdk.values import Page
from tests.codecs.test_label_pages import MEDIA

FOLDER = os.environ.get("EDGE_ZPL_RENDERER", "")
SCRIPT = """
import {ready} from "zpl-renderer-js";
import fs from "fs";
const {api} = await ready;
const drawn = await api.zplToBase64Async(fs.readFileSync(0, "utf8"), 100, 150, 8);
fs.writeFileSync(1, Buffer.from(drawn, "base64"));
"""


def page() -> Page:
    """A full label with white, black, repeated and mixed rows."""
    dice, rows = random.Random(3), [bytes(100)]
    for number in range(1, 1200):
        mixed = bytes(dice.choice((0, 0, 0, 0xFF, 0x18, 0xF0)) for _ in range(100))
        rows.append((bytes(100), b"\xff" * 100, mixed, mixed, mixed, rows[-1], rows[-1])[number % 7])
    return Page(800, 1200, b"".join(rows))


@pytest.mark.skipif(not FOLDER, reason="EDGE_ZPL_RENDERER is not set: no foreign renderer has seen our ZPL")
@pytest.mark.parametrize("encoding", zpl_page.ENCODINGS)
def test_a_foreign_renderer_draws_the_very_dots(encoding: str) -> None:
    ours = page()
    job = b"".join(zpl_page.label(ours, MEDIA, encoding, cut=True))
    done = subprocess.run(
        ["node", "--input-type=module", "-e", SCRIPT],
        input=job,
        cwd=Path(FOLDER),
        capture_output=True,
        check=True,
        timeout=50,
    )
    drawn = Image.open(io.BytesIO(done.stdout)).convert("L").point(lambda dot: 255 * (dot > 127))
    assert drawn.size == (ours.width, ours.height)
    dots = bytes(value ^ 0xFF for value in drawn.convert("1").tobytes())
    assert sum((a ^ b).bit_count() for a, b in zip(dots, ours.data, strict=True)) == 0
