"""Whether this host has the addresses that letters are to leave from.

In: settings.  Out: `Mistake`s.  Touches: the network stack of this host; nothing is sent.
Fails: never; what is wrong is told as a mistake, at the key that names the address.
"""

from __future__ import annotations

import socket
from collections.abc import Iterator

from campaign.config.positions import Path
from campaign.config.settings import Settings
from campaign.config.wording import Mistake


def check_sources(settings: Settings) -> Iterator[Mistake]:
    """`source` of [[relay]] and `addresses` of [direct]."""
    for path, address in _named(settings):
        try:
            with socket.socket(family_of(address), socket.SOCK_DGRAM) as made:
                made.bind((address, 0))
        except OSError as error:
            key = next(step for step in reversed(path) if isinstance(step, str))
            yield Mistake(
                path,
                f"{key}: this host cannot send from {address}: {error.strerror}",
                "give the host this address (`ip address` shows those it has), or take it out",
            )


def family_of(address: str) -> socket.AddressFamily:
    """The family of an IP address in text."""
    return socket.AF_INET6 if ":" in address else socket.AF_INET


def _named(settings: Settings) -> Iterator[tuple[Path, str]]:
    for index, relay in enumerate(settings.relay):
        if relay.source:
            yield ("relay", index, "source"), relay.source
    for index, each in enumerate(settings.direct.addresses if settings.direct else ()):
        yield ("direct", "addresses", index), each.address
