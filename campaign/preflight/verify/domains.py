"""What the DNS says of a domain: does it take mail?

In: a domain.  Out: `DomainFinding`.  Touches: the DNS, through the resolver.
Fails: with DnsError where no nameserver answers anything; that one domain cannot be looked up is
a finding.

Bad is only what no mail can reach: no such domain (NXDOMAIN), a null MX, neither MX nor address.
Who says that a large provider's domain does not exist is cut off from the DNS, or lies: not known.
"""

from __future__ import annotations

from collections.abc import Sequence

from campaign.clock import Clock
from campaign.preflight.verify.findings import DomainFinding, Standing
from campaign.routing.answers import DnsError, MxRecord
from campaign.routing.destinations import Undeliverable
from campaign.routing.guard import is_public
from campaign.routing.mx import Exchanges, find_addresses, find_exchanges
from campaign.routing.resolver import Resolver
from campaign.routing.sites import provider_of_domain, provider_of_exchanges

_MOST_HOSTS = 3  # looked up until one has an address
_NO_DOMAIN = "5.1.2"
_CAUSES = {
    _NO_DOMAIN: (Standing.BAD, "no such domain"),
    "5.1.10": (Standing.BAD, "takes no mail"),
    "5.4.4": (Standing.DOUBTFUL, "mail server not reachable"),
}


async def look_at_domain(
    resolver: Resolver, domain: str, clock: Clock, *, allow_private: bool = False
) -> DomainFinding:
    """One domain (A-label, lower case), its mail servers included."""
    try:
        finding = await _judged(resolver, domain, allow_private)
    except DnsError as error:
        if error.is_resolver_down:
            raise
        finding = DomainFinding(Standing.UNKNOWN, "no answer from the DNS", error.what)
    return finding._replace(checked_at_s=clock.now_s())


async def _judged(resolver: Resolver, domain: str, allow_private: bool) -> DomainFinding:
    found = await find_exchanges(resolver, domain, allow_private=allow_private)
    if isinstance(found, Undeliverable):
        if found.enhanced == _NO_DOMAIN and provider_of_domain(domain):
            detail = f"a nameserver says {found.text}, and a large mailbox provider uses it"
            return DomainFinding(Standing.UNKNOWN, "nameserver not believed", detail)
        standing, cause = _CAUSES[found.enhanced]
        return DomainFinding(standing, cause, found.text)
    if found.is_implicit:
        return await _by_its_own_address(resolver, domain, allow_private)
    mx = found.hosts[0].exchange
    provider = provider_of_exchanges(found.hosts)
    if provider or await _has_address(resolver, found.hosts, allow_private):
        return DomainFinding(Standing.GOOD, "", "", mx, provider.name if provider else "")
    return DomainFinding(Standing.DOUBTFUL, "mail server not reachable", _named(found), mx)


async def _by_its_own_address(
    resolver: Resolver, domain: str, allow_private: bool
) -> DomainFinding:
    """RFC 5321, 5.1: without MX, mail goes to the domain itself."""
    found = await find_addresses(resolver, domain, allow_private=allow_private)
    if found.usable:
        return DomainFinding(Standing.GOOD, "no MX, but an address", "", domain)
    if found.refused:
        detail = f"{domain} is {', '.join(found.refused[:3])}"
        return DomainFinding(Standing.DOUBTFUL, "mail server not reachable", detail)
    return DomainFinding(Standing.BAD, "takes no mail", f"{domain} has neither MX nor address")


async def _has_address(resolver: Resolver, hosts: Sequence[MxRecord], allow_private: bool) -> bool:
    """Whether one of the first mail servers has a public address; a set beyond those is
    believed."""
    for record in hosts[:_MOST_HOSTS]:
        for ipv6 in (False, True):
            answer = await resolver.addresses(record.exchange, ipv6=ipv6)
            if any(allow_private or is_public(address) for address in answer.records):
                return True
    return len(hosts) > _MOST_HOSTS


def _named(found: Exchanges) -> str:
    return ", ".join(record.exchange for record in found.hosts[:_MOST_HOSTS])
