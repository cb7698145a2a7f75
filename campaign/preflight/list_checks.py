"""The list: roles, throw-away addresses, slips of the finger, dead domains, who takes how much.

In: recipients one by one.  Out: findings.  Touches: the DNS for the domains, through the resolver.

One look-up a domain, the largest domains first, MOST_DOMAINS at most: what was not asked is said.
"""

from __future__ import annotations

import asyncio
from collections import Counter
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from typing import NamedTuple

from campaign.addresses.disposable import installed
from campaign.addresses.roles import is_role
from campaign.addresses.typos import likely_typo
from campaign.errors import MissingExtraError
from campaign.preflight.rules import CheckFinding, Level
from campaign.routing.answers import DnsError
from campaign.routing.destinations import Undeliverable
from campaign.routing.mx import find_addresses, find_exchanges
from campaign.routing.resolver import Resolver
from campaign.routing.sites import provider_named, provider_of_domain, provider_of_exchanges

MOST_DOMAINS = 500
_BULK = 5_000  # letters a day to one provider
_ASKS_OF_BULK = ("google", "yahoo", "microsoft")
_SHOWN = 3
_CHINA = {
    "qq": "550 '... frequency limited' (which is a throttle, not a dead address)",
    "netease": "421 HL:ICC (connections), HL:IFC (volume), 451 MI:SFQ (the sender's 15 minutes)",
    "aliyun": "552 'Daily sending quota exceeded'",
    "sina": "no reply of theirs is known that names a number",
    "139": "no reply of theirs is known that names a number",
}


@dataclass(slots=True)
class ListCount:
    """What was counted of the planned recipients."""

    recipients: int = 0
    domains: Counter[str] = field(default_factory=Counter)
    roles: Counter[str] = field(default_factory=Counter)

    def take(self, address: str) -> None:
        """One recipient, as it goes into the envelope."""
        local, _, domain = address.rpartition("@")
        self.recipients += 1
        self.domains[domain.lower()] += 1
        if is_role(local):
            self.roles[local.partition("+")[0].lower()] += 1


class Domains(NamedTuple):
    """What the DNS said of the domains of a list."""

    dead: dict[str, str]  # domain -> why no mail can get there
    unknown: dict[str, str]  # domain -> why nothing is known
    providers: dict[str, str]  # domain -> name of its provider
    asked: int


def list_findings(count: ListCount, duplicates: int) -> list[CheckFinding]:
    """The group "list" as far as no network is needed."""
    return [_duplicates(duplicates), _roles(count), _disposable(count), _typos(count)]


def _duplicates(duplicates: int) -> CheckFinding:
    if not duplicates:
        return CheckFinding("list-duplicates", "ok", "nobody stands in it twice")
    evidence = f"{duplicates:,} rows repeat an address and are skipped"
    return CheckFinding("list-duplicates", "info", evidence)


def _roles(count: ListCount) -> CheckFinding:
    total = count.roles.total()
    if not total:
        return CheckFinding("list-roles", "ok", f"none of {count.recipients:,}")
    evidence = f"{total:,} of {count.recipients:,}: {_some(count.roles)}"
    return CheckFinding("list-roles", "info", evidence)


def _disposable(count: ListCount) -> CheckFinding:
    try:
        listed = installed()
    except MissingExtraError as error:
        return CheckFinding("list-disposable", "not-checked", str(error))
    found = Counter(
        {
            domain: number
            for domain, number in count.domains.items()
            # A slip of the finger is told as one, whoever has taken the domain meanwhile.
            if domain in listed and not likely_typo(domain)
        }
    )
    if not found:
        return CheckFinding("list-disposable", "ok", f"none of {count.recipients:,}")
    evidence = f"{found.total():,} of {count.recipients:,}: {_some(found)}"
    return CheckFinding("list-disposable", "warn", evidence, "ask how they came into the list")


def _typos(count: ListCount) -> CheckFinding:
    found = {domain: likely_typo(domain) for domain in count.domains}
    slips = Counter({domain: count.domains[domain] for domain, meant in found.items() if meant})
    if not slips:
        number = len(count.domains)
        evidence = f"none in {number:,} {'domain' if number == 1 else 'domains'}"
        return CheckFinding("list-typos", "ok", evidence)
    shown = ", ".join(f"{domain} ({found[domain]}?)" for domain, _ in slips.most_common(_SHOWN))
    evidence = f"{slips.total():,} recipients: {shown}"
    return CheckFinding("list-typos", "warn", evidence, "ask them, or mend the list")


