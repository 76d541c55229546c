"""A centre's signing key for tests, and commands as it sends them.

Owns: SigningKey, `command`. Must not know: how the booth checks.
"""

from __future__ import annotations

import base64
import json
from collections.abc import Mapping

from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

BOOTH = "B-0001"


class SigningKey:
    """One key pair; `sign` gives the signature of a document in base64."""

    def __init__(self, keyid: str = "2026-a") -> None:
        self._private = Ed25519PrivateKey.generate()
        self.id = keyid
        self.public = base64.b64encode(self._private.public_key().public_bytes_raw()).decode()

    def sign(self, document: Mapping[str, object]) -> str:
        # ASCII names and texts only: then sorted members without blanks are RFC 8785, written a second time.
        spelled = json.dumps(document, sort_keys=True, separators=(",", ":"), ensure_ascii=False)
        return self.sign_bytes(spelled.encode())

    def sign_bytes(self, data: bytes) -> str:
        return base64.b64encode(self._private.sign(data)).decode()

    @property
    def toml(self) -> str:
        """The settings of a booth that takes nothing but what this key signed."""
        key = f'[{{ id = "{self.id}", public = "{self.public}" }}]'
        return f'\n[commands]\nrequire_signature = true\ngroups = ["north"]\nkey = {key}\n'

    def signed(self, **document: object) -> dict[str, object]:
        """The document with its key id and signature."""
        whole = {**document, "keyid": self.id}
        return {**whole, "signature": self.sign(whole)}


def command(key: SigningKey | None = None, **more: object) -> bytes:
    """A command for our booth, signed where a key is given."""
    document = {"id": "c-1", "type": "test.do", "to": BOOTH, "issuedby": "operator-7", "counter": 1, **more}
    document = {name: value for name, value in document.items() if value is not None}
    return json.dumps(key.signed(**document) if key else document).encode()
