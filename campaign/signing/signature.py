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
    """One [[dkim]] entry; `domain` is written in A-labels (RFC 8616, 4)."""

    def __init__(self, domain: str, selector: str, key: SigningKey) -> None:
        self.key: Final = key
        self._start: Final = (
            f"DKIM-Signature: v=1; a={key.algorithm}; c=relaxed/relaxed;\r\n"
            f" d={domain};\r\n s={selector};\r\n"
        )
        self._known: dict[tuple[tuple[str, ...], str], _Form] = {}

    def field(self, names: tuple[str, ...], times: str, signed: bytes, body_hash: bytes) -> bytes:
        """The whole field, with CRLF.

        `names` as h= has them, `times` the tags t= and x= or "", `signed` the canonical fields.
        """
        form = self._known.get((names, times))
        if form is None:
            form = _Form(self._start + times, names)
            if len(self._known) < _KEPT:
                self._known[names, times] = form
        signature = self.key.sign(b"".join((signed, form.hashed, body_hash, b"; b=")))
        text = b2a_base64(signature, newline=False)
        lines = [text[at : at + _B_LINE] for at in range(0, len(text), _B_LINE)]
        return b"".join((form.written, body_hash, b";\r\n b=", b"\r\n  ".join(lines), b"\r\n"))


class _Form:
    """A signature up to the value of bh=, as it is written and as it is hashed."""

    def __init__(self, start: str, names: Sequence[str]) -> None:
        lines = [
            ":".join(names[at : at + _NAMES_A_LINE]) for at in range(0, len(names), _NAMES_A_LINE)
        ]
        self.written = (f"{start} h=" + ":\r\n  ".join(lines) + ";\r\n bh=").encode("latin-1")
        _, (value,) = fields_of(self.written + b"\r\n")
        self.hashed = b"dkim-signature:" + relaxed_value(value)


def signatures(wire: bytes, signers: Sequence[Signer], times: str = "") -> bytes:
    """The DKIM-Signature fields of a letter, one of each signer, to be put before its bytes.

    `wire` is not dot-stuffed.  `times` is what `times_of` gave.
    """
    end = wire.find(b"\r\n\r\n")
    head, body = (wire[: end + 2], wire[end + 4 :]) if end >= 0 else (wire, b"")
    names, values = fields_of(head)
    cover = _cover_of(names)
    signed = b"".join([relaxed_field(names[at], values[at]) for at in cover.indexes])
    digest = hashlib.sha256(relaxed_body(body)).digest()
    body_hash = b2a_base64(digest, newline=False)
    return b"".join([each.field(cover.names, times, signed, body_hash) for each in signers])


def times_of(at_s: float, valid_for_s: float) -> str:
    """The tags t= and x= of signatures that hold from a Unix time on for so long."""
    return f" t={int(at_s)}; x={int(at_s + valid_for_s)};\r\n"
