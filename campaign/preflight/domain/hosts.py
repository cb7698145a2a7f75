"""Names of the hosts that send: what the DNS calls an address, and whether the name leads back.

In: addresses, the name said in EHLO.  Out: `ReverseNames`, `HelloName`.
Touches: the DNS, through the resolver.

DnsError where the DNS does not answer: then nothing is known.
"""

from __future__ import annotations

from ipaddress import ip_address
from typing import NamedTuple

from campaign.routing.guard import is_address
from campaign.routing.mx import find_addresses
from campaign.routing.resolver import Resolver

_MOST_NAMES = 10
_GENERIC_PARTS = 3  # numbers of the address that a provider's automatic name repeats


class ReverseNames(NamedTuple):
    """What the names of one address are worth."""

    address: str
    names: tuple[str, ...]  # of its PTR records
    confirmed: tuple[str, ...]  # those that lead back to it
    is_generic: bool  # they look like names a provider gives out by itself


class HelloName(NamedTuple):
    """What a name in EHLO is worth."""

    name: str
    is_qualified: bool  # a whole name, and no address
    addresses: tuple[str, ...]


async def reverse_names(resolver: Resolver, address: str) -> ReverseNames:
    """The names of an address, and those confirmed by their own addresses (RFC 8601, 2.7.3)."""
    answer = await resolver.pointers(address)
    names = answer.records[:_MOST_NAMES]
    ours = ip_address(address)
    confirmed = []
    for name in names:
        back = await resolver.addresses(name, ipv6=ours.version == 6)
        if any(ip_address(found) == ours for found in back.records):
            confirmed.append(name)
    return ReverseNames(
        address, names, tuple(confirmed), any(_repeats(name, address) for name in names)
    )


async def hello_name(resolver: Resolver, name: str) -> HelloName:
    """The addresses behind the name said in EHLO (RFC 5321, 2.3.5 and 4.1.4)."""
    is_qualified = "." in name.strip(".") and not is_address(name)
    if not is_qualified:
        return HelloName(name, False, ())
    found = await find_addresses(resolver, name, allow_private=True)
    return HelloName(name, True, found.usable)


def _repeats(name: str, address: str) -> bool:
    """Whether a name such as 192-0-2-10.dsl.example.net holds the numbers of its address."""
    if ":" in address:
        return False
    first = name.partition(".")[0] + "." + name.partition(".")[2].partition(".")[0]
    numbers = "".join(c if c.isdigit() else " " for c in first).split()
    return sum(part in numbers for part in address.split(".")) >= _GENERIC_PARTS
