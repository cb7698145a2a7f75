"""Names and tokens made with a key: Message-IDs, boundaries, unsubscribe links.

In: a secret key, the campaign, a recipient's key.  Out: short ASCII strings.  Touches: nothing.

All are deterministic, so a letter rendered again is the same bytes; none shows the address.
Each kind has its own label under the HMAC, so that one can never stand in for another.
"""

from __future__ import annotations

import base64
import binascii
import hashlib
import hmac
from typing import NamedTuple

_TAG = 16  # bytes; 128 bits of HMAC-SHA256 (RFC 2104, 5 allows half the hash at least)
_BLOCK = 64  # bytes that SHA-256 takes at a time
_INNER, _OUTER = (bytes(octet ^ pad for octet in range(256)) for pad in (0x36, 0x5C))


class TokenError(ValueError):
    """Not a token of ours, or one that was tampered with."""


class Unsubscription(NamedTuple):
    """Who wants out of what."""

    campaign: str
    recipient_key: str


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


def unsubscribe_token(key: bytes, campaign: str, recipient_key: str) -> str:
    """A token for List-Unsubscribe (RFC 8058, 3.1): hard to forge, safe in a URL, no address in it.

    Deterministic authenticated encryption in the manner of SIV (RFC 5297, 2.6): the HMAC of the
    text is both its proof and the seed of the stream that hides it.
    """
    text = f"{campaign}\0{recipient_key}".encode()
    tag = _hmac(key, b"unsubscribe", text)
    return base64.urlsafe_b64encode(tag + _hidden(key, tag, text)).rstrip(b"=").decode()


def read_unsubscribe_token(key: bytes, token: str) -> Unsubscription:
    """The inverse of `unsubscribe_token`; compares in constant time.  Raises TokenError."""
    try:
        padded = token.encode("ascii") + b"=" * (-len(token) % 4)
        raw = base64.b64decode(padded, altchars=b"-_", validate=True)
    except (UnicodeEncodeError, binascii.Error):
        raise TokenError("this is not an unsubscribe token") from None
    tag, text = raw[:_TAG], _hidden(key, raw[:_TAG], raw[_TAG:])
    if not hmac.compare_digest(tag, _hmac(key, b"unsubscribe", text)):
        raise TokenError("this unsubscribe token is not ours, or was changed on its way")
    campaign, _, recipient_key = text.decode().partition("\0")
    return Unsubscription(campaign, recipient_key)


def _hmac(key: bytes, label: bytes, text: bytes) -> bytes:
    return hmac.digest(key, label + b"\0" + text, "sha256")[:_TAG]


def _hidden(key: bytes, seed: bytes, text: bytes) -> bytes:
    """The text under a stream of bytes; twice is the text again."""
    stream_key = hmac.digest(key, b"unsubscribe-stream\0" + seed, "sha256")
    stream = hashlib.shake_256(stream_key).digest(len(text))
    size = len(text)
    return (int.from_bytes(text) ^ int.from_bytes(stream)).to_bytes(size)
