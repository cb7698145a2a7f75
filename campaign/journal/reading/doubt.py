"""What the journal knows that helps to settle doubt: when dots went where, and what was accepted.

In: a reader.  Out: times and relays.  Touches: the database, read-only.
"""

from __future__ import annotations

from typing import NamedTuple

from campaign.journal.reading.reader import Reader
from campaign.journal.schema import REPEAT, REPEATS

_AROUND_S = 3600.0  # how long before and after a time what was accepted is looked at
_MOST = 5_000


class Accepted(NamedTuple):
    """A message that a server is known to have accepted."""

    letter_key: str  # as in Job
    relay: str
    at_s: float  # Unix time


def sendings_in_doubt(reader: Reader) -> dict[int, list[tuple[float, str]]]:
    """Of those in doubt, by row: when each dot was permitted (Unix time), and at which relay."""
    found = reader.ask(
        "SELECT h.row, h.at, h.relay FROM history h JOIN standings s ON s.row = h.row"
        " WHERE h.state = 'sending' AND (s.doubts > 0 OR s.state = 'sending')"
        " AND s.state <> 'sent' ORDER BY h.change"
    )
    sendings: dict[int, list[tuple[float, str]]] = {}
    for row, at, relay in found:
        sendings.setdefault(int(row), []).append((float(at), str(relay)))
    return sendings


def accepted_about(reader: Reader, first_s: float, last_s: float) -> list[Accepted]:
    """Messages accepted between an hour before the first time and an hour after the last; those
    that a log settled are not among them."""
    found = reader.ask(
        f"SELECT r.key || {REPEAT}, h.relay, h.at FROM history h"
        f" JOIN recipients r ON r.row = h.row {REPEATS}"
        " WHERE h.state = 'sent' AND h.relay <> '' AND h.at BETWEEN :first AND :last"
        " ORDER BY h.change LIMIT :most",
        first=first_s - _AROUND_S,
        last=last_s + _AROUND_S,
        most=_MOST,
    )
    return [Accepted(str(key), str(relay), float(at)) for key, relay, at in found]
