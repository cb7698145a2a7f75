"""Putting a journal in order before a run: doubt, retries, outcomes kept in an emergency.

In: what an interrupted run left, or what a person orders.  Out: changes by the table of states.
Touches: the database, before the journal thread starts.
"""

from __future__ import annotations

from collections.abc import Collection, Iterable, Iterator
from pathlib import Path
from typing import Any, NamedTuple

from campaign.database.sql import Connection, bindparam, text
from campaign.database.transactions import atomic
from campaign.errors import JournalError
from campaign.journal.notes import recall
from campaign.journal.schema import OWN_ID, REPEAT, REPEATS
from campaign.journal.states import IN_DOUBT, LATER, NOT_TAKEN, UNMADE, in_doubt, is_legal
from campaign.journal.writing.changes import ChangeWriter
from campaign.records import SETTLED, Change, State

_PART = 5_000  # rows put back in one transaction
_LAST_ROW = 2**62  # behind every row


def write(connection: Connection, writer: ChangeWriter, changes: Iterable[Change]) -> None:
    """Changes in one transaction of their own."""
    with atomic(connection):
        writer.write(connection.connection.cursor(), changes)


class Doubt(NamedTuple):
    """A recipient of whom nobody knows whether a copy was accepted."""

    row: int
    address: str
    letter_key: str  # as in Job
    state: State
    attempts: int
    sendings: int
    resends: int
    due: float
    since_s: float  # Unix time of the latest change
    reason: str
    class_: str
    source: int
    own_id: str  # a Message-ID that an application wrote; "" is made from the plan


def doubts(connection: Connection) -> Iterator[Doubt]:
    """Everybody in doubt, in row order: found in `sending`, or not settled since, whatever else has
    happened to them.  Who was sent another copy that was accepted is not among them."""
    found = connection.execute(
        text(
            f"SELECT l.row, r.address, r.key || {REPEAT}, l.state, l.attempts, l.sendings,"
            f" l.resends, l.due, l.updated_at, l.reason, l.class, r.source,"
            f" {OWN_ID.format('l')} FROM letters l"
            f" JOIN recipients r ON r.row = l.row {REPEATS}"
            " WHERE (l.state = 'sending' OR l.doubts > 0) AND l.state <> 'sent' ORDER BY l.row"
        )
    )
    for line in found:
        yield Doubt(*line)._replace(state=State(line[3]))


def recovered(
    doubt: Doubt, policy: str, now_s: float, *, what_ended: str = "the run ended"
) -> Change:
    """What becomes of a recipient that an interrupted run left in `sending`."""
    state, resends = in_doubt(policy, doubt.resends)
    return Change(
        row=doubt.row,
        state=state,
        at=now_s,
        attempts=doubt.attempts,
        sendings=doubt.sendings,
        resends=resends,
        due=now_s if state is State.DEFERRED else 0.0,
        reason=f"in doubt: {what_ended} before the server's answer",
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


def not_taken(doubt: Doubt, evidence: str, now_s: float) -> Change:
    """No copy in doubt was accepted, as the relay's log proves: whoever still waits is sent to, and
    whoever was given up since stays given up."""
    goes_on = {State.HELD: State.PLANNED, State.SENDING: State.DEFERRED}
    state = goes_on.get(doubt.state, doubt.state)
    why = f"not taken: {evidence}"
    return Change(
        row=doubt.row,
        state=state,
        at=now_s,
        attempts=doubt.attempts,
        sendings=doubt.sendings,
        resends=doubt.resends,
        due=now_s if doubt.state is State.SENDING else doubt.due,
        reason=f"{doubt.reason}; {why}" if state in SETTLED else why,
        class_=NOT_TAKEN,
    )


def put_back(
    connection: Connection,
    writer: ChangeWriter,
    states: Collection[State],
    now_s: float,
    *,
    code: str,
    spared: Collection[str] = (),
) -> int:
    """Make recipients `planned` again, with a new retry schedule; returns how many.

    Only those whose last answer had `code` ("550" or "4.7.28"), where it is given, and none whose
    class is among `spared`.  Of the skipped only those of whom no letter could be made: rows that
    the list's cleaning rejected stay, and rows of a person whom another row stands for by now.
    """
    asked = text(
        "SELECT l.row, l.sendings, l.resends, l.doubts, l.class FROM letters l"
        f" JOIN recipients r ON r.row = l.row WHERE l.row > :after AND {given_up(states)}"
        f" AND (:several = 'allow' OR l.state <> 'skipped' OR {_REPEATED}"
        f" OR NOT EXISTS ({_ELSEWHERE}))"
        " ORDER BY l.row LIMIT :part"
    )
    values: dict[str, Any] = {"code": code, "part": _PART, "after": 0}
    values["several"] = recall(connection, "duplicates")
    count = 0
    while page := connection.execute(asked, values).all():
        changes = [_planned(now_s, *line[:4]) for line in page if line[4] not in spared]
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
        f" WHERE {given_up(states)} GROUP BY l.class"
    )
    return dict(tuple(line) for line in connection.execute(asked, {"code": code}))


