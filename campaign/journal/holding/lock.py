"""One runner for one journal.

In: the place of the journal.  Out: a held lock, or JournalBusy naming who holds it.
Touches: a lock file beside the SQLite file, and that file itself (PostgreSQL: an advisory lock).

The kernel lets go of a lock when its holder dies, so a lock left over by a crash never has to be
judged by a process number; the text in the file only says who holds it.  Two things are locked:
the lock file, for a journal that is not there yet, and the database file, which has the same lock
under every name and after somebody has removed the lock file.

The lock file also keeps a record of the last run.  It outlives the journal's own log (-wal), and so
tells that a log is missing.
"""

from __future__ import annotations

import fcntl
import json
import os
import socket
import sys
from contextlib import closing, suppress
from pathlib import Path
from typing import Any, NamedTuple, Protocol

from campaign.clock import iso
from campaign.database.places import Place
from campaign.database.sql import Connection, SQLAlchemyError, inspect, text
from campaign.database.sqlite_files import connect_for_reading
from campaign.errors import JournalBusy, JournalError
from campaign.journal.holding.boot import boot_of_this_machine

_ADVISORY = 0x63616D706169676E  # "campaign" in ASCII: one journal for each PostgreSQL database
_DESCRIPTORS = "/proc/self/fd"
_LAST_RUNNER = (
    "SELECT host, boot_id, pid, started_s FROM runs WHERE ended_s = 0 ORDER BY run DESC LIMIT 1"
)


class Runner(NamedTuple):
    """Who holds a journal."""

    host: str
    boot_id: str  # "" where the system has none
    pid: int
    since_s: float

    @classmethod
    def this_process(cls, now_s: float) -> Runner:
        return cls(socket.gethostname(), boot_of_this_machine(), os.getpid(), now_s)


class RunNote(NamedTuple):
    """The last run, as the lock file knows it."""

    run: int  # its number in the journal
    change: int  # the last line of the history; of an unfinished run, when it began
    is_ended: bool


class Lock(Protocol):
    """Held until it is released."""

    note: RunNote | None  # how the last run stood when the lock was taken, or as signed since

    def sign(self, runner: Runner, note: RunNote | None = None) -> None: ...
    def release(self) -> None: ...


