"""The mail servers of a domain in the order to try, and their addresses.

In: a domain.  Out: `Exchanges`, `Addresses`, or `Undeliverable`.  Touches: the DNS, through the
resolver; the kernel's routing table.

RFC 5321, 5.1 (MX, implicit MX), RFC 7505 (null MX).  DNS is what strangers write: names that are
addresses, hosts that are private, hundreds of records.  None of it may send us astray.
"""

from __future__ import annotations

import asyncio
import re
import socket
from collections.abc import Collection, Iterable
from dataclasses import dataclass
from itertools import chain, zip_longest
from random import Random

from campaign.routing.answers import DnsError, MxRecord, Status
from campaign.routing.destinations import Undeliverable
from campaign.routing.guard import is_address, is_public
from campaign.routing.resolver import Resolver

MOST_EXCHANGES = 200  # of one domain; Gmail has 5, the largest sets in the wild some 30
MOST_ADDRESSES = 50  # of one host
NULL_MX = "."
_HOST_NAME = re.compile(r"(?=.{1,253}$)[a-z0-9_-]{1,63}(\.[a-z0-9_-]{1,63})*")


@dataclass(frozen=True, slots=True)
class Exchanges:
    """Who takes mail for a domain."""

    hosts: tuple[MxRecord, ...]  # by preference, then by name
    is_implicit: bool  # there is no MX: the domain's own address (RFC 5321, 5.1)
    refused: tuple[str, ...]  # MX names that are no public host, as they stand
    ttl_s: float


@dataclass(frozen=True, slots=True)
class Addresses:
    """Where a host listens."""

    usable: tuple[str, ...]  # families take turns, IPv6 first
    refused: tuple[str, ...]  # not public
    is_secure: bool  # validated with DNSSEC, aliases included
    canonical: str  # the name that owns them
    ttl_s: float


async def find_exchanges(
    resolver: Resolver, domain: str, *, allow_private: bool = False
) -> Exchanges | Undeliverable:
    """The mail servers of a domain; DnsError where nothing is known.

    Undeliverable: no such domain (5.1.2), null MX (556 5.1.10), only MX that are no hosts (5.4.4).
    """
    answer = await resolver.mx(domain)
    if answer.status is Status.NO_NAME:
        return Undeliverable(550, "5.1.2", f"there is no domain {domain}")
    if answer.status is Status.NO_DATA:
        return Exchanges((MxRecord(0, domain),), True, (), answer.ttl_s)
    records = sorted(set(answer.records))[:MOST_EXCHANGES]
    hosts = tuple(r for r in records if _is_host(r.exchange, allow_private=allow_private))
    refused = tuple(r.exchange for r in records if r not in hosts and r.exchange != NULL_MX)
    if not hosts and not refused:
        return Undeliverable(556, "5.1.10", f"{domain} takes no mail (null MX, RFC 7505)")
    if not hosts:
        return Undeliverable(
            550, "5.4.4", f"the MX of {domain} is not a public host: {', '.join(refused[:3])}"
        )
    return Exchanges(hosts, False, refused, answer.ttl_s)


async def find_addresses(
    resolver: Resolver, host: str, *, ipv6: bool = True, allow_private: bool = False
) -> Addresses:
    """Addresses of a host, possibly none; DnsError where nothing is known of any."""
    if is_address(host):
        return Addresses((host.strip("[]"),), (), False, host, 0.0)
    families = (True, False) if ipv6 else (False,)
    answers = await asyncio.gather(
        *(resolver.addresses(host, ipv6=family) for family in families), return_exceptions=True
    )
    known = [answer for answer in answers if not isinstance(answer, BaseException)]
    failures = [answer for answer in answers if isinstance(answer, BaseException)]
    for failure in failures:
        if not isinstance(failure, DnsError) or not any(answer.records for answer in known):
            raise failure
    found = list(in_turns(*(answer.records[:MOST_ADDRESSES] for answer in known)))
    usable = [address for address in found if allow_private or is_public(address)]
    return Addresses(
        tuple(usable),
        tuple(address for address in found if address not in usable),
        all(answer.is_secure for answer in known) and not failures,
        known[0].canonical,
        min(answer.ttl_s for answer in known),
    )


def in_order(exchanges: Iterable[MxRecord], random: Random) -> list[MxRecord]:
    """By preference, in random order among equals (RFC 5321, 5.1: to spread the load)."""
    shuffled = list(exchanges)
    random.shuffle(shuffled)
    return sorted(shuffled, key=lambda record: record.preference)


def ahead_of(exchanges: Iterable[MxRecord], own_names: frozenset[str]) -> list[MxRecord]:
    """Those preferred to ourselves: RFC 5321, 5.1, against mail that goes in a circle."""
    hosts = list(exchanges)
    own = [record.preference for record in hosts if record.exchange in own_names]
    return [record for record in hosts if record.preference < min(own)] if own else hosts


def speaks_ipv6(sources: Collection[str]) -> bool:
    """Can IPv6 hosts be reached from these addresses of ours?  None: the system chooses."""
    return any(":" in source for source in sources) if sources else has_ipv6()


def has_ipv6() -> bool:
    """Whether this machine has a way to the IPv6 internet; nothing is sent to find out."""
    try:
        with socket.socket(socket.AF_INET6, socket.SOCK_DGRAM) as probe:
            probe.connect(("2001:500:2f::f", 53))  # a root nameserver
    except OSError:
        return False
    return True


def in_turns(*families: tuple[str, ...]) -> Iterable[str]:
    """("a", "b"), ("c",) -> a, c, b."""
    return (address for address in chain(*zip_longest(*families)) if address is not None)


def _is_host(name: str, *, allow_private: bool) -> bool:
    """Whether an MX names what may be looked up and spoken to."""
    if name == NULL_MX:
        return False
    if is_address(name):
        return allow_private
    if not _HOST_NAME.fullmatch(name):
        return False
    return allow_private or not (name == "localhost" or name.endswith((".localhost", ".local")))
