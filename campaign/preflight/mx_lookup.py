"""Where mail for a domain would go, for a person who asks.

In: a domain.  Out: `MxReport`.  Touches: the DNS, web servers of MTA-STS policies.

What a route leaves out is here too: hosts beyond the first five addresses, what was refused and
why, policies that are only tested.
"""

from __future__ import annotations

import asyncio
from dataclasses import dataclass
from random import Random

from campaign.clock import Clock
from campaign.config.settings import Dns
from campaign.routing.answers import DnsError, MxRecord
from campaign.routing.destinations import TlsNeed, Undeliverable
from campaign.routing.mx import find_addresses, find_exchanges, has_ipv6
from campaign.routing.resolver import Resolver
from campaign.routing.route import Router
from campaign.routing.sites import MailProvider, provider_of_exchanges
from campaign.routing.tls.https import HttpsFetcher
from campaign.routing.tls.mta_sts import Policies, Policy
from campaign.routing.tls.tlsa import find_need

_MOST_HOSTS = 30  # looked up; a set with more is a mistake or a trap


@dataclass(frozen=True, slots=True)
class MxHost:
    """One mail server of a domain."""

    preference: int
    name: str
    addresses: tuple[str, ...]
    refused: tuple[str, ...]  # private addresses
    dane: TlsNeed  # what its TLSA records ask for
    trouble: str = ""  # why it could not be looked up


@dataclass(frozen=True, slots=True)
class MxReport:
    """All there is to say of a domain's mail."""

    domain: str
    problem: Undeliverable | None = None  # why nothing can be sent
    provider: MailProvider | None = None
    is_implicit: bool = False  # no MX; the domain's own address
    hosts: tuple[MxHost, ...] = ()  # in the order of preference
    refused: tuple[str, ...] = ()  # MX names that are no hosts
    unasked: int = 0  # hosts beyond those looked up
    policy: Policy | None = None
    policy_trouble: str = ""  # a policy is announced and cannot be had


async def look_up_mx(domain: str, dns: Dns, clock: Clock) -> MxReport:
    """The report; what cannot be found out stands in it.  ConfigError for bad nameservers."""
    resolver = Resolver(dns.nameservers, clock=clock, timeout_s=dns.timeout)
    policies = Policies(resolver, HttpsFetcher(resolver, ipv6=has_ipv6()), clock)
    router = Router(resolver, clock=clock, random=Random(), policies=policies)
    found = await router.route(domain)
    problem = found if isinstance(found, Undeliverable) else None
    try:
        exchanges = await find_exchanges(resolver, domain)
    except DnsError:  # as the router found already
        return MxReport(domain, problem)
    if isinstance(exchanges, Undeliverable):
        return MxReport(domain, problem)
    asked = exchanges.hosts[:_MOST_HOSTS]
    hosts = await asyncio.gather(*(_look_at(resolver, record) for record in asked))
    return MxReport(
        domain,
        problem,
        provider_of_exchanges(exchanges.hosts),
        exchanges.is_implicit,
        tuple(hosts),
        exchanges.refused,
        len(exchanges.hosts) - len(asked),
        await policies.policy_of(domain),
        await policies.trouble_of(domain),
    )


async def _look_at(resolver: Resolver, record: MxRecord) -> MxHost:
    preference, name = record
    try:
        found = await find_addresses(resolver, name)
        dane = await find_need(resolver, name, found)
    except DnsError as error:
        return MxHost(preference, name, (), (), TlsNeed(), error.what)
    trouble = "" if found.usable else "private" if found.refused else "no address"
    return MxHost(preference, name, found.usable, found.refused, dane, trouble)
