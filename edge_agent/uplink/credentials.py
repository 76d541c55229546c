"""The files by which broker and booth trust each other, read anew for each connection.

Owns: the TLS context, whether the files have changed, how long the certificate is good, why TLS failed.
Must not know: how a certificate is asked for (edge_agent.enrolment), MQTT.

A wrong clock makes every certificate look bad, and a box without a battery clock boots in the past: where
dates are to blame, the reason names the clock.
"""

from __future__ import annotations

import contextlib
import errno
import os
import ssl
from collections.abc import Iterator
from pathlib import Path

from edge_agent.sdk.clock import Clock
from edge_agent.sdk.values import ClockQuality
from edge_agent.uplink import pair
from edge_agent.uplink.broker import plain_reason
from edge_agent.uplink.messages import utc_text
from edge_agent.uplink.validity import Validity, validity_of

DAY_MS = 86_400_000
WARN_DAYS = 30  # a visit of a technician can be arranged within this
_NOT_YET_VALID, _EXPIRED = 9, 10  # OpenSSL's X509_V_ERR_CERT_NOT_YET_VALID and _HAS_EXPIRED

Print = tuple[tuple[int, int, int], ...]


class Credentials:
    """Of one booth. `cert` and `key` are None where the booth logs in by name."""

    def __init__(self, ca: Path, cert: Path | None, key: Path | None, clock: Clock) -> None:
        self._ca = ca
        self._cert = cert
        self._key = key
        self._clock = clock
        self._used: Print = ()
        self._used_until: Validity | None = None

    def context(self) -> ssl.SSLContext:
        """For one connection. Reads the files: call it in a thread. Raises OSError that names the file."""
        self._used = self._print()
        with _named(self._ca):
            context = ssl.create_default_context(cafile=str(self._ca))
        context.minimum_version = ssl.TLSVersion.TLSv1_2
        if self._cert is not None and self._key is not None:
            with _named(self._cert, self._key):
                finished = pair.load(context, self._cert, self._key)
            self._used = self._print() if finished else self._used
        self._used_until = self._read_validity()
        return context

    def changed(self) -> bool:
        """Whether the files differ from those of the present connection. Blocking, short."""
        return bool(self._used) and self._print() != self._used

    @property
    def validity(self) -> Validity | None:
        """Of the booth's certificate as it is used; None without one."""
        return self._used_until

    def days_left(self) -> int | None:
        """Whole days that the booth's certificate is still good, by the wall clock; negative when over."""
        if self._used_until is None:
            return None
        return (self._used_until.not_after_ms - self._clock.stamp().utc_ms) // DAY_MS

    def alarms(self) -> list[str]:
        """What a person should look at."""
        days = self.days_left()
        return ["certificate_expiring"] if days is not None and days < WARN_DAYS else []

    def explain(self, cause: Exception | str) -> str:
        """Why a connection failed, in one line, with the clock named where dates are to blame."""
        if isinstance(cause, ssl.SSLCertVerificationError):
            if cause.verify_code in (_NOT_YET_VALID, _EXPIRED):
                return f"the broker's certificate: {cause.verify_message}; {self._what_clock()}"
            return f"the broker's certificate is refused: {cause.verify_message}"
        if isinstance(cause, OSError) and cause.filename:
            return f"{cause.filename}: {cause.strerror}"
        text = plain_reason(cause)
        ours = self._own_dates()
        if "ALERT" in text or isinstance(cause, ssl.SSLError):
            return f"TLS: {text.replace('_', ' ').lower()}{f'; {ours}' if ours else ''}"
        return f"{text}; {ours}" if ours else text

    def _own_dates(self) -> str:
        validity, now_ms = self._used_until, self._clock.stamp().utc_ms
        if validity is None or validity.not_before_ms <= now_ms <= validity.not_after_ms:
            return ""
        state = (
            f"is good from {utc_text(validity.not_before_ms)[:10]}"
            if now_ms < validity.not_before_ms
            else f"ended {utc_text(validity.not_after_ms)[:10]}"
        )
        return f"the booth's own certificate {state}; {self._what_clock()}"

    def _what_clock(self) -> str:
        now = self._clock.stamp()
        doubt = "and nothing vouches for it" if now.quality is ClockQuality.NONE else f"({now.quality})"
        return f"the box's clock says {utc_text(now.utc_ms)[:16]} {doubt}"

    def _read_validity(self) -> Validity | None:
        if self._cert is None:
            return None
        try:
            return validity_of(self._cert.read_bytes())
        except ValueError:
            return None  # OpenSSL took it; only its dates are not known

    def _print(self) -> Print:
        """What tells one set of files from another; a file that is not there counts as itself."""
        found = []
        for path in (self._ca, self._cert, self._key):
            try:
                stat = path.stat() if path else None
            except OSError:
                stat = None
            found.append((stat.st_mtime_ns, stat.st_ino, stat.st_size) if stat else (0, 0, 0))
        return tuple(found)


@contextlib.contextmanager
def _named(*files: Path) -> Iterator[None]:
    """Around reading these: OpenSSL does not tell which file it means."""
    try:
        yield
    except ssl.SSLError as error:
        words = "holds no certificate" if len(files) == 1 else "do not fit together, or one is damaged"
        raise OSError(errno.EINVAL, words, " and ".join(map(str, files))) from error
    except OSError as error:
        closed = (str(file) for file in files if not os.access(file, os.R_OK))
        raise OSError(error.errno, error.strerror, error.filename or next(closed, "")) from error
