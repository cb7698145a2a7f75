"""MTA-STS: a domain says over HTTPS which mail servers are its own, and that their TLS is good.

In: a domain.  Out: `Policy`, or None where it has none.  Touches: the DNS through the resolver,
HTTPS through the fetcher it is given.

RFC 8461.  A policy is kept until its `max_age`: a record or a web server that is gone, or lies,
does not take it away before.  Kept in memory: a new run asks anew.
"""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from enum import StrEnum
from typing import NamedTuple

from campaign.clock import Clock
from campaign.routing.answers import DnsError, Status
from campaign.routing.cache import Cache
from campaign.routing.resolver import Resolver

FETCH_S = 60.0  # RFC 8461, 3.3
MOST_BYTES = 64 * 1024  # RFC 8461, 3.3
LONGEST_AGE_S = 31_557_600.0  # RFC 8461, 3.2
_FETCH_AGAIN_S = 300.0  # RFC 8461, 3.3: five minutes between tries
_VERSION = "STSv1"


class Mode(StrEnum):
    """What becomes of mail that cannot be sent as the policy says."""

    ENFORCE = "enforce"  # it waits
    TESTING = "testing"  # it goes all the same
    NONE = "none"


@dataclass(frozen=True, slots=True)
class Policy:
    """What a domain says of its mail servers (RFC 8461, 3.2)."""

    mode: Mode
    mx: tuple[str, ...]  # names, or "*." and a name
    max_age_s: float

    def allows(self, host: str) -> bool:
        """Whether a mail server is one of those the policy names (RFC 8461, 4.1)."""
        host = host.lower()
        parent = host.partition(".")[2]
        return any(p == host or (p.startswith("*.") and p[2:] == parent) for p in self.mx)


class FetchError(Exception):
    """There is no policy to be had; one sentence says why."""


class FetchFailed(NamedTuple):
    """A failed fetch, remembered."""

    why: str


Fetch = Callable[[str], Awaitable[str]]  # host name -> text of its policy file, or FetchError


class Policies:
    """The policies of all domains of a run."""

    def __init__(self, resolver: Resolver, fetch: Fetch, clock: Clock) -> None:
        self._resolver = resolver
        self._fetch = fetch
        self._clock = clock
        self._kept: Cache[str, Policy] = Cache(clock)
        self._ids: dict[str, str] = {}  # of the policies kept
        self._tries: Cache[tuple[str, str], Policy | FetchFailed] = Cache(clock)

    async def policy_of(self, domain: str) -> Policy | None:
        """The policy in force; None without one, and where the first fetch fails."""
        identity = await self._announced(domain)
        kept = self._kept.get(domain)
        if not identity or (kept and self._ids[domain] == identity):
            return kept
        found = await self._tries.find((domain, identity), lambda: self._try(domain, identity))
        return found if isinstance(found, Policy) else kept

    async def trouble_of(self, domain: str) -> str:
        """Why the policy that a domain announces cannot be had; "" where there is no trouble."""
        found = self._tries.get((domain, await self._announced(domain)))
        return found.why if isinstance(found, FetchFailed) else ""

    async def _announced(self, domain: str) -> str:
        """The id in the TXT record; "" where there is none or it cannot be had."""
        try:
            answer = await self._resolver.texts(f"_mta-sts.{domain}")
        except DnsError:
            return ""
        return read_record(answer.records) if answer.status is Status.FOUND else ""

    async def _try(self, domain: str, identity: str) -> tuple[Policy | FetchFailed, float]:
        try:
            async with asyncio.timeout(FETCH_S):
                policy = read_policy(await self._fetch(f"mta-sts.{domain}"))
        except TimeoutError:
            return FetchFailed(f"no answer within {FETCH_S:g} s"), _FETCH_AGAIN_S
        except FetchError as error:
            return FetchFailed(str(error)), _FETCH_AGAIN_S
        self._kept.keep(domain, policy, policy.max_age_s)
        self._ids[domain] = identity
        return policy, 0.0


def read_record(texts: tuple[str, ...]) -> str:
    """The id in the one TXT record "v=STSv1; id=..." (RFC 8461, 3.1); "" for none, or several."""
    records = [text for text in texts if text.partition(";")[0].rstrip() == f"v={_VERSION}"]
    if len(records) != 1:
        return ""
    for field in records[0].split(";")[1:]:
        name, _, value = field.partition("=")
        if name.strip() == "id":
            value = value.strip()
            return value if value.isascii() and value.isalnum() and len(value) <= 32 else ""
    return ""


def read_policy(text: str) -> Policy:
    """A policy file (RFC 8461, 3.2).  FetchError where it is none."""
    values: dict[str, str] = {}
    mx: list[str] = []
    for line in text.splitlines():
        name, colon, value = line.partition(":")
        name, value = name.strip(), value.strip()
        if colon and name == "mx":
            mx.append(value.lower().rstrip("."))
        elif colon:
            values.setdefault(name, value)  # the first of several counts
    if values.get("version") != _VERSION:
        raise FetchError(f"the policy has no 'version: {_VERSION}'")
    age = values.get("max_age", "")
    if values.get("mode") not in set(Mode) or not (age.isascii() and age.isdigit()):
        raise FetchError("the policy lacks a good mode or max_age")
    mode = Mode(values["mode"])
    if not mx and mode is not Mode.NONE:
        raise FetchError("the policy names no mx")
    return Policy(mode, tuple(mx), min(float(age[:12]), LONGEST_AGE_S))
