"""DKIM-Signature fields of a letter (RFC 6376, RFC 8463), relaxed/relaxed.

In: the bytes of a letter as they travel, keys.  Out: the fields to put before it.
Touches: nothing.

Both passes, the one that is hashed and the one that is written, are made from the same bytes, and
where the field is folded never depends on a value: before each tag, after each third name of h=,
and within b=, which no verifier hashes.  There is no l= (what is added behind the letter would pass
for ours), no t=y, and i= is left to its default.
"""

from __future__ import annotations

import hashlib
from binascii import b2a_base64
from collections.abc import Sequence
from functools import lru_cache
from typing import Final

from campaign.signing.fields import Cover, cover_of
from campaign.signing.keys import SigningKey
from campaign.signing.relaxed import fields_of, relaxed_body, relaxed_field, relaxed_value

_NAMES_A_LINE = 3
_B_LINE = 72
_KEPT = 256  # different headers of one campaign: which optional fields a letter has, no more


@lru_cache(_KEPT)
def _cover_of(names: tuple[str, ...]) -> Cover:
    return cover_of(names)


class Signer:
    """One [[dkim]] entry; `domain` is written in A-labels (RFC 8616, 4).

    Its signatures hold for so long from the time that they were made at; None: for ever.
    """

    def __init__(
        self, domain: str, selector: str, key: SigningKey, valid_for_s: float | None = None
    ) -> None:
        self.key: Final = key
        self._valid_for_s: Final = valid_for_s
        self._start: Final = (
            f"DKIM-Signature: v=1; a={key.algorithm}; c=relaxed/relaxed;\r\n"
            f" d={domain};\r\n s={selector};\r\n"
        )
        self._known: dict[tuple[str, ...], _Form] = {}

    def field(self, names: tuple[str, ...], signed: bytes, body_hash: bytes, at_s: float) -> bytes:
        """The whole field, with CRLF; `names` as h= has them, `signed` the canonical fields."""
        form = self._known.get(names)
        if form is None:
            form = _Form(self._start + self._times(at_s), names)
            if self._valid_for_s is None and len(self._known) < _KEPT:
                self._known[names] = form
        signature = self.key.sign(b"".join((signed, form.hashed, body_hash, b"; b=")))
        text = b2a_base64(signature, newline=False)
        lines = [text[at : at + _B_LINE] for at in range(0, len(text), _B_LINE)]
        return b"".join((form.written, body_hash, b";\r\n b=", b"\r\n  ".join(lines), b"\r\n"))

    def _times(self, at_s: float) -> str:
        if self._valid_for_s is None:
            return ""
        return f" t={int(at_s)}; x={int(at_s + self._valid_for_s)};\r\n"


class _Form:
    """A signature up to the value of bh=, as it is written and as it is hashed."""

    def __init__(self, start: str, names: Sequence[str]) -> None:
        lines = [
            ":".join(names[at : at + _NAMES_A_LINE]) for at in range(0, len(names), _NAMES_A_LINE)
        ]
        self.written = (f"{start} h=" + ":\r\n  ".join(lines) + ";\r\n bh=").encode("latin-1")
        _, (value,) = fields_of(self.written + b"\r\n")
        self.hashed = b"dkim-signature:" + relaxed_value(value)


def signatures(wire: bytes, signers: Sequence[Signer], at_s: float = 0.0) -> bytes:
    """The DKIM-Signature fields of a letter, one of each signer, to be put before its bytes.

    `wire` is not dot-stuffed.  `at_s` is the Unix time.
    """
    end = wire.find(b"\r\n\r\n")
    head, body = (wire[: end + 2], wire[end + 4 :]) if end >= 0 else (wire, b"")
    names, values = fields_of(head)
    cover = _cover_of(names)
    signed = b"".join([relaxed_field(names[at], values[at]) for at in cover.indexes])
    digest = hashlib.sha256(relaxed_body(body)).digest()
    body_hash = b2a_base64(digest, newline=False)
    return b"".join([each.field(cover.names, signed, body_hash, at_s) for each in signers])
