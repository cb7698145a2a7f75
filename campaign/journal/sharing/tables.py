"""The tables of a shared journal and the triggers that keep out a worker that lost its shards.

In: the one connection that may write.  Out: DDL.  Touches: the database.

They are made when the first fleet begins, and only on a server: a journal that one process writes
has none of them.  Three triggers fence it.  Before a statement may add to the history, the epoch
of its session must be that of a member that has not ended; that member's row is locked with it, so
that a takeover comes either before the whole transaction or after it.  After the statement every
line must carry the epoch of its session and belong to a shard that this epoch holds.  Nobody's
clock has a say: an epoch ends by a commit, and never comes back.

The epoch is a setting of the session (`campaign.epoch`); a column's default writes it into each
line of the history.  Without one a session counts as epoch 0, which may write while no fleet is at
the journal: that is what a run of one process does, under its exclusive lock.
"""

from __future__ import annotations

from campaign.database.failures import EPOCH_ENDED
from campaign.database.sql import Connection, inspect
from campaign.journal.states import UNSETTLED

NO_EPOCH = "a fleet is at this journal, and this session has no epoch"
ENDED = "the epoch of this session has ended"
NOT_HELD = "the epoch of this session does not hold the shard of this row"

_SESSION_EPOCH = "COALESCE(NULLIF(current_setting('campaign.epoch', true), ''), '0')::bigint"
LEFT = ", ".join(f"'{state}'" for state in UNSETTLED)

_TABLES = (
    """CREATE TABLE fleet_members (
        epoch BIGINT GENERATED ALWAYS AS IDENTITY PRIMARY KEY, -- never given twice
        run BIGINT NOT NULL,
        worker TEXT NOT NULL,
        host TEXT NOT NULL,
        pid INTEGER NOT NULL,
        since_s DOUBLE PRECISION NOT NULL,
        beat BIGINT NOT NULL DEFAULT 0, -- counted up while the worker lives
        lease_s DOUBLE PRECISION NOT NULL, -- without a beat for so long it is taken for dead
        connections INTEGER NOT NULL DEFAULT 0,
        is_drained BOOLEAN NOT NULL DEFAULT false, -- asked to leave
        ended_s DOUBLE PRECISION NOT NULL DEFAULT 0, -- 0: it holds its shards
        how TEXT NOT NULL DEFAULT '', -- left, lost, failed, retired
        ended_by TEXT NOT NULL DEFAULT '', -- the worker that took over
        in_doubt INTEGER NOT NULL DEFAULT 0 -- copies that were in doubt when it ended
    )""",
    """CREATE TABLE fleet_leases (
        shard INTEGER PRIMARY KEY,
        first BIGINT NOT NULL, -- the rows of a slice; 0 and 0: the domains of fleet_domains
        last BIGINT NOT NULL,
        epoch BIGINT NOT NULL DEFAULT 0, -- 0: nobody holds it
        is_done BOOLEAN NOT NULL DEFAULT false
    )""",
    "CREATE TABLE fleet_domains (domain TEXT PRIMARY KEY, shard INTEGER NOT NULL)",
    # Slots of a rate are given away up to `next_s`, by this server's clock.
    "CREATE TABLE fleet_rates (party TEXT PRIMARY KEY, next_s DOUBLE PRECISION NOT NULL)",
    """CREATE TABLE fleet_used (
        party TEXT NOT NULL,
        slot BIGINT NOT NULL, -- of _SLOT_S seconds
        used BIGINT NOT NULL,
        PRIMARY KEY (party, slot)
    )""",
    """CREATE TABLE fleet_rests (
        party TEXT PRIMARY KEY,
        until_s DOUBLE PRECISION NOT NULL,
        epoch BIGINT NOT NULL -- who was told
    )""",
    # What every member must be the same in.
    "CREATE TABLE fleet_terms (name TEXT PRIMARY KEY, value TEXT NOT NULL)",
    "ALTER TABLE history ADD COLUMN epoch BIGINT NOT NULL DEFAULT 0",
    f"ALTER TABLE history ALTER COLUMN epoch SET DEFAULT {_SESSION_EPOCH}",
)

