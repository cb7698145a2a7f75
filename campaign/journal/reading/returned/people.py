"""Who of a campaign got its letter, stands somewhere, or made something come back.

In: the url of [journal]; a state, a kind of event, or "got".  Out: keys of people.
Touches: the journal and its events, read-only; a run may go on meanwhile.

A person may stand in several rows.  What is turned round ("not clicked") is turned round for the
person: keys come out as meant first, and then those of them that are not meant after all.
"""

from __future__ import annotations

from collections.abc import Collection, Iterator
from contextlib import closing
from pathlib import Path

from campaign.journal.reading.reader import Reader
from campaign.journal.reading.returned.events import rows_told_of
from campaign.outcomes import EventKind
from campaign.records import State

GOT = "got"
_PAGE = 20_000
_GOT = "(l.state IN ('sent', 'sending') OR l.doubts > 0)"  # or may have a copy
_ELSEWHERE = ("duplicate", "grouped", "mended")  # another row stands for the person
_KINDS = frozenset(EventKind)


def people(url: str, folder: Path, word: str, *, is_not: bool) -> Iterator[tuple[str, bool]]:
    """Keys, each with whether it is meant; the last word on a key counts.

    Raises JournalError, NoPlanError.
    """
    rows = rows_told_of(url, folder, word) if word in _KINDS else None
    with closing(Reader.open(url, folder)) as reader:
        reader.plan_record()  # raises where there is none
        if is_not:
            all_ = "1 = 1" if rows is None and word != GOT else _GOT
            yield from ((key, True) for key in _keys(reader, all_))
        chosen = _GOT if word == GOT else "1 = 1" if rows is not None else _standing(word)
        yield from ((key, not is_not) for key in _keys(reader, chosen, rows))


def _standing(word: str) -> str:
    state = State(word)
    if state is not State.SKIPPED:
        return f"l.state = '{state}'"
    own = " AND ".join(f"l.reason NOT LIKE '{kind}:%'" for kind in _ELSEWHERE)
    return f"l.state = '{state}' AND {own}"


def _keys(reader: Reader, chosen: str, rows: Collection[int] | None = None) -> Iterator[str]:
    """In pages, so that no transaction of the other journal stays open for long; of the journal,
    then of its archives."""
    after = 0
    while page := reader.ask(
        "SELECT l.row, r.key FROM letters l JOIN recipients r ON r.row = l.row"
        f" WHERE l.row > :after AND r.reason = '' AND {chosen} ORDER BY l.row LIMIT :page",
        after=after,
        page=_PAGE,
    ):
        yield from (key for row, key in page if rows is None or row in rows)
        after = page[-1][0]
    for archive in reader.archives():
        yield from _keys(archive, chosen, rows)
