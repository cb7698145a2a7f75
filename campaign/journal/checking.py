"""The last check of a campaign, kept in its journal.

In: the url of [journal].  Out: `LastCheck`.  Touches: a note in the journal.

It is written under the journal's lock: while a run goes on, JournalBusy is raised and the check
before stays.  A plan that is made anew takes the note away with the plan it was about.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping
from pathlib import Path
from typing import NamedTuple

from campaign.clock import Clock
from campaign.database.engines import open_for_reading, open_for_writing
from campaign.database.failures import told
from campaign.database.places import locate
from campaign.journal.notes import recall, remember
from campaign.journal.store import Journal

_NOTE = "check"


class LastCheck(NamedTuple):
    """What a check found, and of which plan."""

    at_s: float
    plan: str  # `plan_digest` of what was looked at
    is_offline: bool
    levels: dict[str, int]  # how many findings of each level
    findings: list[dict[str, str]]  # as `check --json` prints them

    @property
    def fails(self) -> int:
        return self.levels.get("fail", 0)


def plan_digest(plan_id: str, hashes: Mapping[str, str]) -> str:
    """Tells one plan, with all it was made from, from every other."""
    text = json.dumps([plan_id, sorted(hashes.items())])
    return hashlib.sha256(text.encode()).hexdigest()


def keep_check(url: str, folder: Path, check: LastCheck, clock: Clock) -> None:
    """In place of the one before.  Raises JournalBusy, JournalError."""
    place = locate(url, folder)
    text = json.dumps(check._asdict(), ensure_ascii=False)
    if place.path is None:
        with told(place), open_for_writing(place).begin() as connection:
            remember(connection, _NOTE, text)
        return
    journal = Journal.open(url, folder, clock=clock, create=False)
    try:
        journal.note(_NOTE, text)
    finally:
        journal.close()


def last_check(url: str, folder: Path) -> LastCheck | None:
    """None where nothing was checked since the plan was made.  Raises JournalError."""
    place = locate(url, folder)
    with told(place), open_for_reading(place).connect() as connection:
        text = recall(connection, _NOTE)
    try:
        return LastCheck(**json.loads(text)) if text else None
    except (ValueError, TypeError):  # of another version of this program
        return None
