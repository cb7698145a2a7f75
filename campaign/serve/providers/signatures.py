"""Signatures of posts; behind it stands `cryptography`.

In: keys, signatures, what was signed.  Out: whether it fits.  Touches: nothing.
"""

from __future__ import annotations

import base64
import binascii
from typing import TYPE_CHECKING, Literal

if TYPE_CHECKING:
    from cryptography.hazmat.primitives.asymmetric.ec import EllipticCurvePublicKey
    from cryptography.hazmat.primitives.asymmetric.rsa import RSAPublicKey


def from_base64(text: str) -> bytes:
    """ValueError for what is none."""
    try:
        return base64.b64decode(text, validate=True)
    except binascii.Error as error:
        raise ValueError(f"it is no base64: {error}") from None


class EcdsaKey:
    """A public key as SendGrid shows it: base64 of a SubjectPublicKeyInfo."""

    def __init__(self, text: str) -> None:
        """Raises ValueError."""
        from cryptography.exceptions import UnsupportedAlgorithm
        from cryptography.hazmat.primitives.asymmetric import ec
        from cryptography.hazmat.primitives.serialization import load_der_public_key

        try:
            key = load_der_public_key(from_base64(text))
        except (ValueError, UnsupportedAlgorithm) as error:
            raise ValueError(f"it is no public key: {error}") from None
        if not isinstance(key, ec.EllipticCurvePublicKey):
            raise ValueError("it is not a key for ECDSA")
        self._key: EllipticCurvePublicKey = key

    def has_signed(self, signature: bytes, signed: bytes) -> bool:
        """ECDSA with SHA-256, the signature in DER."""
        from cryptography.exceptions import InvalidSignature
        from cryptography.hazmat.primitives.asymmetric import ec
        from cryptography.hazmat.primitives.hashes import SHA256

        try:
            self._key.verify(signature, signed, ec.ECDSA(SHA256()))
        except InvalidSignature:
            return False
        return True


class RsaCertificate:
    """The certificate whose key signs messages of SNS."""

    def __init__(self, pem: bytes) -> None:
        """Raises ValueError."""
        from cryptography import x509
        from cryptography.exceptions import UnsupportedAlgorithm
        from cryptography.hazmat.primitives.asymmetric import rsa

        try:
            certificate = x509.load_pem_x509_certificate(pem)
            key = certificate.public_key()
        except UnsupportedAlgorithm as error:
            raise ValueError(f"a key of unknown kind: {error}") from None
        if not isinstance(key, rsa.RSAPublicKey):
            raise ValueError("its key is not RSA")
        self._key: RSAPublicKey = key
        self.begins_s = certificate.not_valid_before_utc.timestamp()
        self.ends_s = certificate.not_valid_after_utc.timestamp()

    def has_signed(
        self, signature: bytes, signed: bytes, digest: Literal["sha1", "sha256"]
    ) -> bool:
        """RSA, PKCS #1 v1.5."""
        from cryptography.exceptions import InvalidSignature
        from cryptography.hazmat.primitives import hashes
        from cryptography.hazmat.primitives.asymmetric import padding

        algorithm = hashes.SHA1() if digest == "sha1" else hashes.SHA256()
        try:
            self._key.verify(signature, signed, padding.PKCS1v15(), algorithm)
        except InvalidSignature:
            return False
        return True
