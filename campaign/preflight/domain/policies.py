"""Records by which a domain asks for reports and shows its logo: TLS-RPT and BIMI.

In: a domain.  Out: `TlsReports`, `BimiRecord`, `StsRecord`.  Touches: the DNS, through the
resolver.

MTA-STS policies and DANE are read where routes are made (`routing`); here is only whether what is
published about our own domain is well written.  DnsError where the DNS does not answer.
"""

from __future__ import annotations

import re
from typing import NamedTuple
from urllib.parse import urlsplit

from campaign.routing.resolver import Resolver
from campaign.routing.tls.mta_sts import read_record as read_sts_id

_MAILTO = re.compile(r"mailto:[^@\s,;!]+@[^@\s,;!]+")


class StsRecord(NamedTuple):
    """_mta-sts (RFC 8461, 3.1)."""

    is_there: bool
    identity: str  # "" where the record is not well written
    fault: str


class TlsReports(NamedTuple):
    """_smtp._tls (RFC 8460, 3)."""

    is_there: bool
    addresses: tuple[str, ...]
    fault: str


class BimiRecord(NamedTuple):
    """default._bimi (draft-brand-indicators-for-message-identification)."""

    is_there: bool
    logo: str
    evidence: str  # of the mark's certificate; many receivers want one
    fault: str


def _tags(text: str) -> dict[str, str]:
    tags: dict[str, str] = {}
    for part in text.split(";"):
        name, equals, value = part.partition("=")
        if equals:
            tags.setdefault(name.strip().lower(), value.strip())
    return tags


async def _texts(resolver: Resolver, name: str, version: str) -> tuple[str, ...]:
    """The TXT records that begin with v=VERSION; others at the same name are let be."""
    answer = await resolver.texts(name)
    start = re.compile(rf"v\s*=\s*{version}\s*(;|$)", re.IGNORECASE)
    return tuple(text for text in answer.records if start.match(text.lstrip()))


async def sts_record(resolver: Resolver, domain: str) -> StsRecord:
    """Whether MTA-STS is announced, and well."""
    texts = await _texts(resolver, f"_mta-sts.{domain}", "STSv1")
    if not texts:
        return StsRecord(False, "", "")
    if len(texts) > 1:
        return StsRecord(True, "", f"there are {len(texts)} records, and one may be")
    identity = read_sts_id(texts)
    return StsRecord(
        True, identity, "" if identity else "v=STSv1 must come first and id= be letters and digits"
    )


async def tls_reports(resolver: Resolver, domain: str) -> TlsReports:
    """Where reports about failed TLS go."""
    texts = await _texts(resolver, f"_smtp._tls.{domain}", "TLSRPTv1")
    if not texts:
        return TlsReports(False, (), "")
    if len(texts) > 1:
        return TlsReports(True, (), f"there are {len(texts)} records, and one may be")
    uris = [uri.strip() for uri in _tags(texts[0]).get("rua", "").split(",")]
    good = tuple(u for u in uris if _MAILTO.fullmatch(u) or u.startswith("https://"))
    fault = "" if good and len(good) == len(uris) else "rua= has no mailto: or https: address"
    return TlsReports(True, good, fault)


async def bimi_record(resolver: Resolver, domain: str, selector: str = "default") -> BimiRecord:
    """Which logo a domain shows."""
    texts = await _texts(resolver, f"{selector}._bimi.{domain}", "BIMI1")
    if not texts:
        return BimiRecord(False, "", "", "")
    if len(texts) > 1:
        return BimiRecord(True, "", "", f"there are {len(texts)} records, and one may be")
    tags = _tags(texts[0])
    if "l" not in tags:
        return BimiRecord(True, "", "", "l= is missing")
    logo, evidence = tags["l"], tags.get("a", "")
    fault = ""
    if logo and not _is_https(logo):
        fault = "l= must be an https address"
    elif evidence and not _is_https(evidence):
        fault = "a= must be an https address"
    return BimiRecord(True, logo, evidence, fault)


def _is_https(url: str) -> bool:
    try:
        parts = urlsplit(url)
    except ValueError:
        return False
    return parts.scheme == "https" and bool(parts.hostname)
