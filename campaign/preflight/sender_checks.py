"""The sender's domains: SPF, keys, DMARC, and whether they belong together.

In: `SendingDomains`, public keys.  Out: findings.  Touches: the DNS, through the resolver.

A question that the DNS does not answer gives "not-checked".
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Iterator, Sequence
from typing import NamedTuple

from campaign.clock import Clock
from campaign.config.settings import Dns
from campaign.preflight.domain.dmarc import Discovery, DmarcRecord, are_aligned, discover
from campaign.preflight.domain.spf import MOST_TERMS, Spf, check_host
from campaign.preflight.domain.spf_tree import SpfTree, survey
from campaign.preflight.key_records import PublicKey, key_length, look_up_key
from campaign.preflight.rules import CheckFinding
from campaign.routing.answers import DnsError
from campaign.routing.destinations import Undeliverable
from campaign.routing.mx import find_addresses, find_exchanges
from campaign.routing.resolver import Resolver

# What an SPF record must include to send through a relay of theirs; by the end of its name.
_INCLUDES = {
    "amazonaws.com": "amazonses.com",
    "gmail.com": "_spf.google.com",
    "google.com": "_spf.google.com",
    "office365.com": "spf.protection.outlook.com",
    "sendgrid.net": "sendgrid.net",
    "mailgun.org": "mailgun.org",
    "postmarkapp.com": "spf.mtasv.net",
    "mailjet.com": "spf.mailjet.com",
    "exmail.qq.com": "spf.mail.qq.com",
    "mxhichina.com": "spf.mxhichina.com",
    "zoho.com": "zohomail.com",
}


class SendingDomains(NamedTuple):
    """Who sends, in A-labels."""

    author: str  # domain of From
    envelope: str  # domain of MAIL FROM
    signers: tuple[str, ...]  # d=
    sources: tuple[tuple[str, str], ...]  # addresses we send from, each with its name in EHLO
    relays: tuple[str, ...]  # host names
    hellos: tuple[str, ...]  # of [direct]; none through a relay

    @property
    def addresses(self) -> tuple[str, ...]:
        """Those that we send from, where we know them."""
        return tuple(address for address, _ in self.sources)


async def sender_findings(
    resolver: Resolver, sender: SendingDomains, keys: Sequence[PublicKey], dns: Dns, clock: Clock
) -> list[CheckFinding]:
    """The group "domain"."""
    found = list(_of_tree(tree := await survey(resolver, sender.envelope), sender))
    found += await _of_hosts(resolver, sender, tree)
    found += await _of_keys(keys, dns, clock)
    try:
        seen = await discover(resolver, sender.author)
    except DnsError as error:
        for each in ("dmarc-record", "dmarc-policy", "dmarc-aligned"):
            found.append(CheckFinding(each, "not-checked", error.what))
    else:
        found += _of_dmarc(seen)
        found.append(await _known("dmarc-aligned", lambda: _alignment(resolver, sender, seen)))
    found.append(await _known("sender-mail", lambda: _takes_mail(resolver, sender)))
    return found


async def _known(id: str, look: Callable[[], Awaitable[CheckFinding]]) -> CheckFinding:
    try:
        return await look()
    except DnsError as error:
        return CheckFinding(id, "not-checked", error.what)


def _of_tree(tree: SpfTree, sender: SendingDomains) -> Iterator[CheckFinding]:
    who = [f"ip{6 if ':' in one else 4}:{one}" for one in sender.addresses]
    who += [f"include:{one}" for one in map(include_of, sender.relays) if one]
    publish = f'TXT {tree.domain}  "v=spf1 {" ".join(who) or "include:YOUR-RELAY"} ~all"'
    if tree.faults:
        evidence = f"{tree.domain}: {'; '.join(tree.faults)}"
        yield CheckFinding("spf-record", "fail", evidence, "receivers see a permerror: mend it")
    elif tree.unknown:
        yield CheckFinding("spf-record", "not-checked", "; ".join(tree.unknown))
    elif not tree.text:
        yield CheckFinding("spf-record", "fail", f"{tree.domain} has no SPF record", publish)
    else:
        evidence = (
            f"{tree.domain}: {tree.terms} of {MOST_TERMS} terms ask the DNS,"
            f" {tree.voids} without an answer: {as_line(tree)}"
        )
        yield CheckFinding("spf-record", "ok", evidence)
    yield from _of_style(tree)


def _of_style(tree: SpfTree) -> Iterator[CheckFinding]:
    is_for_all = tree.ends.lstrip("+") == "all"
    if is_for_all:
        evidence = f"{tree.domain}: {tree.ends} lets everybody send"
        yield CheckFinding("spf-style", "fail", evidence, "end the record with ~all or -all")
    for advice in dict.fromkeys(tree.advice):
        yield CheckFinding("spf-style", "warn", f"{tree.domain}: {advice}", "take it out")
    if is_for_all or tree.advice:
        return
    if tree.faults or tree.unknown or not tree.text:
        yield CheckFinding("spf-style", "not-checked", "there is no whole SPF record to read")
    else:
        evidence = f"{tree.domain}: ends with {tree.ends or 'no all: who is not named is neutral'}"
        yield CheckFinding("spf-style", "ok", evidence)


def as_line(tree: SpfTree) -> str:
    """The tree in one line: a record that is included stands in brackets behind its term."""
    words: list[str] = []
    depth = 0
    for line in tree.lines:
        while depth > line.depth:
            words[-1] += ")"
            depth -= 1
        note = f" [{line.note}]" if line.note else ""
        opening = "(" if line.depth > depth else ""
        depth = line.depth
        words.append(f"{opening}{line.text}{note}")
    return " ".join(words) + ")" * depth


async def _of_hosts(
    resolver: Resolver, sender: SendingDomains, tree: SpfTree
) -> list[CheckFinding]:
    found = []
    for address, hello in sender.sources:
        result = await check_host(
            resolver, address, sender.envelope, f"postmaster@{sender.envelope}", hello
        )
        evidence = f"{address} for {sender.envelope}: {result.result} ({result.why})"
        if result.result is Spf.PASS:
            found.append(CheckFinding("spf-sender", "ok", evidence))
        elif result.result is Spf.TEMPERROR:
            found.append(CheckFinding("spf-sender", "not-checked", evidence))
        else:
            term = f"ip{6 if ':' in address else 4}:{address}"
            found.append(CheckFinding("spf-sender", "fail", evidence, f"add {term} to the record"))
    for relay in sender.relays:
        wanted = include_of(relay)
        if not wanted:
            why = f"which addresses {relay} sends from is not known; its provider names the include"
            found.append(CheckFinding("spf-sender", "not-checked", why))
        elif wanted in tree.includes:
            evidence = f"{relay}: include:{wanted} is there"
            found.append(CheckFinding("spf-sender", "ok", evidence))
        elif tree.unknown:
            found.append(CheckFinding("spf-sender", "not-checked", "; ".join(tree.unknown)))
        else:
            found.append(
                CheckFinding(
                    "spf-sender", "warn",
                    f"{relay} sends by its own addresses, and include:{wanted} is not in the"
                    f" record of {sender.envelope}", f"add include:{wanted} to the record",
                )
            )  # fmt: skip
    return found


def include_of(relay: str) -> str:
    """What the record of a domain must include to send through a relay; "" where unknown."""
    return next(
        (include for end, include in _INCLUDES.items() if f".{relay}".endswith(f".{end}")), ""
    )


async def _of_keys(keys: Sequence[PublicKey], dns: Dns, clock: Clock) -> list[CheckFinding]:
    if not keys:
        why = "there is no [[dkim]]: the relay must sign, and only a test letter shows whether"
        return [CheckFinding(id, "not-checked", why) for id in ("dkim-record", "dkim-key")]
    return [
        CheckFinding(one.id, one.level, one.evidence, one.remedy)
        for key in keys
        for one in (await look_up_key(key, dns, clock), key_length(key))
    ]


def _of_dmarc(seen: Discovery) -> Iterator[CheckFinding]:
    record = seen.record
    publish = (
        f'TXT _dmarc.{seen.organisation}  "v=DMARC1; p=none; rua=mailto:dmarc@{seen.organisation}"'
    )
    if record is None:
        evidence = f"no record at {seen.questions[0]} nor above ({len(seen.questions)} names asked)"
        yield CheckFinding("dmarc-record", "fail", evidence, publish)
        yield CheckFinding("dmarc-policy", "not-checked", "there is no DMARC record")
        return
    if not record.has_effect:
        evidence = f"_dmarc.{record.domain} has no policy that means something, and no rua="
        yield CheckFinding("dmarc-record", "fail", evidence, publish)
        yield CheckFinding("dmarc-policy", "not-checked", "no DMARC record is in force")
        return
    evidence = f"{record.text} at _dmarc.{record.domain}; {len(seen.questions)} names asked"
    yield CheckFinding("dmarc-record", "ok", evidence)
    remarks = list(_of_policy(seen, record))
    if not remarks:
        evidence = f"{seen.applied} is asked for, and reports go to rua="
        remarks = [CheckFinding("dmarc-policy", "ok", evidence)]
    yield from remarks


def _of_policy(seen: Discovery, record: DmarcRecord) -> Iterator[CheckFinding]:
    if record.is_test:
        evidence = f"t=y: {seen.policy} is asked for as {seen.applied} only"
        yield CheckFinding("dmarc-policy", "warn", evidence, "take t=y out when the test is over")
    if record.bad_policies:
        tags = ", ".join(f"{tag}=" for tag in record.bad_policies)
        evidence = f"{tags} is missing or means nothing, so the policy is none"
        yield CheckFinding("dmarc-policy", "warn", evidence, "write p=none, quarantine or reject")
    if record.historic:
        tags = ", ".join(f"{tag}=" for tag in record.historic)
        evidence = f"{tags}: nobody reads it any more"
        yield CheckFinding("dmarc-policy", "info", evidence, "take it out")
    if not record.reports:
        yield CheckFinding(
            "dmarc-policy", "info", "no rua=: nobody tells you who sends in your name",
            f"add rua=mailto:dmarc@{seen.organisation}",
        )  # fmt: skip


async def _alignment(resolver: Resolver, sender: SendingDomains, seen: Discovery) -> CheckFinding:
    record = seen.record
    for signer in sender.signers:
        is_strict = record is not None and record.is_strict("adkim")
        if await are_aligned(resolver, sender.author, signer, is_strict=is_strict):
            evidence = f"the signature of {signer} speaks for From at {sender.author}"
            return CheckFinding("dmarc-aligned", "ok", evidence)
    is_strict = record is not None and record.is_strict("aspf")
    by_spf = await are_aligned(resolver, sender.author, sender.envelope, is_strict=is_strict)
    signers = ", ".join(sender.signers)
    if by_spf and signers:
        evidence = f"by SPF of {sender.envelope} alone, not by the signature of {signers}"
        remedy = f"sign as {sender.author}: a forwarded letter loses its SPF"
        return CheckFinding("dmarc-aligned", "warn", evidence, remedy)
    if by_spf:
        evidence = f"SPF of {sender.envelope} speaks for From at {sender.author}"
        return CheckFinding("dmarc-aligned", "ok", evidence)
    evidence = f"From is of {sender.author}, the envelope sender of {sender.envelope}"
    evidence += f", the signature of {signers}" if signers else ", and nothing of ours is signed"
    remedy = f"sign as {sender.author}, in [[dkim]]"
    return CheckFinding("dmarc-aligned", "fail" if signers else "warn", evidence, remedy)


async def _takes_mail(resolver: Resolver, sender: SendingDomains) -> CheckFinding:
    for domain in dict.fromkeys((sender.author, sender.envelope)):
        found = await find_exchanges(resolver, domain)
        if isinstance(found, Undeliverable):
            remedy = "answers and bounces go there: let it take mail"
            return CheckFinding("sender-mail", "fail", found.text, remedy)
        if found.is_implicit:
            at = await find_addresses(resolver, domain, allow_private=True)
            if not at.usable:
                remedy = f"MX {domain}  10 YOUR-MAIL-SERVER"
                return CheckFinding(
                    "sender-mail", "fail", f"{domain} has neither MX nor address", remedy
                )
    domains = " and ".join(dict.fromkeys((sender.author, sender.envelope)))
    return CheckFinding("sender-mail", "ok", f"{domains} can get mail")
