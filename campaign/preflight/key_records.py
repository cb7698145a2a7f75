"""What the DNS says of a DKIM key, for a person who is about to send, or to change keys.

In: a domain, a selector, our public key.  Out: `KeyFinding`, `Authority`.  Touches: the DNS.

What a nameserver does not answer is not known, and never taken for missing.
"""

from __future__ import annotations

import asyncio
from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import NamedTuple

from campaign.clock import Clock
from campaign.config.settings import Dns
from campaign.preflight.rules import Level
from campaign.routing.answers import DnsAnswer, DnsError, Status
from campaign.routing.resolver import Resolver
from campaign.signing.keys import RSA, SigningKey
from campaign.signing.record import faults_of, read_record, record_name, record_text
from campaign.units import show_duration

_RULE = "RFC 6376, 3.6"
_PORT = 53


@dataclass(frozen=True, slots=True)
class PublicKey:
    """The key that the DNS should show."""

    domain: str  # in A-labels
    selector: str
    key: SigningKey = field(repr=False)

    @property
    def name(self) -> str:
        """Of the record."""
        return record_name(self.domain, self.selector)

    @property
    def text(self) -> str:
        """Of the record."""
        return record_text(self.key.kind, self.key.public)


class KeyFinding(NamedTuple):
    """One thing that is so, or is wrong, about a key."""

    id: str
    level: Level
    evidence: str
    rule: str = _RULE
    remedy: str = ""


class Authority(NamedTuple):
    """What one authoritative nameserver says of a record."""

    host: str
    address: str
    shows: bool | None  # None: not known
    evidence: str


async def look_up_key(wanted: PublicKey, dns: Dns, clock: Clock) -> KeyFinding:
    """What the DNS shows of one key.  Raises ConfigError for bad nameservers."""
    resolver = Resolver(dns.nameservers, clock=clock, timeout_s=dns.timeout)
    try:
        return _judged(await resolver.texts(wanted.name), wanted)
    except DnsError as error:
        return KeyFinding("dkim-record", "not-checked", f"not known: {error.what}")


def key_length(wanted: PublicKey) -> KeyFinding:
    """Whether the key is as long as receivers want it; nobody is asked."""
    rule, key = "RFC 8301, 3.2", wanted.key
    if key.warning:
        remedy = "`campaign dkim rotate` changes to a new key"
        return KeyFinding("dkim-key", "warn", key.warning, rule, remedy)
    named = f"RSA with {key.bits:,} bits" if key.kind == RSA else "Ed25519"
    return KeyFinding("dkim-key", "ok", f"{wanted.selector} of {wanted.domain}: {named}", rule)


def _judged(answer: DnsAnswer[str], wanted: PublicKey) -> KeyFinding:
    publish = f"publish as TXT of {wanted.name}: {wanted.text}"

    def fail(evidence: str, remedy: str = publish) -> KeyFinding:
        return KeyFinding("dkim-record", "fail", f"{wanted.name}: {evidence}", remedy=remedy)

    if answer.status is not Status.FOUND:
        return fail("there is no record")
    if len(answer.records) > 1:
        remedy = f"keep one of them: {wanted.text}"
        return fail(f"there are {len(answer.records)} TXT records, and one may be", remedy)
    try:
        record = read_record(answer.records[0])
    except ValueError as error:
        return fail(str(error))
    if faults := faults_of(record, wanted.key.kind, wanted.key.public):
        return fail("; ".join(faults))
    via = f", by way of {answer.canonical}" if _is_alias(answer, wanted) else ""
    said = f"{wanted.name} shows our key{via}; TTL {show_duration(answer.ttl_s)}"
    return KeyFinding("dkim-record", "ok", said)


def _is_alias(answer: DnsAnswer[str], wanted: PublicKey) -> bool:
    return answer.canonical not in ("", wanted.name.lower())


async def ask_authorities(
    wanted: PublicKey, dns: Dns, clock: Clock, *, port: int = _PORT
) -> list[Authority]:
    """What each nameserver of the record's zone says, each of its addresses by itself.

    Raises DnsError where they cannot be found out.
    """
    resolver = Resolver(dns.nameservers, clock=clock, timeout_s=dns.timeout)
    name = wanted.name
    answer = await resolver.texts(name)
    if _is_alias(answer, wanted):
        name = answer.canonical
    asked = [
        _ask(f"{host}", address, name, wanted, dns, clock, port)
        for host in await _nameservers(resolver, name)
        for address in await _addresses(resolver, host)
    ]
    return list(await asyncio.gather(*asked))


async def _nameservers(resolver: Resolver, name: str) -> Sequence[str]:
    """Of the zone that a name lies in: those of the nearest name above it that has some."""
    labels = name.split(".")
    for cut in range(len(labels) - 1):
        answer = await resolver.nameservers(".".join(labels[cut:]))
        if answer.status is Status.FOUND:
            return sorted(answer.records)
    raise DnsError(f"no nameserver is known for {name}")


async def _addresses(resolver: Resolver, host: str) -> list[str]:
    found: list[str] = []
    for ipv6 in (False, True):
        answer = await resolver.addresses(host, ipv6=ipv6)
        found += answer.records
    return found


async def _ask(
    host: str, address: str, name: str, wanted: PublicKey, dns: Dns, clock: Clock, port: int
) -> Authority:
    server = f"[{address}]:{port}" if ":" in address else f"{address}:{port}"
    try:
        resolver = Resolver([server], clock=clock, timeout_s=dns.timeout)
        answer = await resolver.texts(name)
    except DnsError as error:
        return Authority(host, address, None, f"not known: {error.what}")
    finding = _judged(answer, wanted)
    return Authority(host, address, finding.level == "ok", finding.evidence)
