"""What the sandbox's mailbox holds, newest first, read as it grows.

In: the folder of a Maildir.  Out: summaries, letters, refusals.  Touches: the folder, for reading.

The name of a file in `new/` begins with the second it arrived in, so the newest are known without
opening any file; only the heads of those that are shown are read, and kept.
"""

from __future__ import annotations

import re
from email.parser import BytesHeaderParser
from email.policy import default
from pathlib import Path
from typing import NamedTuple

from campaign.pages.letter import Opened, take_apart
from campaign.sandbox.mailbox import Refusal, read_refusals

_HEAD_BYTES = 16_384
_SEARCHED = 5_000  # messages looked through for a word, newest first
_NAME = re.compile(r"[\w.,:=+-]{1,255}")
_ORDER = re.compile(r"(\d+)\.M(\d+)P\d+Q(\d+)")


class Arrived(NamedTuple):
    """One message in the list."""

    name: str  # of its file in new/
    at: str  # RFC 3339
    sender: str
    recipients: str
    subject: str
    size_bytes: int


class Inbox:
    """One folder; used by one thread at a time."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        self._heads: dict[str, Arrived] = {}
        self._names: list[str] = []
        self._seen_at = -1

    def names(self) -> list[str]:
        """Names of all messages, newest first; the folder is read again when it has changed."""
        changed_at = (self._folder / "new").stat().st_mtime_ns
        if changed_at != self._seen_at:
            found = (path.name for path in (self._folder / "new").iterdir())
            self._names = sorted(found, key=_when, reverse=True)
            self._seen_at = changed_at
        return self._names

    def page(self, text: str, after: str, limit: int) -> tuple[list[Arrived], bool]:
        """Messages behind `after` that hold the text in their head; and whether that is all."""
        names = self.names()
        start = names.index(after) + 1 if after in names else 0
        found: list[Arrived] = []
        wanted = text.casefold()
        for name in names[start : start + (_SEARCHED if text else limit)]:
            arrived = self.arrived(name)
            if arrived and (not wanted or wanted in _searchable(arrived)):
                found.append(arrived)
            if len(found) == limit:
                break
        return found, not found or found[-1].name == names[-1] or len(found) < limit

    def arrived(self, name: str) -> Arrived | None:
        """The summary of one message; None when it was removed."""
        if name not in self._heads:
            path = self._path(name)
            if path is None:
                return None
            self._heads[name] = _summary(path)
        return self._heads[name]

    def letter(self, name: str) -> Opened | None:
        """One message taken apart."""
        path = self._path(name)
        return take_apart(path.read_bytes()) if path else None

    def refusals(self) -> list[Refusal]:
        """What was turned away, newest first."""
        return read_refusals(self._folder)[::-1]

    def stamp(self) -> tuple[float, float]:
        """Changes when something arrives or is turned away."""
        return (
            _changed_at(self._folder / "new"),
            _changed_at(self._folder / "refusals.jsonl"),
        )

    def _path(self, name: str) -> Path | None:
        """Its file; None for what is no name of a file here."""
        if not _NAME.fullmatch(name) or name.startswith("."):
            return None
        path = self._folder / "new" / name
        return path if path.is_file() else None


def _summary(path: Path) -> Arrived:
    with path.open("rb") as file:
        head = file.read(_HEAD_BYTES)
    fields = BytesHeaderParser(policy=default).parsebytes(head)
    recipients = ", ".join(str(value) for value in fields.get_all("Delivered-To", []))
    return Arrived(
        name=path.name,
        at=str(fields.get("X-Sandbox-Received", "")),
        sender=str(fields.get("From", "")),
        recipients=recipients,
        subject=" ".join(str(fields.get("Subject", "")).split()),
        size_bytes=path.stat().st_size,
    )


def _searchable(arrived: Arrived) -> str:
    return f"{arrived.subject}\n{arrived.sender}\n{arrived.recipients}".casefold()


def _when(name: str) -> tuple[int, int, int]:
    found = _ORDER.match(name)
    return (int(found[1]), int(found[2]), int(found[3])) if found else (0, 0, 0)


def _changed_at(path: Path) -> float:
    try:
        return path.stat().st_mtime
    except FileNotFoundError:
        return 0.0
