"""`edge-agent enroll`: the booth's key and its first certificate, with a one-time code from the centre.

Owns: the verb, its ways (over the network, by file), what is printed. Must not know: MQTT, seals,
certificates. Exit codes: 0 enrolled, 1 refused or not answered, 2 wrong usage or configuration.
"""

from __future__ import annotations

import argparse
import asyncio
import json
import os
import secrets
import sys
from pathlib import Path
from typing import TYPE_CHECKING

from edge_agent.cli.places import settings_argument
from edge_agent.cli.terminal import tell
from edge_agent.registry import Registry
from edge_agent.sdk.errors import CommandError, ConfigError

if TYPE_CHECKING:
    from edge_agent.enrolment.keys import NewKey
    from edge_agent.enrolment.messages import Request
    from edge_agent.settings.model import Settings

ENROLMENT_PORT = 8884  # of config/mosquitto/mosquitto.conf
ANSWER_LIMIT = 64 << 10
AGENT_USER = "edge-agent"  # of systemd/edge-agent.sysusers
PENDING = ".pending"  # beside the key: the key of a request that went out as a file


def register(
    subparsers: argparse._SubParsersAction[argparse.ArgumentParser],  # it has no public name
) -> None:
    """Add the verb."""
    parser = subparsers.add_parser("enroll", help="get the booth's certificate with a one-time code")
    settings_argument(parser)
    parser.add_argument("--code", default="", help="the one-time code; asked for if it is not given")
    parser.add_argument("--port", type=int, default=ENROLMENT_PORT, help="the broker's enrolment port")
    parser.add_argument("--again", action="store_true", help="replace a certificate that is there already")
    parser.add_argument("--json", action="store_true", help="print one JSON object")
    way = parser.add_mutually_exclusive_group()
    way.add_argument("--request", type=Path, metavar="FILE", help="write the request to a file; ask nobody")
    way.add_argument("--answer", type=Path, metavar="FILE", help="take the answer to it from a file")
    parser.set_defaults(run=run)


def run(arguments: argparse.Namespace) -> int:
    """Enrol, or do one half of it."""
    from edge_agent.enrolment.messages import clean_code
    from edge_agent.settings.load import load

    settings = load(arguments.config, Registry.installed())
    ca, cert, key = _paths(settings)
    _only_for_the_agent(ca, cert, key)
    if cert.exists() and not arguments.again:
        raise ConfigError("enrol.done", f"{cert} is there already", hint="--again replaces it")
    code = clean_code(arguments.code or _typed())
    if arguments.request:
        _write_request(settings.booth.id, key, code, arguments.request)
        return _told(arguments, "asked", str(arguments.request))
    if arguments.answer:
        request, made = _pending(key)
        _take(_read(arguments.answer), request, made, code, (ca, cert, key))
        for path in _pending_paths(key):
            path.unlink(missing_ok=True)
    else:
        _enrol_online(settings, code, arguments.port, (ca, cert, key))
    return _told(arguments, "enrolled", str(cert))


def _enrol_online(settings: Settings, code: str, port: int, paths: tuple[Path, Path, Path]) -> None:
    from edge_agent.enrolment.asking import ask
    from edge_agent.enrolment.messages import request_text
    from edge_agent.uplink.topics import Topics

    request, made = _make(settings.booth.id)
    topics = Topics(settings.uplink.root, settings.booth.id)
    asking = ask((settings.uplink.host, port), topics, paths[0], request, request_text(request, code))
    _take(asyncio.run(asking), request, made, code, paths)


def _make(booth: str) -> tuple[Request, NewKey]:
    from edge_agent.enrolment.keys import make
    from edge_agent.enrolment.messages import Request

    made = make(booth)
    return Request(booth, secrets.token_hex(16), made.csr), made


def _take(payload: bytes, request: Request, made: NewKey, code: str, paths: tuple[Path, Path, Path]) -> None:
    """Put the certificate, and the authority's where there is none yet, into their places."""
    from edge_agent.enrolment.keys import check
    from edge_agent.enrolment.messages import read_answer
    from edge_agent.uplink import pair

    ca, cert, key = paths
    answer = read_answer(payload, request, code)
    if answer.error:
        raise CommandError("enrol.refused", f"the centre refuses: {answer.error[:200]}")
    trusted = _read(ca).decode("ascii", "replace") if ca.exists() else answer.ca
    check(answer.chain, trusted, made, request.booth)
    if not ca.exists():
        pair.put_one(ca, answer.ca.encode())
    pair.put(cert, key, answer.chain.encode(), made.key)


