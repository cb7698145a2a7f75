"""Putting a journal in order before a run: doubt, retries, outcomes kept in an emergency.

In: what an interrupted run left, or what a person orders.  Out: changes by the table of states.
Touches: the database, before the journal thread starts.
"""

from __future__ import annotations

from collections.abc import Collection, Iterable, Iterator
from pathlib import Path
from typing import Any, NamedTuple

from sqlalchemy import Connection, text

from campaign.database.transactions import atomic
from campaign.errors import JournalError
from campaign.journal.notes import recall
from campaign.journal.schema import REPEAT, REPEATS
from campaign.journal.states import IN_DOUBT, MAX_RESENDS, is_legal
from campaign.journal.writing.changes import ChangeWriter
from campaign.records import Change, State

_PART = 5_000  # rows put back in one transaction


def write(connection: Connection, writer: ChangeWriter, changes: Iterable[Change]) -> None:
    """Changes in one transaction of their own."""
    with atomic(connection):
        writer.write(connection.connection.cursor(), changes)


class Doubt(NamedTuple):
    """A recipient whose last copy may or may not have been accepted."""

    row: int
    address: str
    letter_key: str  # as in Job
    state: State
    attempts: int
    sendings: int
    resends: int
    since_s: float  # Unix time of the change to that state


def doubts(connection: Connection) -> Iterator[Doubt]:
    """Everybody in doubt, in row order: found in `sending`, or not settled since."""
    found = connection.execute(
        text(
            f"SELECT l.row, r.address, r.key || {REPEAT}, l.state, l.attempts, l.sendings,"
            f" l.resends, l.updated_at FROM letters l JOIN recipients r ON r.row = l.row {REPEATS}"
            " WHERE l.state IN ('sending', 'deferred', 'held')"  # alone: decided before the joins
            f" AND (l.state = 'sending' OR l.class = '{IN_DOUBT}') ORDER BY l.row"
        )
    )
    for line in found:
        yield Doubt(*line)._replace(state=State(line[3]))


def recovered(doubt: Doubt, policy: str, now_s: float) -> Change:
    """What becomes of a recipient that an interrupted run left in `sending`.

    `policy`: "resend" sends it again, but never more than MAX_RESENDS times; "hold" holds it.
    """
    again = policy == "resend" and doubt.resends < MAX_RESENDS
    return Change(
        row=doubt.row,
        state=State.DEFERRED if again else State.HELD,
        at=now_s,
        attempts=doubt.attempts,
        sendings=doubt.sendings,
        resends=doubt.resends + again,
        due=now_s if again else 0.0,
        reason="in doubt: the run ended before the server's answer",
        class_=IN_DOUBT,
    )


def settled(doubt: Doubt, evidence: str, now_s: float) -> Change:
    """A copy in doubt was accepted after all, as the relay's log shows."""
    return Change(
        row=doubt.row,
        state=State.SENT,
        at=now_s,
        attempts=doubt.attempts,
        sendings=doubt.sendings,
        resends=doubt.resends,
        reason="settled from the relay's log",
        class_="accepted",
        code=250,
        reply=evidence,
    )


def put_back(
    connection: Connection,
    writer: ChangeWriter,
    states: Collection[State],
    now_s: float,
    *,
    code: str,
    reason: str,
    spared: Collection[str] = (),
) -> int:
    """Make recipients `planned` again, with a new retry schedule; returns how many.

    Only those whose last answer had `code` ("550" or "4.7.28") and whose reason starts with
    `reason`, where these are given, and none whose class is among `spared`.  Rows that the list's
    cleaning rejected stay, and skipped rows of a person whom another row stands for by now.
    """
    asked = text(
        "SELECT l.row, l.sendings, l.resends, l.state, l.class FROM letters l"
        f" JOIN recipients r ON r.row = l.row WHERE l.row > :after AND {_chosen(states)}"
        " AND substr(l.reason, 1, length(:reason)) = :reason"
        f" AND (:several = 'allow' OR l.state <> 'skipped' OR NOT EXISTS ({_ELSEWHERE}))"
        " ORDER BY l.row LIMIT :part"
    )
    values: dict[str, Any] = {"code": code, "reason": reason, "part": _PART, "after": 0}
    values["several"] = recall(connection, "duplicates")
    count = 0
    while page := connection.execute(asked, values).all():
        changes = [_planned(now_s, *line) for line in page if line[4] not in spared]
        write(connection, writer, changes)
        count += len(changes)
        values["after"] = page[-1][0]
    return count


def classes_to_put_back(
    connection: Connection, states: Collection[State], code: str
) -> dict[str, int]:
    """How many `put_back` would take of each class of reply, or of none ("")."""
    asked = text(
        "SELECT l.class, count(*) FROM letters l JOIN recipients r ON r.row = l.row"
        f" WHERE {_chosen(states)} GROUP BY l.class"
    )
    return dict(tuple(line) for line in connection.execute(asked, {"code": code}))


def _chosen(states: Collection[State]) -> str:
    names = ", ".join(f"'{state}'" for state in states)
    return (
        f"l.state IN ({names}) AND r.reason = ''"
        " AND (:code = '' OR l.enhanced = :code OR CAST(l.code AS TEXT) = :code)"
    )


_ELSEWHERE = (
    "SELECT 1 FROM recipients o JOIN standings t ON t.row = o.row"
    " WHERE o.key = r.key AND o.row <> r.row AND t.state <> 'skipped'"
)


def _planned(
    now_s: float, row: int, sendings: int, resends: int, state: str, class_: str
) -> Change:
    """A held recipient in doubt that is sent again is one more copy, by order of a person."""
    copy = state == State.HELD and class_ == IN_DOUBT
    return Change(row, State.PLANNED, now_s, 0, sendings, resends + copy, reason="put back")


def take_in(
    connection: Connection, writer: ChangeWriter, kept: Iterable[Change], path: Path
) -> int:
    """Write outcomes an earlier run could only keep beside the journal; those already in stay.

    Returns how many were new.  Raises JournalError for one that cannot be.
    """
    missing = []
    asked = text("SELECT state, sendings, updated_at, class FROM letters WHERE row = :row")
    for change in kept:
        found = connection.execute(asked, {"row": change.row}).first()
        if found is None:
            raise _impossible(change, "there is no such row", path)
        state, sendings, at, class_ = found
        if at >= change.at and sendings >= change.sendings:
            continue
        legal = is_legal(State(state), change.state, in_doubt=class_ == IN_DOUBT)
        if sendings != change.sendings or not legal:
            raise _impossible(change, f"it is {state} after {sendings} sendings", path)
        missing.append(change)
    write(connection, writer, missing)
    return len(missing)


def _impossible(change: Change, why: str, path: Path) -> JournalError:
    return JournalError(
        f"row {change.row} cannot become {change.state}, as kept in an emergency: {why}",
        file=str(path),
        remedy="look at the row with `campaign audit`, then move the file away",
    )
