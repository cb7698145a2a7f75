"""How many letters were handed over lately, for quotas of a day.

In: a connection, a Unix time, what the letters have in common.  Out: numbers by slots of time.
Touches: the database, read-only.

Lines of the history are numbered as they are written, so their times go up with their numbers; the
first line of the last day is found by halving, and what is older is not read.  A clock that was set
back may have written earlier times behind later ones: so reading begins a day earlier than asked,
and misses nothing unless the clock was set back by more than that.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from campaign.database.sql import Connection, bindparam, text
from campaign.journal.ways import FROM, sent_from

_SLOT_S = 300
_SET_BACK_S = 86400.0
# The first line at or behind the middle; there is one, as the middle is at most the last number.
_MIDDLE = (
    '(SELECT h.at FROM history h WHERE h."change" >= (low + high) / 2 ORDER BY h."change" LIMIT 1)'
)
_FIRST = text(
    "WITH RECURSIVE halves(low, high) AS ("
    ' SELECT (SELECT min("change") FROM history), (SELECT max("change") + 1 FROM history)'
    " UNION ALL SELECT"
    f" CASE WHEN {_MIDDLE} < :at THEN (low + high) / 2 + 1 ELSE low END,"
    f" CASE WHEN {_MIDDLE} < :at THEN high ELSE (low + high) / 2 END"
    " FROM halves WHERE low < high) SELECT COALESCE(max(low), 0) FROM halves WHERE low >= high"
)


def first_change(connection: Connection, at_s: float) -> int:
    """The number before which all lines are older than a time, if no clock was ever set back."""
    return int(connection.execute(_FIRST, {"at": at_s}).scalar_one())


def sendings_since(
    connection: Connection,
    since_s: float,
    *,
    relay: str,
    source: str | None,
    domains: Sequence[str],
) -> list[tuple[float, int]]:
    """As `Reader.sendings_since`."""
    chosen: dict[str, Any] = {
        "since": since_s,
        "first": first_change(connection, since_s - _SET_BACK_S),
    }
    only = ""
    if relay and source is None:
        only += " AND (relay = :relay OR substr(relay, 1, :length) = :way)"
        way = f"{relay}{FROM}"
        chosen |= {"relay": relay, "way": way, "length": len(way)}
    elif relay:
        only += " AND relay IN (:relay, :way)"
        chosen |= {"relay": relay, "way": sent_from(relay, source)}
    elif source:
        only += " AND (relay LIKE :source OR relay NOT LIKE :any)"
        chosen |= {"source": f"%{FROM}{source}", "any": f"%{FROM}%"}
    if domains:
        only += ' AND "row" IN (SELECT "row" FROM recipients WHERE domain IN :domains)'
        chosen["domains"] = list(domains)
    asked = text(
        f"SELECT CAST(at / {_SLOT_S} AS INTEGER) AS slot, max(at), count(*) FROM history"
        f" WHERE \"change\" >= :first AND state = 'sending' AND at >= :since{only}"
        " GROUP BY slot ORDER BY slot"
    )
    if domains:
        asked = asked.bindparams(bindparam("domains", expanding=True))
    found = connection.execute(asked, chosen).all()
    return [(float(at_s), int(count)) for _, at_s, count in found]