def bring_forward(
    connection: Connection, writer: ChangeWriter, now_s: float, *, classes: Collection[str] = ()
) -> int:
    """Deferred recipients that are not due yet become due now; returns how many.

    Attempts, doubt and what the last reply said stay.  Whoever asked for a letter not to go before
    its time (`send_at`) is not among them.  `classes`: only those deferred for one of them; whoever
    of these was never tried is planned again.
    """
    only = "AND l.class IN :classes" if classes else ""
    asked = text(  # in the order of the index on `due`: nobody is read who is not deferred
        "SELECT l.row, l.attempts, l.sendings, l.resends, l.reason, l.class, l.code, l.due"
        " FROM letters l WHERE l.state = 'deferred' AND l.due >= :due AND l.reason <> :later"
        f" AND (l.due > :due OR l.row > :after) {only} ORDER BY l.due, l.row LIMIT :part"
    )
    values: dict[str, Any] = {
        "part": _PART, "due": now_s, "after": _LAST_ROW, "later": LATER
    }  # fmt: skip
    if classes:
        asked = asked.bindparams(bindparam("classes", expanding=True))
        values["classes"] = list(classes)
    count = 0
    while page := connection.execute(asked, values).all():
        changes = [_due_now(now_s, *line[:-1], is_own=bool(classes)) for line in page]
        write(connection, writer, changes)
        count += len(page)
        values |= {"due": page[-1][-1], "after": page[-1][0]}
    return count


def _due_now(
    now_s: float,
    row: int,
    attempts: int,
    sendings: int,
    resends: int,
    reason: str,
    class_: str,
    code: int,
    *,
    is_own: bool,
) -> Change:
    if is_own and not (attempts or sendings or code):
        return Change(row, State.PLANNED, now_s, 0, 0, resends, reason="waits its turn")
    return Change(
        row,
        State.DEFERRED,
        now_s,
        attempts,
        sendings,
        resends,
        due=now_s,
        reason=reason,
        class_="" if is_own else class_,
    )


def given_up(states: Collection[State]) -> str:
    """The condition for who is put back, over `letters` l and `recipients` r; its parameter `code`
    may be empty."""
    names = ", ".join(f"'{state}'" for state in states)
    return (
        f"l.state IN ({names}) AND r.reason = ''"
        f" AND (l.state <> 'skipped' OR substr(l.reason, 1, {len(UNMADE)}) = '{UNMADE}')"
        " AND (:code = '' OR l.enhanced = :code OR CAST(l.code AS TEXT) = :code)"
    )


_REPEATED = "EXISTS (SELECT 1 FROM repeats n WHERE n.row = r.row)"  # a letter beside others
_ELSEWHERE = (
    "SELECT 1 FROM recipients o JOIN standings t ON t.row = o.row"
    " WHERE o.key = r.key AND o.row <> r.row AND t.state <> 'skipped'"
)


def _planned(now_s: float, row: int, sendings: int, resends: int, doubts: int) -> Change:
    """Who may have a copy and is sent to again by order of a person gets one more, which counts."""
    more = doubts > resends
    return Change(row, State.PLANNED, now_s, 0, sendings, resends + more, reason="put back")


def take_in(
    connection: Connection, writer: ChangeWriter, kept: Iterable[Change], path: Path
) -> int:
    """Write outcomes an earlier run could only keep beside the journal; those already in stay.

    Returns how many were new.  Raises JournalError for one that cannot be.
    """
    missing = []
    for change, why in unknown_of(connection, kept):
        if why:
            raise _impossible(change, why, path)
        missing.append(change)
    write(connection, writer, missing)
    return len(missing)


class _Standing(NamedTuple):
    """What the journal knows of a row for which an outcome was kept."""

    state: State
    attempts: int
    sendings: int
    resends: int
    at: float
    doubts: int


def unknown_of(connection: Connection, kept: Iterable[Change]) -> Iterator[tuple[Change, str]]:
    """Of outcomes that were kept in an emergency, those that the journal does not have, as it can
    take them; each with why it cannot, "" where it can."""
    asked = text(
        "SELECT state, attempts, sendings, resends, updated_at, doubts FROM letters"
        " WHERE row = :row"
    )
    for change in kept:
        found = connection.execute(asked, {"row": change.row}).first()
        if found is None:
            yield change, "there is no such row"
            continue
        before = _Standing(*found)._replace(state=State(found[0]))
        is_late = before.sendings > change.sendings or (
            before.sendings == change.sendings
            and before.doubts > 0
            and before.state is not State.SENDING
        )
        settles_doubt = is_late and change.state is State.SENT
        if before.at >= change.at and before.sendings >= change.sendings and not settles_doubt:
            continue
        if is_late:
            if late := _late(change, before):
                yield late, ""
            continue
        is_possible = before.sendings == change.sendings and is_legal(before.state, change.state)
        yield (
            change,
            "" if is_possible else f"it is {before.state} after {before.sendings} sendings",
        )


def _late(change: Change, before: _Standing) -> Change | None:
    """What an outcome says that came when another worker had taken the letter over, and so had
    settled what becomes of its doubt; None where it changes nothing.

    A refusal for now shows that this copy was not taken.  Who is held for it alone is sent to
    again; whoever is to be sent to again anyway stays as they are.  Where another copy went out
    since, only that this one was accepted still says something.
    """
    if not before.doubts:
        return None
    if before.sendings > change.sendings and change.state is not State.SENT:
        return None
    if change.state in {State.SENT, State.FAILED}:
        if not is_legal(before.state, change.state, in_doubt=True):
            return None
        return _as(change, change.state, before, change.reason, change.class_)
    if change.state is State.DEFERRED and before.state is State.HELD and before.doubts == 1:
        return _as(change, State.PLANNED, before, f"not taken: {change.reason}", NOT_TAKEN)
    return None


def _as(change: Change, state: State, before: _Standing, reason: str, class_: str) -> Change:
    return Change(
        change.row,
        state,
        change.at,
        max(change.attempts, before.attempts),
        before.sendings,
        before.resends,
        reason=reason,
        class_=class_,
        code=change.code,
        enhanced=change.enhanced,
        reply=change.reply,
        relay=change.relay,
    )


def _impossible(change: Change, why: str, path: Path) -> JournalError:
    return JournalError(
        f"row {change.row} cannot become {change.state}, as kept in an emergency: {why}",
        file=str(path),
        remedy="look at the row with `campaign audit`, then move the file away",
    )
