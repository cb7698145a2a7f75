"""Many lines of history as one parameter for each column, for a server.

In: values, line after line.  Out: one INSERT, or one statement for a whole commit.
Touches: the database, in the caller's transaction.

A sign for each single value costs twice with PostgreSQL's driver: the statement is long, so it is
taken apart anew each time, and each value is looked at for its type.  As arrays, written out as the
server reads them (postgresql.org/docs/current/arrays.html, 8.15.6), a letter costs a third of that.
"""

from __future__ import annotations

from collections.abc import Sequence

from campaign.database.sql import BigInteger, DBAPICursor, Double, Integer
from campaign.journal.schema import history
from campaign.records import State


class ColumnInsertion:
    """INSERTs of lines that say the same fields; `state` where it is that of all."""

    def __init__(self, fields: Sequence[str], state: State | None) -> None:
        types = [_type_of(field) for field in fields]
        self._width = len(fields)
        self._are_text = [each == "text" for each in types]
        names = ", ".join(f'"{field}"' for field in fields)
        arrays = ", ".join(f"%s::{each}[]" for each in types)
        if state is None:
            self.statement = f"INSERT INTO history ({names}) SELECT * FROM unnest({arrays})"
        else:
            self.statement = (
                f"INSERT INTO history ({names}, state) SELECT *, '{state}' FROM unnest({arrays})"
            )

    def execute(self, cursor: DBAPICursor, values: list[object]) -> None:
        """One statement, or none."""
        if values:
            cursor.execute(self.statement, self.columns(values))

    def columns(self, values: list[object]) -> list[object]:
        """The parameters of the statement."""
        if not values:
            return ["{}"] * self._width
        return [
            _texts(values[place :: self._width])
            if is_text
            else f"{{{','.join(map(str, values[place :: self._width]))}}}"
            for place, is_text in enumerate(self._are_text)
        ]


class WholeCommit:
    """One statement for all that a commit of a run says: a transaction by itself, so that a server
    is sent it, and waited for, once."""

    def __init__(self, insertions: Sequence[ColumnInsertion], moved: str) -> None:
        """`moved`: the statement that changes the sums."""
        parts = [f"part{n} AS ({each.statement})" for n, each in enumerate(insertions)]
        self._insertions = insertions
        self._statement = f"WITH {', '.join(parts)} {moved}"

    def execute(
        self, cursor: DBAPICursor, values: Sequence[list[object]], moves: list[int]
    ) -> None:
        """`values`: those of each insertion."""
        signs: list[object] = []
        for insertion, each in zip(self._insertions, values, strict=True):
            signs += insertion.columns(each)
        cursor.execute(self._statement, [*signs, *moves])


def _texts(values: list[object]) -> str:
    """An array of texts; each is quoted, so that none is taken for NULL."""
    joined = "\x00".join([str(value) for value in values])
    if joined.count("\x00") >= len(values):
        raise ValueError("a text of PostgreSQL cannot hold a NUL")
    escaped = joined.replace("\\", "\\\\").replace('"', '\\"')
    return '{"' + escaped.replace("\x00", '","') + '"}'


def _type_of(field: str) -> str:
    kind = history.c[field].type
    if isinstance(kind, BigInteger):
        return "bigint"
    if isinstance(kind, Integer):
        return "integer"
    return "double precision" if isinstance(kind, Double) else "text"
