"""Tokens that find their way back to us: in unsubscribe links, and in the envelope sender (VERP).

In: secrets, names of lists and campaigns, keys of recipients, row numbers.
Out: short ASCII strings; from a text that came back, whom it is about.  Touches: nothing.
A text without a token of ours gives None; nothing here raises for what a visitor sent.

Unsubscribe tokens::

    tokens = UnsubscribeTokens(secrets)             # the first secret signs, all are read
    tokens.token("newsletter", "ada@example.com", "spring")            # at most 120 characters
    tokens.read(text) -> Unsubscription(list, key, campaign) | None    # text: a token, a query
                                                    # string, a path, a whole URL, a subject line

They never expire, and all they say is in themselves: they work when the campaign is gone.

Envelope senders (VERP)::

    verp_token(plan_key, plan_id, row)              # 32 characters of a-z and 2-7
    read_verp_token({plan_id: plan_key, ...}, text) -> Sender(plan_id, row) | None

The keys of these are the plans' own (`PlanRecord.key`), so each journal can read its own.
"""

from __future__ import annotations

import base64
import binascii
import hashlib
import hmac
import re
from collections.abc import Iterable, Iterator, Mapping, Sequence
from functools import lru_cache
from typing import NamedTuple
from urllib.parse import unquote

from campaign.addresses.siv import OVERHEAD, Seal
from campaign.records import TOKEN_LENGTH

EVERYTHING = "*"  # the list of a campaign that names none: who leaves it leaves all
LIST_MAX = 32  # characters of a list's name; so it always fits
_TEXT_MAX = 71  # bytes; 3 + 4/3 * (71 + 16) are 119 characters
_CAMPAIGN_DIGEST = 6  # bytes; it is only shown, and looked up among one's own campaigns
_KEY_DIGEST = 16  # bytes; 128 bits, so that nobody is found who is somebody else
_PLAIN, _SHORT_CAMPAIGN, _SHORT_BOTH = b"\1", b"\2", b"\3"

# `u` is not a hexadecimal digit: "?t=u..." stays itself where a mail client takes "=u." for
# quoted-printable (RFC 2045, 6.7).
_MARK = "u"
_RUN = re.compile(r"[A-Za-z0-9_-]{24,400}")  # an old token may be as long as an address
_RUNS_MOST = 8  # looked at in a text; a link of ours has one
_TEXT_LOOKED_AT = 4096  # characters
_SOFT_BREAK = re.compile(r"=\r?\n")
_ESCAPED = re.compile(r"=(3D|5F|2D)", re.IGNORECASE)  # what quoted-printable makes of = _ -

_OLD_TAG = 16


class Unsubscription(NamedTuple):
    """Who wants out of what.

    list: its name; "*" is everything
    key: of the recipient, or `key_digest` of a long one; the suppression store takes either
    campaign: of the letter, or `campaign_digest` of a long name
    """

    list: str
    key: str
    campaign: str


class Sender(NamedTuple):
    """Whose letter an envelope sender belongs to."""

    plan_id: str
    row: int


def key_digest(key: str) -> str:
    """What a token has room for of a key that is too long: "sha256:" and 32 hex digits."""
    return f"sha256:{hashlib.sha256(key.encode()).digest()[:_KEY_DIGEST].hex()}"


def campaign_digest(campaign: str) -> str:
    """What a token has room for of a long name: "~" and 12 hex digits."""
    return f"~{hashlib.sha256(campaign.encode()).digest()[:_CAMPAIGN_DIGEST].hex()}"


class UnsubscribeTokens:
    """Makes and reads the tokens of List-Unsubscribe (RFC 8058, 3.1).

    A token is `u`, two characters that name the secret, and in base64 the list, the recipient and
    the campaign under AES-SIV (RFC 5297): hard to forge, and it shows nobody's address.
    """

    def __init__(self, secrets: Sequence[str]) -> None:
        self._secrets = tuple(secrets)
        self._seals = [
            (_MARK + _secret_id(secret), Seal(secret, "campaign unsubscribe token"))
            for secret in secrets
        ]

    def token(self, list_: str, key: str, campaign: str) -> str:
        """Of the recipient with this key; always the same for the same.

        `list_` has at most `LIST_MAX` characters.
        """
        prefix, seal = self._seals[0]
        sealed = seal.closed(_written(list_, key, campaign))
        return prefix + base64.urlsafe_b64encode(sealed).rstrip(b"=").decode()

    def read(self, text: str, old_campaigns: Iterable[str] = ()) -> Unsubscription | None:
        """The inverse of `token`, wherever in the text it stands; None where there is none of ours.

        What mail clients and servers do to a query string is undone: `&amp;`, percent-encoding once
        or twice, `=3D` and the other escapes of quoted-printable.  `old_campaigns`: names of
        campaigns whose tokens of before lists had names are to be read too.
        """
        found = self.find(text, old_campaigns)
        return found[1] if found else None

    def find(
        self, text: str, old_campaigns: Iterable[str] = ()
    ) -> tuple[str, Unsubscription] | None:
        """As `read`, with the token itself, as it may stand in another link."""
        names = list(old_campaigns)
        for run in _runs(text):
            found = self._opened(run) or self._old(run, names)
            if found:
                return run, found
        return None

    def _opened(self, token: str) -> Unsubscription | None:
        for prefix, seal in self._seals:
            if token.startswith(prefix) and (raw := _from_base64(token[len(prefix) :])):
                text = seal.opened(raw) if len(raw) > OVERHEAD else None
                if text is not None:
                    return _read(text)
        return None

    def _old(self, token: str, campaigns: Sequence[str]) -> Unsubscription | None:
        """Of the first form: each campaign had a key of its own, and letters named no list."""
        raw = _from_base64(token) if campaigns else None
        if raw is None or len(raw) <= _OLD_TAG:
            return None
        for secret in self._secrets:
            for campaign in campaigns:
                label = f"unsubscribe {campaign}".encode()
                key = hmac.digest(secret.encode(), label, "sha256")
                text = _old_opened(key, raw)
                if text is not None:
                    return Unsubscription(EVERYTHING, text.partition("\0")[2], campaign)
        return None


