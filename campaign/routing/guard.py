"""Addresses on the public internet, and those a stranger's DNS must not send us to.

In: IP addresses.  Out: whether they are public.  Touches: nothing.

Anybody can point an MX at 127.0.0.1, 10.0.0.1 or a cloud's metadata service, and have us speak
to machines that only this host can reach (CWE-918).
"""

from __future__ import annotations

from ipaddress import IPv4Address, IPv6Address, IPv6Network, ip_address

_NAT64 = IPv6Network("64:ff9b::/96")  # RFC 6052, 2.1
_IPV4_COMPATIBLE = IPv6Network("::/96")  # RFC 4291, 2.5.5.1


def is_public(address: str) -> bool:
    """Whether an IP address is one of the public internet, whatever it is wrapped in."""
    found = ip_address(address)
    if isinstance(found, IPv6Address):
        wrapped = _ipv4_inside(found)
        if wrapped is not None:
            return is_public(str(wrapped))
        if found.is_site_local or found.is_reserved:
            return False
    return found.is_global and not found.is_multicast


def _ipv4_inside(address: IPv6Address) -> IPv4Address | None:
    if address.ipv4_mapped is not None:
        return address.ipv4_mapped
    if address.sixtofour is not None:
        return address.sixtofour
    if address in _NAT64 or (address in _IPV4_COMPATIBLE and int(address) > 1):
        return IPv4Address(int(address) & 0xFFFFFFFF)
    return None


def is_address(name: str) -> bool:
    """Whether a host "name" is an IP address, which an MX must not be (RFC 5321, 5.1)."""
    try:
        ip_address(name.strip("[]"))
    except ValueError:
        return False
    return True
