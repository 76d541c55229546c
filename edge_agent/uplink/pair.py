"""The booth's certificate and key on disk: written so that a cut at any instant leaves a pair that fits.

Owns: names, modes, the order of writing. Must not know: what is in them, TLS.

    key.new, cert.new   written and flushed
    cert                the new certificate in its place
    key                 the new key in its place

A cut between the last two leaves the new certificate with the old key; `mend` finds `key.new` and finishes.
"""

from __future__ import annotations

import os
from pathlib import Path

from edge_agent.sdk.errors import ConfigError

KEY_MODE = 0o600
CERT_MODE = 0o644
NEW = ".new"


def put(cert: Path, key: Path, chain: bytes, private: bytes) -> None:
    """Replace both. Raises ConfigError enrol.files; then the old ones are as they were."""
    try:
        for path in (cert, key):
            path.parent.mkdir(mode=0o750, parents=True, exist_ok=True)
        _write(_beside(key), private, KEY_MODE)
        _write(_beside(cert), chain, CERT_MODE)
        _beside(cert).replace(cert)
        _beside(key).replace(key)
        _flush_folder(key.parent)
        _flush_folder(cert.parent)
    except OSError as error:
        raise _failed(error) from error


def put_one(path: Path, content: bytes) -> None:
    """Replace one public file. Raises ConfigError enrol.files."""
    try:
        path.parent.mkdir(mode=0o750, parents=True, exist_ok=True)
        _write(_beside(path), content, CERT_MODE)
        _beside(path).replace(path)
        _flush_folder(path.parent)
    except OSError as error:
        raise _failed(error) from error


def mend(key: Path) -> bool:
    """Finish what a cut interrupted: the key that belongs to the new certificate. False if there is none."""
    try:
        _beside(key).replace(key)
    except OSError:
        return False
    _flush_folder(key.parent)
    return True


def _beside(path: Path) -> Path:
    return path.with_name(path.name + NEW)


def _write(path: Path, content: bytes, mode: int) -> None:
    """Made anew with its mode: a key is never readable by others, not for an instant."""
    path.unlink(missing_ok=True)
    descriptor = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL, mode)
    with os.fdopen(descriptor, "wb") as file:
        file.write(content)
        file.flush()
        os.fsync(file.fileno())


def _flush_folder(folder: Path) -> None:
    descriptor = os.open(folder, os.O_RDONLY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)


def _failed(error: OSError) -> ConfigError:
    return ConfigError(
        "enrol.files",
        f"cannot write {error.filename or 'the certificate'}: {error.strerror}",
        hint="the files of [uplink.tls] must lie where the agent may write, as /var/lib/edge-agent/tls",
    )
