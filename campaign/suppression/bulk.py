"""Millions of entries at once.

In: rows.  Out: how many were new.  Touches: the store's database, and a temporary table on disk.

Rows in the order of their source would be written all over the store's pages, each of them again
and again.  So they are gathered in a temporary table, sorted by the database, and taken in part by
part: memory does not grow, and between two parts others can write.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable

from campaign.database.stores import Database, Row
from campaign.suppression import statements
from campaign.suppression.entries import EVIDENCE_MAX, Added, Suppressed

_PART = 20_000  # rows of a transaction: a person who unsubscribes meanwhile waits for one
_TABLES = ("sorted", "staging", "kinds")


def load_sorted(
    database: Database,
    parts: Iterable[list[Suppressed]],
    until_of: Callable[[Suppressed], float | None],
    now_s: float,
) -> Added:
    """Take in entries; each transaction is durable when the next begins."""
    _drop(database)
    try:
        count = _stage(database, parts, until_of)
        is_postgresql = database.is_postgresql
        rank = statements.rank_of("k.reason")
        database.change(statements.SORTED[is_postgresql].replace("{rank}", rank))
        if is_postgresql:
            database.change(statements.SORTED_INDEX)
        ((last,),) = database.rows("SELECT coalesce(max(rowid), 0) FROM sorted")
        done = Added(known=count - last)  # said twice
        for start in range(0, last, _PART):
            done += _take(database, start, min(last, start + _PART), now_s)
        return done
    finally:
        _drop(database)


def _stage(
    database: Database,
    parts: Iterable[list[Suppressed]],
    until_of: Callable[[Suppressed], float | None],
) -> int:
    """How many there are."""
    for table in statements.STAGING:
        database.change(table)
    kinds: dict[tuple[str, ...], int] = {}
    count = 0
    for part in parts:
        rows: list[Row] = [
            (
                entry[0],
                kinds.setdefault(entry[1:5], len(kinds)),
                entry.at,
                until_of(entry),
                entry.evidence[:EVIDENCE_MAX],
            )
            for entry in part
        ]
        database.fill("staging", rows, statements.STAGED)
        count += len(rows)
    numbered = [(number, *map(str, kind)) for kind, number in kinds.items()]
    database.fill("kinds", numbered, statements.KIND)
    return count


def _take(database: Database, start: int, end: int, now_s: float) -> Added:
    count = end - start
    with database.writing():
        new = database.change(statements.INSERT_PART, (start, end))
        graver = 0
        if new < count:
            graver = database.change(statements.replacing_part(now_s), (start, end))
    return Added(new, graver, count - new - graver)


def _drop(database: Database) -> None:
    for table in _TABLES:
        database.change(f"DROP TABLE IF EXISTS {table}")
