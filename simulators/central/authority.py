"""A certificate authority for a demo: its key in a folder, certificates for requests that are in order.

Owns: the authority's files, what a certificate of a booth holds. Must not know: codes, MQTT, who may ask.
A real centre keeps this key in a machine of its own.
"""

from __future__ import annotations

import os
from datetime import UTC, datetime, timedelta
from pathlib import Path

from cryptography import x509
from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import ExtendedKeyUsageOID, NameOID

from edge_agent.sdk.errors import CommandError, ConfigError

LIFE_DAYS = 730  # a box may lie in a store for a year; what is stolen is taken back by a list at the broker
AUTHORITY_DAYS = 7300
BACKDATED = timedelta(days=1)  # a box whose clock is some hours behind must not find it "not yet valid"
CSR_LIMIT = 16 << 10


class Authority:
    """`ca_pem` is what booths and broker trust."""

    def __init__(self, folder: Path, *, life_days: int = LIFE_DAYS) -> None:
        """Made in `folder` if it is not there. Raises ConfigError central.authority."""
        self._life = timedelta(days=life_days)
        try:
            folder.mkdir(parents=True, exist_ok=True)
            self._key, self._certificate = _load(folder) or _create(folder)
        except (OSError, ValueError, TypeError) as error:
            raise ConfigError("central.authority", f"{folder}: {error}") from error
        self.ca_pem = self._certificate.public_bytes(serialization.Encoding.PEM).decode("ascii")

    def sign(self, csr: str, booth: str) -> str:
        """A certificate for this booth. Raises CommandError enrol.csr for a request that is not in order."""
        try:
            request = x509.load_pem_x509_csr(csr[:CSR_LIMIT].encode())
            good = request.is_signature_valid and request.subject.rfc4514_string() == f"CN={booth}"
        except (ValueError, InvalidSignature) as error:
            raise CommandError("enrol.csr", "not a request") from error
        if not good:
            raise CommandError("enrol.csr", "the request is not signed by its key, or names another booth")
        return self._issue(request.public_key(), booth)

    def _issue(self, public: object, booth: str) -> str:
        if not isinstance(public, ec.EllipticCurvePublicKey):
            raise CommandError("enrol.csr", "the key is not on an elliptic curve")
        now = datetime.now(UTC)
        builder = (
            x509.CertificateBuilder()
            .subject_name(x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, booth)]))
            .issuer_name(self._certificate.subject)
            .public_key(public)
            .serial_number(x509.random_serial_number())
            .not_valid_before(now - BACKDATED)
            .not_valid_after(now + self._life)
            .add_extension(x509.BasicConstraints(ca=False, path_length=None), critical=True)
            .add_extension(x509.ExtendedKeyUsage([ExtendedKeyUsageOID.CLIENT_AUTH]), critical=False)
        )
        return builder.sign(self._key, hashes.SHA256()).public_bytes(serialization.Encoding.PEM).decode()


def _load(folder: Path) -> tuple[ec.EllipticCurvePrivateKey, x509.Certificate] | None:
    key_path, ca_path = folder / "ca.key", folder / "ca.pem"
    if not (key_path.exists() and ca_path.exists()):
        return None
    key = serialization.load_pem_private_key(key_path.read_bytes(), password=None)
    if not isinstance(key, ec.EllipticCurvePrivateKey):
        raise TypeError("ca.key is on no elliptic curve")
    return key, x509.load_pem_x509_certificate(ca_path.read_bytes())


def _create(folder: Path) -> tuple[ec.EllipticCurvePrivateKey, x509.Certificate]:
    key = ec.generate_private_key(ec.SECP256R1())
    name = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, "booth authority (simulated)")])
    now = datetime.now(UTC)
    certificate = (
        x509.CertificateBuilder()
        .subject_name(name)
        .issuer_name(name)
        .public_key(key.public_key())
        .serial_number(x509.random_serial_number())
        .not_valid_before(now - BACKDATED)
        .not_valid_after(now + timedelta(days=AUTHORITY_DAYS))
        .add_extension(x509.BasicConstraints(ca=True, path_length=0), critical=True)
        .sign(key, hashes.SHA256())
    )
    private = key.private_bytes(
        serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption()
    )
    descriptor = os.open(folder / "ca.key", os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600)
    with os.fdopen(descriptor, "wb") as file:
        file.write(private)
    (folder / "ca.pem").write_bytes(certificate.public_bytes(serialization.Encoding.PEM))
    return key, certificate
