"""The centre's side of enrolment: one-time codes, requests, sealed answers, renewals.

Owns: the codes in the centre's file, who gets a certificate. Must not know: MQTT, how one is made.
Document: docs/decisions on enrolment; written from that page, not from the agent's code.
"""

from __future__ import annotations

import base64
import hashlib
import hmac
import json
import re
import secrets
import sqlite3
from pathlib import Path

from edge_agent.sdk.errors import CommandError, DeviceError
from simulators.central.authority import Authority
from simulators.central.schema import open_to_write

CODE_LIFE_MS = 7 * 86_400_000  # a technician's round
TRIES = 5  # wrong seals until a code is void: nobody mistypes it more often, and nobody guesses 80 bits
REQUEST_LIMIT = 64 << 10
REQUEST_ID = re.compile(r"[0-9a-f]{32}")

Body = dict[str, str]


class Enrolment:
    """On the centre's own file. Lives in one thread, the one that made it."""

    def __init__(self, db_path: Path, authority: Authority) -> None:
        self._db: sqlite3.Connection = open_to_write(db_path)
        self._authority = authority

    def close(self) -> None:
        self._db.close()

    def new_code(self, booth: str, now_ms: int) -> str:
        """A code for this booth; an older one is void. In groups of four for whoever copies it."""
        code = base64.b32encode(secrets.token_bytes(10)).decode("ascii")
        self._run(
            "INSERT INTO enrolments (booth, code, expires_ms, tries, used_ms) VALUES (?, ?, ?, 0, NULL)"
            " ON CONFLICT DO UPDATE SET code = excluded.code, expires_ms = excluded.expires_ms,"
            " tries = 0, used_ms = NULL",
            (booth, code, now_ms + CODE_LIFE_MS),
        )
        return "-".join(code[at : at + 4] for at in range(0, 16, 4))

    def first(self, payload: bytes, now_ms: int) -> tuple[str, bytes] | None:
        """The request of a booth without a certificate: (request, answer), or None where nothing is answered.

        A wrong seal is not answered: whoever has no code learns nothing, not even that the booth exists.
        """
        body = _body(payload, "booth", "request", "csr", "seal")
        if body is None or not REQUEST_ID.fullmatch(body["request"]):
            return None
        row = self._db.execute(
            "SELECT code FROM enrolments"
            " WHERE booth = ? AND used_ms IS NULL AND expires_ms > ? AND tries < ?",
            (body["booth"], now_ms, TRIES),
        ).fetchone()
        if row is None:
            return None
        code = str(row[0])
        wanted = _seal(code, "request", body["booth"], body["request"], body["csr"])
        if not hmac.compare_digest(wanted, body["seal"]):
            self._run("UPDATE enrolments SET tries = tries + 1 WHERE booth = ?", (body["booth"],))
            return None
        chain, error = self._signed(body["csr"], body["booth"])
        if chain:
            self._run("UPDATE enrolments SET used_ms = ? WHERE booth = ?", (now_ms, body["booth"]))
        return body["request"], self._answer(body["request"], chain, error, code)

    def renewal(self, booth: str, payload: bytes) -> bytes | None:
        """The request that came on a booth's own topic: its present certificate has spoken for it."""
        body = _body(payload, "booth", "request", "csr")
        if body is None or body["booth"] != booth or not REQUEST_ID.fullmatch(body["request"]):
            return None
        chain, error = self._signed(body["csr"], booth)
        return self._answer(body["request"], chain, error, "")

    def _signed(self, csr: str, booth: str) -> tuple[str, str]:
        try:
            return self._authority.sign(csr, booth), ""
        except CommandError as error:
            return "", error.message

    def _answer(self, request: str, chain: str, error: str, code: str) -> bytes:
        ca = self._authority.ca_pem if chain else ""
        body: dict[str, object] = {"v": 1, "request": request, "chain": chain, "ca": ca, "error": error}
        if code:
            body["seal"] = _seal(code, "answer", request, chain, ca, error)
        return json.dumps(body).encode()

    def _run(self, query: str, values: tuple[object, ...]) -> None:
        try:
            self._db.execute(query, values)
        except sqlite3.Error as error:
            raise DeviceError("central.storage", f"cannot store: {error}", hint="free the disk") from error


def _seal(code: str, *parts: str) -> str:
    """HMAC-SHA256 under the code over each part with its length in bytes before it."""
    message = b"".join(str(len(part.encode())).encode() + b":" + part.encode() for part in parts)
    return hmac.new(code.encode(), message, hashlib.sha256).hexdigest()


def _body(payload: bytes, *names: str) -> Body | None:
    if len(payload) > REQUEST_LIMIT:
        return None
    try:
        value = json.loads(payload.decode())
    except (ValueError, RecursionError):
        return None
    if not isinstance(value, dict) or not all(isinstance(value.get(name), str) for name in names):
        return None
    found = {name: str(value[name]) for name in names}
    return found if all(text.isascii() for text in found.values()) else None
