"""One runner for one journal.

In: the place of the journal.  Out: a held lock, or JournalBusy naming who holds it.
Touches: a lock file beside the SQLite file (PostgreSQL: an advisory lock).

The kernel lets go of the lock when its holder dies, so a lock left over by a crash never has to
be judged by a process number; the text in the file only says who holds it.
"""

from __future__ import annotations

import fcntl
import json
import os
import socket
from contextlib import suppress
from pathlib import Path
from typing import NamedTuple

from sqlalchemy import Connection, inspect, text
from sqlalchemy.exc import SQLAlchemyError

from campaign.clock import iso
from campaign.errors import JournalBusy, JournalError

BOOT_ID = Path("/proc/sys/kernel/random/boot_id")
_ADVISORY = 0x63616D706169676E  # "campaign" in ASCII: one journal for each PostgreSQL database


class Runner(NamedTuple):
    """Who holds a journal."""

    host: str
    boot_id: str  # "" where the system has none
    pid: int
    since_s: float

    @classmethod
    def this_process(cls, now_s: float) -> Runner:
        boot_id = BOOT_ID.read_text().strip() if BOOT_ID.exists() else ""
        return cls(socket.gethostname(), boot_id, os.getpid(), now_s)


class FileLock:
    """flock(2) on a file that is never removed (removing it would let two in).

    Whoever has it clears and signs it; it stays signed, and says that there was a journal here.
    """

    def __init__(self, path: Path) -> None:
        """Raises JournalBusy when another process holds it, JournalError where none can be."""
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
            raise _busy(_read(held), str(path)) from None

    def sign(self, runner: Runner) -> None:
        """Say who holds it, once the journal is there."""
        os.pwrite(self._file, json.dumps(runner._asdict()).encode(), 0)

    def clear(self) -> None:
        """There is no journal here any more."""
        os.ftruncate(self._file, 0)

    def release(self) -> None:
        """Let go; the file stays."""
        os.close(self._file)


class AdvisoryLock:
    """The same by PostgreSQL: held as long as the session lives."""

    def __init__(self, connection: Connection, shown: str) -> None:
        got = connection.execute(text("SELECT pg_try_advisory_lock(:n)"), {"n": _ADVISORY})
        if not got.scalar():
            raise _busy(_last_runner(connection), shown)
        self._connection = connection

    def release(self) -> None:
        """Let go, before the connection is closed: the server ends its session when it comes to
        it, and the next run may be quicker.  Where it cannot be told, that frees the lock."""
        with suppress(SQLAlchemyError):
            self._connection.rollback()
            self._connection.execute(text("SELECT pg_advisory_unlock(:n)"), {"n": _ADVISORY})


def _last_runner(connection: Connection) -> Runner | None:
    if not inspect(connection).has_table("runs"):
        return None
    asked = text(
        "SELECT host, boot_id, pid, started_s FROM runs WHERE ended_s = 0 ORDER BY run DESC"
    )
    found = connection.execute(asked).first()
    return Runner(*found) if found else None


def _read(held: bytes) -> Runner | None:
    try:
        return Runner(**json.loads(held))
    except (ValueError, TypeError):  # taken this moment, its text not written yet
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
