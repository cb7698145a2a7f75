"""The hosts that send and receive for us: EHLO, reverse names, MTA-STS, TLS-RPT, DANE, BIMI.

In: `SendingDomains`.  Out: findings.  Touches: the DNS, through the resolver; the web
server of an MTA-STS policy.

A question that the DNS does not answer gives "not-checked".
"""

from __future__ import annotations

from collections.abc import AsyncIterator, Awaitable, Callable
from functools import partial

from campaign.preflight.domain.hosts import hello_name, reverse_names
from campaign.preflight.domain.policies import bimi_record, sts_record, tls_reports
from campaign.preflight.rules import CheckFinding, Level
from campaign.preflight.sender_checks import SendingDomains
from campaign.routing.answers import DnsError
from campaign.routing.destinations import Undeliverable
from campaign.routing.mx import find_addresses, find_exchanges
from campaign.routing.resolver import Resolver
from campaign.routing.tls.mta_sts import Fetch, FetchError, Mode, Policy, read_policy
from campaign.routing.tls.tlsa import find_need
from campaign.units import show_duration

_MOST_HOSTS = 5  # of our own MX
_SHORT_AGE_S = 86400.0  # RFC 8461, 3.2: weeks or more are expected


async def host_findings(
    resolver: Resolver, sender: SendingDomains, fetch: Fetch
) -> list[CheckFinding]:
    """The group "hosts"; `fetch` gets the file of an MTA-STS policy."""
    found = [one async for one in _of_addresses(resolver, sender)]
    for id, look in (
        ("mta-sts", partial(_mta_sts, fetch)),
        ("tls-rpt", _tls_reports),
        ("dane", _dane),
        ("bimi", _bimi),
    ):
        found.append(await _known(id, look, resolver, sender.author))
    return found


async def _known(
    id: str,
    look: Callable[[Resolver, str], Awaitable[CheckFinding]],
    resolver: Resolver,
    domain: str,
) -> CheckFinding:
    try:
        return await look(resolver, domain)
    except DnsError as error:
        return CheckFinding(id, "not-checked", error.what)


async def _of_addresses(resolver: Resolver, sender: SendingDomains) -> AsyncIterator[CheckFinding]:
    if not sender.hellos:
        why = "the relay has its own names and addresses"
        yield CheckFinding("hello-name", "not-checked", why)
        yield CheckFinding("ptr", "not-checked", why)
        return
    for hello in sender.hellos:
        yield await _known("hello-name", _hello, resolver, hello)
    if not sender.sources:
        yield CheckFinding("ptr", "not-checked", "no address that we send from is known")
    for address, hello in sender.sources:
        try:
            yield await _reverse(resolver, address, hello)
        except DnsError as error:
            yield CheckFinding("ptr", "not-checked", error.what)


async def _hello(resolver: Resolver, name: str) -> CheckFinding:
    found = await hello_name(resolver, name)
    if not found.is_qualified:
        remedy = 'hello = "mail.example.com" in [direct]'
        return CheckFinding("hello-name", "fail", f"{name} is not a whole name", remedy)
    if not found.addresses:
        remedy = f"A {name}  THE ADDRESS OF THIS HOST"
        return CheckFinding("hello-name", "fail", f"{name} has no address", remedy)
    return CheckFinding("hello-name", "ok", f"{name} is {', '.join(found.addresses)}")


async def _reverse(resolver: Resolver, address: str, hello: str) -> CheckFinding:
    found = await reverse_names(resolver, address)
    wanted = f"PTR {address}  {hello} (whoever gave you the address sets it)"
    if not found.names:
        return CheckFinding("ptr", "fail", f"{address} has no name", wanted)
    if not found.confirmed:
        evidence = f"{address} is called {found.names[0]}, which does not lead back to it"
        return CheckFinding("ptr", "fail", evidence, f"A {found.names[0]}  {address}")
    evidence = f"{address} is {found.confirmed[0]}, and that is {address}"
    if found.is_generic:
        return CheckFinding("ptr", "warn", f"{evidence}; it looks like an automatic name", wanted)
    if hello.lower() not in found.confirmed:
        return CheckFinding("ptr", "info", f"{evidence}; EHLO says {hello}")
    return CheckFinding("ptr", "ok", evidence)