def verp_token(plan_key: bytes, plan_id: str, row: int) -> str:
    """For the local part of MAIL FROM: names the plan and the row (1 to 2**32 - 1), and is signed.

    Lower case base32 (RFC 4648, 6), since servers on the way may change the case of a local part.
    """
    text = _plan_mark(plan_id) + row.to_bytes(4)
    return base64.b32encode(text + _verp_tag(plan_key, text)).decode().lower()


def read_verp_token(plans: Mapping[str, bytes], text: str) -> Sender | None:
    """The inverse, wherever in an address it stands: plan id -> key are the plans we know.

    None where no token of these plans is in the text: it is forged, or somebody else's.
    """
    by_mark = {_plan_mark(plan_id): plan_id for plan_id in plans}
    for token in _VERP.findall(text[:_TEXT_LOOKED_AT].lower()):
        raw = base64.b32decode(token.upper())
        plan_id = by_mark.get(raw[:5])
        if plan_id is not None and hmac.compare_digest(raw[9:], _verp_tag(plans[plan_id], raw[:9])):
            return Sender(plan_id, int.from_bytes(raw[5:9]))
    return None


# Five bytes of the plan, four of the row, eleven (88 bits) of proof are 32 characters.
_VERP = re.compile(rf"(?<![a-z2-7])[a-z2-7]{{{TOKEN_LENGTH}}}(?![a-z2-7])")
_VERP_TAG = 11


@lru_cache(maxsize=1024)
def _plan_mark(plan_id: str) -> bytes:
    return hashlib.sha256(plan_id.encode()).digest()[:5]


def _verp_tag(plan_key: bytes, text: bytes) -> bytes:
    return hmac.digest(plan_key, b"verp\0" + text, "sha256")[:_VERP_TAG]


# -- unsubscribe tokens: what stands in them --------------------------------------------------


def _secret_id(secret: str) -> str:
    """Two characters of base64url: which secret to try; several may have the same."""
    tag = hmac.digest(secret.encode(), b"campaign unsubscribe secret id", "sha256")
    return base64.urlsafe_b64encode(tag)[:2].decode()


def _written(list_: str, key: str, campaign: str) -> bytes:
    """All as it is; where that is too long digests of the campaign, then of the key too."""
    if len(list_) > LIST_MAX or not list_.isascii():
        raise ValueError(f"{list_!r} is not the name of a list")
    plain = b"%s%s\0%s\0%s" % (_PLAIN, list_.encode(), campaign.encode(), key.encode())
    if len(plain) <= _TEXT_MAX:
        return plain
    name = bytes.fromhex(campaign_digest(campaign)[1:])
    short = b"%s%s\0%s%s" % (_SHORT_CAMPAIGN, list_.encode(), name, key.encode())
    if len(short) <= _TEXT_MAX:
        return short
    digest = bytes.fromhex(key_digest(key).partition(":")[2])
    return b"%s%s\0%s%s" % (_SHORT_BOTH, list_.encode(), name, digest)


def _read(text: bytes) -> Unsubscription | None:
    kind = text[:1]
    list_, _, rest = text[1:].partition(b"\0")
    if kind == _PLAIN:
        campaign, _, key = rest.partition(b"\0")
        return Unsubscription(list_.decode(), key.decode(), campaign.decode())
    name, key = f"~{rest[:_CAMPAIGN_DIGEST].hex()}", rest[_CAMPAIGN_DIGEST:]
    if kind == _SHORT_CAMPAIGN:
        return Unsubscription(list_.decode(), key.decode(), name)
    if kind == _SHORT_BOTH:
        return Unsubscription(list_.decode(), f"sha256:{key.hex()}", name)
    return None  # made by a later version


def _runs(text: str) -> Iterator[str]:
    """What may be a token, with the escapes undone that a link may have got on its way."""
    plain = _SOFT_BREAK.sub("", text[:_TEXT_LOOKED_AT])
    plain = unquote(unquote(plain))
    plain = _ESCAPED.sub(lambda found: chr(int(found[1], 16)), plain)
    for number, run in enumerate(_RUN.findall(plain)):
        if number == _RUNS_MOST:
            return
        yield run
        if run[:2].upper() == "3D":  # "t=3Du...", split at its first "="
            yield run[2:]


def _from_base64(text: str) -> bytes | None:
    try:
        return base64.b64decode(text + "=" * (-len(text) % 4), altchars=b"-_", validate=True)
    except (binascii.Error, ValueError):
        return None


def _old_opened(key: bytes, raw: bytes) -> str | None:
    """What the first form hid under a stream of bytes; nothing new is written in it."""
    tag, hidden = raw[:_OLD_TAG], raw[_OLD_TAG:]
    stream_key = hmac.digest(key, b"unsubscribe-stream\0" + tag, "sha256")
    stream = hashlib.shake_256(stream_key).digest(len(hidden))
    text = bytes(one ^ other for one, other in zip(hidden, stream, strict=True))
    proof = hmac.digest(key, b"unsubscribe\0" + text, "sha256")[:_OLD_TAG]
    return text.decode() if hmac.compare_digest(tag, proof) else None