# With them a worker that joins reads nobody who is settled: the planned come in the order of rows,
# and whoever was on the way is found at once.  Earlier versions made another one in their place.
_INDEXES = (
    "DROP INDEX IF EXISTS standings_left",
    f"CREATE INDEX IF NOT EXISTS standings_open ON standings (state, row) WHERE state IN ({LEFT})",
    "CREATE INDEX IF NOT EXISTS standings_doubted ON standings (row) WHERE doubts > 0",
)

_BEFORE = f"""DECLARE mine BIGINT := {_SESSION_EPOCH};
BEGIN
    IF mine = 0 THEN
        IF EXISTS (SELECT 1 FROM fleet_members WHERE ended_s = 0) THEN
            RAISE EXCEPTION '{NO_EPOCH}' USING ERRCODE = 'check_violation';
        END IF;
    ELSE
        PERFORM 1 FROM fleet_members WHERE epoch = mine AND ended_s = 0 FOR KEY SHARE;
        IF NOT FOUND THEN
            RAISE EXCEPTION '{ENDED} (%)', mine USING ERRCODE = '{EPOCH_ENDED}';
        END IF;
    END IF;
    RETURN NULL;
END"""

_AFTER = f"""DECLARE mine BIGINT := {_SESSION_EPOCH};
BEGIN
    IF EXISTS (SELECT 1 FROM added WHERE epoch <> mine) OR mine <> 0 AND EXISTS (
        SELECT 1 FROM added a WHERE NOT EXISTS (
            SELECT 1 FROM fleet_leases l
            WHERE l.epoch = mine AND a."row" BETWEEN l.first AND l.last)
        AND NOT EXISTS (
            SELECT 1 FROM recipients r JOIN fleet_domains d ON d.domain = r.domain
            JOIN fleet_leases l ON l.shard = d.shard WHERE r."row" = a."row" AND l.epoch = mine)
    ) THEN
        RAISE EXCEPTION '{NOT_HELD} (%)', mine USING ERRCODE = 'check_violation';
    END IF;
    RETURN NULL;
END"""

# An ended epoch stays ended, by whatever program.
_FINAL = f"""BEGIN
    IF OLD.ended_s <> 0 OR NEW.epoch <> OLD.epoch THEN
        RAISE EXCEPTION '{ENDED} (%)', OLD.epoch USING ERRCODE = '{EPOCH_ENDED}';
    END IF;
    RETURN NEW;
END"""

_GUARDS = (
    ("history_live", "BEFORE INSERT ON history FOR EACH STATEMENT", _BEFORE),
    (
        "history_held",
        "AFTER INSERT ON history REFERENCING NEW TABLE AS added FOR EACH STATEMENT",
        _AFTER,
    ),
    ("members_final", "BEFORE UPDATE ON fleet_members FOR EACH ROW", _FINAL),
)
GUARD_NAMES = frozenset(name for name, _, _ in _GUARDS)
_NAMES = (
    *("fleet_members", "fleet_leases", "fleet_domains", "fleet_terms"),
    *("fleet_rates", "fleet_used", "fleet_rests"),
)


def is_shared(connection: Connection) -> bool:
    """Whether a fleet has ever been at this journal."""
    is_server = connection.dialect.name == "postgresql"
    return is_server and inspect(connection).has_table("fleet_members")


def make_sharing_tables(connection: Connection) -> None:
    """Make them where they are not there, in the caller's transaction."""
    for statement in _INDEXES:
        connection.exec_driver_sql(statement)
    if is_shared(connection):
        return
    for statement in _TABLES:
        connection.exec_driver_sql(statement.replace("%", "%%"))
    for name, when, body in _GUARDS:
        made = f"CREATE OR REPLACE FUNCTION {name}() RETURNS trigger LANGUAGE plpgsql AS $${body}$$"
        connection.exec_driver_sql(made.replace("%", "%%"))
        connection.exec_driver_sql(f"CREATE TRIGGER {name} {when} EXECUTE FUNCTION {name}()")


def drop_sharing_tables(connection: Connection) -> None:
    """Of a plan that is thrown away; the rest of them goes with the tables of the journal."""
    if is_shared(connection):
        connection.exec_driver_sql(f"DROP TABLE {', '.join(_NAMES)}")
