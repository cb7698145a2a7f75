"""Posts of Amazon SNS, through which SES tells.

In: posts, the topics that are ours.  Out: what a post is known by.
Touches: HTTPS to sns.REGION.amazonaws.com, for certificates and to confirm a subscription.

docs.aws.amazon.com/sns/latest/dg/sns-verify-signature-of-message.html.  Everybody with an account
can make SNS sign something, so only topics that the config names are heard, and certificate and
subscription are fetched from the host of the topic's own region and from nowhere else.
"""

from __future__ import annotations

import asyncio
import re
from collections import OrderedDict
from collections.abc import Awaitable, Callable, Collection
from datetime import datetime
from typing import Any, Literal
from urllib.parse import urlsplit

from campaign.clock import Clock
from campaign.serve.limits import VisitorLimit
from campaign.serve.providers.posts import (
    PostDelayed,
    Posted,
    PostRefused,
    refuse_old,
    text_of,
)
from campaign.serve.providers.signatures import RsaCertificate, from_base64

LONGEST_S = 2 * 3600.0  # SNS tries a post for at most an hour
Fetch = Callable[[str], Awaitable[bytes]]  # of an https url; raises OSError
_MOST_CERTIFICATES = 8
_FETCHES, _FETCHES_SPAN_S = 20, 60.0  # who knows a topic's name cannot make us fetch for ever
_CERTIFICATE = re.compile(r"/[A-Za-z0-9_-]{1,100}\.pem")
_SIGNED = {
    "Notification": ("Message", "MessageId", "Subject", "Timestamp", "TopicArn", "Type"),
    "SubscriptionConfirmation": (
        "Message", "MessageId", "SubscribeURL", "Timestamp", "Token", "TopicArn", "Type",
    ),
}  # fmt: skip
_SIGNED["UnsubscribeConfirmation"] = _SIGNED["SubscriptionConfirmation"]
_DIGESTS: dict[str, Literal["sha1", "sha256"]] = {"1": "sha1", "2": "sha256"}


class SnsCheck:
    """Hears the topics of these ARNs."""

    def __init__(
        self, topics: Collection[str], fetch: Fetch, clock: Clock, told: Callable[[str], None]
    ) -> None:
        self._topics = frozenset(topics)
        self._fetch = fetch
        self._clock = clock
        self._told = told
        self._certificates: OrderedDict[str, RsaCertificate] = OrderedDict()
        self._fetching = asyncio.Lock()
        self._limit = VisitorLimit(_FETCHES, _FETCHES_SPAN_S, clock)

    async def __call__(self, posted: Posted) -> str:
        document = posted.document
        kind, topic = text_of(document, "Type"), text_of(document, "TopicArn")
        if kind not in _SIGNED:
            raise PostRefused("it is no message of SNS; raw message delivery must be switched off")
        if topic not in self._topics:
            raise PostRefused(f"its topic {topic[:200]} is not among `topics` in [bounces.ses]")
        await self._verify(document, kind, topic)
        refuse_old(_moment(text_of(document, "Timestamp")), posted.at, LONGEST_S)
        if kind == "SubscriptionConfirmation":
            await self._subscribe(topic, text_of(document, "SubscribeURL"))
            return ""
        if kind == "UnsubscribeConfirmation":
            self._told(f"the subscription to {topic} was ended; SES tells nothing more here")
            return ""
        return f"{topic} {text_of(document, 'MessageId')}"

    async def _verify(self, document: Any, kind: str, topic: str) -> None:
        digest = _DIGESTS.get(text_of(document, "SignatureVersion"))
        if digest is None:
            raise PostRefused("its SignatureVersion is neither 1 nor 2")
        url = text_of(document, "SigningCertURL")
        if not _is_pinned(url, topic) or not _CERTIFICATE.fullmatch(urlsplit(url).path):
            raise PostRefused(f"its certificate is not of {host_of(topic)}: {url[:200]}")
        try:
            signature = from_base64(text_of(document, "Signature"))
        except ValueError:
            raise PostRefused("its signature is no base64") from None
        certificate = await self._certificate(url)
        if not certificate.begins_s <= self._clock.now_s() <= certificate.ends_s:
            raise PostRefused(f"the certificate {url} is not valid today")
        if not certificate.has_signed(signature, signed_text(document, kind), digest):
            raise PostRefused("its signature is wrong")

    async def _certificate(self, url: str) -> RsaCertificate:
        async with self._fetching:
            if url in self._certificates:
                self._certificates.move_to_end(url)
                return self._certificates[url]
            try:
                certificate = RsaCertificate(await self._fetched(url))
            except ValueError as error:
                raise PostDelayed(f"{url} is no certificate: {error}") from None
            self._certificates[url] = certificate
            if len(self._certificates) > _MOST_CERTIFICATES:
                self._certificates.popitem(last=False)
            return certificate

    async def _subscribe(self, topic: str, url: str) -> None:
        if not _is_pinned(url, topic):
            raise PostRefused(f"the url of its subscription is not of {host_of(topic)}")
        await self._fetched(url)
        self._told(f"subscribed to {topic}")

    async def _fetched(self, url: str) -> bytes:
        if self._limit.wait_s("sns"):
            raise PostDelayed("SNS was asked too often within a minute")
        try:
            return await self._fetch(url)
        except OSError as error:
            raise PostDelayed(f"{url.partition('?')[0]} cannot be fetched: {error}") from None


def host_of(topic: str) -> str:
    """arn:aws:sns:eu-west-1:123456789012:name -> sns.eu-west-1.amazonaws.com"""
    _, partition, _, region, *_ = [*topic.split(":"), "", "", "", ""]
    return f"sns.{region}.amazonaws.com{'.cn' if partition == 'aws-cn' else ''}"


def _is_pinned(url: str, topic: str) -> bool:
    """No port, no user, no other host: https://HOST/ and what follows."""
    return url.startswith(f"https://{host_of(topic)}/") and url.isascii() and url.isprintable()


def signed_text(document: Any, kind: str) -> bytes:
    """What SNS signs: each name and value on a line of its own; a subject only if there is one."""
    parts = [
        f"{name}\n{text_of(document, name)}\n"
        for name in _SIGNED[kind]
        if name != "Subject" or isinstance(document.get("Subject"), str)
    ]
    return "".join(parts).encode("utf-8", "surrogatepass")


def _moment(text: str) -> float:
    try:
        return datetime.fromisoformat(text).timestamp()
    except (ValueError, OverflowError):
        raise PostRefused("its Timestamp is no time") from None
