"""Rates and rests of a whole fleet, kept by the database.

In: what a worker wants to send, what it was told.  Out: slots, rests of others.
Touches: the tables fleet_rates, fleet_used and fleet_rests.

A slot of a pace is a moment that one letter may take (the generic cell rate algorithm, ITU-T
I.371): they are given away in order, at most a second ahead, so that what a worker takes into its
grave is little.  A quota counts what was given away in any window of its length, in parts of a
minute.  All moments are by the server's clock, told as seconds from now.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import NamedTuple

from campaign.database.sql import Connection, text
from campaign.database.transactions import atomic

_AHEAD_S = 1.0  # no slot is given away further ahead, but for the next one
_LATE_S = 0.3  # a worker that asked so late misses nothing; slots may be used so much later anyway
_SLOT_S = 60  # quotas are counted in these
_NOW = "EXTRACT(EPOCH FROM clock_timestamp())"


class Wish(NamedTuple):
    """What a worker wants of one party's rate."""

    party: str
    slots: int
    interval_s: float  # of its pace
    quotas: Sequence[tuple[int, float]]  # so many in so many seconds
    unused: int  # of those it was given, that go back
    used: Sequence[tuple[float, int]] = ()  # before the fleet began, by Unix time


class Grant(NamedTuple):
    """What it gets: slots from a moment on, each an interval after the other."""

    party: str
    slots: int
    first_in_s: float  # seconds from now; a little ago, where it asked late
    none_for_s: float  # where it got none: not to be asked again for so long


def grant(connection: Connection, wishes: Iterable[Wish]) -> list[Grant]:
    """Give slots away, each once; in one transaction."""
    with atomic(connection):
        return [_grant(connection, wish) for wish in sorted(wishes)]


def _grant(connection: Connection, wish: Wish) -> Grant:
    """The row of the party is locked: nobody else is given the same."""
    party = {"party": wish.party}
    if connection.execute(_MADE, party).rowcount:
        for at_s, count in wish.used:
            _count(connection, wish, at_s, count)
    next_s, now_s = connection.execute(_LOCKED, party).one()
    if wish.unused:
        next_s = max(now_s, next_s - wish.unused * wish.interval_s)
        _count(connection, wish, now_s, -wish.unused)
    start_s = beginning_s(next_s, now_s)
    count, none_for_s = _within_pace(wish, start_s - now_s)
    for most, per_s in wish.quotas:
        used, first = connection.execute(
            _USED, {**party, "since": int((now_s - per_s) // _SLOT_S)}
        ).one()
        count = min(count, max(0, most - int(used)))
        if not count and first is not None:
            none_for_s = max(none_for_s, (int(first) + 1) * _SLOT_S + per_s - now_s)
    connection.execute(_MOVED, {**party, "next": start_s + count * wish.interval_s})
    _count(connection, wish, now_s, count)
    return Grant(wish.party, count, start_s - now_s, 0.0 if count else none_for_s)


def beginning_s(next_s: float, now_s: float) -> float:
    """When the first slot begins, of those that were given away up to `next_s`: whoever was idle
    for longer gets no burst."""
    return next_s if next_s > now_s - _LATE_S else now_s


def _within_pace(wish: Wish, ahead_s: float) -> tuple[int, float]:
    """How many slots begin within a second; else how long until one does."""
    if not wish.slots:
        return 0, 0.0
    if ahead_s > _AHEAD_S:
        return 0, ahead_s - _AHEAD_S / 2
    if not wish.interval_s:
        return wish.slots, 0.0
    return min(wish.slots, int((_AHEAD_S - ahead_s) / wish.interval_s) + 1), 0.0


def _count(connection: Connection, wish: Wish, at_s: float, count: int) -> None:
    if wish.quotas and count:
        counted = {"party": wish.party, "slot": int(at_s // _SLOT_S), "count": count}
        connection.execute(_COUNTED, counted)


def tell_and_hear(
    connection: Connection, epoch: int, news: Sequence[tuple[str, float]]
) -> list[tuple[str, float]]:
    """Rests that begin here, told to all; those of others: the party, and for how long from now."""
    with atomic(connection):
        connection.exec_driver_sql("SET LOCAL synchronous_commit = off")
        for party, left_s in news:
            connection.execute(_TOLD, {"party": party, "left": left_s, "epoch": epoch})
        found = connection.execute(_RESTS, {"epoch": epoch})
        return [(str(party), float(left_s)) for party, left_s in found]


_MADE = text("INSERT INTO fleet_rates VALUES (:party, 0) ON CONFLICT DO NOTHING")
_LOCKED = text(
    f"SELECT next_s, CAST({_NOW} AS DOUBLE PRECISION) FROM fleet_rates WHERE party = :party"
    " FOR UPDATE"
)
_MOVED = text("UPDATE fleet_rates SET next_s = :next WHERE party = :party")
_USED = text(
    "SELECT COALESCE(sum(used), 0), min(slot) FILTER (WHERE used > 0) FROM fleet_used"
    " WHERE party = :party AND slot >= :since"
)
_COUNTED = text(
    "INSERT INTO fleet_used VALUES (:party, :slot, :count) ON CONFLICT (party, slot)"
    " DO UPDATE SET used = fleet_used.used + EXCLUDED.used"
)
_TOLD = text(
    f"INSERT INTO fleet_rests VALUES (:party, {_NOW} + :left, :epoch) ON CONFLICT (party)"
    " DO UPDATE SET until_s = EXCLUDED.until_s, epoch = EXCLUDED.epoch"
    " WHERE fleet_rests.until_s < EXCLUDED.until_s"
)
_RESTS = text(
    f"SELECT party, until_s - {_NOW} FROM fleet_rests WHERE epoch <> :epoch AND until_s > {_NOW}"
)
