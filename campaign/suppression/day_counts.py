"""How many were sent on each day, for the ramps of all campaigns that share a store.

In: keys such as "provider gmail.com", days, numbers.  Out: `DayCount`s.
Touches: one table in the database of the suppression store.

Whoever wants to send takes a part of the day's cap first, durably: a campaign that is killed has
then counted too many, never too few, and two campaigns at once cannot both have the last one.
All calls raise SuppressionError when the store cannot be used.
"""

from __future__ import annotations

from datetime import date
from pathlib import Path
from typing import Self

from campaign.database.stores import SmallStore
from campaign.schedule.ramp import DayCount
from campaign.suppression.database import open_database

_TABLE = (
    "CREATE TABLE IF NOT EXISTS ramp_days (key TEXT NOT NULL, day TEXT NOT NULL,"
    " sent INTEGER NOT NULL DEFAULT 0, throttles INTEGER NOT NULL DEFAULT 0,"
    " complaints INTEGER NOT NULL DEFAULT 0, bounces INTEGER NOT NULL DEFAULT 0,"
    " PRIMARY KEY (key, day))"
)
_BORN = "INSERT INTO ramp_days (key, day) VALUES (?, ?) ON CONFLICT DO NOTHING"
_ADD = (
    "UPDATE ramp_days SET sent = sent + ?, throttles = throttles + ?,"
    " complaints = complaints + ?, bounces = bounces + ? WHERE key = ? AND day = ?"
)
_COUNTS = "day, sent, throttles, complaints, bounces"
_ONE = f"SELECT {_COUNTS} FROM ramp_days WHERE key = ? AND day = ?"
_ALL = f"SELECT key, {_COUNTS} FROM ramp_days ORDER BY key, day"
_IS_THERE = {
    False: "SELECT count(*) FROM sqlite_master WHERE name = 'ramp_days'",
    True: "SELECT count(*) FROM information_schema.tables WHERE table_name = 'ramp_days'",
}


class DayCounts(SmallStore):
    """`with DayCounts.open(url, folder) as counts:`; used by one thread at a time."""

    @classmethod
    def open(cls, url: str, folder: Path) -> Self:
        """The store's database, made where there is none.  Raises ConfigError too."""
        return cls(open_database(url, folder))

    def make(self) -> None:
        """The table, before anything is counted."""
        with self._database.writing():  # a server makes the same table twice, if asked at once
            self._database.change(_TABLE)

    def all(self) -> dict[str, list[DayCount]]:
        """The days of every key; nothing where nothing was ever counted."""
        ((is_there,),) = self._database.rows(_IS_THERE[self._database.is_postgresql])
        found: dict[str, list[DayCount]] = {}
        if is_there:
            for key, *counts in self._database.rows(_ALL):
                found.setdefault(key, []).append(_count(*counts))
        return found

    def take(self, key: str, day: date, wanted: int, cap: int | None) -> tuple[int, DayCount]:
        """How many of the wanted ones may go of the day's cap, counted from now on as sent; and
        the day's count with them."""
        with self._database.writing():
            count = self._count(key, day)
            free = wanted if cap is None else max(0, min(wanted, cap - count.sent))
            if free:
                count = self._add(key, day, sent=free)
            return free, count

    def give_back(self, key: str, day: date, unused: int) -> None:
        """Of those that were taken, so many were not sent after all."""
        with self._database.writing():
            self._add(key, day, sent=-unused)

    def note(
        self, key: str, day: date, *, throttles: int = 0, complaints: int = 0, bounces: int = 0
    ) -> DayCount:
        """What came of letters of the key on a day."""
        with self._database.writing():
            return self._add(key, day, throttles=throttles, complaints=complaints, bounces=bounces)

    def _count(self, key: str, day: date) -> DayCount:
        rows = self._database.rows(_ONE, (key, day.isoformat()))
        return _count(*rows[0]) if rows else DayCount(day)

    def _add(
        self,
        key: str,
        day: date,
        sent: int = 0,
        throttles: int = 0,
        complaints: int = 0,
        bounces: int = 0,
    ) -> DayCount:
        of = key, day.isoformat()
        self._database.change(_BORN, of)
        self._database.change(_ADD, (sent, throttles, complaints, bounces, *of))
        return self._count(key, day)


def _count(day: str, *counts: int) -> DayCount:
    return DayCount(date.fromisoformat(day), *counts)
