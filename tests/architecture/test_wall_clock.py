"""The wall clock is read in two places only; everything that waits or measures counts the time since boot."""

from __future__ import annotations

import ast

from tests.architecture.tree import name_of, place, sources, tree_of

MAY_READ = {
    "edge_agent/sdk/clock.py": "stamps, with the quality of the clock beside",
    "edge_agent/clock.py": "judges that quality",
    "edge_agent/cli/scan_codes.py": "a person at a terminal asks until when codes are to hold",
}
READS = {
    "time": {"time", "time_ns", "localtime", "gmtime", "ctime"},
    "datetime": {"now", "utcnow", "today"},
    "date": {"today"},
}
FORMATS = {"edge_agent/logs.py"}  # turns the moment of a log record into text


def test_the_wall_clock_is_read_where_its_quality_is_known_and_nowhere_else() -> None:
    found = [
        place(path, node)
        for path in sources("edge_agent", "drivers")
        if name_of(path) not in {*MAY_READ, *FORMATS}
        for node in ast.walk(tree_of(path))
        if isinstance(node, ast.Attribute)
        and isinstance(node.value, ast.Name)
        and node.attr in READS.get(node.value.id, ())
    ]
    assert found == []
