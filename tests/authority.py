"""A throw-away certificate authority for tests: keys and certificates in files.

Owns: making them with `cryptography`. Must not know: what they are for.
"""

from __future__ import annotations

import ipaddress
from datetime import UTC, datetime, timedelta
from itertools import count
from pathlib import Path

from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import NameOID


class Authority:
    """Issues in its folder."""

    def __init__(self, folder: Path) -> None:
        folder.mkdir(parents=True, exist_ok=True)
        self._folder = folder
        self._numbers = count(1)
        self._key = ec.generate_private_key(ec.SECP256R1())
        self._name = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, f"test authority {folder.name}")])
        self.ca = folder / "ca.pem"
        self.certificate = self._sign(
            self._name, self._key.public_key(), _days(-3650), _days(3650), x509.BasicConstraints(True, 0), []
        )
        self.ca.write_bytes(self.certificate.public_bytes(serialization.Encoding.PEM))

    def private_key(self) -> bytes:
        """In PEM form."""
        return self._key.private_bytes(
            serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption()
        )

    def issue(
        self,
        name: str,
        *,
        server: bool = False,
        begins: datetime | None = None,
        ends: datetime | None = None,
    ) -> tuple[Path, Path]:
        """A certificate and its key; `name` is its CN, and for a server its address."""
        key = ec.generate_private_key(ec.SECP256R1())
        names = [x509.IPAddress(ipaddress.ip_address(name))] if server else []
        certificate = self._sign(
            x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, name)]),
            key.public_key(),
            begins or _days(-1),
            ends or _days(365),
            x509.BasicConstraints(False, None),
            [x509.SubjectAlternativeName(names)] if server else [],
        )
        stem = self._folder / f"{name}-{next(self._numbers)}"
        cert_path, key_path = stem.with_suffix(".pem"), stem.with_suffix(".key")
        cert_path.write_bytes(certificate.public_bytes(serialization.Encoding.PEM))
        key_path.write_bytes(
            key.private_bytes(
                serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption()
            )
        )
        key_path.chmod(0o600)
        return cert_path, key_path

    def revoke(self, *certs: Path, good_for_days: int = 30) -> Path:
        """The list of what is taken back, these and no others."""
        builder = (
            x509.CertificateRevocationListBuilder()
            .issuer_name(self._name)
            .last_update(_days(-9))
            .next_update(_days(good_for_days))
        )
        for cert in certs:
            serial = x509.load_pem_x509_certificate(cert.read_bytes()).serial_number
            entry = x509.RevokedCertificateBuilder().serial_number(serial).revocation_date(_days(-1)).build()
            builder = builder.add_revoked_certificate(entry)
        path = self._folder / "revoked.pem"
        path.write_bytes(builder.sign(self._key, hashes.SHA256()).public_bytes(serialization.Encoding.PEM))
        return path

    def _sign(
        self,
        subject: x509.Name,
        public: ec.EllipticCurvePublicKey,
        begins: datetime,
        ends: datetime,
        basic: x509.BasicConstraints,
        more: list[x509.SubjectAlternativeName],
    ) -> x509.Certificate:
        builder = (
            x509.CertificateBuilder()
            .subject_name(subject)
            .issuer_name(self._name)
            .public_key(public)
            .serial_number(x509.random_serial_number())
            .not_valid_before(begins)
            .not_valid_after(ends)
            .add_extension(basic, critical=True)
        )
        for extension in more:
            builder = builder.add_extension(extension, critical=False)
        return builder.sign(self._key, hashes.SHA256())


def _days(days: int) -> datetime:
    return datetime.now(UTC) + timedelta(days=days)
