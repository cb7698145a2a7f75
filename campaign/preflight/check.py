"""Everything that can be known before sending, gathered.

In: a planned campaign.  Out: `CheckReport`.  Touches: the journal, for reading; render workers;
unless offline the DNS and the relays.

What was not asked stands in the report too, with the reason.
"""

from __future__ import annotations

import asyncio
from collections import Counter
from collections.abc import Callable, Iterator
from contextlib import suppress
from dataclasses import dataclass

from campaign.addresses.syntax import parse_address
from campaign.clock import Clock
from campaign.config.loader import Campaign
from campaign.errors import CampaignError
from campaign.planning.inputs import sender_of
from campaign.planning.summary import PlanSummary
from campaign.preflight.host_checks import host_findings
from campaign.preflight.journal_checks import journal_findings
from campaign.preflight.key_records import PublicKey
from campaign.preflight.letters.census import Census, take_census
from campaign.preflight.list_checks import (
    Domains,
    ListCount,
    domain_findings,
    duplicates_in,
    list_findings,
    look_up_domains,
    provider_title,
    volume_findings,
)
from campaign.preflight.past_runs import growth_findings, past_runs
from campaign.preflight.relay_checks import limit_finding, relay_findings
from campaign.preflight.reputation.block_lists import block_list_findings
from campaign.preflight.reputation.providers import provider_findings
from campaign.preflight.rules import RULES, CheckFinding
from campaign.preflight.sender_checks import SendingDomains, sender_findings
from campaign.routing.answers import DnsError
from campaign.routing.mx import find_addresses, has_ipv6
from campaign.routing.resolver import Resolver
from campaign.routing.tls.https import HttpsFetcher
from campaign.workers.in_order import Spread, alone

_WHOM = {"dns": "DNS", "relay": "relay", "provider": "provider"}
Steps = Callable[[str, int, int | None], None]


@dataclass(frozen=True, slots=True)
class CheckReport:
    """What a check found, in the order of the rules."""

    campaign: str
    at_s: float
    letters: int
    findings: tuple[CheckFinding, ...]

    @property
    def levels(self) -> Counter[str]:
        """How many findings of each level."""
        return Counter(finding.level for finding in self.findings)


def run_check(
    campaign: Campaign,
    summary: PlanSummary,
    *,
    keys: Callable[[], list[PublicKey]],
    clock: Clock,
    offline: bool = False,
    workers: int = 0,
    spread: Spread = alone,
    live: Callable[[], list[CheckFinding]] = list,
    on_progress: Steps = lambda what, done, total: None,
) -> CheckReport:
    """All groups.

    `spread`: as of a plan.  `keys` and `live`, which tries what only can be tried, are called once
    the render workers are gone: no key is in this process while a template runs.  Raises
    TemplateError, ConfigError for bad nameservers, JournalError.
    """
    count = ListCount()
    census = take_census(
        campaign, workers=workers, spread=spread,
        on_job=lambda job: count.take(job.address), on_progress=on_progress,
    )  # fmt: skip
    found = [*census.findings(), *list_findings(count, duplicates_in(summary.reasons)), *live()]
    found.append(limit_finding(summary.forecast_s, summary.left))
    found += journal_findings(campaign)
    providers: dict[str, str] = {}
    if not offline:
        on_progress("asking the DNS and the relay", 0, None)
        asked, domains = asyncio.run(_ask(campaign, count, census, keys, clock))
        found += [*asked, *domain_findings(count, domains)]
        providers = domains.providers
    found += volume_findings(count, providers)
    past = past_runs(campaign, clock.now_s())
    found += growth_findings(count.domains, past, lambda domain: provider_title(domain, providers))
    found += _unasked(found, offline=offline)
    order = {rule.id: place for place, rule in enumerate(RULES)}
    found.sort(key=lambda one: order[one.id])
    return CheckReport(campaign.settings.name, clock.now_s(), census.letters, tuple(found))


def _unasked(found: list[CheckFinding], *, offline: bool) -> Iterator[CheckFinding]:
    there = {finding.id for finding in found}
    for rule in RULES:
        if rule.id in there:
            continue
        if rule.needs == "live":
            yield CheckFinding(rule.id, "not-checked", "tried by --live alone")
        elif rule.needs in _WHOM and offline:
            yield CheckFinding(rule.id, "not-checked", f"--offline asks no {_WHOM[rule.needs]}")


async def _ask(
    campaign: Campaign,
    count: ListCount,
    census: Census,
    keys: Callable[[], list[PublicKey]],
    clock: Clock,
) -> tuple[list[CheckFinding], Domains]:
    """All that needs a network, at the same time."""
    dns = campaign.settings.dns
    resolver = Resolver(dns.nameservers, clock=clock, timeout_s=dns.timeout)
    key_faults: list[CheckFinding] = []
    known: list[PublicKey] = []
    try:
        known = keys()
    except CampaignError as error:
        key_faults = [CheckFinding("dkim-record", "fail", error.what, error.remedy)]
    sender = await _sender(campaign, resolver)
    signing = [sender.author, sender.envelope, *sender.signers]
    lists = campaign.settings.check.block_lists
    of_sender, of_hosts, of_relays, domains, of_lists, of_providers = await asyncio.gather(
        sender_findings(resolver, sender, known, dns, clock),
        host_findings(resolver, sender, HttpsFetcher(resolver, ipv6=has_ipv6())),
        relay_findings(campaign.settings.relay, campaign.folder, census.largest_bytes),
        look_up_domains(resolver, count),
        block_list_findings(resolver, lists, sender.addresses, signing),
        asyncio.to_thread(provider_findings, campaign, signing, sender.addresses, clock.now_s()),
    )
    if key_faults:  # else it would be said that there are none
        unread = CheckFinding("dkim-key", "not-checked", "the key cannot be read")
        of_sender = [one for one in of_sender if one.id not in ("dkim-record", "dkim-key")]
        of_sender += [*key_faults, unread]
    return [*of_sender, *of_hosts, *of_relays, *of_lists, *of_providers], domains


async def _sender(campaign: Campaign, resolver: Resolver) -> SendingDomains:
    settings = campaign.settings
    author = sender_of(campaign).address.domain
    envelope = settings.bounces.envelope_from or settings.message.sender
    named = settings.direct.sources if settings.direct else ()
    sources: list[tuple[str, str]] = []
    for address, hello in named:
        if address:
            sources.append((address, hello))
            continue
        with suppress(DnsError):  # the rule about EHLO says so
            found = await find_addresses(resolver, hello, allow_private=True)
            sources += [(usable, hello) for usable in found.usable]
    return SendingDomains(
        author=author,
        envelope=_domain_of(envelope) if envelope else author,
        signers=tuple(_domain_of(f"postmaster@{each.domain}") for each in settings.dkim),
        sources=tuple(sources),
        relays=tuple(relay.host for relay in settings.relay),
        hellos=tuple(dict.fromkeys(hello for _, hello in named)),
    )


def _domain_of(address: str) -> str:
    """In A-labels; the loader has checked the address."""
    return parse_address(f"postmaster@{address.rpartition('@')[2].rstrip('>')}").domain
