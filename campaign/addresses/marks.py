"""Names that tell one letter from all others: Message-IDs and MIME boundaries.

In: a secret key, the campaign, a letter's key.  Out: short ASCII strings.  Touches: nothing.

Both are deterministic, so a letter rendered again is the same bytes; neither shows the address.
"""

from __future__ import annotations

import hashlib
from typing import NamedTuple

_TAG = 16  # bytes; 128 bits of HMAC-SHA256 (RFC 2104, 5 allows half the hash at least)
_BLOCK = 64  # bytes that SHA-256 takes at a time
_INNER, _OUTER = (bytes(octet ^ pad for octet in range(256)) for pad in (0x36, 0x5C))


class LetterMarks(NamedTuple):
    """What tells one letter from all others; the same on every attempt."""

    message_id: str  # <32 hex digits@domain> (RFC 5322, 3.6.4)
    # A MIME boundary (RFC 2046, 5.1.1): `=_` cannot occur in quoted-printable or base64 (RFC 2045,
    # 6.7), and nobody who writes a cell can know the rest.
    boundary: str


class LetterMarker:
    """Makes the marks of a campaign's letters; `domain` stands behind the @ of Message-IDs.

    Each are the two halves of one HMAC-SHA256, neither of which tells the other.  What the hashes
    begin with is the same for all letters (RFC 2104, 4) and hashed once: OpenSSL's own HMAC begins
    anew, and takes more than twice as long.
    """

    def __init__(self, key: bytes, campaign: str, domain: str) -> None:
        padded = (hashlib.sha256(key).digest() if len(key) > _BLOCK else key).ljust(_BLOCK, b"\0")
        self._inner = hashlib.sha256(padded.translate(_INNER))
        self._inner.update(f"message-id\0{campaign}\0".encode())
        self._outer = hashlib.sha256(padded.translate(_OUTER))
        self._domain = domain

    def marks(self, letter_key: str) -> LetterMarks:
        """Of the letter with this `Job.letter_key`."""
        inner, outer = self._inner.copy(), self._outer.copy()
        inner.update(letter_key.encode())
        outer.update(inner.digest())
        tag = outer.hexdigest()
        return LetterMarks(f"<{tag[: 2 * _TAG]}@{self._domain}>", f"=_{tag[2 * _TAG :]}")
