"""A letter with all the journal knows of it, as it goes into an archive and is held against it.

In: questions to either database.  Out: `WholeLetter`s; a digest of each.
Touches: the database, read-only.

Digests are added up, modulo 2^256: so the sum of an archive does not depend on the order in which
its letters came, and one more batch needs no look at those before.  A letter that is missing, twice
or different by a byte makes another sum.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Callable, Iterable, Sequence
from typing import Any, NamedTuple

from campaign.journal import schema

Ask = Callable[[str], Sequence[Sequence[Any]]]  # the rows of a statement that has no parameters

# All tables with what belongs to one letter, and their columns as they are kept.
PARTS: dict[str, tuple[str, ...]] = {
    table.name: tuple(column.name for column in table.columns)
    for table in (
        schema.recipients,
        schema.standings,
        schema.history,
        schema.snapshots,
        schema.repeats,
        schema.deadlines,
        schema.own_ids,
    )
}
_PART = {table: place for place, table in enumerate(PARTS)}
_MODULUS = 2**256


class WholeLetter(NamedTuple):
    """One row of the journal: of each of PARTS its lines, of history in their order."""

    row: int
    parts: tuple[tuple[tuple[Any, ...], ...], ...]

    @property
    def changes(self) -> int:
        """How many lines of history it has."""
        return len(self.parts[_PART["history"]])

    @property
    def last_change(self) -> int:
        return int(self._said("standings", "change") or 0)

    @property
    def state(self) -> str:
        return str(self._said("standings", "state") or "of no state")

    @property
    def source(self) -> int:
        return int(self._said("recipients", "source") or 0)

    def _said(self, table: str, column: str) -> Any:
        """Of the one line there is; None where an archive has lost it."""
        lines = self.parts[_PART[table]]
        return lines[0][PARTS[table].index(column)] if lines else None

    @property
    def digest(self) -> int:
        """SHA-256 of everything, as a number."""
        said = json.dumps(self, ensure_ascii=False, separators=(",", ":"))
        return int.from_bytes(hashlib.sha256(said.encode("utf-8", "surrogatepass")).digest())


class Sum(NamedTuple):
    """Of the letters of one source and state in one archive."""

    letters: int = 0
    changes: int = 0
    digest: int = 0

    def __or__(self, other: Sum) -> Sum:
        return Sum(
            self.letters + other.letters,
            self.changes + other.changes,
            (self.digest + other.digest) % _MODULUS,
        )

    @property
    def hexadecimal(self) -> str:
        """The digest as it is written down."""
        return f"{self.digest:064x}"


def sums_of(letters: Iterable[WholeLetter]) -> dict[tuple[int, str], Sum]:
    """By source and state."""
    sums: dict[tuple[int, str], Sum] = {}
    for letter in letters:
        kind = letter.source, letter.state
        sums[kind] = sums.get(kind, Sum()) | Sum(1, letter.changes, letter.digest)
    return sums


def whole_letters(ask: Ask, rows: Sequence[int]) -> list[WholeLetter]:
    """Those of the rows that are there, in order."""
    if not rows:
        return []
    listed = ", ".join(str(int(row)) for row in rows)
    found: dict[int, list[list[tuple[Any, ...]]]] = {}
    for at, (table, columns) in enumerate(PARTS.items()):
        named = ", ".join(f'"{column}"' for column in columns)
        order = '"change"' if table == "history" else '"row"'
        place = columns.index("row")
        asked = f'SELECT {named} FROM {table} WHERE "row" IN ({listed}) ORDER BY {order}'
        for line in ask(asked):
            row = int(line[place])
            if row not in found:
                found[row] = [[] for _ in PARTS]
            found[row][at].append(tuple(line))
    return [
        WholeLetter(row, tuple(tuple(part) for part in parts))
        for row, parts in sorted(found.items())
    ]
