"""What is asked of a journal every second: whose it is, how many stand where, when it goes on.

In: questions.  Out: names, counts, a time; JournalError where the database is away.
Touches: the database, read-only.

They are plain SQL, for a driver alone (`glance`) as for SQLAlchemy (`reader`).
"""

from __future__ import annotations

import json
import os
import socket
from abc import ABC, abstractmethod
from collections.abc import Sequence
from typing import Any

from campaign.clock import HOUR_S
from campaign.database.places import Place
from campaign.errors import NoPlanError
from campaign.journal.holding.boot import boot_of_this_machine
from campaign.journal.sharing.holders import Holder
from campaign.journal.states import UNSETTLED
from campaign.journal.taken import TAKEN_NOTE, Taken
from campaign.journal.writing.totals import read_totals
from campaign.records import SETTLED, State

_RECENT_S = 60.0
_LOOKED_AT = 2_000  # of the last changes: three for each recipient
_IS_LEFT = f"state IN ({', '.join(repr(str(state)) for state in UNSETTLED)})"


class Glance(ABC):
    """A journal that holds a plan.  Every method may raise JournalError."""

    def __init__(self, place: Place) -> None:
        self._place = place

    @abstractmethod
    def close(self) -> None: ...

    @abstractmethod
    def _all(self, statement: str, **values: object) -> Sequence[Any]: ...

    def campaign(self) -> str:
        """The name of the campaign.  Raises JournalError where nothing was planned."""
        found = self._all("SELECT campaign FROM plan")
        if not found:
            raise no_plan(self._place)
        return str(found[0][0])

    def plan_id(self) -> str:
        """Of the plan; "" while the first one is being made."""
        found = self._all("SELECT plan_id FROM plan")
        return str(found[0][0]) if found else ""

    def hashes(self) -> dict[str, str]:
        """Of the files that the plan was made of: name -> SHA-256."""
        found = self._all("SELECT hashes FROM plan")  # a plan that is being made has none yet
        return json.loads(found[0][0]) if found else {}

    def is_planned(self) -> bool:
        """Whether the plan is finished."""
        return bool(self._all("SELECT 1 FROM meta WHERE name = 'finished' AND value = 'yes'"))

    def counts(self) -> dict[State, int]:
        """How many recipients stand where; every state is there, if with 0."""
        return read_totals(self._all)

    def next_due(self, after_s: float = -1.0) -> float | None:
        """Unix time when the first deferred recipient is due, of those that are due after a time;
        None without any."""
        found = self._all(
            "SELECT min(due) FROM standings WHERE state = 'deferred' AND due > :after",
            after=after_s,
        )[0][0]
        return None if found is None else float(found)

    def rate_s(self, now_s: float) -> float:
        """Recipients settled each second, of the last minute or of the last changes if they are
        more than are looked at."""
        found = self._all(f"SELECT at, state FROM history ORDER BY change DESC LIMIT {_LOOKED_AT}")
        recent = [(at, state) for at, state in found if at > now_s - _RECENT_S]
        settled = sum(state in SETTLED for _, state in recent)
        span_s = now_s - recent[-1][0] if len(recent) == _LOOKED_AT else _RECENT_S
        begun = self._all("SELECT started_s FROM runs ORDER BY run DESC LIMIT 1")
        if begun:
            span_s = min(span_s, now_s - begun[0][0])
        return settled / max(1.0, span_s)

    def last_change(self) -> int:
        """The number of the last change that a run may have made; 0 before the first run."""
        if not self._all("SELECT 1 FROM runs LIMIT 1"):
            return 0
        return int(self._all("SELECT COALESCE(max(change), 0) FROM history")[0][0])

    def latest_change(self) -> tuple[int, float]:
        """Number and Unix time of the last change; zeros before the first."""
        found = self._all("SELECT change, at FROM history ORDER BY change DESC LIMIT 1")
        return (int(found[0][0]), float(found[0][1])) if found else (0, 0.0)

    def is_running(self) -> bool | None:
        """Does the process of the last run live, or a fleet?  None where that run was on another
        machine."""
        if self.workers():  # each has sent a sign of life within its lease, or will be missed
            return True
        found = self._all("SELECT host, boot_id, pid, ended_s FROM runs ORDER BY run DESC LIMIT 1")
        if not found or found[0][3]:
            return False
        host, boot_id, pid, _ = found[0]
        if host != socket.gethostname():
            return None
        return boot_id == boot_of_this_machine() and _lives(pid)

    def workers(self) -> list[Holder]:
        """Those of a fleet that are at the journal; one process alone is no fleet."""
        return []

    def is_finished(self) -> bool:
        """Whether nobody is left in a state that is not terminal; the first who is will do.

        Of a run that waits these are mostly the deferred, who have an index by their time.
        """
        deferred = "SELECT 1 FROM standings WHERE state = 'deferred' AND due >= 0 LIMIT 1"
        left = f"SELECT 1 FROM standings WHERE {_IS_LEFT} LIMIT 1"
        return not self._all(deferred) and not self._all(left)

    def by_template(self) -> dict[str, dict[State, int]]:
        """Of an open campaign: how many letters of each template stand where."""
        found: dict[str, dict[State, int]] = {}
        for name, state, count in self._all(
            "SELECT c.name, s.state, count(*) FROM standings s JOIN recipients r ON r.row = s.row"
            " JOIN sources c ON c.source = r.source GROUP BY c.name, s.state ORDER BY c.name"
        ):
            found.setdefault(name, {})[State(state)] = int(count)
        for name, state, count in self._all(
            "SELECT c.name, t.state, sum(t.letters) FROM rotated t"
            " JOIN sources c ON c.source = t.source GROUP BY c.name, t.state ORDER BY c.name"
        ):
            of_template = found.setdefault(name, {})
            of_template[State(state)] = of_template.get(State(state), 0) + int(count)
        return dict(sorted(found.items()))

    def by_hour(self, since_s: float) -> list[tuple[str, float, State, int]]:
        """Of an open campaign: template, begin of the hour (Unix time), state and how many letters
        were settled in it, of all that were since then."""
        settled = ", ".join(repr(str(state)) for state in State if state in SETTLED)
        return [
            (name, HOUR_S * int(hour), State(state), int(count))
            for name, hour, state, count in self._all(
                f"SELECT c.name, CAST(h.at AS BIGINT) / {int(HOUR_S)} AS hour, h.state,"
                " count(*)"
                " FROM history h JOIN standings s ON s.change = h.change"
                " JOIN recipients r ON r.row = h.row JOIN sources c ON c.source = r.source"
                f" WHERE h.at >= :since AND h.state IN ({settled})"
                " GROUP BY c.name, 2, h.state ORDER BY 2, c.name, h.state",
                since=since_s,
            )
        ]

    def taken(self) -> Taken:
        """Which letters the journal of an open campaign has; without a note of it, all up to its
        highest row."""
        if note := self._all("SELECT value FROM meta WHERE name = :name", name=TAKEN_NOTE):
            return Taken.read(note[0][0])
        found = self._all("SELECT COALESCE(max(row), 0) FROM recipients")
        return Taken.read(str(found[0][0]))

    def unsettled_between(self, first: int, last: int) -> set[int]:
        """The rows from one to another that are in a state that is not terminal."""
        found = self._all(
            f"SELECT row FROM standings WHERE row >= :first AND row <= :last AND {_IS_LEFT}",
            first=first,
            last=last,
        )
        return {int(row) for (row,) in found}


def _lives(pid: int) -> bool:
    try:
        os.kill(pid, 0)
    except ProcessLookupError:
        return False
    except PermissionError:  # of another user
        return True
    return True


def bring_forward(place: Place) -> None:
    """A journal of an earlier version, before it is read.  Raises JournalError, JournalBusy."""
    from campaign.journal.migrations import bring_forward_for_a_reader

    bring_forward_for_a_reader(place)


def no_plan(place: Place) -> NoPlanError:
    return NoPlanError(f"there is no plan in {place.shown}", remedy="make one with `campaign plan`")
