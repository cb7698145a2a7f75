"""Whether a block list has our addresses or domains; only lists that the settings name.

In: zones, addresses, domains.  Out: findings.  Touches: the DNS, through the resolver.

RFC 5782: an entry is an A record in 127.0.0.0/8.  127.255.255.x says that the list does not answer
us, mostly because we ask through a public resolver; anything outside of 127/8 that the list has
died.  Neither says a thing about us.  A list that has 127.0.0.1, which none may have (section 5),
has everybody.
"""

from __future__ import annotations

import asyncio
from collections.abc import Sequence
from ipaddress import ip_address
from typing import NamedTuple

from campaign.preflight.rules import CheckFinding
from campaign.routing.answers import DnsError
from campaign.routing.resolver import Resolver

RULE = "block-lists"
_OF_DOMAINS = "domain:"
# Lists of names; all others are of addresses unless the settings say otherwise.
_DOMAIN_LISTS = frozenset(
    ("dbl.spamhaus.org", "multi.surbl.org", "multi.uribl.com", "black.uribl.com",
     "uribl.spameatingmonkey.net", "dbl.nordspam.com")
)  # fmt: skip
# What a list says in place of an entry: not to us (Spamhaus, SURBL, URIBL), or not such a question.
_REFUSED = frozenset({"127.0.0.1", "127.0.1.255"})


class ListAnswer(NamedTuple):
    """What one list says of one subject."""

    zone: str
    subject: str
    codes: tuple[str, ...]
    reason: str  # of the list, from its TXT record
    trouble: str  # why nothing is known


def zone_of(entry: str) -> tuple[str, bool]:
    """The zone of an entry in the settings, and whether it lists domains."""
    name = entry.strip().lower().rstrip(".")
    zone = name.removeprefix(_OF_DOMAINS)
    return zone, zone != name or zone in _DOMAIN_LISTS


async def block_list_findings(
    resolver: Resolver, lists: Sequence[str], addresses: Sequence[str], domains: Sequence[str]
) -> list[CheckFinding]:
    """One finding an entry; one for all that have none."""
    if not lists:
        why = "no block_lists in [check]: none is asked unless you name it"
        return [CheckFinding(RULE, "not-checked", why)]
    asked: list[tuple[str, str]] = []
    unasked: list[str] = []
    for zone, is_of_domains in map(zone_of, lists):
        subjects = domains if is_of_domains else addresses
        asked += [(zone, subject) for subject in dict.fromkeys(subjects)]
        if not subjects:
            unasked.append(zone)
    answers = await asyncio.gather(*(_ask(resolver, *each) for each in asked))
    found = [_listed(answer) for answer in answers if answer.codes and not answer.trouble]
    found += [
        CheckFinding(RULE, "not-checked", f"{answer.zone}: {answer.trouble}")
        for answer in {(each.zone, each.trouble): each for each in answers if each.trouble}.values()
    ]
    if unasked:
        why = f"{', '.join(unasked)}: the addresses that the relay sends from are not known"
        found.append(CheckFinding(RULE, "not-checked", why))
    clean = [answer for answer in answers if not answer.codes and not answer.trouble]
    if clean and not any(finding.level == "fail" for finding in found):
        names = ", ".join(dict.fromkeys(f"{each.subject} at {each.zone}" for each in clean))
        found.insert(0, CheckFinding(RULE, "ok", f"no entry: {names}"))
    return found


def _listed(answer: ListAnswer) -> CheckFinding:
    said = f": {answer.reason}" if answer.reason else ""
    evidence = f"{answer.subject} is at {answer.zone} ({', '.join(answer.codes)}){said}"
    remedy = f"read there why, mend that, and ask {answer.zone} to take the entry out"
    return CheckFinding(RULE, "fail", evidence, remedy)


async def _ask(resolver: Resolver, zone: str, subject: str) -> ListAnswer:
    name = f"{_label(subject)}.{zone}"
    try:
        answer = await resolver.addresses(name, ipv6=False)
        codes = tuple(sorted(answer.records, key=ip_address))
        if not codes:
            return ListAnswer(zone, subject, (), "", "")
        trouble = _trouble(codes)
        if not trouble and not _is_name(subject):
            everybody = await resolver.addresses(f"1.0.0.127.{zone}", ipv6=False)
            trouble = "it lists everybody" if everybody.records else ""
        if trouble:
            return ListAnswer(zone, subject, codes, "", trouble)
        reasons = (await resolver.texts(name)).records
    except DnsError as error:
        return ListAnswer(zone, subject, (), "", error.what)
    return ListAnswer(zone, subject, codes, reasons[0][:120] if reasons else "", "")


def _trouble(codes: Sequence[str]) -> str:
    for code in codes:
        if code.startswith("127.255.255.") or code in _REFUSED:
            return f"it refuses our question ({code}): ask through a resolver of your own"
        if not code.startswith("127."):
            return f"it answers {code}, which is no entry (RFC 5782, 2.3): it may have died"
    return ""


def _is_name(subject: str) -> bool:
    return any(letter.isalpha() for letter in subject) and ":" not in subject


def _label(subject: str) -> str:
    """An address reversed (RFC 5782, 2.1 and 2.4), a domain as it is."""
    if _is_name(subject):
        return subject
    return (
        ip_address(subject).reverse_pointer.removesuffix(".in-addr.arpa").removesuffix(".ip6.arpa")
    )
