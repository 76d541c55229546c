"""The keys that an order or a configuration of the centre may be signed with, and the check against them.

Owns: Ed25519 (RFC 8032), the only use of `cryptography` for orders. Must not know: what is signed.
The package is imported when the first signature is checked: it costs memory that most booths do not pay.
"""

from __future__ import annotations

import asyncio
import base64
import binascii
from collections.abc import Mapping

from edge_agent.sdk.errors import CommandError, ConfigError

PUBLIC_BYTES = 32
HINT = "the centre must sign with a key that commands.key names"


class Keyring:
    """Public keys by their id: two while one replaces the other."""

    def __init__(self, keys: Mapping[str, str], *, required: bool) -> None:
        """`keys` are in base64. Raises ConfigError config.command_key."""
        self._keys = {name: _public(name, text) for name, text in keys.items()}
        self.required = required
        self._loaded = False

    async def load(self) -> None:
        """Import what the check needs, outside of the loop: it takes as long as a dozen commits."""
        if self._keys and not self._loaded:
            await asyncio.to_thread(_import_cryptography)
            self._loaded = True

    def check(self, signed: bytes, keyid: str, signature: str) -> bool:
        """Whether it is signed. Raises CommandError: unsigned where it must be, unknown key, wrong signature.

        A signature that nobody asked for is checked all the same where its key is known.
        """
        if not signature:
            if self.required:
                raise CommandError("command.unsigned", "this booth takes signed orders only", hint=HINT)
            return False
        key = self._keys.get(keyid)
        if key is None:
            if self.required or self._keys:
                raise CommandError("command.key_unknown", f"no key {keyid[:32]!a} here", hint=HINT)
            return False
        if not _is_right(key, signed, signature):
            raise CommandError("command.signature", "the signature is wrong", hint=HINT)
        return True


def _public(name: str, text: str) -> bytes:
    try:
        raw = base64.b64decode(text, validate=True)
    except binascii.Error:
        raw = b""
    if len(raw) != PUBLIC_BYTES:
        raise ConfigError("config.command_key", f"commands.key {name}: public is no Ed25519 key in base64")
    return raw


def _import_cryptography() -> None:
    import cryptography.hazmat.primitives.asymmetric.ed25519  # noqa: F401 - to have it in memory


def _is_right(key: bytes, signed: bytes, signature: str) -> bool:
    from cryptography.exceptions import InvalidSignature
    from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PublicKey

    try:
        Ed25519PublicKey.from_public_bytes(key).verify(base64.b64decode(signature), signed)
    except (InvalidSignature, ValueError):  # ValueError: the configured bytes are no point of the curve
        return False
    return True
