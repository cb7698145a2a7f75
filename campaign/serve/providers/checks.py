"""Who posted: SendGrid, Mailgun, Postmark.

In: posts.  Out: what a post is known by.  Touches: nothing.  Fails with PostRefused.
"""

from __future__ import annotations

import base64
import binascii
import hashlib
import hmac
from collections.abc import Sequence

from campaign.serve.providers.posts import Posted, PostRefused, refuse_old, text_of
from campaign.serve.providers.signatures import EcdsaKey, from_base64

# How long a provider tries the same post, and an hour: SendGrid 24 hours, Mailgun 8 hours.
SENDGRID_LONGEST_S = 25 * 3600.0
MAILGUN_LONGEST_S = 9 * 3600.0
_SIGNATURE = "x-twilio-email-event-webhook-signature"
_TIMESTAMP = "x-twilio-email-event-webhook-timestamp"


class SendgridCheck:
    """ECDSA over timestamp and body, by the key that SendGrid shows for the webhook."""

    def __init__(self, keys: Sequence[str]) -> None:
        """Raises ValueError for what is no key."""
        self._keys = [EcdsaKey(key) for key in keys]

    async def __call__(self, posted: Posted) -> str:
        signature, timestamp = (
            posted.headers.get(_SIGNATURE, ""),
            posted.headers.get(_TIMESTAMP, ""),
        )
        if not signature or not timestamp:
            raise PostRefused("it is not signed; switch the Signed Event Webhook on")
        try:
            raw = from_base64(signature)
        except ValueError:
            raise PostRefused("its signature is no base64") from None
        signed = timestamp.encode() + posted.body
        if not any(key.has_signed(raw, signed) for key in self._keys):
            raise PostRefused("its signature is wrong")
        refuse_old(_seconds(timestamp), posted.at, SENDGRID_LONGEST_S)
        return f"sendgrid {hashlib.sha256(posted.body).hexdigest()}"


class MailgunCheck:
    """HMAC over timestamp and token.

    What the post says is not signed, so a token is good for one body alone: the inbox refuses
    another one under the same id.
    """

    def __init__(self, keys: Sequence[str]) -> None:
        self._keys = [key.encode() for key in keys]

    async def __call__(self, posted: Posted) -> str:
        timestamp = text_of(posted.document, "signature", "timestamp")
        token = text_of(posted.document, "signature", "token")
        told = [
            text_of(posted.document, "signature", name)
            for name in ("signature", "parent-signature")
        ]
        signed = f"{timestamp}{token}".encode("utf-8", "surrogatepass")
        right = [hmac.new(key, signed, "sha256").hexdigest() for key in self._keys]
        if not token or not any(_same(one, each) for one in told for each in right):
            raise PostRefused("its signature is wrong")
        refuse_old(_seconds(timestamp), posted.at, MAILGUN_LONGEST_S)
        return f"mailgun {token[:200]}"


class PostmarkCheck:
    """A secret in the url: the password of basic authentication, or the end of the path."""

    def __init__(self, secrets: Sequence[str]) -> None:
        self._secrets = tuple(secrets)

    async def __call__(self, posted: Posted) -> str:
        told = (posted.secret, _password(posted.headers.get("authorization", "")))
        if not any(each and _same(each, secret) for each in told for secret in self._secrets):
            raise PostRefused("its secret is wrong", 401)
        return f"postmark {hashlib.sha256(posted.body).hexdigest()}"


def _same(one: str, other: str) -> bool:
    return hmac.compare_digest(
        one.encode("utf-8", "surrogatepass"), other.encode("utf-8", "surrogatepass")
    )


def _seconds(text: str) -> float:
    if not text.isascii() or not text.isdecimal() or len(text) > 12:
        raise PostRefused("its timestamp is no number of seconds")
    return float(text)


def _password(authorization: str) -> str:
    scheme, _, value = authorization.partition(" ")
    if scheme.lower() != "basic":
        return ""
    try:
        return base64.b64decode(value, validate=True).decode().partition(":")[2]
    except (binascii.Error, UnicodeDecodeError):
        return ""
