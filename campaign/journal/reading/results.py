"""What became of each recipient, and how it came to that.

In: a read-only connection.  Out: `Result`s in row order, the changes of one recipient.
Touches: the database, read-only.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator, Sequence
from typing import Any

from campaign.addresses.marks import LetterMarker
from campaign.clock import iso
from campaign.database.sql import Connection, TextClause, text
from campaign.errors import JournalError
from campaign.journal.schema import OWN_ID, REPEAT, REPEATS
from campaign.journal.states import IN_DOUBT
from campaign.outcomes import Result
from campaign.records import CHANGE_FIELDS, Change, PlanRecord, State

MAY_HAVE_A_COPY = "may have a copy: an earlier final dot was not answered"
MAY_HAVE_ANOTHER = "may have a second copy: an earlier final dot was not answered"
_PAGE = 2_000  # rows read at once; each page is a transaction of its own
_LAST_ROW = 2**62  # behind every row


_CHANGE = ", ".join(f'"{name.rstrip("_")}"' for name in CHANGE_FIELDS)


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


def results(
    own: Connection,
    plan: PlanRecord,
    state: State | None,
    archived: Callable[[], Sequence[Connection]] = lambda: (),
) -> Iterator[Result]:
    """One line per recipient in row order, in pages, of the journal and of archives.

    `archived`: the archives there are now.  They are asked after the journal, for the same rows: a
    letter is in its archive before it leaves the journal, so whoever left meanwhile is found.
    """
    chosen = "" if state is None else f" AND l.state = '{state}'"
    statement = text(
        "SELECT l.row, r.address, r.key, l.state, l.reason, l.class, l.attempts, l.code,"
        f" l.enhanced, l.reply, l.relay, l.sent_at, l.updated_at, l.doubts,"
        f" {OWN_ID.format('l')}, {REPEAT} FROM letters l"
        f" JOIN recipients r ON r.row = l.row {REPEATS}"
        f" WHERE l.row > :after AND l.row <= :upto{chosen} ORDER BY l.row LIMIT :page"
    )
    id_of = message_ids(plan)
    after, is_more = 0, True
    while is_more:
        asked = {"after": after, "upto": _LAST_ROW, "page": _PAGE}
        found: dict[int, Any] = {}
        for each in (own, *archived()):
            page = each.execute(statement, asked).all()
            if len(page) == _PAGE:
                asked["upto"] = page[-1][0]
            found = {line[0]: line for line in page} | found  # the journal's word counts
        is_more = asked["upto"] < _LAST_ROW
        for row in sorted(found):
            if row <= asked["upto"]:
                yield _result(found[row], id_of)
        after = asked["upto"]


def pages(connection: Connection, statement: TextClause, **values: object) -> Iterator[Any]:
    """All rows of a statement that goes on after row `:after`, `:page` of them at once."""
    after = 0
    while page := connection.execute(statement, {"after": after, "page": _PAGE, **values}).all():
        yield from page
        after = page[-1][0]


def _result(found: Any, id_of: Callable[[str], str]) -> Result:
    row, address, key, state, reason, class_, attempts, *answer, doubts, own_id, repeat = found
    code, enhanced, reply, relay, sent_at, updated_at = answer
    updated = iso(updated_at)
    return Result(
        row=row,
        address=address,
        key=key,
        state=state,
        reason=_with_doubt(reason, class_, state, doubts),
        class_=class_,
        attempts=attempts,
        code=code,
        enhanced=enhanced,
        reply=reply,
        message_id=own_id or id_of(key + repeat),
        relay=relay,
        sent_at=updated if sent_at else "",  # what was sent stays: its last change
        updated_at=updated,
    )


def _with_doubt(reason: str, class_: str, state: str, doubts: int) -> str:
    """Doubt is said, whatever came after it; where nothing did, the reason says it already."""
    if not doubts or class_ == IN_DOUBT:
        return reason
    may = MAY_HAVE_ANOTHER if state == State.SENT else MAY_HAVE_A_COPY
    return f"{reason}; {may}" if reason else may


def history(connection: Connection, row: int) -> list[Change]:
    """Every change of one recipient, oldest first."""
    found = connection.execute(
        text(f"SELECT {_CHANGE} FROM history WHERE row = :row ORDER BY change"), {"row": row}
    )
    return [_change(line) for line in found]


def _change(line: Sequence[Any]) -> Change:
    fields = dict(zip(CHANGE_FIELDS, line, strict=True))
    return Change(**{**fields, "state": State(fields["state"])})
