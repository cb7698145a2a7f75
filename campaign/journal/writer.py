"""The journal thread: everything queued since the last commit goes into one transaction.

In: changes from the event loop.  Out: callbacks in the event loop once they are durable.
Touches: the one writable connection, the emergency file.

Under load commits group themselves: while one is on its way to the disk, the next batch gathers.
"""

from __future__ import annotations

import asyncio
import os
import threading
import time
from collections.abc import Callable, Sequence
from contextlib import suppress
from pathlib import Path
from queue import Empty, SimpleQueue

from sqlalchemy.engine.interfaces import DBAPIConnection

from campaign.errors import JournalError
from campaign.journal.changes import ChangeWriter
from campaign.journal.database import Place, told
from campaign.journal.emergency import EmergencyFile
from campaign.records import Change, State

# With many letters under way a commit waits a moment for more changes: two commits that become one
# are one flush of the disk, and half the struggle with the event loop for the interpreter lock.
_BUSY = 16  # changes in the last commit
_GATHER_S = 0.001

Done = Callable[[], None]
_Item = tuple[Change | None, Done | None]
_STOP: _Item = (None, None)


class Writer:
    """Owns the connection from `start` to `stop`; nobody else may use it in between."""

    def __init__(
        self,
        connection: DBAPIConnection,
        place: Place,
        changes: ChangeWriter,
        emergency: EmergencyFile,
        loop: asyncio.AbstractEventLoop,
        on_failure: Callable[[JournalError], None],
    ) -> None:
        self._connection = connection
        self._place = place
        self._changes = changes
        self._emergency = emergency
        self._loop = loop
        self._on_failure = on_failure
        self._queue: SimpleQueue[_Item] = SimpleQueue()
        self._suppressed: SimpleQueue[Sequence[str]] = SimpleQueue()  # keys, for the next commit
        self._watch = _Watch(place) if place.path else None
        self._thread = threading.Thread(target=self._run, name="journal", daemon=True)
        self._unpermitted: set[int] = set()  # rows whose `sending` did not become durable
        self._is_busy = False
        self.failure: JournalError | None = None

    def start(self) -> None:
        self._thread.start()

    def stop(self) -> None:
        """Write what is queued, then end the thread."""
        self._queue.put(_STOP)
        self._thread.join()

    def write(self, change: Change, done: Done | None) -> None:
        self._queue.put((change, done))

    async def suppress(self, keys: Sequence[str]) -> None:
        """Take in people who must not be written to; durable when it returns.  JournalError."""
        self._suppressed.put(keys)
        await self.drain()

    async def drain(self) -> None:
        """Wait until everything written so far is durable.  Raises JournalError if it is not."""
        reached = asyncio.Event()
        self._queue.put((None, reached.set))
        await reached.wait()
        if self.failure:
            raise self.failure

    def _run(self) -> None:
        stopping = False
        while not stopping:
            batch = self._take()
            stopping = batch[-1] is _STOP
            changes = [change for change, _ in batch if change is not None]
            if self.failure is None:
                try:
                    self._commit(changes)
                except JournalError as error:
                    self._fail(error, changes)
                except Exception as error:  # our own bug must stop the sending like a bad disk
                    self._fail(_bug(error), changes)
                else:
                    self._tell([done for _, done in batch if done is not None])
                    continue
            else:
                self._keep(changes)
            # The waiters of `drain` have no change; they must not wait for ever.
            self._tell([done for change, done in batch if change is None and done is not None])

    def _take(self) -> list[_Item]:
        """Wait for one, then take all there are; a stop is always the last."""
        batch = [self._queue.get()]
        if self._is_busy:
            time.sleep(_GATHER_S)
        try:
            while batch[-1] is not _STOP:
                batch.append(self._queue.get_nowait())
        except Empty:
            pass
        self._is_busy = len(batch) >= _BUSY
        return batch

    def _commit(self, changes: Sequence[Change]) -> None:
        if not changes and self._suppressed.empty():
            return
        with told(self._place):
            cursor = self._connection.cursor()
            if self._place.path:
                cursor.execute("BEGIN IMMEDIATE")  # PostgreSQL's driver begins by itself
            try:
                self._changes.write(cursor, changes)
                while not self._suppressed.empty():
                    self._changes.suppress(cursor, self._suppressed.get())
                self._connection.commit()
            finally:
                self._connection.rollback()  # after a commit there is nothing to take back
        if self._watch:
            self._watch.look()

    def _tell(self, dones: list[Done]) -> None:
        if dones:
            self._call(_call_all, dones)

    def _call(self, function: Callable[..., None], argument: object) -> None:
        with suppress(RuntimeError):  # the loop is closed: nobody is left to be told
            self._loop.call_soon_threadsafe(function, argument)

    def _fail(self, error: JournalError, changes: Sequence[Change]) -> None:
        """From now on nothing is trusted to the journal: a failed fsync may have lost anything."""
        self.failure = error
        self._keep(changes)
        self._call(self._on_failure, self.failure)

    def _keep(self, changes: Sequence[Change]) -> None:
        """Outcomes go beside the journal.

        A `sending` does not, for its dot was never permitted; nor what came of such a letter,
        which the journal will rightly know as never sent.
        """
        kept = []
        for change in changes:
            if change.state is State.SENDING:
                self._unpermitted.add(change.row)
            elif change.row not in self._unpermitted:
                kept.append(change)
        try:
            self._emergency.keep(kept)
        except OSError as error:
            self.failure = JournalError(
                f"{self.failure}; nor can outcomes be kept in {self._emergency.path}: {error}",
                remedy="the recipients concerned will be in doubt at the next start",
            )


class _Watch:
    """Notices that the files under our feet were deleted or replaced."""

    def __init__(self, place: Place) -> None:
        assert place.path is not None
        self._path = place.path
        self._log = place.beside("-wal")
        self._seen = _identity(self._path)
        self._log_seen: tuple[int, int] | None = None

    def look(self) -> None:
        """Raises JournalError; called after each commit, before anybody hears of it."""
        if _identity(self._path) != self._seen:
            raise self._gone(self._path)
        log = _identity(self._log)
        self._log_seen = self._log_seen or log
        if log != self._log_seen or log is None:
            raise self._gone(self._log)

    def _gone(self, path: Path) -> JournalError:
        return JournalError(
            f"the journal's file {path} was deleted or replaced while running",
            remedy="put it back, then `campaign resume`",
        )


def _identity(path: Path) -> tuple[int, int] | None:
    try:
        status = os.stat(path)
    except FileNotFoundError:
        return None
    return status.st_dev, status.st_ino


def _call_all(dones: list[Done]) -> None:
    for done in dones:
        done()


def _bug(error: Exception) -> JournalError:
    failure = JournalError(f"the journal thread stopped: {error!r}", remedy="report this")
    failure.__cause__ = error
    return failure
