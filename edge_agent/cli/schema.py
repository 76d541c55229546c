"""`edge-agent schema`: the published contract with the centre, made from the models.

Owns: the verb. Must not know: what the documents hold. Imports them only when it runs.
"""

from __future__ import annotations

import argparse


def register(
    subparsers: argparse._SubParsersAction[argparse.ArgumentParser],  # it has no public name
) -> None:
    """Add the verb."""
    parser = subparsers.add_parser("schema", help="print the contract with the centre, or of the settings")
    parser.add_argument(
        "which",
        choices=("config", "events", "asyncapi"),
        help="JSON Schema of booth.toml or of an event, or AsyncAPI 3.0 of all topics",
    )
    parser.add_argument("--json", action="store_true", help="they are JSON anyway")
    parser.set_defaults(run=run)


def run(arguments: argparse.Namespace) -> int:
    """Print one document."""
    if arguments.which == "config":
        from edge_agent.cli.config import run_schema

        return run_schema(arguments)
    from edge_agent.cli.terminal import tell
    from edge_agent.contract import documents

    made = documents.events() if arguments.which == "events" else documents.asyncapi()
    tell(documents.text(made), end="")
    return 0
