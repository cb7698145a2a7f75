"""Taking hold of a journal: one runner, never over another campaign, whole before it is used.

In: the place of a journal.  Out: its lock, its one writable connection, in order.
Touches: the database, the lock file, the emergency file.
"""

from __future__ import annotations

from sqlalchemy import Connection, inspect, text

from campaign.database.engines import open_for_writing
from campaign.database.failures import told
from campaign.database.places import Place, refuse_network_filesystem
from campaign.errors import JournalError
from campaign.journal import schema
from campaign.journal.lock import AdvisoryLock, FileLock, Runner
from campaign.journal.notes import is_finished, recall
from campaign.journal.planning.tables import make_tables, throw_away_unfinished
from campaign.journal.reading.results import read_plan
from campaign.journal.recovery import take_in
from campaign.journal.writing.changes import ChangeWriter
from campaign.journal.writing.emergency import read_kept


def take_hold(
    place: Place, now_s: float, *, create: bool
) -> tuple[Connection, FileLock | AdvisoryLock]:
    """The only connection that may write, and the lock that makes it the only one.

    Raises JournalBusy, and JournalError where there is no journal, or only what is left of one.
    """
    if place.path is None:
        connection = _connect(place)
        try:
            return connection, AdvisoryLock(connection, place.shown)
        except BaseException:
            connection.close()
            raise
    if not place.beside(".lock").exists():  # nobody is at it, and we leave no lock in vain
        _refuse_leftovers(place, create)
    try:
        place.path.parent.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise JournalError(
            f"the journal's folder cannot be made: {error.strerror}",
            file=str(place.path.parent),
            remedy="look at the rights of the folder it is to be in",
        ) from None
    refuse_network_filesystem(place.path)
    lock = FileLock(place.beside(".lock"))
    try:
        _refuse_leftovers(place, create)  # not before: its holder may be removing the journal
        lock.clear()
        connection = _connect(place)
        lock.sign(Runner.this_process(now_s))
    except BaseException:
        lock.release()
        raise
    return connection, lock


def put_in_order(
    connection: Connection, place: Place, writer: ChangeWriter, *, create: bool, campaign: str = ""
) -> int:
    """Tables made or known, nothing half planned, outcomes of an emergency taken in.

    `campaign`: whose journal it must be; "" for whoever it belongs to.
    Returns how many outcomes those were.
    """
    if not inspect(connection).has_table("meta"):
        if not create:
            raise JournalError(
                f"there is no plan in {place.shown}", remedy="make one with `campaign plan`"
            )
        make_tables(connection)
    elif (found := recall(connection, "format")) != schema.FORMAT:
        raise JournalError(
            f"the journal {place.shown} has format {found}, this program knows {schema.FORMAT}",
            remedy="use the version of campaign that made it",
        )
    _refuse_another_campaign(connection, place, campaign)
    throw_away_unfinished(connection)
    recovered = _take_in_emergency(connection, place, writer) if is_finished(connection) else 0
    connection.rollback()
    return recovered


def _refuse_another_campaign(connection: Connection, place: Place, campaign: str) -> None:
    """Two campaigns on one journal would send one's letters to the other's recipients."""
    found = connection.execute(text("SELECT campaign FROM plan")).scalar()
    if campaign and found is not None and found != campaign:
        raise JournalError(
            f"the journal {place.shown} belongs to the campaign '{found}', and this is"
            f" '{campaign}'",
            remedy="give each campaign a journal of its own ([journal] url); if this one was"
            f' renamed, write name = "{found}" again',
        )


def _take_in_emergency(connection: Connection, place: Place, writer: ChangeWriter) -> int:
    if not place.emergency.exists():
        return 0
    kept = read_kept(place.emergency, read_plan(connection).plan_id)
    taken = take_in(connection, writer, kept, place.emergency)
    place.emergency.unlink()
    return taken


def _connect(place: Place) -> Connection:
    with told(place):
        return open_for_writing(place).connect()


def _refuse_leftovers(place: Place, create: bool) -> None:
    """Never start afresh over what is left of a campaign."""
    assert place.path is not None
    if place.path.exists():
        return
    beside = [place.beside("-wal"), place.emergency, place.beside(".lock")]
    left = [path for path in beside if path.exists() and path.stat().st_size]
    if left:
        names = " and ".join(str(path) for path in left)
        raise JournalError(
            f"the journal {place.path} is gone, but {names} of the same campaign is there",
            remedy="restore the journal; to begin anew, move these files away first",
        )
    if not create:
        raise JournalError(
            f"there is no journal at {place.path}", remedy="make one with `campaign plan`"
        )
