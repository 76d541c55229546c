"""The booth's key, its request for a certificate, and whether an answer fits them.

Owns: everything that needs `cryptography`, imported when it is used. Must not know: MQTT, files, one-time
codes. The key is made here and never leaves the box. P-256: every broker takes it, and a signature costs a
Pi a millisecond.
"""

from __future__ import annotations

import contextlib
from dataclasses import dataclass, field
from itertools import pairwise
from typing import TYPE_CHECKING

from edge_agent.sdk.errors import CommandError

if TYPE_CHECKING:
    from cryptography import x509
    from cryptography.hazmat.primitives.asymmetric.types import PublicKeyTypes

LEAST_LIFE_DAYS = 1  # a certificate that ends sooner is a mistake of the centre


@dataclass(frozen=True, slots=True)
class NewKey:
    """A private key in PEM form that is nowhere else yet, and the request for its certificate."""

    csr: str
    key: bytes = field(repr=False)


def make(booth: str) -> NewKey:
    """A fresh key and its request, the booth's id as the name. Takes milliseconds: call it in a thread."""
    from cryptography import x509
    from cryptography.hazmat.primitives import hashes, serialization
    from cryptography.hazmat.primitives.asymmetric import ec
    from cryptography.x509.oid import NameOID

    key = ec.generate_private_key(ec.SECP256R1())
    name = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, booth)])
    csr = x509.CertificateSigningRequestBuilder().subject_name(name).sign(key, hashes.SHA256())
    private = key.private_bytes(
        serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption()
    )
    return NewKey(csr.public_bytes(serialization.Encoding.PEM).decode("ascii"), private)


def check(chain: str, ca: str, made: NewKey, booth: str) -> None:
    """That a chain belongs to the key, names the booth, and ends at the authority.

    Dates are not compared with the clock, which may be wrong: TLS will tell. Raises CommandError
    enrol.answer.
    """
    from cryptography import x509
    from cryptography.exceptions import InvalidSignature
    from cryptography.hazmat.primitives import serialization

    try:
        certificates = x509.load_pem_x509_certificates(chain.encode())
        authorities = x509.load_pem_x509_certificates(ca.encode())
        key = serialization.load_pem_private_key(made.key, password=None)
    except ValueError as error:
        raise _refused(f"it holds no certificate that can be read ({error})") from error
    own = certificates[0]
    if _spki(own.public_key()) != _spki(key.public_key()):
        raise _refused("its certificate is for another key")
    if own.subject.rfc4514_string() != f"CN={booth}":
        raise _refused(f"its certificate names {own.subject.rfc4514_string()[:64]}")
    if (own.not_valid_after_utc - own.not_valid_before_utc).days < LEAST_LIFE_DAYS:
        raise _refused("its certificate ends as soon as it begins")
    try:
        _climb(certificates, authorities)
    except (InvalidSignature, ValueError, TypeError) as error:
        raise _refused("its certificate is not signed by the authority") from error


def _climb(certificates: list[x509.Certificate], authorities: list[x509.Certificate]) -> None:
    """From the booth's certificate to an authority. Raises InvalidSignature, ValueError, TypeError."""
    from cryptography.exceptions import InvalidSignature

    for lower, upper in pairwise(certificates):
        lower.verify_directly_issued_by(upper)
    last = certificates[-1]
    for one in authorities:  # an authority and its follower may have one name
        with contextlib.suppress(InvalidSignature, ValueError, TypeError):
            last.verify_directly_issued_by(one)
            return
    raise ValueError("no authority has signed it")


def _spki(public: PublicKeyTypes) -> bytes:
    from cryptography.hazmat.primitives import serialization

    return public.public_bytes(serialization.Encoding.DER, serialization.PublicFormat.SubjectPublicKeyInfo)


def _refused(why: str) -> CommandError:
    return CommandError("enrol.answer", f"the answer is not taken: {why}")
