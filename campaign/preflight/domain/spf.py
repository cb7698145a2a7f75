"""Whether a host may send for a domain, as a receiver asks (RFC 7208, check_host).

In: an IP address, a domain, the envelope sender.  Out: `SpfResult`.  Touches: the DNS, through the
resolver.

What the DNS does not answer gives "temperror"; nothing is raised.  Ten terms may ask the DNS, and
two of them may get an empty answer (section 4.6.4).
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from enum import StrEnum
from ipaddress import IPv4Address, IPv6Address, ip_address, ip_network
from typing import NamedTuple

from campaign.preflight.domain.spf_record import (
    SpfRecord,
    SpfSyntaxError,
    Term,
    expand,
    is_spf,
    read_spf,
)
from campaign.routing.answers import DnsError, Status
from campaign.routing.resolver import Resolver

MOST_TERMS = 10
MOST_VOIDS = 2
_MOST_NAMES = 10  # hosts of one mx, names of one ptr
_LABEL = re.compile(r"[^.]{1,63}")


class Spf(StrEnum):
    """Section 2.6."""

    NONE = "none"
    NEUTRAL = "neutral"
    PASS = "pass"
    FAIL = "fail"
    SOFTFAIL = "softfail"
    TEMPERROR = "temperror"
    PERMERROR = "permerror"


_OF_SIGN = {"+": Spf.PASS, "-": Spf.FAIL, "~": Spf.SOFTFAIL, "?": Spf.NEUTRAL}


class SpfResult(NamedTuple):
    """What came of it."""

    result: Spf
    why: str  # the term that decided, or one clause
    terms: int  # that asked the DNS
    voids: int  # of them with an empty answer


class _EndError(Exception):
    """The evaluation ends here."""

    def __init__(self, result: Spf, why: str) -> None:
        super().__init__(why)
        self.result = result
        self.why = why


@dataclass
class _Visit:
    """One evaluation: what stays the same in all records, and what is counted."""

    address: IPv4Address | IPv6Address
    sender: str
    hello: str
    terms: int = 0
    voids: int = 0

    def count_term(self) -> None:
        self.terms += 1
        if self.terms > MOST_TERMS:
            raise _EndError(Spf.PERMERROR, f"more than {MOST_TERMS} terms that ask the DNS")

    def count_void(self, status: Status) -> None:
        self.voids += status is not Status.FOUND
        if self.voids > MOST_VOIDS:
            raise _EndError(Spf.PERMERROR, f"more than {MOST_VOIDS} look-ups without an answer")


async def find_record(resolver: Resolver, domain: str) -> str:
    """The SPF record of a domain, "" without one.  SpfSyntaxError for several; DnsError."""
    answer = await resolver.texts(domain)
    records = [text for text in answer.records if is_spf(text)]
    if len(records) > 1:
        raise SpfSyntaxError(f"{domain} has {len(records)} SPF records, and one may be")
    return records[0] if records else ""


async def check_host(
    resolver: Resolver, address: str, domain: str, sender: str = "", hello: str = ""
) -> SpfResult:
    """`domain` in A-labels; `sender` is the envelope sender, left out: postmaster of the domain."""
    where = ip_address(address)
    if isinstance(where, IPv6Address) and where.ipv4_mapped:
        where = where.ipv4_mapped
    local, at, of = sender.rpartition("@")
    sender = f"{local or 'postmaster'}@{of if at else domain}"
    visit = _Visit(where, sender, hello or domain)
    try:
        found = await _check(resolver, visit, domain)
    except _EndError as end:
        found = end.result, end.why
    return SpfResult(*found, visit.terms, visit.voids)


async def _check(resolver: Resolver, visit: _Visit, domain: str) -> tuple[Spf, str]:
    labels = domain.rstrip(".").split(".")
    if len(labels) < 2 or not all(_LABEL.fullmatch(label) for label in labels):
        return Spf.NONE, f"'{domain}' is not a domain"
    try:
        text = await find_record(resolver, domain)
        record = read_spf(text) if text else None
    except DnsError as error:
        raise _EndError(Spf.TEMPERROR, error.what) from error
    except SpfSyntaxError as error:
        raise _EndError(Spf.PERMERROR, str(error)) from error
    if record is None:
        return Spf.NONE, f"{domain} has no SPF record"
    return await _walk(resolver, visit, domain, record)


async def _walk(
    resolver: Resolver, visit: _Visit, domain: str, record: SpfRecord
) -> tuple[Spf, str]:
    for term in record.mechanisms:
        if term.asks_dns:
            visit.count_term()
        try:
            if await _matches(resolver, visit, domain, term):
                return _OF_SIGN[term.sign], term.text
        except DnsError as error:
            raise _EndError(Spf.TEMPERROR, error.what) from error
    if record.redirect is None:
        return Spf.NEUTRAL, "no term matches"
    visit.count_term()
    target = expand(record.redirect.domain, await _values(resolver, visit, domain, record.redirect))
    result, why = await _check(resolver, visit, target)
    if result is Spf.NONE:
        raise _EndError(Spf.PERMERROR, f"{record.redirect.text}: {why}")
    return result, f"{record.redirect.text}: {why}"


async def _matches(resolver: Resolver, visit: _Visit, domain: str, term: Term) -> bool:
    if term.name == "all":
        return True
    if term.network is not None:
        return visit.address in term.network
    target = domain
    if term.domain:
        target = expand(term.domain, await _values(resolver, visit, domain, term))
    if term.name == "include":
        return await _includes(resolver, visit, target, term)
    if term.name == "exists":
        answer = await resolver.addresses(target, ipv6=False)
        visit.count_void(answer.status)
        return answer.status is Status.FOUND
    if term.name == "ptr":
        names = await _validated(resolver, visit)
        target = target.lower().rstrip(".")
        return any(name == target or name.endswith(f".{target}") for name in names)
    if term.name == "a":
        return await _is_at(resolver, visit, term, target, counts=True)
    exchanges = await resolver.mx(target)
    visit.count_void(exchanges.status)
    if len(exchanges.records) > _MOST_NAMES:
        raise _EndError(Spf.PERMERROR, f"{term.text}: more than {_MOST_NAMES} mail servers")
    for exchange in sorted(exchanges.records):
        if exchange.exchange != "." and await _is_at(
            resolver, visit, term, exchange.exchange, counts=False
        ):
            return True
    return False


async def _includes(resolver: Resolver, visit: _Visit, target: str, term: Term) -> bool:
    result, why = await _check(resolver, visit, target)
    if result is Spf.NONE:
        raise _EndError(Spf.PERMERROR, f"{term.text}: {why}")
    return result is Spf.PASS


async def _is_at(resolver: Resolver, visit: _Visit, term: Term, host: str, *, counts: bool) -> bool:
    """Whether one of a host's addresses, with the term's prefix, is ours."""
    is_ipv6 = visit.address.version == 6
    answer = await resolver.addresses(host, ipv6=is_ipv6)
    if counts:
        visit.count_void(answer.status)
    prefix = term.prefix6 if is_ipv6 else term.prefix4
    return any(
        visit.address in ip_network(f"{found}/{prefix}", strict=False) for found in answer.records
    )


async def _validated(resolver: Resolver, visit: _Visit) -> list[str]:
    """Names of our address that lead back to it (section 5.5); trouble makes them none."""
    try:
        answer = await resolver.pointers(str(visit.address))
    except DnsError:
        return []
    visit.count_void(answer.status)
    names = []
    for name in answer.records[:_MOST_NAMES]:
        try:
            back = await resolver.addresses(name, ipv6=visit.address.version == 6)
        except DnsError:
            continue
        if any(ip_address(found) == visit.address for found in back.records):
            names.append(name)
    return names


async def _values(resolver: Resolver, visit: _Visit, domain: str, term: Term) -> dict[str, str]:
    """Of the macro letters (section 7.2), where a term has any."""
    if "%" not in term.domain:
        return {}
    local, _, of = visit.sender.rpartition("@")
    address = visit.address
    dotted = str(address) if address.version == 4 else ".".join(address.exploded.replace(":", ""))
    values = {
        "s": visit.sender,
        "l": local,
        "o": of,
        "d": domain,
        "i": dotted,
        "h": visit.hello,
        "v": "in-addr" if address.version == 4 else "ip6",
        "p": "unknown",
    }
    if "%{p" in term.domain.lower():
        names = await _validated(resolver, visit)
        near = [name for name in names if name == domain or name.endswith(f".{domain}")]
        values["p"] = next(iter(near or names), "unknown")
    return values
