"""Keys of DKIM for tests, made once, and their records.

In: nothing.  Out: keys, signers, records.  Touches: nothing.
"""

from __future__ import annotations

from functools import cache

from campaign.signing.keys import SigningKey, new_ed25519, new_rsa
from campaign.signing.signature import Signer

DOMAIN = "example.com"


@cache
def rsa_key(bits: int = 2048) -> SigningKey:
    """An RSA key; the same each time."""
    return new_rsa(bits)


@cache
def ed25519_key() -> SigningKey:
    """An Ed25519 key; the same each time."""
    return new_ed25519()


def rsa_signer(selector: str = "s1", domain: str = DOMAIN) -> Signer:
    return Signer(domain, selector, rsa_key())


def ed25519_signer(selector: str = "e1", domain: str = DOMAIN) -> Signer:
    return Signer(domain, selector, ed25519_key())


def records(rsa: str = "s1", ed25519: str = "e1", domain: str = DOMAIN) -> dict[str, str]:
    """What the DNS says of both keys."""
    return {
        f"{rsa}._domainkey.{domain}": f"v=DKIM1; k=rsa; p={rsa_key().public}",
        f"{ed25519}._domainkey.{domain}": f"v=DKIM1; k=ed25519; p={ed25519_key().public}",
    }