def _write_request(booth: str, key: Path, code: str, target: Path) -> None:
    from edge_agent.enrolment.messages import request_text
    from edge_agent.uplink import pair

    request, made = _make(booth)
    kept, key_kept = _pending_paths(key)
    body = {"booth": booth, "request": request.request, "csr": request.csr}
    pair.put(kept, key_kept, json.dumps(body).encode(), made.key)
    try:
        target.write_bytes(request_text(request, code))
    except OSError as error:
        for left in (kept, key_kept):
            left.unlink(missing_ok=True)
        raise ConfigError(
            "enrol.files",
            f"cannot write {target}: {error.strerror}",
            hint="name a file on a stick that is there, writable and not full",
        ) from error


def _pending(key: Path) -> tuple[Request, NewKey]:
    from edge_agent.enrolment.keys import NewKey
    from edge_agent.enrolment.messages import Request

    kept, key_kept = _pending_paths(key)
    try:
        body = json.loads(kept.read_text("utf-8"))
        private = key_kept.read_bytes()
    except (OSError, ValueError) as error:
        raise ConfigError(
            "enrol.no_request", "no request was made on this box", hint="edge-agent enroll --request FILE"
        ) from error
    return Request(body["booth"], body["request"], body["csr"]), NewKey(body["csr"], private)


def _pending_paths(key: Path) -> tuple[Path, Path]:
    return key.with_name(key.name + PENDING + ".json"), key.with_name(key.name + PENDING)


def _paths(settings: Settings) -> tuple[Path, Path, Path]:
    tls = settings.uplink.tls
    if tls is None or tls.cert is None or tls.key is None:
        raise ConfigError(
            "enrol.no_files", "[uplink.tls] names no cert and key", hint="edge-agent config check"
        )
    return Path(tls.ca), Path(tls.cert), Path(tls.key)


def _only_for_the_agent(ca: Path, *own: Path) -> None:
    """Refuse before the code is spent where the files could not be written, or not be read by the agent.

    Raises ConfigError enrol.files.
    """
    for path in (*own, *(() if os.access(ca, os.F_OK) else (ca,))):
        folder = next(above for above in path.parents if os.access(above, os.F_OK))
        owner = folder.stat().st_uid
        if not os.access(folder, os.W_OK | os.X_OK):
            raise _not_ours(f"{folder} cannot be written by {_name(os.geteuid())}", owner)
        if os.geteuid() == 0 and owner != 0:
            raise _not_ours(f"{folder} belongs to {_name(owner)}, who cannot read what root makes", owner)


def _not_ours(words: str, owner: int) -> ConfigError:
    agent = AGENT_USER if owner == 0 else _name(owner)
    return ConfigError("enrol.files", words, hint=f"as root: runuser -u {agent} -- edge-agent enroll")


def _name(user: int) -> str:
    from pwd import getpwuid

    try:
        return getpwuid(user).pw_name
    except KeyError:
        return str(user)


def _read(path: Path) -> bytes:
    try:
        with path.open("rb") as file:
            return file.read(ANSWER_LIMIT + 1)
    except OSError as error:
        raise ConfigError("enrol.files", f"cannot read {path}: {error.strerror}") from error


def _typed() -> str:
    """From the terminal, not shown; from a pipe as it comes."""
    if not sys.stdin.isatty():
        return sys.stdin.readline()
    from getpass import getpass

    return getpass("one-time code: ")


def _told(arguments: argparse.Namespace, state: str, where: str) -> int:
    if os.geteuid() == 0 and state == "enrolled":
        hint = "the files belong to root: give them to the agent's user"
    else:
        hint = ""
    if arguments.json:
        tell(json.dumps({"state": state, "file": where, "hint": hint}))
    else:
        tell(f"{state}: {where}{f' - {hint}' if hint else ''}")
    return 0
