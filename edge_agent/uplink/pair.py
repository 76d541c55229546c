"""The booth's certificate and key on disk: written so that whatever fails, a pair that fits is there.

Owns: names, modes, the order of writing, which of two keys belongs to the certificate.
Must not know: TLS connections, what else is in the files.

    key.new, cert.new   written and flushed, their names too
    cert                the new certificate in its place, and flushed
    key                 the new key in its place

A cut or an error between the last two leaves the new certificate with the old key; `load` finds `key.new` and
finishes. A `key.new` that does not belong to the certificate is left over from a try that failed: it never
replaces a key.
"""

from __future__ import annotations

import logging
import os
import ssl
from pathlib import Path

from edge_agent.sdk.errors import ConfigError

log = logging.getLogger(__name__)

KEY_MODE = 0o600
CERT_MODE = 0o644
NEW = ".new"


def put(cert: Path, key: Path, chain: bytes, private: bytes) -> None:
    """Replace both. Raises ConfigError enrol.files; then the old pair or the new one is there for `load`."""
    new = [(_beside(key), private, KEY_MODE), (_beside(cert), chain, CERT_MODE)]
    try:
        for path in (cert, key):
            path.parent.mkdir(mode=0o750, parents=True, exist_ok=True)
        if _belongs(_beside(key), cert):
            _into_place(key)  # what was interrupted before: it is the only key of the present certificate
        _write_all(new)
        _flush_folder(key.parent)
        _into_place(cert)
        _into_place(key)
    except OSError as error:
        raise _failed(error) from error


def put_one(path: Path, content: bytes) -> None:
    """Replace one public file. Raises ConfigError enrol.files; then the old one is as it was."""
    try:
        path.parent.mkdir(mode=0o750, parents=True, exist_ok=True)
        _write_all([(_beside(path), content, CERT_MODE)])
        _into_place(path)
    except OSError as error:
        raise _failed(error) from error


def load(context: ssl.SSLContext, cert: Path, key: Path) -> bool:
    """Have the pair used; True if a replacement was finished here. Raises OSError, ssl.SSLError."""
    try:
        context.load_cert_chain(str(cert), str(key))
    except (ssl.SSLError, FileNotFoundError):
        if not _belongs(_beside(key), cert):
            raise
        context.load_cert_chain(str(cert), str(_beside(key)))
        try:
            _into_place(key)
        except OSError as error:  # it serves where it is, and is put into its place another time
            log.warning("the booth's key stays in %s: %s", _beside(key).name, error.strerror)
            return False
        return True
    return False


def _belongs(key: Path, cert: Path) -> bool:
    try:
        ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT).load_cert_chain(str(cert), str(key))
    except (OSError, ValueError):  # SSLError is an OSError
        return False
    return True


def _beside(path: Path) -> Path:
    return path.with_name(path.name + NEW)


def _write_all(files: list[tuple[Path, bytes, int]]) -> None:
    """All of them, or none is left."""
    try:
        for path, content, mode in files:
            _write(path, content, mode)
    except OSError:
        for path, _, _ in files:
            _forget(path)
        raise


def _write(path: Path, content: bytes, mode: int) -> None:
    """Made anew with its mode: a key is never readable by others, not for an instant."""
    path.unlink(missing_ok=True)
    descriptor = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL, mode)
    try:
        rest = memoryview(content)
        while rest:
            rest = rest[os.write(descriptor, rest) :]
        os.fsync(descriptor)
    finally:
        os.close(descriptor)


def _forget(path: Path) -> None:
    try:
        path.unlink(missing_ok=True)
    except OSError as error:  # the next try begins with it
        log.debug("%s stays: %s", path.name, error.strerror)


def _into_place(path: Path) -> None:
    _beside(path).replace(path)
    _flush_folder(path.parent)


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
        hint="the files of [uplink.tls] must lie where the agent may write, and its disk must not be full",
    )
