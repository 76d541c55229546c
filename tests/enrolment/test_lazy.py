"""The daemon starts without what only making keys and printing the contract need: memory and start-up."""

from __future__ import annotations

import subprocess
import sys


def test_neither_cryptography_nor_the_contract_is_loaded_with_the_daemon() -> None:
    code = (
        "import sys, edge_agent.app; "
        "print([m for m in sys.modules if m.split('.')[0] == 'cryptography' or 'contract' in m])"
    )
    told = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert told.stdout.strip() == "[]"
