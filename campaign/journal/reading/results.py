"""What became of each recipient, and how it came to that.

In: a read-only connection.  Out: `Result`s in row order, the `Step`s of one recipient.
Touches: the database, read-only.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator
from typing import Any, NamedTuple

from sqlalchemy import Connection, TextClause, text

from campaign.addresses.marks import LetterMarker
from campaign.clock import iso
from campaign.errors import JournalError
from campaign.journal.schema import REPEAT, REPEATS
from campaign.records import PlanRecord, Result, State

_PAGE = 2_000  # rows read at once; each page is a transaction of its own


class Step(NamedTuple):
    """One change in the life of a recipient."""

    change: int  # its number in the whole history
    at: float  # Unix time
    state: str
    attempts: int
    sendings: int
    resends: int
    due: float
    reason: str
    class_: str
    code: int
    enhanced: str
    reply: str
    relay: str


def read_plan(connection: Connection) -> PlanRecord:
    """The plan the journal holds.  Raises JournalError without one."""
    found = connection.execute(
        text(
            "SELECT campaign, plan_id, key, date_s, hashes, created_s, message_id_domain FROM plan"
        )
    ).first()
    if found is None:
        raise JournalError("there is no plan yet", remedy="make one with `campaign plan`")
    record = PlanRecord(*found)
    return record._replace(key=bytes(record.key), hashes=json.loads(found[4]))


def message_ids(plan: PlanRecord) -> Callable[[str], str]:
    """What tells the Message-ID of every copy of a letter by its key; "" for a row that was never
    an address."""
    marker = LetterMarker(plan.key, plan.campaign, plan.message_id_domain)
    return lambda letter_key: marker.marks(letter_key).message_id if letter_key else ""


def results(connection: Connection, plan: PlanRecord, state: State | None) -> Iterator[Result]:
    """One line per recipient in row order, in pages."""
    chosen = "" if state is None else f" AND l.state = '{state}'"
    statement = text(
        "SELECT l.row, r.address, r.key, l.state, l.reason, l.class, l.attempts, l.code,"
        f" l.enhanced, l.reply, l.relay, l.sent_at, l.updated_at, {REPEAT} FROM letters l"
        f" JOIN recipients r ON r.row = l.row {REPEATS} WHERE l.row > :after{chosen}"
        " ORDER BY l.row LIMIT :page"
    )
    id_of = message_ids(plan)
    for found in pages(connection, statement):
        yield _result(found, id_of)


def pages(connection: Connection, statement: TextClause) -> Iterator[Any]:
    """All rows of a statement that goes on after row `:after`, `:page` of them at once."""
    after = 0
    while page := connection.execute(statement, {"after": after, "page": _PAGE}).all():
        yield from page
        after = page[-1][0]


def _result(found: Any, id_of: Callable[[str], str]) -> Result:
    row, address, key, state, reason, class_, attempts, *answer, sent_at, updated_at, repeat = found
    code, enhanced, reply, relay = answer
    updated = iso(updated_at)
    return Result(
        row=row,
        address=address,
        key=key,
        state=state,
        reason=reason,
        class_=class_,
        attempts=attempts,
        code=code,
        enhanced=enhanced,
        reply=reply,
        message_id=id_of(key + repeat),
        relay=relay,
        sent_at=updated if sent_at else "",  # what was sent stays: its last change
        updated_at=updated,
    )


def steps(connection: Connection, row: int) -> list[Step]:
    """Every change of one recipient, oldest first."""
    found = connection.execute(
        text(
            "SELECT change, at, state, attempts, sendings, resends, due, reason, class, code,"
            " enhanced, reply, relay FROM history WHERE row = :row ORDER BY change"
        ),
        {"row": row},
    )
    return [Step(*line) for line in found]
