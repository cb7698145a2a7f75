"""The parts of a list that workers take one by one.

In: what a campaign sends by.  Out: rows of `fleet_leases` and `fleet_domains`.
Touches: the database, in the caller's transaction, under the lock that nobody shares.

Through a relay a shard is a slice of the list: rows one after the other, so that a worker reads
them by the index of the table.  Sent directly it is some domains, so that a domain's servers hear
of one worker only; all mailbox domains of one provider are in one shard.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from campaign.database.sql import Connection, text
from campaign.journal.notes import forget, recall, remember

_SLICES = 256  # that a list is cut into, unless they would be smaller or larger than these
_LEAST_ROWS = 20
_MOST_ROWS = 50_000
_DOMAIN_SHARDS = 128
_DOMAINS_UPTO = "fleet_domains_upto"  # a note: the last row whose domain is known


def lay_out(connection: Connection, groups: Mapping[str, Sequence[str]] | None) -> None:
    """Cut the list anew; nobody holds anything.

    `groups`: for direct delivery, the domains that go together, by a name; None through a relay.
    """
    connection.exec_driver_sql("DELETE FROM fleet_leases")
    rows = connection.execute(text("SELECT COALESCE(max(row), 0) FROM recipients")).scalar_one()
    if groups is None:
        connection.exec_driver_sql("DELETE FROM fleet_domains")
        forget(connection, _DOMAINS_UPTO)
        size = max(_LEAST_ROWS, min(_MOST_ROWS, -(-int(rows) // _SLICES)))
        connection.execute(
            text(
                "INSERT INTO fleet_leases (shard, first, last)"
                " SELECT n, n * :size + 1, (n + 1) * :size"
                " FROM generate_series(0, (:rows + :size - 1) / :size - 1) n"
            ),
            {"size": size, "rows": int(rows)},
        )
        return
    connection.execute(
        text(
            "INSERT INTO fleet_leases (shard, first, last) SELECT n, 0, 0"
            " FROM generate_series(0, :count - 1) n"
        ),
        {"count": _DOMAIN_SHARDS},
    )
    _gather_domains(connection, int(rows))
    own = _hashed("domain")
    connection.execute(text(f"UPDATE fleet_domains SET shard = {own} WHERE shard <> {own}"))
    for name, domains in groups.items():
        connection.execute(
            text(
                f"UPDATE fleet_domains SET shard = {_hashed('CAST(:name AS TEXT)')}"
                " WHERE domain = ANY(:domains)"
            ),
            {"name": name, "domains": list(domains)},
        )


def _gather_domains(connection: Connection, rows: int) -> None:
    """Of rows that no earlier fleet has gathered them from: a list only grows."""
    known = int(recall(connection, _DOMAINS_UPTO) or 0)
    if known == rows:
        return
    connection.execute(
        text(
            f"INSERT INTO fleet_domains SELECT DISTINCT domain, {_hashed('domain')}"
            " FROM recipients WHERE row > :known ON CONFLICT DO NOTHING"
        ),
        {"known": known if known < rows else 0},
    )
    remember(connection, _DOMAINS_UPTO, str(rows))


def _hashed(value: str) -> str:
    """A number below _DOMAIN_SHARDS that is the same everywhere."""
    return f"CAST(CAST('x' || substr(md5({value}), 1, 7) AS BIT(28)) AS INTEGER) % {_DOMAIN_SHARDS}"
