"""Taking hold of a journal: one runner, never over another campaign, whole before it is used.

In: the place of a journal.  Out: its lock, its one writable connection, in order.
Touches: the database, the lock file, the emergency file.
"""

from __future__ import annotations

from pathlib import Path

from campaign.database.engines import open_for_writing
from campaign.database.failures import told
from campaign.database.places import Place, refuse_network_filesystem
from campaign.database.sql import Connection, inspect, text
from campaign.errors import JournalError
from campaign.journal.holding.lock import AdvisoryLock, FileLock, Lock, Runner, RunNote
from campaign.journal.migrations import bring_forward
from campaign.journal.notes import is_finished, last_change
from campaign.journal.planning.tables import make_tables, throw_away_unfinished
from campaign.journal.reading.questions import no_plan
from campaign.journal.reading.results import read_plan
from campaign.journal.recovery import take_in
from campaign.journal.writing.changes import ChangeWriter
from campaign.journal.writing.emergency import emergency_files, read_kept
from campaign.journal.writing.events import SUFFIX


def take_hold(place: Place, now_s: float, *, create: bool) -> tuple[Connection, Lock]:
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
        was_there = not _is_empty(place.path)
        if was_there:
            _refuse_other_names(place.path)
            lock.hold(place)
            lock.sign(Runner.this_process(now_s))
            _refuse_missing_log(place, lock.note)
        connection = _connect(place)
        try:
            if not was_there:  # signed not before: a signature says that there was a journal
                lock.hold(place)
                lock.sign(Runner.this_process(now_s))
        except BaseException:
            connection.close()
            raise
    except BaseException:
        lock.release()
        raise
    return connection, lock


def put_in_order(
    connection: Connection,
    place: Place,
    writer: ChangeWriter,
    *,
    create: bool,
    campaign: str = "",
    note: RunNote | None = None,
) -> int:
    """Tables made or known, nothing half planned, outcomes of an emergency taken in.

    `campaign`: whose journal it must be; "" for whoever it belongs to.  `note`: what is known of
    its last run beside it.
    Returns how many outcomes those were.
    """
    is_new = not inspect(connection).has_table("meta")
    if is_new:
        if not create:
            raise no_plan(place)
        make_tables(connection)
        connection.commit()
    else:
        bring_forward(connection, place)
    _refuse_older(connection, place, note)
    _refuse_another_campaign(connection, place, campaign)
    if not is_new:
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
    taken = 0
    for path in emergency_files(place):
        kept = read_kept(path, read_plan(connection).plan_id)
        taken += take_in(connection, writer, kept, path)
        path.unlink()
    return taken


def _connect(place: Place) -> Connection:
    with told(place):
        return open_for_writing(place).connect()


def _refuse_older(connection: Connection, place: Place, note: RunNote | None) -> None:
    """What the lock file knows of the last run must be in the journal.  Raises JournalError."""
    if note is None:
        return
    run = connection.execute(text("SELECT max(run) FROM runs")).scalar() or 0
    change = last_change(connection)
    connection.rollback()
    if run < note.run or change < note.change:
        raise JournalError(
            f"the journal {place.path} is older than its last run, or its log {place.path}-wal was"
            " taken away: it does not know whom that run has sent to",
            remedy="put the newer journal and its -wal back; who goes on without them sends second"
            f" copies (to do so, remove {place.beside('.lock')})",
        )


def _refuse_missing_log(place: Place, note: RunNote | None) -> None:
    """A run that was killed leaves a log, and what it sent last is in there."""
    if note is None or note.is_ended or not _is_empty(place.beside("-wal")):
        return
    raise JournalError(
        f"the last run did not end, and its log {place.beside('-wal')} is missing: the journal may"
        " not know whom that run has sent to",
        remedy="put the log back; where another program (sqlite3) has opened the journal and so"
        f" taken the log in, remove {place.beside('.lock')}",
    )


def _refuse_other_names(path: Path) -> None:
    """SQLite names its log after the file: under another name it would not see it
    (sqlite.org/howtocorrupt.html, 2.5)."""
    if (names := path.stat().st_nlink) > 1:
        raise JournalError(
            f"the journal {path} has {names} names (hard links), and its log belongs to one of"
            " them",
            remedy="remove the other names; a backup has to be a copy",
        )


def _is_empty(path: Path) -> bool:
    """Whether there is nothing in the file, or no file."""
    return not path.exists() or not path.stat().st_size


def _refuse_leftovers(place: Place, create: bool) -> None:
    """Never start afresh over what is left of a campaign."""
    assert place.path is not None
    if not _is_empty(place.path):
        return
    beside = [place.beside("-wal"), place.emergency, place.beside(".lock"), place.beside(SUFFIX)]
    left = [path for path in beside if not _is_empty(path)]
    if left:
        names = " and ".join(str(path) for path in left)
        how = "empty" if place.path.exists() else "gone"
        raise JournalError(
            f"the journal {place.path} is {how}, but {names} of the same campaign is there",
            remedy="restore the journal; to begin anew, move these files away first",
        )
    if not create and place.path.exists():
        raise no_plan(place)
    if not create:
        raise JournalError(
            f"there is no journal at {place.path}", remedy="make one with `campaign plan`"
        )
