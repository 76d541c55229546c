"""What the label tests share: one set of fonts, since opening it is the slow part."""

from __future__ import annotations

import pytest

from edge_agent.labels.shaping import Fonts


@pytest.fixture(scope="session")
def fonts() -> Fonts:
    return Fonts()
