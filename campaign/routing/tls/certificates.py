"""What stands in a certificate.

In: certificates in DER.  Out: `Certificate`, keys, whether one vouches for another.
Touches: nothing.

The only door to `cryptography` here, and behind it until a certificate is really looked at.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from cryptography import x509


@dataclass(frozen=True, slots=True)
class Certificate:
    """A certificate's facts, for a person."""

    subject: str
    issuer: str
    names: tuple[str, ...]  # DNS names and addresses it is valid for
    begins_s: float  # Unix time
    ends_s: float
    key: str  # "RSA 2048", "EC secp256r1", "Ed25519"
    sha256: str  # of the whole certificate
    key_sha256: str  # of its public key: the data of a TLSA record "3 1 1"


def read_certificate(der: bytes) -> Certificate:
    """The facts.  ValueError for what is not a certificate."""
    import hashlib

    from cryptography import x509

    found = x509.load_der_x509_certificate(der)
    return Certificate(
        subject=_short_name(found.subject),
        issuer=_short_name(found.issuer),
        names=_names(found),
        begins_s=found.not_valid_before_utc.timestamp(),
        ends_s=found.not_valid_after_utc.timestamp(),
        key=_kind_of_key(found),
        sha256=hashlib.sha256(der).hexdigest(),
        key_sha256=hashlib.sha256(public_key(der)).hexdigest(),
    )


def public_key(der: bytes) -> bytes:
    """SubjectPublicKeyInfo in DER, as TLSA selector 1 wants it (RFC 6698, 2.1.2).  ValueError."""
    from cryptography import x509
    from cryptography.exceptions import UnsupportedAlgorithm
    from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat

    try:
        key = x509.load_der_x509_certificate(der).public_key()
    except UnsupportedAlgorithm as error:
        raise ValueError(f"a key of unknown kind: {error}") from error
    return key.public_bytes(Encoding.DER, PublicFormat.SubjectPublicKeyInfo)


def is_issued_by(chain: Sequence[bytes], issuer: bytes, host: str) -> bool:
    """Whether the first certificate, valid now for `host`, leads to `issuer` by the others.

    As on the web, but for authorities without a key usage (RFC 5280 lets them be), such as
    people make for themselves.
    """
    from cryptography import x509
    from cryptography.x509.verification import (
        Criticality,
        ExtensionPolicy,
        PolicyBuilder,
        Store,
        VerificationError,
    )

    first, *others = (x509.load_der_x509_certificate(der) for der in chain)
    authorities = ExtensionPolicy.webpki_defaults_ca().may_be_present(
        x509.KeyUsage, Criticality.AGNOSTIC, _may_sign
    )
    verifier = (
        PolicyBuilder()
        .store(Store([x509.load_der_x509_certificate(issuer)]))
        .extension_policies(ca_policy=authorities, ee_policy=ExtensionPolicy.webpki_defaults_ee())
        .build_server_verifier(x509.DNSName(host))
    )
    try:
        verifier.verify(first, others)
    except VerificationError:
        return False
    return True


def _may_sign(_policy: object, _certificate: object, usage: x509.KeyUsage | None) -> None:
    if usage is not None and not usage.key_cert_sign:
        raise ValueError("its key is not for signing certificates")


def _names(certificate: x509.Certificate) -> tuple[str, ...]:
    from cryptography import x509

    try:
        extension = certificate.extensions.get_extension_for_class(x509.SubjectAlternativeName)
    except x509.ExtensionNotFound:
        return ()
    names = extension.value
    return (
        *names.get_values_for_type(x509.DNSName),
        *(str(address) for address in names.get_values_for_type(x509.IPAddress)),
    )


def _short_name(name: x509.Name) -> str:
    """The common name, with the organisation where there is one."""
    from cryptography.x509.oid import NameOID

    parts = [
        str(attribute.value)
        for oid in (NameOID.COMMON_NAME, NameOID.ORGANIZATION_NAME)
        for attribute in name.get_attributes_for_oid(oid)
    ]
    return ", ".join(dict.fromkeys(parts)) or name.rfc4514_string()


def _kind_of_key(certificate: x509.Certificate) -> str:
    from cryptography.hazmat.primitives.asymmetric import ec, rsa

    key = certificate.public_key()
    if isinstance(key, rsa.RSAPublicKey):
        return f"RSA {key.key_size}"
    if isinstance(key, ec.EllipticCurvePublicKey):
        return f"EC {key.curve.name}"
    return type(key).__name__.removesuffix("PublicKey")
