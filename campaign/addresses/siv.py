"""The door to AES-SIV (RFC 5297): encryption that proves itself and needs no random number.

In: a secret and texts.  Out: bytes.  Touches: nothing; `cryptography` is loaded with the first key.

The same text always becomes the same bytes, so a letter that is rendered again stays the same.
What was changed on its way is told apart from what is ours in constant time.
"""

from __future__ import annotations

import hmac
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from cryptography.hazmat.primitives.ciphers.aead import AESSIV

OVERHEAD = 16  # bytes that sealing adds (RFC 5297, 2.6)


class Seal:
    """One key, derived from a secret for one purpose; a seal of another purpose cannot open it."""

    def __init__(self, secret: str, purpose: str) -> None:
        from cryptography.hazmat.primitives.ciphers.aead import AESSIV

        # 512 bits: AES-SIV-256 takes two keys of 256 bits each.
        key = hmac.digest(secret.encode(), purpose.encode(), "sha512")
        self._cipher: AESSIV = AESSIV(key)

    def closed(self, text: bytes) -> bytes:
        """The text, hidden and signed: `OVERHEAD` bytes longer.  It must not be empty."""
        return self._cipher.encrypt(text, None)

    def opened(self, sealed: bytes) -> bytes | None:
        """The inverse; None for what this key did not seal."""
        from cryptography.exceptions import InvalidTag

        try:
            return self._cipher.decrypt(sealed, None)
        except (InvalidTag, ValueError):  # ValueError: shorter than a seal can be
            return None
