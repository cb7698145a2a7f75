"""Whether archives hold what has left the journal.

In: a snapshot of the journal.  Out: what is wrong, row by row.
Touches: archives, read-only; a run may go on meanwhile.

What an archive holds beyond what had left when the snapshot was taken is in the snapshot, too: a
run may just be moving it, or was killed while it did.  It has to be the same there, unless it is
pending in the archive: what a kill left there may since have been put back by a person.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import closing
from typing import Any

from campaign.database.places import Place
from campaign.database.sql import Connection, DBAPIError, text
from campaign.errors import JournalError
from campaign.journal.archiving.files import ARCHIVE_OF, archives_of, open_archive
from campaign.journal.archiving.letters import Ask, Sum, sums_of, whole_letters
from campaign.journal.notes import recall

_PAGE = 500
Kinds = dict[tuple[int, str], Sum]


def faults_of_archives(connection: Connection, place: Place) -> Iterator[tuple[int, str]]:
    """Row (0: not about one) and what is wrong."""
    (left_open,) = connection.execute(text("SELECT count(*) FROM rotating")).one()
    if left_open:
        yield 0, f"{left_open} rows are named as leaving, and no transaction goes on"
    expected: dict[str, Kinds] = {}
    for file, source, state, letters, changes, digest in connection.execute(
        text("SELECT file, source, state, letters, changes, digest FROM rotated")
    ):
        kinds = expected.setdefault(file, {})
        kinds[source, state] = Sum(int(letters), int(changes), int(digest, 16))
    there = {each.path.name: each for each in archives_of(place) if each.path}
    plan_id = str(connection.execute(text("SELECT plan_id FROM plan")).scalar_one())
    for name in sorted({*expected, *there}):
        kinds = expected.get(name, {})
        if name not in there:
            count = sum(each.letters for each in kinds.values())
            yield 0, f"the archive {name} with {count} letters is not beside the journal"
            continue
        try:
            with closing(open_archive(there[name])) as archive:
                if recall(archive, ARCHIVE_OF) != plan_id:
                    yield 0, f"{name} is the archive of another journal"
                    continue
                yield from _faults(_asking(connection), _asking(archive), name, kinds)
        except (DBAPIError, JournalError) as error:
            yield 0, f"the archive {name} cannot be read: {error}"


def _faults(journal: Ask, archive: Ask, name: str, expected: Kinds) -> Iterator[tuple[int, str]]:
    pending = {int(row) for (row,) in archive("SELECT row FROM pending")}
    found: Kinds = {}
    after = 0
    while page := archive(
        f"SELECT row FROM recipients WHERE row > {after} ORDER BY row LIMIT {_PAGE}"
    ):
        rows = [int(row) for (row,) in page]
        after = rows[-1]
        here = {letter.row: letter for letter in whole_letters(journal, rows)}
        alone = []
        for letter in whole_letters(archive, rows):
            if letter.row not in here:
                alone.append(letter)
            elif letter.row not in pending and here[letter.row].digest != letter.digest:
                yield letter.row, f"stands in the journal, and otherwise in {name}"
        for kind, sum_ in sums_of(alone).items():
            found[kind] = found.get(kind, Sum()) | sum_
    for kind in sorted({*expected, *found}):
        wanted, got = expected.get(kind, Sum()), found.get(kind, Sum())
        if wanted[:2] != got[:2]:
            yield (
                0,
                (
                    f"{name} has {got.letters} letters with {got.changes} changes that are"
                    f" {kind[1]}, and {wanted.letters} with {wanted.changes} have left the journal"
                ),
            )
        elif wanted != got:
            yield 0, f"letters in {name} that are {kind[1]} are not as they left the journal"


def _asking(connection: Connection) -> Ask:
    def ask(statement: str) -> Sequence[Sequence[Any]]:
        return connection.exec_driver_sql(statement).all()

    return ask
