"""Who may be asked about a mailbox, how, and who may ask at all.

In: settings, what the DNS says of us.  Out: `Prober`, or ConfigError.  Touches: the DNS.

A prober without a name of its own looks like a spammer's, and is listed as one; then its answers
are lies.  The large providers tell nobody: they say yes to all, or no to all.
"""

from __future__ import annotations

import asyncio
import socket
from dataclasses import dataclass, replace

from campaign.errors import ConfigError
from campaign.preflight.verify.findings import DomainFinding
from campaign.routing.answers import DnsError
from campaign.routing.guard import is_public
from campaign.routing.resolver import Resolver
from campaign.routing.sites import provider_of_domain

# Their answers to RCPT are worth nothing (V6); names of `routing.sites`.
TELL_NOTHING = frozenset({"google", "outlook", "yahoo", "icloud", "qq", "netease"})


@dataclass(frozen=True, slots=True)
class Prober:
    """Who asks, and how politely."""

    hello: str  # with a PTR that leads back to it
    sender: str  # MAIL FROM: an address that takes bounces
    port: int = 25
    source: str = ""  # our address to speak from; empty: the system chooses
    names_per_domain: int | None = 25  # None: all
    interval_s: float = 1.0  # between two names at one site
    greylist_s: float = 310.0  # most servers want 5 minutes to pass (Postgrey's default)
    sites_at_once: int = 20

    def asking_all(self) -> Prober:
        """The same without a bound on the names of a domain."""
        return replace(self, names_per_domain=None)


def tells_nothing(domain: str, found: DomainFinding) -> bool:
    """Whether a mailbox domain, or one that is hosted there, is nobody to ask."""
    provider = provider_of_domain(domain)
    return found.provider in TELL_NOTHING or (
        provider is not None and provider.name in TELL_NOTHING
    )


async def check_sender(resolver: Resolver, hello: str, source: str = "") -> None:
    """Raises ConfigError unless `hello` has an address whose PTR leads back to it, the address we
    speak from among them as far as that can be seen."""
    try:
        found = await asyncio.gather(
            *(resolver.addresses(hello, ipv6=family) for family in (False, True))
        )
        addresses = [address for answer in found for address in answer.records]
        named = [
            address
            for address in addresses
            if hello.lower() in (await resolver.pointers(address)).records
        ]
    except DnsError as error:
        raise ConfigError(
            f"whether {hello} has a PTR cannot be found out: {error.what}",
            remedy="probe when the DNS answers",
        ) from error
    if not named:
        shown = ", ".join(addresses[:3]) or "no address"
        raise ConfigError(
            f"hello in [direct] is {hello}, which has {shown} and no PTR that leads back to it",
            remedy="have the PTR of your address set to that name before you probe",
        )
    own = source or _own_address()
    if own and is_public(own) and own not in named:
        raise ConfigError(
            f"this machine speaks from {own}, which is not an address of {hello}",
            remedy="probe from the machine that [direct] describes",
        )


def _own_address() -> str:
    """What we speak from, as the kernel says; nothing is sent."""
    try:
        with socket.socket(type=socket.SOCK_DGRAM) as probe:
            probe.connect(("192.5.5.241", 53))  # a root nameserver
            return str(probe.getsockname()[0])
    except OSError:
        return ""
