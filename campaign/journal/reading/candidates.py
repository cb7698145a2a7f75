"""Who may still be cancelled or put back, and who is in an archive and may not.

In: readers of a journal.  Out: candidates; how many letters each archive has of those that are
meant.  Touches: the database and its archives, read-only.

What is in an archive is settled for good.  A command that was asked for such letters finds none of
them in the journal, so it says where they are.
"""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterator
from typing import NamedTuple

from campaign.journal.reading.reader import Reader
from campaign.journal.recovery import given_up
from campaign.records import State

_LISTED = 5_000  # rows that one question names
_OPEN = ("planned", "deferred", "held")


class Candidate(NamedTuple):
    """A recipient, as a condition is asked about it."""

    row: int
    state: str
    attempts: int
    sendings: int
    resends: int
    address: str
    domain: str
    source: int
    line: int
    data: str


def candidates(reader: Reader) -> Iterator[Candidate]:
    """Everybody who may be cancelled, being planned, deferred or held, in order."""
    states = ", ".join(f"'{state}'" for state in _OPEN)
    return _candidates(reader, f"s.state IN ({states})")


def archived(reader: Reader, is_meant: Callable[[Candidate], bool]) -> dict[str, int]:
    """Of each archive that has any: how many of its letters are meant."""
    found = {}
    for archive in reader.archives():
        meant = [each.row for each in _candidates(archive, "1 = 1") if is_meant(each)]
        found[archive.file_name] = _gone(reader, meant)
    return _without_none(found)


def archived_given_up(
    reader: Reader, states: Collection[State], code: str, spared: Collection[str]
) -> dict[str, int]:
    """Of each archive that has any: how many of its letters `Journal.put_back` would take if they
    were in the journal; `spared` are classes of replies."""
    found = {}
    for archive in reader.archives():
        lines = archive.ask_pages(
            "SELECT l.row, l.class FROM letters l JOIN recipients r ON r.row = l.row"
            f" WHERE l.row > :after AND {given_up(states)} ORDER BY l.row LIMIT :page",
            code=code,
        )
        meant = [row for row, class_ in lines if class_ not in spared]
        found[archive.file_name] = _gone(reader, meant)
    return _without_none(found)


def _candidates(reader: Reader, chosen: str) -> Iterator[Candidate]:
    return map(
        Candidate._make,
        reader.ask_pages(
            "SELECT s.row, s.state, s.attempts, s.sendings, s.resends, r.address, r.domain,"
            " r.source, r.line, r.data FROM standings s JOIN recipients r ON r.row = s.row"
            f" WHERE s.row > :after AND {chosen} ORDER BY s.row LIMIT :page",
        ),
    )


def _gone(reader: Reader, rows: list[int]) -> int:
    """How many of these rows of an archive have left the journal: a letter that was copied before
    a kill is in both, and the journal's word counts."""
    here = 0
    for at in range(0, len(rows), _LISTED):
        listed = ", ".join(map(str, rows[at : at + _LISTED]))
        here += reader.ask(f"SELECT count(*) FROM standings WHERE row IN ({listed})")[0][0]
    return len(rows) - here


def _without_none(found: dict[str, int]) -> dict[str, int]:
    return {name: count for name, count in found.items() if count}
