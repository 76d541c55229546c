"""`python -m tests.bench`: measure, print the table, fail when a promise is broken.

Owns: arguments, the order of the lanes, the exit code (0 held, 1 broken, 2 wrong usage).
Must not know: how a lane measures.
"""

from __future__ import annotations

import argparse
import math
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable
from pathlib import Path

from edge_agent.sdk.errors import EdgeError
from tests.bench import lane_booth, lane_disk, lane_label, lane_lines, lane_pure, lane_scales, machine, report
from tests.bench.figures import Figure, Hold, Verdict
from tests.bench.quiet import Quiet
from tests.bench.workbench import ROOT, Effort, compile_as_installed

LANES: dict[str, Callable[[Effort], list[Figure]]] = {
    "latency": lane_lines.latency,
    "start": lane_lines.start,
    "idle": lane_booth.idle,
    "burst": lane_lines.burst,
    "outage": lane_lines.outage,
    "kill": lane_lines.kill,
    "disk": lane_disk.disk,
    "commit": lane_disk.commit,
    "label": lane_label.label,
    "decode": lane_pure.decode,
    "replug": lane_booth.replug,
    "streams": lane_scales.streams,
}
PAGE = ROOT / "docs" / "performance.md"


def main() -> int:
    """Run the wanted lanes; 1 when one of their numbers is broken beyond what noise explains."""
    args = _arguments()
    words, quiet = machine.in_words(), Quiet(args.patience)
    compile_as_installed()
    figures: list[Figure] = []
    with tempfile.TemporaryDirectory(prefix="edge-bench-", dir=args.dir) as folder:
        effort = Effort(Path(folder), quick=args.quick, long=args.long)
        for name in args.only or LANES:
            begin = time.monotonic()
            print(f"{name} …", end="", file=sys.stderr, flush=True)
            quiet.wait()
            figures += _measured(name, effort)
            print(f" {time.monotonic() - begin:.0f} s", file=sys.stderr)
    words = f"{words}; {quiet.in_words()}"
    print(report.as_json(figures, words) if args.json else f"{words}\n\n{report.table(figures)}")
    for figure in figures:
        if figure.note and not args.json:
            print(f"  {figure.what}: {figure.note}")
    if args.write:
        PAGE.write_text(report.page(figures, words), encoding="utf-8")
    return int(any(figure.verdict is Verdict.OVER for figure in figures))


def _measured(name: str, effort: Effort) -> list[Figure]:
    """The lane's figures; a lane that cannot be run is a broken promise, and the others still run."""
    try:
        return LANES[name](effort)
    except (OSError, EdgeError, subprocess.SubprocessError) as error:
        return [Figure(name, "could not be measured", math.nan, "", hold=Hold(0), note=str(error)[-300:])]


def _arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="python -m tests.bench", description=main.__doc__)
    parser.add_argument("--only", action="append", choices=LANES, metavar="LANE", help=", ".join(LANES))
    parser.add_argument("--quick", action="store_true", help="fewer and shorter runs")
    parser.add_argument("--long", action="store_true", help="also 200,000 lines in an outage")
    parser.add_argument(
        "--patience", type=float, default=0.0, metavar="S",
        help="seconds to wait in all, before lanes, until nobody else uses the machine",
    )  # fmt: skip
    parser.add_argument("--json", action="store_true", help="for programs")
    parser.add_argument("--write", action="store_true", help="write docs/performance.md; not with --only")
    parser.add_argument("--dir", type=Path, help="where files are written: the disk that is measured")
    args = parser.parse_args()
    if args.write and (args.only or args.quick):
        parser.error("--write needs all lanes at full length")
    return args


if __name__ == "__main__":
    sys.exit(main())
