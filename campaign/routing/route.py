"""The way to a domain: its mail servers with addresses, their provider, the TLS they need.

In: a recipient's domain.  Out: `Route` or `Undeliverable`.  Touches: the DNS and MTA-STS policies,
through the resolver and the policies it is given.

What is permanent is said only on knowledge: no such domain by two nameservers (5.1.2), neither MX
nor address (5.1.2), null MX (5.1.10), MX that are no hosts or have no public address (5.4.4),
ourselves as the best MX (5.4.6).  Everything that failed is 4.4.3, or 4.7.5 where the domain
demands a TLS that cannot be had.
"""

from __future__ import annotations

import asyncio
from collections.abc import Sequence
from dataclasses import replace
from random import Random

from campaign.clock import Clock
from campaign.routing.answers import DnsError, MxRecord
from campaign.routing.cache import Cache
from campaign.routing.destinations import Host, Route, TlsNeed, Undeliverable
from campaign.routing.mx import (
    Addresses,
    Exchanges,
    ahead_of,
    find_addresses,
    find_exchanges,
    in_order,
)
from campaign.routing.resolver import Resolver
from campaign.routing.sites import MailProvider, provider_of_exchanges, site_name
from campaign.routing.tls.mta_sts import Mode, Policies, Policy
from campaign.routing.tls.tlsa import find_need

MOST_ADDRESSES = 5  # of one route; Postfix's smtp_mx_address_limit
_MOST_HOSTS_ASKED = 20  # then those looked up so far must do
_KEPT_S = 300.0  # what it is made of is kept by the resolver; the order among equals is drawn anew
_KEPT_FAILURE_S = 30.0

_Looked = tuple[Host, Addresses] | DnsError


class Router:
    """Finds routes and keeps them for a while."""

    def __init__(
        self,
        resolver: Resolver,
        *,
        clock: Clock,
        random: Random,
        policies: Policies | None = None,
        own_names: Sequence[str] = (),
        allow_private: bool = False,
        ipv6: bool = True,
        port: int = 25,
    ) -> None:
        """`own_names` are ours: we are never sent to ourselves.  `policies` None: no MTA-STS."""
        self._resolver = resolver
        self._random = random
        self._policies = policies
        self._own_names = frozenset(name.lower() for name in own_names)
        self._allow_private = allow_private
        self._ipv6 = ipv6
        self._port = port
        self._kept: Cache[str, Route | Undeliverable] = Cache(clock)

    async def route(self, domain: str) -> Route | Undeliverable:
        """The way to `domain` (A-label, lower case); kept answers cost a dictionary look-up."""
        kept = self._kept.get(domain)
        return kept or await self._kept.find(domain, lambda: self._find(domain))

    def known(self, domain: str) -> Route | Undeliverable | None:
        """What `route` would say without waiting."""
        return self._kept.get(domain)

    async def is_up(self) -> bool:
        """Whether the DNS answers again, after `is_resolver_down`."""
        return await self._resolver.is_up()

    async def _find(self, domain: str) -> tuple[Route | Undeliverable, float]:
        try:
            exchanges = await find_exchanges(
                self._resolver, domain, allow_private=self._allow_private
            )
        except DnsError as error:
            return _unknown(error), 0.0 if error.is_resolver_down else _KEPT_FAILURE_S
        if isinstance(exchanges, Undeliverable):
            return exchanges, _KEPT_S
        found, is_whole = await self._through(domain, exchanges)
        if isinstance(found, Undeliverable) and found.is_resolver_down:
            return found, 0.0
        return found, min(_KEPT_S, exchanges.ttl_s) if is_whole else _KEPT_FAILURE_S

    async def _through(
        self, domain: str, exchanges: Exchanges
    ) -> tuple[Route | Undeliverable, bool]:
        """What the MX lead to, and whether nothing was missing to say so."""
        hosts = ahead_of(exchanges.hosts, self._own_names)
        if not hosts:
            own = f"we are the mail server of {domain} ourselves"
            return Undeliverable(550, "5.4.6", own), True
        policy = await self._policies.policy_of(domain) if self._policies else None
        enforced = policy if policy and policy.mode is Mode.ENFORCE else None
        if enforced:
            hosts = [record for record in hosts if enforced.allows(record.exchange)]
            if not hosts:
                foreign = f"no MX of {domain} is one its MTA-STS policy names"
                return Undeliverable(451, "4.7.5", foreign), True
        looked = await self._look_up(in_order(hosts, self._random))
        reachable = [
            item for item in looked if not isinstance(item, DnsError) and item[0].addresses
        ]
        is_whole = not any(isinstance(item, DnsError) for item in looked) and (
            bool(reachable) or len(looked) == len(hosts)
        )
        if not reachable:
            return _nowhere(domain, exchanges, looked, is_whole=is_whole), is_whole
        provider = provider_of_exchanges(exchanges.hosts)
        return _route(domain, reachable, hosts, provider, enforced), is_whole

    async def _look_up(self, hosts: Sequence[MxRecord]) -> list[_Looked]:
        """Hosts in order until they have as many addresses as a route can use."""
        looked: list[_Looked] = []
        addresses = 0
        for start in range(0, min(len(hosts), _MOST_HOSTS_ASKED), MOST_ADDRESSES):
            some = hosts[start : start + MOST_ADDRESSES]
            for item in await asyncio.gather(*(self._look_at(record) for record in some)):
                looked.append(item)
                addresses += 0 if isinstance(item, DnsError) else len(item[0].addresses)
            if addresses >= MOST_ADDRESSES:
                break
        return looked

    async def _look_at(self, record: MxRecord) -> _Looked:
        name = record.exchange
        try:
            addresses = await find_addresses(
                self._resolver, name, ipv6=self._ipv6, allow_private=self._allow_private
            )
            need = TlsNeed()
            if addresses.usable:
                need = await find_need(self._resolver, name, addresses, self._port)
        except DnsError as error:
            return error
        return Host(name, record.preference, addresses.usable, need), addresses


