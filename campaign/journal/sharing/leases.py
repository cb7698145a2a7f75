"""Members of a fleet and the shards they hold, as the database keeps them.

In: a connection of its own, what a worker wants.  Out: epochs, shards, who fell silent.
Touches: the tables of `tables`.  Fails with `EpochEnded` for a member that was taken for dead.

A member lives as long as its `beat` is counted up.  Whoever watches it judges by its own monotonic
clock for how long it has seen the same beat; no two clocks are ever compared.  To end an epoch its
row is locked FOR UPDATE, which waits for a transaction of that epoch that is under way and keeps
out every later one; sessions of that epoch are ended first, so that one that sleeps in the middle
of a transaction holds nothing up.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from contextlib import suppress
from typing import NamedTuple

from campaign.database.sql import Connection, DBAPICursor, DBAPIError, text
from campaign.database.transactions import atomic
from campaign.errors import EpochEnded
from campaign.journal.recovery import Doubt, recovered
from campaign.journal.schema import OWN_ID, REPEAT, REPEATS
from campaign.journal.sharing.tables import LEFT, is_shared
from campaign.journal.states import CAME_BACK, REFUSED
from campaign.journal.writing.changes import ChangeWriter
from campaign.records import Change, ReplyClass, State

SESSION_NAME = "campaign epoch {}"  # application_name of every session that writes for an epoch


class Joining(NamedTuple):
    """Who wants to take part."""

    worker: str
    host: str
    pid: int
    since_s: float
    lease_s: float
    connections: int


class Member(NamedTuple):
    """One that has not ended."""

    epoch: int
    worker: str
    host: str
    beat: int
    lease_s: float


class Shard(NamedTuple):
    """A part of the list: rows `first` to `last`, or some domains where both are 0."""

    number: int
    first: int
    last: int


class LeaseStanding(NamedTuple):
    """What a member learns with each beat."""

    members: tuple[Member, ...]
    held: tuple[Shard, ...]
    free: int  # shards that nobody holds and that are not done
    shards: int  # in all
    are_slices: bool  # of the list; otherwise domains
    is_drained: bool  # somebody asked it to leave


class TakenOver(NamedTuple):
    """What was left of a member that fell silent."""

    member: Member
    doubts: list[Doubt]
    shards: int
    known: int  # outcomes that its own emergency file had kept


def join(connection: Connection, joining: Joining) -> int:
    """A new epoch, in the run that goes on."""
    with atomic(connection):
        epoch = connection.execute(
            text(
                "INSERT INTO fleet_members (run, worker, host, pid, since_s, lease_s, connections)"
                " SELECT max(run), :worker, :host, :pid, :since_s, :lease_s, :connections FROM runs"
                " RETURNING epoch"
            ),
            joining._asdict(),
        ).scalar_one()
    return int(epoch)


def use_epoch(connection: Connection, epoch: int, lease_s: float) -> None:
    """From here on this session writes for an epoch.

    The server ends it where it stops in the middle of a transaction for longer than a lease: a
    worker that was halted there must not keep its successor waiting.
    """
    connection.execute(
        text(
            "SELECT set_config('campaign.epoch', :epoch, false),"
            " set_config('application_name', :name, false),"
            " set_config('idle_in_transaction_session_timeout', :most, false)"
        ),
        {
            "epoch": str(epoch),
            "name": SESSION_NAME.format(epoch),
            "most": f"{max(1, int(lease_s * 1000))}ms",
        },
    )
    connection.commit()


def beat(connection: Connection, epoch: int) -> LeaseStanding:
    """I live; what do I hold, and who else lives?  Raises EpochEnded.

    Nothing of it has to outlast a crash of the server, so it is not flushed to the disk.
    """
    with atomic(connection):
        connection.exec_driver_sql("SET LOCAL synchronous_commit = off")
        drained = connection.execute(
            text(
                "UPDATE fleet_members SET beat = beat + 1 WHERE epoch = :epoch AND ended_s = 0"
                " RETURNING is_drained"
            ),
            {"epoch": epoch},
        ).scalar()
        if drained is None:
            raise _ended(epoch)
        free, shards, are_slices = connection.execute(
            text(
                "SELECT count(*) FILTER (WHERE epoch = 0 AND NOT is_done), count(*),"
                " COALESCE(bool_and(last > 0), true) FROM fleet_leases"
            )
        ).one()
        held = _held(connection, epoch)
        return LeaseStanding(members(connection), held, free, shards, are_slices, bool(drained))


def members(connection: Connection) -> tuple[Member, ...]:
    """Those that have not ended, the oldest first."""
    found = connection.execute(
        text(
            "SELECT epoch, worker, host, beat, lease_s FROM fleet_members WHERE ended_s = 0"
            " ORDER BY epoch"
        )
    )
    return tuple(Member(*row) for row in found)


def claim(connection: Connection, epoch: int, most: int) -> tuple[Shard, ...]:
    """Up to so many shards that nobody holds; all that are held then.  Raises EpochEnded."""
    with atomic(connection):
        _lock_live(connection, epoch)
        connection.execute(
            text(
                "UPDATE fleet_leases SET epoch = :epoch WHERE shard IN (SELECT shard"
                " FROM fleet_leases WHERE epoch = 0 AND NOT is_done ORDER BY shard LIMIT :most"
                " FOR UPDATE SKIP LOCKED)"
            ),
            {"epoch": epoch, "most": most},
        )
        return _held(connection, epoch)


def finish(connection: Connection, epoch: int, shards: Iterable[int]) -> tuple[Shard, ...]:
    """Let go of those slices in which everybody is settled; all that are held then.

    Nobody has to hold them any more.  Raises EpochEnded.
    """
    with atomic(connection):
        _lock_live(connection, epoch)
        connection.execute(_FINISH, {"shards": list(shards), "epoch": epoch})
        return _held(connection, epoch)


def give_back(connection: Connection, epoch: int, shards: Iterable[int]) -> tuple[Shard, ...]:
    """Shards of which nothing is in flight, for others; all that are held then.

    Raises EpochEnded.
    """
    with atomic(connection):
        _lock_live(connection, epoch)
        connection.execute(_GIVE_BACK, {"shards": list(shards), "epoch": epoch})
        return _held(connection, epoch)


def leave(connection: Connection, epoch: int, now_s: float, how: str) -> bool:
    """A member ends by itself, with nothing of it in flight; what it holds is free at once.

    False where letters of it stand in `sending` after all: then it stays a member, and is taken
    over as one that fell silent.
    """
    with atomic(connection):
        if not _lock_for_end(connection, epoch) or next(doubts_of(connection, epoch), None):
            return False
        _pass_on(connection, epoch, 0)
        _end(connection, epoch, now_s, how, "", 0)
        _end_run(connection, epoch, now_s, how)
    return True


def take_over(
    connection: Connection,
    writer: ChangeWriter,
    silent: Member,
    successor: Member,
    policy: str,
    now_s: float,
    kept: Iterable[Change] = (),
    unsent: frozenset[int] = frozenset(),
) -> TakenOver | None:
    """End a member that fell silent, settle its doubt by the policy, set its shards free.

    All in one transaction of the successor's session.  `kept`: outcomes of the silent one that
    are known after all; `unsent`: its rows of which a living process knows that no dot was
    written.  None where it has beaten since, or somebody else was quicker.
    """
    end_sessions(connection, silent.epoch)
    with atomic(connection):
        _lock_live(connection, successor.epoch)
        if not _lock_for_end(connection, silent.epoch, silent.beat):
            return None
        shards = _pass_on(connection, silent.epoch, successor.epoch)
        left = {doubt.row: doubt for doubt in doubts_of(connection, silent.epoch)}
        known = [
            change
            for change in kept
            if change.row in left and change.sendings == left[change.row].sendings
        ]
        known += [_never_sent(left[row], now_s) for row in sorted(unsent & left.keys())]
        for change in known:
            left.pop(change.row, None)
        what_ended = f"the worker {silent.worker} fell silent"
        settled = [recovered(d, policy, now_s, what_ended=what_ended) for d in left.values()]
        writer.write(_cursor(connection), [*known, *settled])
        _end(connection, silent.epoch, now_s, "lost", successor.worker, len(left))
        for shard in shards:
            connection.execute(_HAND_OVER, {"shard": shard, "epoch": 0})
    return TakenOver(silent, list(left.values()), len(shards), len(known))


def retire_all(connection: Connection, now_s: float, by: str) -> int:
    """A run of one process ends the fleet, under its exclusive lock; how many had not ended.

    What they left in `sending` is in doubt for that run, as after its own crash.
    """
    if not is_shared(connection):
        connection.rollback()
        return 0
    with atomic(connection):
        silent = members(connection)
        for member in silent:
            _lock_for_end(connection, member.epoch)
            _pass_on(connection, member.epoch, 0)
            count = sum(1 for _ in doubts_of(connection, member.epoch))
            _end(connection, member.epoch, now_s, "lost", by, count)
    return len(silent)


def doubts_of(connection: Connection, epoch: int) -> Iterator[Doubt]:
    """Whoever stands in `sending` by a permission of this epoch."""
    found = connection.execute(_SENDING, {"epoch": epoch})
    for line in found:
        yield Doubt(*line)._replace(state=State.SENDING)


def end_sessions(connection: Connection, epoch: int) -> None:
    """So that one that was halted in the middle of a transaction lets go of what it has locked.

    A role may end sessions of its own; where another role's may not be ended, the server's
    idle_in_transaction_session_timeout does it, a lease later.
    """
    connection.rollback()
    with suppress(DBAPIError):
        connection.execute(_END_SESSIONS, {"name": SESSION_NAME.format(epoch)})
    connection.rollback()


_HAND_OVER = text("UPDATE fleet_leases SET epoch = :epoch WHERE shard = :shard")
_GIVE_BACK = text("UPDATE fleet_leases SET epoch = 0 WHERE shard = ANY(:shards) AND epoch = :epoch")
_FINISH = text(
    "UPDATE fleet_leases l SET epoch = 0, is_done = true WHERE shard = ANY(:shards)"
    " AND epoch = :epoch AND last > 0 AND NOT EXISTS (SELECT 1 FROM standings s"
    f" WHERE s.row BETWEEN l.first AND l.last AND s.state IN ({LEFT}))"
)
_END_SESSIONS = text(
    "SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE application_name = :name"
    " AND datname = current_database() AND pid <> pg_backend_pid()"
)
_SENDING = text(
    f"SELECT s.row, r.address, r.key || {REPEAT}, s.state, s.attempts, s.sendings, s.resends,"
    f" s.due, h.at, h.reason, h.class, r.source, {OWN_ID.format('s')}"
    " FROM standings s JOIN history h ON h.change = s.change"
    f" JOIN recipients r ON r.row = s.row {REPEATS}"
    " WHERE s.state = 'sending' AND h.epoch = :epoch ORDER BY s.row"
)


def _never_sent(doubt: Doubt, now_s: float) -> Change:
    """Its permission may be durable; it never came to whoever would have written the dot."""
    return Change(
        doubt.row,
        State.DEFERRED,
        now_s,
        doubt.attempts,
        doubt.sendings,
        doubt.resends,
        now_s,
        reason="the dot was never written: the journal was lost before it was permitted",
        class_=str(ReplyClass.CONNECTION),
    )


def _held(connection: Connection, epoch: int) -> tuple[Shard, ...]:
    found = connection.execute(
        text("SELECT shard, first, last FROM fleet_leases WHERE epoch = :epoch ORDER BY shard"),
        {"epoch": epoch},
    )
    return tuple(Shard(*row) for row in found)


def _lock_live(connection: Connection, epoch: int) -> None:
    """As every write of it does: nobody can end it before this transaction has."""
    found = connection.execute(
        text("SELECT 1 FROM fleet_members WHERE epoch = :epoch AND ended_s = 0 FOR KEY SHARE"),
        {"epoch": epoch},
    )
    if found.first() is None:
        raise _ended(epoch)


def _lock_for_end(connection: Connection, epoch: int, beat: int | None = None) -> bool:
    """Wait for its transactions, keep out later ones; False where it has ended, or beaten since."""
    found = connection.execute(
        text("SELECT beat FROM fleet_members WHERE epoch = :epoch AND ended_s = 0 FOR UPDATE"),
        {"epoch": epoch},
    ).scalar()
    return found is not None and beat in (None, found)


def _pass_on(connection: Connection, epoch: int, to: int) -> list[int]:
    """Its shards belong to another epoch, 0: to nobody; which ones."""
    found = connection.execute(
        text("UPDATE fleet_leases SET epoch = :to WHERE epoch = :epoch RETURNING shard"),
        {"epoch": epoch, "to": to},
    )
    return [int(shard) for shard in found.scalars()]


def _end(
    connection: Connection, epoch: int, now_s: float, how: str, by: str, in_doubt: int
) -> None:
    connection.execute(
        text(
            "UPDATE fleet_members SET ended_s = :now, how = :how, ended_by = :by,"
            " in_doubt = :in_doubt WHERE epoch = :epoch"
        ),
        {"now": now_s, "how": how, "by": by, "in_doubt": in_doubt, "epoch": epoch},
    )


def _end_run(connection: Connection, epoch: int, now_s: float, how: str) -> None:
    """The run of a fleet ends with its last member; of two that leave at once, with the later.

    How it ended is told by the one that all were stopped for, whichever of them is the last.
    """
    of_it = "run = (SELECT run FROM fleet_members WHERE epoch = :epoch)"
    asked = text(f"SELECT how FROM fleet_members WHERE {of_it}")
    hows = set(connection.execute(asked, {"epoch": epoch}).scalars())
    how = next((each for each in (CAME_BACK, REFUSED) if each in hows), how)
    ended = {"epoch": epoch, "now": now_s, "how": how}
    connection.execute(text(f"SELECT 1 FROM runs WHERE {of_it} FOR UPDATE"), ended)
    connection.execute(
        text(
            f"UPDATE runs SET ended_s = :now, how = :how WHERE {of_it}"
            " AND NOT EXISTS (SELECT 1 FROM fleet_members WHERE ended_s = 0)"
        ),
        ended,
    )


def _cursor(connection: Connection) -> DBAPICursor:
    return connection.connection.cursor()


def _ended(epoch: int) -> EpochEnded:
    return EpochEnded(
        f"the epoch {epoch} of this worker has ended: it was silent for longer than its lease, and"
        " others have its shards",
        remedy="it joins again with a new epoch by itself",
    )
