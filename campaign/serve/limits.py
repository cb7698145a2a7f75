"""How often one visitor may look.

In: names of visitors, the steady clock.  Out: yes, or the seconds to wait.  Touches: nothing.

Requests are spaced as the generic cell rate algorithm has it (ITU-T I.371): one number a visitor,
the moment at which all that it used is paid off.
"""

from __future__ import annotations

import ipaddress
from collections import OrderedDict

from campaign.clock import Clock

_MOST_KNOWN = 20_000  # visitors; beyond, those that came longest ago are forgotten


class VisitorLimit:
    """`count` requests at once, and as many again in `span_s` seconds."""

    def __init__(self, count: int, span_s: float, clock: Clock) -> None:
        self._clock = clock
        self._span_s = span_s
        self._each_s = span_s / count
        self._paid: OrderedDict[str, float] = OrderedDict()

    def wait_s(self, visitor: str) -> float:
        """0 where it may go on, which is counted; else how long it should wait."""
        now_s = self._clock.tick_s()
        paid_s = max(now_s, self._paid.pop(visitor, now_s)) + self._each_s
        is_over = paid_s > now_s + self._span_s + 1e-6
        self._paid[visitor] = paid_s - self._each_s if is_over else paid_s
        if len(self._paid) > _MOST_KNOWN:
            self._paid.popitem(last=False)
        return paid_s - now_s - self._span_s if is_over else 0.0


def network_of(address: str) -> str:
    """What one customer of a provider has: the /24 of an IPv4 address, the /56 of an IPv6 one.

    What is not an address, such as the end of a Unix socket, is a network of its own.
    """
    try:
        parsed = ipaddress.ip_address(address.partition("%")[0])
    except ValueError:
        return address
    if isinstance(parsed, ipaddress.IPv6Address) and parsed.ipv4_mapped:
        parsed = parsed.ipv4_mapped
    bits = 24 if parsed.version == 4 else 56
    return str(ipaddress.ip_network((parsed, bits), strict=False))