def _some(counter: Counter[str]) -> str:
    shown = ", ".join(f"{name} {number:,}" for name, number in counter.most_common(_SHOWN))
    return f"{shown} ..." if len(counter) > _SHOWN else shown


async def look_up_domains(resolver: Resolver, count: ListCount) -> Domains:
    """Ask about the largest domains, all at once; the resolver bounds how many are under way."""
    names = [domain for domain, _ in count.domains.most_common(MOST_DOMAINS)]
    found = Domains({}, {}, {}, len(names))
    await asyncio.gather(*(_look_up(resolver, name, found) for name in names))
    return found


async def _look_up(resolver: Resolver, domain: str, found: Domains) -> None:
    known = provider_of_domain(domain)
    if known:  # a public provider of mailboxes is not asked for by its own users' list
        found.providers[domain] = known.name
        return
    try:
        exchanges = await find_exchanges(resolver, domain)
        if isinstance(exchanges, Undeliverable):
            found.dead[domain] = exchanges.text
            return
        if exchanges.is_implicit:
            if not (await find_addresses(resolver, domain)).usable:
                found.dead[domain] = f"{domain} has neither MX nor address"
            return
    except DnsError as error:
        found.unknown[domain] = error.what
        return
    if provider := provider_of_exchanges(exchanges.hosts):
        found.providers[domain] = provider.name


def domain_findings(count: ListCount, domains: Domains) -> Iterator[CheckFinding]:
    """What no mail can get to, and what is not known."""
    if domains.dead:
        recipients = sum(count.domains[domain] for domain in domains.dead)
        shown = "; ".join(list(domains.dead.values())[:_SHOWN])
        evidence = f"{recipients:,} recipients at {len(domains.dead):,} domains: {shown}"
        # Above 2 % of hard bounces providers take a list for bought.
        level: Level = "fail" if recipients * 50 > count.recipients else "warn"
        remedy = "take them out of the list: every one of them bounces"
        yield CheckFinding("list-domains", level, evidence, remedy)
    if domains.unknown:
        first = next(iter(domains.unknown.values()))
        why = f"{len(domains.unknown):,} domains could not be asked: {first}"
        yield CheckFinding("list-domains", "not-checked", why)
    unasked = len(count.domains) - domains.asked
    if unasked > 0:
        why = f"{unasked:,} smaller domains were not asked ({domains.asked:,} at most)"
        yield CheckFinding("list-domains", "not-checked", why)
    if not (domains.dead or domains.unknown):
        evidence = f"{domains.asked:,} looked up, and every one takes mail"
        yield CheckFinding("list-domains", "ok", evidence)


def volume_findings(count: ListCount, providers: dict[str, str]) -> list[CheckFinding]:
    """How many go to which provider; `providers` by domain, else the public domains alone."""
    totals: Counter[str] = Counter()
    for domain, number in count.domains.items():
        if name := _provider_name(domain, providers):
            totals[name] += number
    shown = ", ".join(f"{_title(name)} {number:,}" for name, number in totals.most_common(5))
    others = count.recipients - totals.total()
    shown = f"{shown or 'no large provider'}; {others:,} elsewhere"
    bulk = [name for name in _ASKS_OF_BULK if totals[name] >= _BULK]
    found = [CheckFinding("volume", "ok", shown)]
    if bulk:
        evidence = f"{shown}; {', '.join(map(_title, bulk))} treat you as a bulk sender"
        remedy = "SPF, DKIM, DMARC, one click and under 0.3 % complaints are asked of you"
        found = [CheckFinding("volume", "warn", evidence, remedy)]
    return [*found, *_china(totals)]


def _china(totals: Counter[str]) -> Iterator[CheckFinding]:
    there = [name for name in _CHINA if totals[name]]
    for name in there:
        evidence = (
            f"{_title(name)} {totals[name]:,}: no official page; their replies: {_CHINA[name]}"
        )
        yield CheckFinding("volume-china", "info", evidence)
    if not there:
        yield CheckFinding("volume-china", "ok", "none of the recipients are there")


def _provider_name(domain: str, providers: dict[str, str]) -> str:
    known = provider_of_domain(domain)
    return providers.get(domain) or (known.name if known else "")


def provider_title(domain: str, providers: dict[str, str]) -> str:
    """As people call it; "" for a domain that is of no large provider."""
    name = _provider_name(domain, providers)
    return _title(name) if name else ""


def _title(name: str) -> str:
    provider = provider_named(name)
    return provider.title.partition(" (")[0] if provider else name


def duplicates_in(reasons: Sequence[tuple[str, int]]) -> int:
    """Of the plan's reasons to skip a row."""
    return dict(reasons).get("duplicate", 0)
