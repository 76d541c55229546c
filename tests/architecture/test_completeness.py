"""What a page must name: every family of error codes, event type, topic, command and field of the code."""

from __future__ import annotations

import ast
import re
from collections.abc import Iterator
from typing import cast

from edge_agent.booth import Booth
from edge_agent.cli.decode import as_object
from edge_agent.commands import configuring, letters, replay
from edge_agent.commands.agent_ops import Controls, agent_operations, number_operations
from edge_agent.commands.operations import operations
from edge_agent.commands.print_ops import Prints, central_operations
from edge_agent.counter.counter import Counter
from edge_agent.counter.numbering import Numbers
from edge_agent.printing.queue import PrintQueue
from edge_agent.sdk.errors import ProtocolError
from edge_agent.sdk.values import Reading, Status
from edge_agent.settings.layers import CENTRE_MAY_SET, ONLY_SIGNED
from edge_agent.uplink.health import Health
from edge_agent.uplink.topics import Topics
from tests.architecture.tree import ROOT, called, functions, sources, text_of, tree_of

GUIDE = ROOT / "docs" / "guide.md"
CONTRACT = ROOT / "docs" / "central-integration.md"
DECODE = ROOT / "docs" / "decode.md"
CODE = re.compile(r"[a-z]+\.[a-z_]+")
EVENT = re.compile(r"[a-z]+\.[a-z-]+")
LABEL = re.compile(r"label\.[a-z-]+")
LABEL_EVENTS = {"_event", "_ended"}  # of a print job: these make its events
FAMILY = re.compile(r"f'([a-z]+\.)\{code\}'")  # a code that is put together


def test_every_family_of_error_codes_is_in_the_guide() -> None:
    told = set(re.findall(r"^\| `([a-z]+)\.`", text_of(GUIDE), re.MULTILINE))
    assert {code.partition(".")[0] for code in _error_codes()} - told == set()


def test_every_event_type_is_in_the_contract() -> None:
    told = set(re.findall(r"`([a-z]+\.[a-z-]+)`", text_of(CONTRACT)))
    assert set(_event_types()) - told == set()


def test_every_status_reason_and_alarm_is_in_the_contract() -> None:
    told = set(re.findall(r"`([a-z_]+)`", text_of(CONTRACT).partition("## State")[2].partition("\n## ")[0]))
    stands, trouble = set(_words_given_to("Stand")), set(_words_given_to("trouble.add"))
    raised = {"event_too_large", "event_refused", "certificate_expiring", "disk_full"}
    every = Health(
        **{name: True for name, kind in Health.__annotations__.items() if kind == "bool"}, rejected=1
    )
    assert "silent" in stands
    assert "ledger_unreadable" in trouble
    needed = {*stands, *trouble, *raised, *every.alarms()} - {"link", "too"}
    assert needed - told == set(), "`link` is for the box alone"


def _words_given_to(name: str) -> Iterator[str]:
    for path in sources("edge_agent"):
        for node in ast.walk(tree_of(path)):
            if isinstance(node, ast.Call) and called(node).endswith(name):
                words = [
                    one.value
                    for given in node.args
                    for one in ast.walk(given)
                    if isinstance(one, ast.Constant)
                ]
                yield from (word for word in words if isinstance(word, str) and word)


def test_every_topic_is_in_the_contract() -> None:
    topics = Topics("{r}", "{b}")
    names = {getattr(topics, name) for name, kind in vars(Topics).items() if isinstance(kind, property)}
    assert {name for name in names if isinstance(name, str) and f"`{name}`" not in text_of(CONTRACT)} == set()


def test_the_contract_names_the_commands_that_exist_and_no_others() -> None:
    table = text_of(CONTRACT).partition("These types exist, and no others:")[2].partition("\n\nAnswers")[0]
    told = set(re.findall(r"^\| `([a-z.]+)` \|", table, re.MULTILINE))
    prints = Prints(cast(PrintQueue, None), cast(Counter, None), dict, dict, dict)
    known = {
        **operations(cast(Booth, None), cast(Counter, None)),  # they only build their tables
        **agent_operations(cast(Controls, None), {}),
        **number_operations(Numbers.__new__(Numbers)),
        **central_operations(prints),
    }
    assert told == set(known) | {replay.TYPE, configuring.TYPE, letters.LIST, letters.RELEASE}


def test_the_keys_that_the_centre_may_set_are_the_documented_ones() -> None:
    told = text_of(CONTRACT).partition("The centre may set these keys and no others:")[2].partition("\n")[0]
    assert re.findall(r"`([a-z_.]+)`", told) == [*CENTRE_MAY_SET, *ONLY_SIGNED]


def test_the_fields_of_decode_are_documented() -> None:
    reading = as_object(Reading(Status.ZERO))
    broken = as_object(ProtocolError("frame.torn", "cut off"))
    page = text_of(DECODE)
    assert [name for name in {**reading, **broken} if f"`{name}`" not in page] == []


def _error_codes() -> Iterator[str]:
    """The codes that errors are made with, wherever they stand first in a call."""
    for path in sources("edge_agent", "drivers"):
        for node in ast.walk(tree_of(path)):
            if isinstance(node, ast.Call) and called(node).lower().endswith("error") and node.args:
                yield from (code for code in _texts(node.args[0]) if CODE.fullmatch(code))
            elif isinstance(node, ast.JoinedStr) and (found := FAMILY.match(ast.unparse(node))):
                yield found[1]


def _event_types() -> Iterator[str]:
    """The types that events are made with, named in the call or in the variable that it is given."""
    for path in sources("edge_agent"):
        constants = dict(_assignments(tree_of(path)))
        for function in functions(path):
            named = constants | dict(_assignments(function))
            for node in ast.walk(function):
                if isinstance(node, ast.Call) and called(node) in LABEL_EVENTS:
                    yield from (text for part in node.args for text in _texts(part) if LABEL.fullmatch(text))
                if isinstance(node, ast.Call) and called(node) == "EventDraft" and node.args:
                    first = node.args[0].value if isinstance(node.args[0], ast.Subscript) else node.args[0]
                    value = named.get(first.id) if isinstance(first, ast.Name) else first
                    yield from (text for text in _texts(value) if EVENT.fullmatch(text))


def _assignments(scope: ast.AST) -> Iterator[tuple[str, ast.expr]]:
    for node in ast.walk(scope):
        if isinstance(node, ast.Assign):
            yield from ((target.id, node.value) for target in node.targets if isinstance(target, ast.Name))


def _texts(node: ast.expr | None) -> Iterator[str]:
    for part in ast.walk(node) if node is not None else ():
        if isinstance(part, ast.Constant) and isinstance(part.value, str):
            yield part.value
