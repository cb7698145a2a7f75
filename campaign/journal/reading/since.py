"""What was written to the journal since one looked, for whoever follows it.

In: a reader, the number of a change.  Out: changes with the letters they are about.
Touches: the database, read-only; a run may go on meanwhile.

On a server with several writers a higher number may become durable before a lower one.  So the
numbers that are missing are asked for again by whoever follows (`changes_at`).  In a file there is
no other writer; numbers that are missing there, or far back, have left for an archive.
"""

from __future__ import annotations

from collections.abc import Collection, Sequence
from contextlib import closing
from pathlib import Path
from typing import Any, NamedTuple

from campaign.addresses.marks import LetterMarker
from campaign.addresses.tokens import key_digest
from campaign.journal.reading.glance import glance
from campaign.journal.reading.reader import Reader
from campaign.journal.schema import OWN_ID, REPEAT, REPEATS
from campaign.records import PlanRecord, State

_ASKED_AT_ONCE = 400
_LATE = 10_000  # numbers: no transaction holds back so many
DIGESTED = "sha256:"  # as `key_digest` begins
_FIELDS = (
    'h.change, h."row", h.state, h.at, h.attempts, h.due, h.reason, h."class", h.code, h.enhanced,'
    " h.reply, h.relay, r.address, r.key"
)
_TOLD_OF = f"{REPEAT}, {OWN_ID.format('r')}"
_ASKED = (
    f'SELECT {_FIELDS}, {_TOLD_OF} FROM history h JOIN recipients r ON r."row" = h."row" {REPEATS}'
)


class SeenChange(NamedTuple):
    """One change of state, and whose letter it was."""

    change: int
    row: int
    state: str
    at: float
    attempts: int
    due: float
    reason: str
    class_: str
    code: int
    enhanced: str
    reply: str
    relay: str
    address: str
    message_id: str


class ChangePage(NamedTuple):
    """Changes of the wanted states, in their order."""

    changes: list[SeenChange]
    last: int  # the number up to which everything there was has been looked at
    missing: tuple[int, ...]  # numbers up to `last` that are not there, or not yet


def changes_since(reader: Reader, after: int, states: Collection[State], limit: int) -> ChangePage:
    """What was written behind a number; of `limit` changes those to one of the states."""
    numbers = [
        int(number)
        for (number,) in reader.ask(
            "SELECT change FROM history WHERE change > :after ORDER BY change LIMIT :size",
            after=after,
            size=limit,
        )
    ]
    if not numbers:
        return ChangePage([], after, ())
    last = numbers[-1]
    missing: tuple[int, ...] = ()
    if last - after > len(numbers) and not reader.answers_at_once:
        first = max(after + 1, last - _LATE)
        missing = tuple(sorted(set(range(first, last)).difference(numbers)))
    where = f"h.change > :after AND h.change <= :last AND h.state IN ({_listed(states)})"
    found = reader.ask(f"{_ASKED} WHERE {where} ORDER BY h.change", after=after, last=last)
    return ChangePage(_seen(reader.plan_record(), found), last, missing)


def changes_at(
    reader: Reader, numbers: Sequence[int], states: Collection[State]
) -> tuple[list[SeenChange], set[int]]:
    """Of these numbers the changes to one of the states, and all the numbers that are there."""
    there: set[int] = set()
    found: list[Any] = []
    for at in range(0, len(numbers), _ASKED_AT_ONCE):
        listed = ", ".join(str(int(number)) for number in numbers[at : at + _ASKED_AT_ONCE])
        asked = f"SELECT change FROM history WHERE change IN ({listed})"
        there.update(int(number) for (number,) in reader.ask(asked))
        where = f"h.change IN ({listed}) AND h.state IN ({_listed(states)})"
        found += reader.ask(f"{_ASKED} WHERE {where} ORDER BY h.change")
    return _seen(reader.plan_record(), found), there


class Recipient(NamedTuple):
    """Whose letters an entry of the suppression store is about."""

    row: int
    address: str
    message_id: str


def recipient_of(reader: Reader, key: str) -> Recipient | None:
    """By the key of the address, or by `key_digest` of a long one; the first letter of a person."""
    if key.startswith(DIGESTED):
        # A token has no room for such a key; few addresses are that long.
        asked = 'SELECT key FROM recipients WHERE length(key) > 30 ORDER BY "row"'
        known = (found for each in (reader, *reader.archives()) for (found,) in each.ask(asked))
        key = next((found for found in known if key_digest(found) == key), "")
    row = reader.row_of(key) if key else None
    if row is None:
        return None
    plan = reader.plan_record()
    marks = LetterMarker(plan.key, plan.campaign, plan.message_id_domain).marks(key)
    return Recipient(row, reader.addresses_of([row])[row], marks.message_id)


def last_change_of(url: str, folder: Path) -> int:
    """The number of the last change; 0 before the first, and before the first run: what a plan
    wrote is news to everybody."""
    with closing(glance(url, folder)) as seen:
        return seen.last_change()


def _listed(states: Collection[State]) -> str:
    return ", ".join(f"'{state}'" for state in states)


def _seen(plan: PlanRecord, found: Sequence[Any]) -> list[SeenChange]:
    marker = LetterMarker(plan.key, plan.campaign, plan.message_id_domain)
    return [
        SeenChange._make(
            (*fields, own_id or (marker.marks(key + repeat).message_id if key else ""))
        )
        for *fields, key, repeat, own_id in found
    ]
