"""`edge-agent schema`: the documents that are committed, printed."""

from __future__ import annotations

from pathlib import Path

import pytest

from edge_agent.cli.main import main

ROOT = Path(__file__).parents[2]


@pytest.mark.parametrize(
    ("which", "committed"),
    [
        ("config", "config/schema.json"),
        ("events", "docs/contract/events.json"),
        ("asyncapi", "docs/contract/asyncapi.json"),
    ],
)
def test_what_is_printed_is_what_is_committed(
    which: str, committed: str, capsys: pytest.CaptureFixture[str]
) -> None:
    assert main(["schema", which]) == 0
    assert capsys.readouterr().out == (ROOT / committed).read_text(encoding="utf-8")


def test_what_is_no_document_is_wrong_usage() -> None:
    with pytest.raises(SystemExit) as told:
        main(["schema", "nothing"])
    assert told.value.code == 2
