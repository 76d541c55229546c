"""What a booth asks for and what it is answered, as JSON, and the seal of a one-time code.

Owns: the two messages, their bounds, the seal. Must not know: MQTT, files, keys. See docs/decisions on
enrolment.

The code never travels. Both sides seal what they say with HMAC-SHA256 under it, so that neither a stranger's
request nor a stranger's certificate is taken, whatever carries the messages: a broker or a USB stick.
"""

from __future__ import annotations

import hashlib
import hmac
import json
import re
from dataclasses import dataclass

from edge_agent.sdk.errors import CommandError, ConfigError

VERSION = 1
MESSAGE_LIMIT = 64 << 10  # bytes; a chain of three certificates is below 8 KiB
CODE = re.compile(r"[A-Z2-7]{16}")  # 80 bits: a seal that was overheard cannot be searched through
REQUEST = re.compile(r"[0-9a-f]{32}")
BOOTH = re.compile(r"[A-Z0-9-]{4,24}")


@dataclass(frozen=True, slots=True)
class Request:
    """`csr` in PEM form; `request` names this try."""

    booth: str
    request: str
    csr: str


@dataclass(frozen=True, slots=True)
class Answer:
    """`chain`: the certificate and those above it; `ca`: what the broker is checked by; or an error."""

    request: str
    chain: str = ""
    ca: str = ""
    error: str = ""


def clean_code(text: str) -> str:
    """A code as a person types it: spaces, hyphens and small letters do not matter.

    Raises ConfigError enrol.code.
    """
    code = re.sub(r"[\s-]", "", text).upper()
    if not CODE.fullmatch(code):
        raise ConfigError(
            "enrol.code", "a one-time code has 16 letters A-Z and digits 2-7", hint="look at the slip again"
        )
    return code


def seal(code: str, *parts: str) -> str:
    """Over the parts, each with its length, so that no other cut gives the same bytes."""
    text = "".join(f"{len(part.encode())}:{part}" for part in parts)
    return hmac.new(code.encode(), text.encode(), hashlib.sha256).hexdigest()


def request_text(request: Request, code: str = "") -> bytes:
    """A renewal needs no code: there the present certificate speaks."""
    body = {"v": VERSION, "booth": request.booth, "request": request.request, "csr": request.csr}
    if code:
        body["seal"] = seal(code, "request", request.booth, request.request, request.csr)
    return json.dumps(body, separators=(",", ":")).encode()


def read_answer(payload: bytes, request: Request, code: str = "") -> Answer:
    """Raises CommandError enrol.answer for one that is not for this request or not sealed with the code."""
    body = _object(payload)
    texts = {name: body.get(name, "") for name in ("request", "chain", "ca", "error", "seal")}
    if not all(isinstance(value, str) for value in texts.values()):
        raise _unreadable("a field is no text")
    if not hmac.compare_digest(str(texts["request"]).encode(), request.request.encode()):
        raise _unreadable("it answers another request")
    wanted = seal(code, "answer", request.request, *(str(texts[name]) for name in ("chain", "ca", "error")))
    if code and not hmac.compare_digest(str(texts["seal"]).encode(), wanted.encode()):
        raise _unreadable("its seal is not made with our code")
    if not texts["chain"] and not texts["error"]:
        raise _unreadable("it holds no certificate")
    return Answer(request.request, str(texts["chain"]), str(texts["ca"]), str(texts["error"]))


def _object(payload: bytes) -> dict[str, object]:
    if len(payload) > MESSAGE_LIMIT:
        raise _unreadable("it is too long")
    try:
        value = json.loads(payload.decode())
    except (ValueError, RecursionError) as error:
        raise _unreadable("it is no JSON") from error
    if not isinstance(value, dict):
        raise _unreadable("it is no object")
    return value


def _unreadable(why: str) -> CommandError:
    return CommandError("enrol.answer", f"the answer is not taken: {why}")
