"""DANE: certificates that the DNS vouches for (RFC 6698, RFC 7672).

In: TLSA records, certificates.  Out: whether they match.  Touches: the DNS, through the resolver.

Only where the nameserver validates with DNSSEC and says so (AD); such a nameserver should be on
this machine or on a trusted way to it.  A forged AD can make us stricter, never laxer.
"""

from __future__ import annotations

import hashlib
from collections.abc import Sequence

from campaign.routing.answers import Status, TlsaRecord
from campaign.routing.destinations import TlsNeed
from campaign.routing.mx import Addresses
from campaign.routing.resolver import Resolver
from campaign.routing.tls.certificates import is_issued_by, public_key

ISSUER, SERVER = 2, 3  # usages DANE-TA and DANE-EE; 0 and 1 mean nothing for SMTP (RFC 7672, 3.1.3)
_DIGESTS = {0: 0, 1: 32, 2: 64}  # matching type -> octets; 0 is the thing itself


async def find_need(resolver: Resolver, host: str, addresses: Addresses, port: int = 25) -> TlsNeed:
    """What the TLSA records of a host ask of a connection (RFC 7672, 2.2).

    Raises DnsError where a validated host's records cannot be had: it must not be used then.
    """
    if not addresses.is_secure:
        return TlsNeed()
    for name in dict.fromkeys((addresses.canonical, host)):
        answer = await resolver.tlsa(f"_{port}._tcp.{name}")
        if answer.status is Status.FOUND and answer.is_secure:
            usable = tuple(record for record in answer.records if is_usable(record))
            return TlsNeed(is_required=True, tlsa=usable)  # none usable: TLS all the same, 2.2
    return TlsNeed()


def is_usable(record: TlsaRecord) -> bool:
    """Whether a record says something that we can check."""
    if record.usage not in (ISSUER, SERVER) or record.selector not in (0, 1) or not record.data:
        return False
    return record.matching in _DIGESTS and _DIGESTS[record.matching] in (0, len(record.data))


def matches(records: Sequence[TlsaRecord], chain: Sequence[bytes], host: str) -> bool:
    """Whether a chain (DER, the server's own certificate first) is one the records vouch for.

    DANE-EE looks at the server's certificate alone, neither its names nor its dates (RFC 7672,
    3.1.1); DANE-TA wants a path from it, valid for `host`, to the certificate that matches.
    """
    for record in records:
        if record.usage == SERVER and chain and _is_meant(record, chain[0]):
            return True
        if record.usage == ISSUER:
            for issuer in chain[1:]:
                if _is_meant(record, issuer) and is_issued_by(chain, issuer, host):
                    return True
    return False


def _is_meant(record: TlsaRecord, certificate: bytes) -> bool:
    selected = public_key(certificate) if record.selector else certificate
    if record.matching == 1:
        selected = hashlib.sha256(selected).digest()
    elif record.matching == 2:
        selected = hashlib.sha512(selected).digest()
    return selected == record.data
