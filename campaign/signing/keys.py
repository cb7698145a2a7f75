"""Private keys and what they sign; the room's door to `cryptography`.

In: PEM text.  Out: `SigningKey`; new keys as PEM.  Touches: randomness, where a key is made.
"""

from __future__ import annotations

import hashlib
from base64 import b64encode
from typing import Final

from cryptography.exceptions import InvalidSignature, UnsupportedAlgorithm
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ed25519, padding, rsa

from campaign.errors import ConfigError

LEAST_BITS = 1024  # RFC 8301, 3.2: shorter ones must not sign, and verifiers must not take them
GOOD_BITS = 2048  # RFC 8301, 3.2: signers should use at least so many
MOST_BITS = 4096  # RFC 8301, 3.2: verifiers need not take longer ones
RSA, ED25519 = "rsa", "ed25519"  # as k= of the record says it
_PADDING, _SHA256 = padding.PKCS1v15(), hashes.SHA256()
_MAKE_ONE = "`campaign dkim keygen` makes one"

_Private = rsa.RSAPrivateKey | ed25519.Ed25519PrivateKey


class SigningKey:
    """A private key of DKIM."""

    def __init__(self, private: _Private) -> None:
        self._private: Final = private

    @property
    def kind(self) -> str:
        """RSA or ED25519."""
        return RSA if isinstance(self._private, rsa.RSAPrivateKey) else ED25519

    @property
    def algorithm(self) -> str:
        """As a= of the signature says it."""
        return f"{self.kind}-sha256"

    @property
    def bits(self) -> int:
        return self._private.key_size if isinstance(self._private, rsa.RSAPrivateKey) else 256

    @property
    def warning(self) -> str:
        """What speaks against the key; "" if nothing does."""
        if self.kind == RSA and self.bits < GOOD_BITS:
            return f"{self.bits} bits are few: some receivers want {GOOD_BITS} (RFC 8301)"
        if self.kind == RSA and self.bits > MOST_BITS:
            return f"{self.bits} bits are many: receivers need not take over {MOST_BITS} (RFC 8301)"
        return ""

    @property
    def public(self) -> str:
        """As p= of the record says it: base64 of the key's DER (RFC 6376, 3.6.1), for Ed25519 of
        its 32 bytes (RFC 8463, 4)."""
        key = self._private.public_key()
        if isinstance(key, rsa.RSAPublicKey):
            form = serialization.PublicFormat.SubjectPublicKeyInfo
            return b64encode(key.public_bytes(serialization.Encoding.DER, form)).decode()
        return b64encode(key.public_bytes_raw()).decode()

    @property
    def pem(self) -> str:
        """The key itself, PKCS #8 without a password."""
        return self._private.private_bytes(
            serialization.Encoding.PEM,
            serialization.PrivateFormat.PKCS8,
            serialization.NoEncryption(),
        ).decode()

    def sign(self, data: bytes) -> bytes:
        """The signature over header fields in canonical form."""
        if isinstance(self._private, rsa.RSAPrivateKey):
            return self._private.sign(data, _PADDING, _SHA256)
        return self._private.sign(hashlib.sha256(data).digest())  # RFC 8463, 3

    def has_signed(self, signature: bytes, data: bytes) -> bool:
        """Whether it is the signature of this key."""
        key = self._private.public_key()
        try:
            if isinstance(key, rsa.RSAPublicKey):
                key.verify(signature, data, _PADDING, _SHA256)
            else:
                key.verify(signature, hashlib.sha256(data).digest())
        except InvalidSignature:
            return False
        return True


def read_key(pem: str) -> SigningKey:
    """A key from PEM text.  Raises ConfigError, without a place, for what cannot sign."""
    try:
        private = serialization.load_pem_private_key(pem.encode(), None)
    except TypeError:
        raise ConfigError(
            "the key is locked with a password",
            remedy="`openssl pkey -in KEY -out NEW` unlocks it; keep it in a file of mode 600",
        ) from None
    except (ValueError, UnsupportedAlgorithm) as error:
        if "key" in str(error) and "1024" in str(error):
            raise _too_short(f"fewer than {LEAST_BITS}") from None
        raise ConfigError("this is not a private key in PEM", remedy=_MAKE_ONE) from None
    if not isinstance(private, _Private):
        raise ConfigError("the key is neither RSA nor Ed25519", remedy=_MAKE_ONE)
    if isinstance(private, rsa.RSAPrivateKey) and private.key_size < LEAST_BITS:
        raise _too_short(str(private.key_size))
    return SigningKey(private)


def new_rsa(bits: int) -> SigningKey:
    """A new RSA key."""
    return SigningKey(rsa.generate_private_key(65537, bits))


def new_ed25519() -> SigningKey:
    """A new Ed25519 key."""
    return SigningKey(ed25519.Ed25519PrivateKey.generate())


def _too_short(bits: str) -> ConfigError:
    return ConfigError(
        f"the RSA key has {bits} bits, and receivers take none under {LEAST_BITS} (RFC 8301)",
        remedy=_MAKE_ONE,
    )
