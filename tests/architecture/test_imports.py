"""Who may import what: the contracts of pyproject.toml, and the allow-lists that they cannot express."""

from __future__ import annotations

import ast
import subprocess
import sys
import tomllib
from collections.abc import Iterator
from pathlib import Path

from tests.architecture.tree import PACKAGES, ROOT, imported, name_of, place, sources, tree_of

CONTRACTS = {
    "three floors: simulators, drivers, sdk",
    "the agent never imports drivers or simulators",
    "the floors of the agent, every module on one of them",
    "drivers know nothing of the agent but the sdk",
    "simulators know nothing of the agent but the sdk and the list of drivers",
    "no circles",
    "one composition root",
    "ports are opened in links only",
    "paho in one file",
    "SQLite in the ledger, and in the simulated centre",
    "pydantic at the edges",
    "codecs, flows and pages are pure: no loop, no log, no clock",
}

# Third-party packages and the folder or file that may import them. What stands nowhere here, nobody imports.
MAY_IMPORT = {
    "serial": ("edge_agent/links/",),
    "usb": ("edge_agent/links/",),
    "evdev": ("edge_agent/links/",),
    "paho": ("edge_agent/uplink/paho_client.py",),
    "pydantic": (
        "edge_agent/settings/",
        "edge_agent/contract/",
        "edge_agent/uplink/order_body.py",
        "edge_agent/labels/template.py",
        "edge_agent/labels/elements.py",
        "edge_agent/labels/refusals.py",
    ),
    "pydantic_core": ("edge_agent/settings/",),
    "cryptography": (
        "edge_agent/commands/keyring.py",
        "edge_agent/enrolment/keys.py",
        "simulators/central/authority.py",
    ),
    "PIL": ("edge_agent/labels/",),
    "uharfbuzz": ("edge_agent/labels/",),
    "escpos": ("drivers/printers/",),
}
CODEC_STRANGERS = {"asyncio", "logging", "time", "datetime", "Clock", "SystemClock", "within"}


def test_the_contracts_of_pyproject_hold() -> None:
    run = subprocess.run(
        [Path(sys.executable).with_name("lint-imports"), "--no-logo", "--no-cache"],
        cwd=ROOT,
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )
    assert run.returncode == 0, run.stdout[-4000:] + run.stderr[-1000:]


def test_no_contract_has_quietly_gone() -> None:
    document = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))
    names = {contract["name"] for contract in document["tool"]["importlinter"]["contracts"]}
    assert names >= CONTRACTS


def test_the_sdk_imports_the_standard_library_only() -> None:
    assert _strangers(("edge_agent/sdk",), ("edge_agent.sdk",)) == []


def test_drivers_import_the_standard_library_and_the_sdk() -> None:
    assert _strangers(("drivers",), ("drivers", "edge_agent.sdk", "escpos")) == []


def test_each_third_party_package_is_imported_only_where_it_belongs() -> None:
    strangers = [
        f"{name_of(path)}:{line} {module}"
        for path in sources()
        for module, line in imported(path)
        if not _is_standard(module)
        and module.partition(".")[0] not in PACKAGES
        and not name_of(path).startswith(MAY_IMPORT.get(module.partition(".")[0], ()))
    ]
    assert strangers == []


def test_a_codec_neither_waits_nor_logs_nor_reads_a_clock() -> None:
    found = [
        f"{place(path, node)} in {codec.name}: {ast.unparse(node)[:60]}"
        for path, codec in _codecs()
        for node in ast.walk(codec)
        if (isinstance(node, ast.Name) and node.id in CODEC_STRANGERS)
        or isinstance(node, ast.Await | ast.AsyncFunctionDef | ast.AsyncFor | ast.AsyncWith)
    ]
    assert found == []


def test_a_codec_raises_nothing_of_its_own() -> None:
    """A broken frame is a ProtocolError in the stream: raising it would lose the good frames of the chunk."""
    raised = [
        place(path, node)
        for path, codec in _codecs()
        for node in ast.walk(codec)
        if isinstance(node, ast.Raise)
    ]
    assert raised == []


def test_heavy_packages_are_not_loaded_by_the_agent_until_they_are_needed() -> None:
    code = "import sys, edge_agent.app; print(*sorted({m.partition('.')[0] for m in sys.modules}))"
    run = subprocess.run(
        [sys.executable, "-c", code], cwd=ROOT, capture_output=True, text=True, timeout=60, check=True
    )
    loaded = set(run.stdout.split())
    heavy = {
        "PIL",
        "segno",
        "uharfbuzz",
        "escpos",
        "usb",
        "evdev",
        "numpy",
        "drivers",
        "pydantic",
        "cryptography",
    }
    assert loaded & heavy == set()


def test_importing_a_command_line_verb_starts_nothing() -> None:
    """Only what the verb needs: pydantic and paho cost a quarter of a second on the target."""
    code = (
        "import sys, threading, edge_agent.cli.main;"
        "print(threading.active_count(), *sorted(sys.modules.keys() & {'pydantic', 'paho', 'asyncio'}))"
    )
    run = subprocess.run(
        [sys.executable, "-c", code], cwd=ROOT, capture_output=True, text=True, timeout=60, check=True
    )
    assert run.stdout.split() == ["1"]


def _codecs() -> Iterator[tuple[Path, ast.ClassDef]]:
    """Classes with a `feed` that is no coroutine: framers, decoders, device halves."""
    for path in sources("drivers", "edge_agent/sdk"):
        for node in ast.walk(tree_of(path)):
            if isinstance(node, ast.ClassDef) and any(
                isinstance(part, ast.FunctionDef) and part.name == "feed" for part in node.body
            ):
                yield path, node


def _strangers(folders: tuple[str, ...], allowed: tuple[str, ...]) -> list[str]:
    """Imports of these folders that are neither standard nor allowed."""
    return [
        f"{name_of(path)}:{line} {module}"
        for path in sources(*folders)
        for module, line in imported(path)
        if not _is_standard(module) and not any(_below(module, package) for package in allowed)
    ]


def _is_standard(module: str) -> bool:
    return module.partition(".")[0] in sys.stdlib_module_names


def _below(module: str, package: str) -> bool:
    return module == package or module.startswith(f"{package}.")
