"""The mark that stops a campaign until `campaign resume`, set by any process on any host.

In: the url of [journal].  Out: a mark that outlives every process.
Touches: a file beside a SQLite journal, a note in the journal on PostgreSQL.

A run holds the only connection that may write to a SQLite journal, so the mark is a file there,
and `campaign status` reads it without SQLAlchemy.
"""

from __future__ import annotations

import json
import os
from pathlib import Path
from typing import NamedTuple

from campaign.clock import iso
from campaign.database.failures import told
from campaign.database.places import locate
from campaign.errors import Interrupted, JournalError

_NOTE = "paused"


class Pause(NamedTuple):
    """Since when a campaign is paused, and why."""

    since_s: float
    because: str  # "" where nobody said

    def __str__(self) -> str:
        why = f": {self.because}" if self.because else ""
        return f"paused since {iso(self.since_s)}{why}"


class PauseMark:
    """Of one journal.  Every method may raise JournalError."""

    def __init__(self, url: str, folder: Path) -> None:
        self._place = locate(url, folder)

    def read(self) -> Pause | None:
        """The pause, if the campaign is paused."""
        if self._place.path is None:
            text = self._noted()
        else:
            try:
                text = self._file.read_text(encoding="utf-8")
            except FileNotFoundError:
                return None
            except OSError as error:
                raise JournalError(str(error), file=str(self._file)) from error
        return _read(text) if text else None

    def refuse(self) -> None:
        """Raise Interrupted where the campaign is paused."""
        if pause := self.read():
            raise Interrupted(str(pause), remedy="`campaign resume` goes on")

    def set(self, pause: Pause) -> None:
        """Durable when it returns."""
        text = json.dumps(pause._asdict())
        if self._place.path is None:
            self._note(text)
            return
        try:
            _write(self._file, text)
        except OSError as error:
            raise JournalError(str(error), file=str(self._file)) from error

    def clear(self) -> None:
        """The campaign may go on."""
        if self._place.path is not None:
            try:
                self._file.unlink(missing_ok=True)
            except OSError as error:
                if self._file.exists():  # else there is no mark to be taken away
                    raise JournalError(str(error), file=str(self._file)) from error
        elif self._noted():
            self._note("")

    @property
    def _file(self) -> Path:
        return self._place.beside(".paused")

    def _note(self, text: str) -> None:
        from campaign.database.engines import open_for_writing
        from campaign.journal.notes import remember

        with told(self._place), open_for_writing(self._place).begin() as connection:
            remember(connection, _NOTE, text)

    def _noted(self) -> str:
        from campaign.database.engines import open_for_reading
        from campaign.journal.notes import recall

        with told(self._place), open_for_reading(self._place).connect() as connection:
            return recall(connection, _NOTE)


def _read(text: str) -> Pause:
    """A mark that cannot be read pauses all the same."""
    try:
        return Pause(**json.loads(text))
    except (ValueError, TypeError):
        return Pause(0.0, "the mark cannot be read")


def _write(path: Path, text: str) -> None:
    unfinished = path.with_name(f"{path.name}.{os.getpid()}.part")
    with open(
        unfinished, "w", encoding="utf-8", opener=lambda name, flags: os.open(name, flags, 0o600)
    ) as file:
        file.write(text)
        file.flush()
        os.fsync(file.fileno())
    unfinished.replace(path)
    folder = os.open(path.parent, os.O_RDONLY)
    try:
        os.fsync(folder)
    finally:
        os.close(folder)
