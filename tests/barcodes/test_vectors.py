"""Every vector of vectors.json: the verdict, the type, and each field that the vector names."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from edge_agent.barcodes.parse import parse

VECTORS = json.loads((Path(__file__).parent / "vectors.json").read_text(encoding="utf-8"))["vectors"]


@pytest.mark.parametrize("vector", VECTORS, ids=lambda vector: vector["id"])
def test_a_barcode_means_what_its_vector_says(vector: dict[str, Any]) -> None:
    meaning = parse(vector["data"], vector["as"], aim=vector.get("aim"))
    shown = json.loads(json.dumps(meaning.as_dict()))
    if vector["id"].startswith("own-") or vector["expect"]["valid"]:
        assert {name: shown.get(name) for name in vector["expect"]} == vector["expect"]
    else:
        assert (shown["valid"], shown["error"]) == (False, vector["expect"].get("error", shown["error"]))