async def _mta_sts(fetch: Fetch, resolver: Resolver, domain: str) -> CheckFinding:
    found = await sts_record(resolver, domain)
    if not found.is_there:
        return CheckFinding("mta-sts", "info", f"{domain} has none; mail to it may go unencrypted")
    if found.fault:
        remedy = f'TXT _mta-sts.{domain}  "v=STSv1; id=1"'
        return CheckFinding("mta-sts", "warn", f"_mta-sts.{domain}: {found.fault}", remedy)
    try:
        text = await fetch(f"mta-sts.{domain}")
    except FetchError as error:
        why = f"_mta-sts.{domain} announces a policy, and its file cannot be had: {error}"
        return CheckFinding("mta-sts", "not-checked", why)
    try:
        policy = read_policy(text)
    except FetchError as error:
        remedy = f"https://mta-sts.{domain}/.well-known/mta-sts.txt as RFC 8461, 3.2 says"
        return CheckFinding("mta-sts", "warn", f"id {found.identity}: {error}", remedy)
    return await _judged(resolver, domain, policy)


async def _judged(resolver: Resolver, domain: str, policy: Policy) -> CheckFinding:
    """The policy against the mail servers that the DNS names."""
    if policy.mode is Mode.NONE:
        return CheckFinding("mta-sts", "info", f"the policy of {domain} says mode: none")
    found = await find_exchanges(resolver, domain)
    hosts = () if isinstance(found, Undeliverable) else found.hosts
    strange = [each.exchange for each in hosts if not policy.allows(each.exchange)]
    said = f"mode: {policy.mode}, max_age {show_duration(policy.max_age_s)}"
    if strange:
        evidence = f"{said}, and it does not name {', '.join(strange[:3])}, an MX of {domain}"
        level: Level = "fail" if policy.mode is Mode.ENFORCE else "warn"
        return CheckFinding("mta-sts", level, evidence, f"mx: {strange[0]}")
    if policy.max_age_s < _SHORT_AGE_S:
        evidence = f"{said}: whoever was told so forgets it within a day"
        return CheckFinding("mta-sts", "warn", evidence, "max_age: 604800")
    if policy.mode is Mode.TESTING:
        return CheckFinding("mta-sts", "info", f"{said}: mail goes unencrypted all the same")
    return CheckFinding("mta-sts", "ok", f"{said}, names every MX of {domain}")


async def _tls_reports(resolver: Resolver, domain: str) -> CheckFinding:
    found = await tls_reports(resolver, domain)
    publish = f'TXT _smtp._tls.{domain}  "v=TLSRPTv1; rua=mailto:tls@{domain}"'
    if not found.is_there:
        return CheckFinding("tls-rpt", "info", f"{domain} has none")
    if found.fault:
        return CheckFinding("tls-rpt", "warn", f"_smtp._tls.{domain}: {found.fault}", publish)
    return CheckFinding("tls-rpt", "ok", f"reports go to {', '.join(found.addresses)}")


async def _bimi(resolver: Resolver, domain: str) -> CheckFinding:
    found = await bimi_record(resolver, domain)
    if not found.is_there:
        return CheckFinding("bimi", "info", f"{domain} has none")
    if found.fault:
        remedy = f'TXT default._bimi.{domain}  "v=BIMI1; l=https://{domain}/logo.svg; a="'
        return CheckFinding("bimi", "warn", f"default._bimi.{domain}: {found.fault}", remedy)
    if not found.logo:
        return CheckFinding("bimi", "ok", f"{domain} says that it shows no logo")
    evidence = f"logo {found.logo}"
    if not found.evidence:
        return CheckFinding("bimi", "info", f"{evidence}, without a mark certificate (a=)")
    return CheckFinding("bimi", "ok", evidence)


async def _dane(resolver: Resolver, domain: str) -> CheckFinding:
    found = await find_exchanges(resolver, domain)
    if isinstance(found, Undeliverable):
        return CheckFinding("dane", "info", f"{domain} takes no mail, so it has no TLSA records")
    with_records, unusable = [], []
    for record in found.hosts[:_MOST_HOSTS]:
        need = await find_need(
            resolver, record.exchange, await find_addresses(resolver, record.exchange)
        )
        if need.tlsa:
            with_records.append(record.exchange)
        elif need.is_required:
            unusable.append(record.exchange)
    if unusable:
        remedy = f"TLSA _25._tcp.{unusable[0]}  3 1 1 SHA-256-OF-ITS-PUBLIC-KEY"
        return CheckFinding("dane", "warn", f"no usable TLSA record at {unusable[0]}", remedy)
    if with_records:
        return CheckFinding("dane", "ok", f"TLSA records at {', '.join(with_records)}")
    return CheckFinding("dane", "info", f"the MX of {domain} have no TLSA records")
