"""Labels: drawn and encoded for each language, beside what Pillow and python-escpos make of the same label.

Owns: this lane and its floor. Must not know: processes, brokers.

Every label of a run has other names, numbers and codes, as parcels have; only the template is the same. Times
are processor time: the work waits for nothing, so on a machine of its own that is the time it takes.
"""

from __future__ import annotations

import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from decimal import Decimal
from typing import Any

from drivers.printers import tspl_page, zpl_page
from drivers.printers.escpos_raster import bands
from drivers.printers.media import Media
from edge_agent.labels.layout import render
from edge_agent.labels.shaping import Fonts
from edge_agent.labels.template import find_template
from edge_agent.sdk.values import Page
from tests.bench.figures import Figure, Hold, middle
from tests.bench.pillow_label import PillowLabel
from tests.bench.workbench import ROOT, Effort

TEMPLATE = "parcel-100x150"
HEAD_DOTS = 832  # a head of four inches at 203 dpi
LABELS = 60
WARMING = 5  # the first ones fill the caches
# The first label of a process, with all that is loaded for it; only Python itself is there before.
COLD = f"""
import sys, time
loaded = {{name.partition(".")[0] for name in sys.modules}} & {{"edge_agent", "drivers", "pydantic", "PIL"}}
if loaded:
    sys.exit(f"loaded before the start: {{loaded}}")
begin = time.process_time()
from drivers.printers.escpos_raster import bands
from edge_agent.labels.layout import render
from edge_agent.labels.shaping import Fonts
from edge_agent.labels.template import find_template, sample_data
template = find_template("{TEMPLATE}")
list(bands(render(template, sample_data(template), fonts=Fonts()), {HEAD_DOTS}))
print((time.process_time() - begin) * 1000)
"""
NOISE = 0.3  # the machine is shared: the middle of sixty labels moves by this much
MEDIA = Media(
    head_dots=HEAD_DOTS,
    dots_per_mm=8,
    sensor="gap",
    gap_mm=Decimal(3),
    ribbon=False,
    after="tear",
    density=None,
    speed=None,
    x_offset_dots=0,
    y_offset_dots=0,
)

Encode = Callable[[Page], bytes]
ENCODERS: dict[str, tuple[Encode, float]] = {
    "ESC/POS": (lambda page: b"".join(bands(page, HEAD_DOTS)), 10.0),
    "TSPL": (lambda page: b"".join(tspl_page.label(page, MEDIA, cut=True)), 10.0),
    "ZPL (Z64)": (lambda page: b"".join(zpl_page.label(page, MEDIA, "z64", cut=True)), 12.0),
}


def label(effort: Effort) -> list[Figure]:
    """The label of 100 by 150 mm: warm in three languages, its bytes, and the first one of a process."""
    template, fonts = find_template(TEMPLATE), Fonts()
    pillow = middle(list(_timed(PillowLabel(template, HEAD_DOTS).job, effort.runs(20))))
    figures = []
    for name, (encode, limit_ms) in ENCODERS.items():
        sizes: list[int] = []

        def job(data: dict[str, Any], encode: Encode = encode, sizes: list[int] = sizes) -> None:
            sizes.append(len(encode(render(template, data, fonts=fonts))))

        warm = middle(list(_timed(job, effort.runs(LABELS))))
        what = f"100 by 150 mm drawn and encoded, {name}"
        figures.append(Figure("label", what, warm, "ms", pillow, Hold(limit_ms, margin=NOISE)))
        if "Z64" in name:
            size_kb = max(sizes) / 1000
            hold = Hold(17.4, margin=0)
            figures.append(Figure("label", "the same, bytes to send", size_kb, "kB", hold=hold))
    cold = middle([_cold_ms() for _ in range(effort.runs(6))])
    figures.append(
        Figure("label", "the first one, all loaded for it", cold, "ms", hold=Hold(250.0, margin=NOISE))
    )
    return figures


def parcel(number: int) -> dict[str, Any]:
    """A parcel like no other: names, address, numbers and codes change."""
    item = f"RR{number:08d}5BD"
    return {
        "item": {"number": item, "qr": f"BXL1:{number:012x}:1:{item}"},
        "service": {"name": "EMS / এক্সপ্রেস"},
        "weight": {"text": f"{number % 30}.{number % 1000:03d}", "unit": "kg"},
        "booth": {"id": "DHK-GPO-0001", "name": "Dhaka GPO Booth 1", "name_bn": "ঢাকা জিপিও বুথ ১"},
        "time": {"local": f"2026-11-23 21:{number % 60:02d}"},
        "cod": {"poisha": 100_000 + number},
        "recipient": {
            "name": f"মোঃ আব্দুর রহিম {number}",
            "address": f"বাসা {number}/A, রোড {number % 40}, ব্লক-সি, মিরপুর-১০, ঢাকা",
            "postcode": f"{1000 + number % 9000}",
            "phone": f"01911-{number:06d}",
        },
        "sender": {
            "name": f"ক্ষুদ্র উদ্যোক্তা শপ {number}",
            "address": f"{number} College Road, Sreemangal, Moulvibazar",
            "postcode": "3210",
            "phone": f"01712-{number:06d}",
        },
    }


def _timed(job: Callable[[dict[str, Any]], object], runs: int) -> Iterator[float]:
    """Processor milliseconds of each job after the first few."""
    for number in range(runs + WARMING):
        data = parcel(number + 1)
        begin = time.process_time()
        job(data)
        if number >= WARMING:
            yield (time.process_time() - begin) * 1000


def _cold_ms() -> float:
    """Processor milliseconds of the first label in a process of its own."""
    done = subprocess.run([sys.executable, "-c", COLD], cwd=ROOT, capture_output=True, text=True, check=True)
    return float(done.stdout)
