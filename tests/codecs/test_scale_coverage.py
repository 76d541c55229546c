"""No scale protocol without properties, in every dialect: a new one joins the tables or fails here."""

from __future__ import annotations

import pytest

from edge_agent.sdk.driver import Kind
from tests.codecs import test_scale_properties_a as asked
from tests.codecs import test_scale_properties_b as streamed
from tests.codecs.catalogue import specs

OWN_FILE = {("toledo_8217", "")}  # tests/codecs/test_toledo_8217.py
COVERED = (
    OWN_FILE
    | {(case.spec.name, case.settings.get("dialect", "")) for case in asked.CASES}
    | {(line.spec.name, str(line.options.get("dialect", ""))) for line in streamed.LINES.values()}
)
OURS = [
    (spec.name, dialect)
    for spec in specs().values()
    if spec.kind is Kind.SCALE and spec.decoder.__module__.startswith("drivers.")
    for dialect in spec.dialects or ("",)
]


@pytest.mark.parametrize(("name", "dialect"), OURS)
def test_it_has_properties(name: str, dialect: str) -> None:
    default = specs()[name].dialects[:1] == (dialect,)
    assert (name, dialect) in COVERED or (default and (name, "") in COVERED)
