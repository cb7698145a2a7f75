"""The tables of a store, and the statements that decide between two entries.

In: the time.  Out: SQL that SQLite and PostgreSQL take alike.  Touches: nothing.
"""

from __future__ import annotations

from campaign.suppression.entries import Reason

COLUMNS = "key, scope, reason, source, campaign, at, until, evidence"
COUNT = 8
_DOUBLE = "DOUBLE PRECISION"
_COLUMN_TYPES = (
    "key TEXT NOT NULL, scope TEXT NOT NULL, reason TEXT NOT NULL, source TEXT NOT NULL,"
    f" campaign TEXT NOT NULL, at {_DOUBLE} NOT NULL, until {_DOUBLE}, evidence TEXT NOT NULL"
)
# `suppression_ended`: soft bounces that an accepted letter of the campaign `ended_by` ended.
# `earlier`: the lighter entry that a graver one took the place of, for an undo; "" is none.
# The primary key of SQLite is the table itself: a look-up is one way down one tree.
TABLES = (
    f"CREATE TABLE IF NOT EXISTS suppression ({_COLUMN_TYPES}, earlier TEXT NOT NULL DEFAULT '',"
    " PRIMARY KEY (key, scope))",
    "CREATE TABLE IF NOT EXISTS suppression_soft (key TEXT NOT NULL, campaign TEXT NOT NULL,"
    f" at {_DOUBLE} NOT NULL, evidence TEXT NOT NULL, PRIMARY KEY (key, campaign, at))",
    "CREATE TABLE IF NOT EXISTS suppression_ended (key TEXT NOT NULL, campaign TEXT NOT NULL,"
    f" at {_DOUBLE} NOT NULL, evidence TEXT NOT NULL, ended_by TEXT NOT NULL,"
    " PRIMARY KEY (key, campaign, at))",
    "CREATE TABLE IF NOT EXISTS provider_posts (seq BIGINT NOT NULL, id TEXT NOT NULL UNIQUE,"
    f" digest TEXT NOT NULL, provider TEXT NOT NULL, at {_DOUBLE} NOT NULL, body TEXT NOT NULL,"
    " PRIMARY KEY (seq))",
    "CREATE TABLE IF NOT EXISTS provider_reads (plan_id TEXT NOT NULL, seq BIGINT NOT NULL,"
    " PRIMARY KEY (plan_id))",
)
SQLITE_END = " WITHOUT ROWID"

# What millions of rows have in common stands once in `kinds`: less to bind, to sort and to copy.
STAGING = (
    "CREATE TEMP TABLE kinds (kind INTEGER PRIMARY KEY, scope TEXT NOT NULL, reason TEXT NOT NULL,"
    " source TEXT NOT NULL, campaign TEXT NOT NULL)",
    f"CREATE TEMP TABLE staging (key TEXT NOT NULL, kind INTEGER NOT NULL, at {_DOUBLE} NOT NULL,"
    f" until {_DOUBLE}, evidence TEXT NOT NULL)",
)
STAGED, KIND = 5, 5  # columns of each
# Sorted, so that pages of the store are written one after another; numbered, so that a part can
# be named.  PostgreSQL cannot change a row twice in one statement: the gravest of a key stays.
SORTED = {
    False: "CREATE TEMP TABLE sorted AS SELECT * FROM staging ORDER BY key",
    True: (
        "CREATE TEMP TABLE sorted AS SELECT row_number() OVER () AS rowid, once.* FROM"
        " (SELECT DISTINCT ON (s.key, k.scope) s.* FROM staging s JOIN kinds k ON k.kind = s.kind"
        " ORDER BY s.key, k.scope, ({rank}) DESC, s.at) AS once"
    ),
}
SORTED_INDEX = "CREATE UNIQUE INDEX sorted_rows ON sorted (rowid)"  # of PostgreSQL only

INSERT = (
    f"INSERT INTO suppression ({COLUMNS}) VALUES ({', '.join('?' * COUNT)}) ON CONFLICT DO NOTHING"
)
_PART = (
    "SELECT s.key, k.scope, k.reason, k.source, k.campaign, s.at, s.until, s.evidence"
    " FROM sorted s CROSS JOIN kinds k WHERE k.kind = s.kind AND s.rowid > ? AND s.rowid <= ?"
)
INSERT_PART = f"INSERT INTO suppression ({COLUMNS}) {_PART} ON CONFLICT DO NOTHING"


def rank_of(name: str) -> str:
    """The rank of the reason in a column."""
    whens = " ".join(f"WHEN '{reason}' THEN {reason.rank}" for reason in Reason)
    return f"CASE {name} {whens} END"


def _replace(now_s: float) -> str:
    """What an entry meets that is there already.

    In force, it gives way to a graver one, or to one of its own kind that lasts longer.  Ended,
    or taken back by somebody, it gives way to what happened after that, not to what happened before
    and is told late.
    """
    graver = f"({rank_of('excluded.reason')}) > ({rank_of('suppression.reason')})"
    longer = (
        "excluded.reason = suppression.reason AND suppression.until IS NOT NULL"
        " AND (excluded.until IS NULL OR excluded.until > suppression.until)"
    )
    in_force = f"(suppression.until IS NULL OR suppression.until > {now_s!r})"
    values = ", ".join(f"{name} = excluded.{name}" for name in COLUMNS.split(", ")[2:])
    kept = " || '\x1f' || ".join(
        ("suppression.reason", "suppression.source", "suppression.campaign",
         "CAST(suppression.at AS TEXT)", "COALESCE(CAST(suppression.until AS TEXT), '')",
         "suppression.evidence")
    )  # fmt: skip
    return (
        f" ON CONFLICT (key, scope) DO UPDATE SET {values},"
        f" earlier = CASE WHEN {in_force} AND {graver} THEN {kept} ELSE '' END"
        f" WHERE ({in_force} AND ({graver} OR ({longer})))"
        f" OR (NOT {in_force} AND excluded.at > suppression.until)"
    )


def replacing(now_s: float) -> str:
    """For one entry that is there already."""
    signs = ", ".join("?" * COUNT)
    return f"INSERT INTO suppression ({COLUMNS}) VALUES ({signs}){_replace(now_s)}"


def replacing_part(now_s: float) -> str:
    """For rows of `sorted`: those behind the first number, up to the second."""
    return f"INSERT INTO suppression ({COLUMNS}) {_PART}{_replace(now_s)}"