class FileLock:
    """flock(2) on a file that is never removed by us, and on the database file.

    Whoever has it signs it; it stays signed, and says that there was a journal here.
    """

    def __init__(self, path: Path) -> None:
        """Raises JournalBusy when another process holds it, JournalError where none can be."""
        self._path = path
        self._database = -1
        try:
            self._file = os.open(path, os.O_RDWR | os.O_CREAT, 0o600)
        except OSError as error:
            raise JournalError(
                f"the journal cannot be locked: {error.strerror}",
                file=str(path),
                remedy="it must lie in a folder that may be written to",
            ) from error
        try:
            fcntl.flock(self._file, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            held = os.pread(self._file, 4096, 0)
            os.close(self._file)
            raise _busy(_runner_in(held), str(path)) from None
        self.note = _note_in(os.pread(self._file, 4096, 0))

    def hold(self, place: Place) -> None:
        """Lock the database file, which is there.  Raises JournalBusy."""
        assert place.path is not None
        # Elsewhere a lock of this kind and SQLite's own are one, and would exclude each other.
        if not sys.platform.startswith("linux"):
            return
        file = os.open(place.path, os.O_RDONLY)
        try:
            fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            _close_when_alone(file)
            raise _busy(_runner_of(place), str(place.path)) from None
        self._database = file

    def sign(self, runner: Runner, note: RunNote | None = None) -> None:
        """Say who holds it, once the journal is there, and how its last run stands.

        Raises JournalError.
        """
        self.note = note or self.note
        said: dict[str, Any] = runner._asdict()
        if self.note:
            said["last_run"] = self.note._asdict()
        data = json.dumps(said).encode()
        try:
            os.pwrite(self._file, data.ljust(512), 0)  # in one sector: it is never half another
            os.fsync(self._file)
        except OSError as error:
            raise JournalError(
                f"the journal's lock cannot be written: {error.strerror}",
                file=str(self._path),
                remedy="make room on the disk, then `campaign resume`",
            ) from error

    def clear(self) -> None:
        """There is no journal here any more."""
        self.note = None
        os.ftruncate(self._file, 0)

    def release(self) -> None:
        """Let go; the file stays."""
        if self._database >= 0:
            fcntl.flock(self._database, fcntl.LOCK_UN)
            _close_when_alone(self._database)
            self._database = -1
        os.close(self._file)


_parked: list[int] = []  # descriptors of database files that could not be closed yet


def _close_when_alone(descriptor: int) -> None:
    """To close any descriptor of a file takes the locks away that SQLite has on it in this process
    (fcntl(2)).  So it is closed once no other is open on that file."""
    _parked.append(descriptor)
    try:
        names = os.listdir(_DESCRIPTORS)
    except OSError:  # no descriptor is left to read them by
        return
    in_use = {_identity(int(name)) for name in names if int(name) not in _parked}
    for each in list(_parked):
        if _identity(each) not in in_use:
            _parked.remove(each)
            os.close(each)


def _identity(descriptor: int) -> tuple[int, int] | None:
    try:
        status = os.fstat(descriptor)
    except OSError:  # the one by which /proc was read
        return None
    return status.st_dev, status.st_ino


class AdvisoryLock:
    """The same by PostgreSQL: held as long as the session lives."""

    def __init__(self, connection: Connection, shown: str) -> None:
        got = connection.execute(text("SELECT pg_try_advisory_lock(:n)"), {"n": _ADVISORY})
        if not got.scalar():
            raise _busy(_last_runner(connection), shown)
        self._connection = connection
        self.note: RunNote | None = None

    def sign(self, runner: Runner, note: RunNote | None = None) -> None:
        """The server's own table of runs says it."""

    def release(self) -> None:
        """Let go, before the connection is closed: the server ends its session when it comes to
        it, and the next run may be quicker.  Where it cannot be told, that frees the lock."""
        with suppress(SQLAlchemyError):
            self._connection.rollback()
            self._connection.execute(text("SELECT pg_advisory_unlock(:n)"), {"n": _ADVISORY})

    def share(self) -> None:
        """From here on others may hold it too, and nobody for himself."""
        self._connection.execute(text("SELECT pg_advisory_lock_shared(:n)"), {"n": _ADVISORY})
        self._connection.execute(text("SELECT pg_advisory_unlock(:n)"), {"n": _ADVISORY})
        self._connection.commit()


def shares_lock(connection: Connection) -> bool:
    """Take the lock beside others who share it; False where somebody has it for himself.

    It is held as long as the session lives.
    """
    asked = text("SELECT pg_try_advisory_lock_shared(:n)")
    got = bool(connection.execute(asked, {"n": _ADVISORY}).scalar())
    connection.commit()
    return got


def unshare_lock(connection: Connection) -> None:
    """Let go of it before the session is closed, as `AdvisoryLock.release` does."""
    connection.rollback()
    connection.execute(text("SELECT pg_advisory_unlock_shared(:n)"), {"n": _ADVISORY})
    connection.commit()


def lock_of(place: Place, connection: Connection) -> Lock:
    """The lock of a journal that is there."""
    if place.path is None:
        return AdvisoryLock(connection, place.shown)
    lock = FileLock(place.beside(".lock"))
    try:
        lock.hold(place)
    except BaseException:
        lock.release()
        raise
    return lock


def _last_runner(connection: Connection) -> Runner | None:
    if not inspect(connection).has_table("runs"):
        return None
    found = connection.execute(text(_LAST_RUNNER)).first()
    return Runner(*found) if found else None


def _runner_of(place: Place) -> Runner | None:
    """Who is at a file whose lock file is a new one."""
    with suppress(Exception), closing(connect_for_reading(place)) as connection:
        found = connection.execute(_LAST_RUNNER).fetchone()
        return Runner(*found) if found else None
    return None


def _runner_in(held: bytes) -> Runner | None:
    try:
        said = json.loads(held)
        return Runner(*(said[name] for name in Runner._fields))
    except (ValueError, TypeError, KeyError):  # taken this moment, its text not written yet
        return None


def _note_in(held: bytes) -> RunNote | None:
    """None where no run was, or an earlier version's."""
    try:
        said = json.loads(held)["last_run"]
        return RunNote(int(said["run"]), int(said["change"]), bool(said["is_ended"]))
    except (ValueError, TypeError, KeyError):
        return None


def _busy(holder: Runner | None, where: str) -> JournalBusy:
    who = (
        f"process {holder.pid} on {holder.host} since {iso(holder.since_s)}"
        if holder
        else "another process"
    )
    return JournalBusy(
        f"another run holds this journal: {who}",
        file=where,
        remedy="wait for it, or stop it (Ctrl-C drains it), then `campaign resume`",
    )
