"""Where mail for a domain goes, or why it goes nowhere.

In: nothing.  Out: `Route`, `Host`, `TlsNeed`, `Undeliverable`.  Touches: nothing.
"""

from __future__ import annotations

from dataclasses import dataclass

from campaign.records import Reply
from campaign.routing.answers import TlsaRecord


@dataclass(frozen=True, slots=True)
class TlsNeed:
    """What a connection to one host must be before a letter may go over it.

    Nothing needed means opportunistic (RFC 7435): TLS where offered, unverified, else clear text.
    """

    is_required: bool = False  # no letter in clear text; the certificate may be anybody's
    is_verified: bool = False  # the certificate is valid for the host's name (MTA-STS, RFC 8461)
    tlsa: tuple[TlsaRecord, ...] = ()  # the certificate matches one of these (DANE, RFC 7672)

    @property
    def is_any(self) -> bool:
        """Must there be TLS at all?"""
        return self.is_required or self.is_verified or bool(self.tlsa)

    def __str__(self) -> str:
        words = ["DANE"] if self.tlsa else []
        words += ["verified"] if self.is_verified else []
        return " and ".join(words) or ("required" if self.is_required else "opportunistic")


@dataclass(frozen=True, slots=True)
class Host:
    """One mail server."""

    name: str
    preference: int  # the lower the earlier; equal ones share the load
    addresses: tuple[str, ...]  # in the order to try: families take turns, IPv6 first
    tls: TlsNeed = TlsNeed()


@dataclass(frozen=True, slots=True)
class Route:
    """The way to a domain.

    `site`: routes with the same one may share connections: same hosts, same demands on TLS.
    `provider`: routes with the same one share rates, a governor and a breaker; the name of a
    provider of `sites`, or else the site.
    """

    domain: str
    site: str
    provider: str
    hosts: tuple[Host, ...]  # at least one, in the order to try; five addresses in all at most
    connections: int | None = None  # at the same time to the provider, to start with; None: any
    messages_per_connection: int | None = None


@dataclass(frozen=True, slots=True)
class Undeliverable:
    """No way to a domain: for good (5xx) or for now (4xx), in the words of a reply.

    `is_resolver_down`: it is not the domain; no way can be found to any.
    """

    code: int
    enhanced: str  # RFC 3463
    text: str
    is_resolver_down: bool = False

    @property
    def is_permanent(self) -> bool:
        return self.code >= 500

    @property
    def reply(self) -> Reply:
        """As if a server had said so to RCPT."""
        return Reply(self.code, (f"{self.enhanced} {self.text}",), self.enhanced)

    def __str__(self) -> str:
        return f"{self.code} {self.enhanced} {self.text}"