def share_out(hosts: Sequence[Host], most: int = MOST_ADDRESSES) -> tuple[Host, ...]:
    """The first hosts with `most` addresses in all.

    A pair to each host in turn, one of each family, then the rest: a host with fifty addresses
    must not take the place of the next one, nor dead IPv6 that of the only IPv4.
    """
    shares = [0] * len(hosts)
    while most and any(share < len(h.addresses) for share, h in zip(shares, hosts, strict=True)):
        for index, host in enumerate(hosts):
            more = min(2, most, len(host.addresses) - shares[index])
            shares[index] += more
            most -= more
    return tuple(
        replace(host, addresses=host.addresses[:share])
        for share, host in zip(shares, hosts, strict=True)
        if share
    )


def _route(
    domain: str,
    reachable: Sequence[tuple[Host, Addresses]],
    allowed: Sequence[MxRecord],
    provider: MailProvider | None,
    enforced: Policy | None,
) -> Route:
    hosts = []
    for host, _ in reachable:
        tls = host.tls
        if enforced:
            tls = replace(tls, is_required=True, is_verified=True)
        elif provider and provider.needs_tls:
            tls = replace(tls, is_required=True)
        hosts.append(replace(host, tls=tls))
    site = site_name(record.exchange for record in allowed)
    if enforced:
        site += " (verified)"
    shares = provider is not None and not provider.is_filter
    return Route(
        domain,
        site,
        provider.name if provider and shares else site,
        share_out(hosts),
        provider.connections if provider else None,
        provider.messages_per_connection if provider else None,
    )


def _nowhere(
    domain: str, exchanges: Exchanges, looked: Sequence[_Looked], *, is_whole: bool
) -> Undeliverable:
    """Why no host of a domain has an address we may use."""
    failures = [item for item in looked if isinstance(item, DnsError)]
    if failures:
        return _unknown(next((e for e in failures if e.is_resolver_down), failures[0]))
    if not is_whole:
        return Undeliverable(
            451, "4.4.3", f"the first {len(looked)} mail servers of {domain} have no address"
        )
    refused = [
        address for item in looked if not isinstance(item, DnsError) for address in item[1].refused
    ]
    if refused:
        return Undeliverable(
            550, "5.4.4", f"{domain} has its mail servers at private addresses: {refused[0]}"
        )
    if exchanges.is_implicit:
        return Undeliverable(550, "5.1.2", f"{domain} has neither a mail server nor an address")
    return Undeliverable(550, "5.4.4", f"no mail server of {domain} has an address")


def _unknown(error: DnsError) -> Undeliverable:
    return Undeliverable(451, "4.4.3", error.what, error.is_resolver_down)
