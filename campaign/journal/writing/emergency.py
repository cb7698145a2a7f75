"""Outcomes kept beside a journal that can no longer be written.

In: changes.  Out: the same changes, at the next start.  Touches: one file beside the journal.

Its room on the disk is set aside while all is well, since the usual reason to need it is a full
disk.  The unused rest of the file is zero bytes.
"""

from __future__ import annotations

import errno
import json
import os
from collections.abc import Iterable
from pathlib import Path

from campaign.database.places import Place
from campaign.errors import JournalError
from campaign.records import CHANGE_FIELDS, Change, State

RESERVED_BYTES = 1 << 20  # 1,000 connections with a reply of 1 KB each


class EmergencyFile:
    """Append, fsync, one JSON object a line."""

    def __init__(self, path: Path, plan_id: str) -> None:
        self.path = path
        self._plan_id = plan_id
        self._used = 0
        self._file = -1

    def reserve(self) -> None:
        """Set the room aside.  Raises OSError when even that does not fit."""
        self.path.parent.mkdir(parents=True, exist_ok=True)
        self._file = os.open(self.path, os.O_RDWR | os.O_CREAT, 0o600)
        self._used = len(written(self.path))
        if os.pwrite(self._file, bytes(RESERVED_BYTES), self._used) < RESERVED_BYTES:
            raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC), str(self.path))
        os.fsync(self._file)

    def keep(self, changes: Iterable[Change]) -> None:
        """Make the changes durable here.  Raises OSError."""
        lines = [
            json.dumps({"plan_id": self._plan_id, **_fields_of(change)}, ensure_ascii=True)
            for change in changes
        ]
        if not lines:
            return
        data = ("\n".join(lines) + "\n").encode()
        count = os.pwrite(self._file, data, self._used)
        os.fsync(self._file)
        self._used += data.rfind(b"\n", 0, count) + 1  # the next is written over half a line
        if count < len(data):
            raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC), str(self.path))

    def close(self) -> None:
        """Give the room back; what was kept stays."""
        if self._file < 0:
            return
        kept = os.pread(self._file, self._used, 0)
        os.ftruncate(self._file, self._used)
        os.close(self._file)
        self._file = -1
        if not kept:
            self.path.unlink(missing_ok=True)
        elif not self.path.exists():  # deleted with the journal's folder, which may be put back
            self.path.parent.mkdir(parents=True, exist_ok=True)
            with self.path.open("xb") as file:
                file.write(kept)
                os.fsync(file.fileno())


def _fields_of(change: Change) -> dict[str, object]:
    return {name: getattr(change, name) for name in CHANGE_FIELDS}


def written(path: Path) -> bytes:
    """What is in the file, without the room set aside."""
    return path.read_bytes().partition(b"\0")[0] if path.exists() else b""


def emergency_files(place: Place) -> list[Path]:
    """Those that are there: of a run, and of each worker of a fleet that left one behind here."""
    of_workers = place.emergency.parent.glob(f"{place.emergency.name}.*")
    numbered = sorted((p for p in of_workers if p.suffix[1:].isdigit()), key=lambda p: p.suffix)
    return [path for path in (place.emergency, *numbered) if path.exists()]


def read_kept(path: Path, plan_id: str) -> list[Change]:
    """What an earlier run kept, in order; a last line cut short by a crash is left out.

    Raises JournalError when the file belongs to another plan, or holds anything else.
    """
    changes = []
    for number, line in enumerate(written(path).split(b"\n")[:-1], 1):
        try:
            fields = json.loads(line)
            belongs_to = fields.pop("plan_id")
        except (ValueError, TypeError, KeyError, AttributeError):
            raise _not_kept(path, number) from None
        if belongs_to != plan_id:
            raise JournalError(
                "these outcomes belong to another plan than the journal's",
                file=str(path),
                remedy="put the journal they belong to back, or move the file away",
            )
        try:
            change = Change(**{**fields, "state": State(fields["state"])})
        except (ValueError, TypeError, KeyError):
            raise _not_kept(path, number) from None
        changes.append(change)
    return changes


def _not_kept(path: Path, line: int) -> JournalError:
    return JournalError(
        "this is not an outcome that a run has kept",
        file=str(path),
        line=line,
        remedy="restore the file, or move it away: whose outcome is in it is then in doubt",
    )
