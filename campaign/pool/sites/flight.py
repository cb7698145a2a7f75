"""What a site keeps of each letter and each connection while they are under way.

In: nothing.  Out: `Flight`, `Slot`.  Touches: nothing.
"""

from __future__ import annotations

from campaign.pool.servers.hosts import KnownHost


class Slot:
    """A connection as its site sees it."""

    __slots__ = ("host", "is_broken", "is_surplus")

    def __init__(self, host: KnownHost) -> None:
        self.host = host
        self.is_surplus = False  # one too many: told to finish
        self.is_broken = False  # ended as no connection should


class Flight:
    """A letter from when it is first taken until it is settled, put back or not."""

    __slots__ = ("is_called_back", "is_permitted", "was_excused", "was_retried")

    def __init__(self) -> None:
        self.is_permitted = False  # its `sending` was asked of the journal
        self.is_called_back = False  # its window closed while its envelope was under way
        self.was_retried = False  # given its one second chance after a fresh connection broke
        self.was_excused = False  # went again because the server did not keep to what it offers
