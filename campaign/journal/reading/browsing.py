"""Looking around in a plan: pages of recipients, search, one recipient with all that is known.

In: what is looked for.  Out: short lists.  Touches: the database, read-only.

Nothing here reads a whole table in one statement.  A search goes through the list a stretch at a
time until it has a page full or its time is over, and says how far it came, so that the next
question goes on from there: a million recipients answer as quickly as ten.
"""

from __future__ import annotations

import json
from collections.abc import Collection, Sequence
from typing import Any, NamedTuple

from campaign.clock import Clock
from campaign.journal.reading.claiming import ClaimReader
from campaign.journal.schema import REPEAT, REPEATS
from campaign.records import Job, State

_LAST_ROW = (1 << 63) - 1
_STRETCH = 20_000  # rows looked through in one statement
_LISTED = (
    "SELECT r.row, r.source, r.address, r.domain, r.data, l.state, h.reason FROM recipients r"
    " JOIN standings l ON l.row = r.row LEFT JOIN history h ON h.change = l.change"
)


class Wanted(NamedTuple):
    """What a list is narrowed to; "" is everything."""

    text: str = ""  # anywhere in the address or the cells
    state: str = ""
    domain: str = ""
    rows: tuple[int, ...] | None = None  # only these, ascending
    reason: str = ""  # what the reason begins with: "render", "duplicate"


class Listed(NamedTuple):
    """One line of a list."""

    row: int
    source: int
    address: str
    domain: str
    cells: tuple[str, ...]
    state: str
    reason: str


class Page(NamedTuple):
    """A part of a list."""

    lines: list[Listed]
    looked_to: int  # the last row that was looked at: the next page begins behind it
    is_end: bool  # there is nothing behind it


class RecipientStanding(NamedTuple):
    """One recipient with all that is known."""

    row: int
    source: int
    line: int
    address: str
    key: str
    domain: str
    data: str
    state: str
    reason: str
    attempts: int
    reply: str
    code: int
    due: float
    repeat: str
    date_s: float

    @property
    def cells(self) -> tuple[str, ...]:
        return tuple(json.loads(self.data))

    @property
    def job(self) -> Job:
        """What a render worker takes."""
        return Job(
            self.row,
            self.source,
            self.address,
            self.key,
            self.data,
            repeat=self.repeat,
            date_s=self.date_s,
        )


class Browser(ClaimReader):
    """A ClaimReader for people who look around."""

    def last_row(self) -> int:
        """The highest row number, which is how many rows there are."""
        return int(self._all("SELECT max(row) FROM standings")[0][0] or 0)

    def standing(self, row: int) -> RecipientStanding | None:
        """One recipient; None where there is no such row."""
        if row > _LAST_ROW:  # more than a database counts to
            return None
        found = self._all(
            "SELECT r.row, r.source, r.line, r.address, r.key, r.domain, r.data, l.state,"
            " coalesce(h.reason, ''), l.attempts, coalesce(a.reply, ''), coalesce(a.code, 0),"
            f" l.due, {REPEAT}, l.date_s FROM recipients r JOIN standings l ON l.row = r.row"
            f" {REPEATS}"
            " LEFT JOIN history h ON h.change = l.change LEFT JOIN history a ON a.change = l.answer"
            " WHERE r.row = :row",
            row=row,
        )
        return RecipientStanding(*found[0]) if found else None

    def jobs(self, rows: Collection[int]) -> list[Job]:
        """Those of the rows that have an address to write to, whatever became of them."""
        listed = ", ".join(str(int(row)) for row in rows) or "0"
        found = self._all(
            f"SELECT r.row, r.source, r.address, r.key, r.data, '', {REPEAT}, '', s.date_s"
            f" FROM recipients r JOIN standings s ON s.row = r.row {REPEATS}"
            f" WHERE r.row IN ({listed}) AND r.key <> '' ORDER BY r.row"
        )
        return [Job(*row) for row in found]

    def page(
        self, wanted: Wanted, after: int, limit: int, *, clock: Clock, budget_s: float
    ) -> Page:
        """Up to `limit` recipients behind row `after`.

        The search ends with a page full, at the end of the list, or when `budget_s` is over.
        """
        if wanted.rows is not None:
            return self._chosen(wanted, after, limit)
        last, until_s = self.last_row(), clock.tick_s() + budget_s
        conditions, values = self._conditions(wanted)
        lines: list[Listed] = []
        stretch = limit if not conditions else _STRETCH
        at = after
        while at < last and len(lines) < limit and (at == after or clock.tick_s() < until_s):
            upto = min(last, at + stretch)
            found = self._all(
                f"{_LISTED} WHERE r.row > :at AND r.row <= :upto{conditions}"
                " ORDER BY r.row LIMIT :limit",
                at=at,
                upto=upto,
                limit=limit - len(lines),
                **values,
            )
            lines += map(_listed, found)
            at = lines[-1].row if len(lines) == limit else upto
        return Page(lines, at, at >= last)

    def starting_with(self, text: str, limit: int) -> list[Listed]:
        """Recipients whose address begins so, by the index: at once, wherever they stand."""
        start = text.strip().lower()
        if not start:
            return []
        found = self._all(
            f"{_LISTED} WHERE r.key >= :start AND r.key < :end ORDER BY r.key LIMIT :limit",
            start=start,
            end=start + "\U0010ffff",
            limit=limit,
        )
        return [_listed(row) for row in found]

    def _chosen(self, wanted: Wanted, after: int, limit: int) -> Page:
        assert wanted.rows is not None
        rest = [row for row in wanted.rows if row > after]
        lines: list[Listed] = []
        conditions, values = self._conditions(wanted)
        while rest and len(lines) < limit:
            part, rest = rest[:500], rest[500:]
            listed = ", ".join(map(str, part))
            found = self._all(
                f"{_LISTED} WHERE r.row IN ({listed}){conditions} ORDER BY r.row", **values
            )
            lines += map(_listed, found)
        is_end = not rest and len(lines) <= limit
        lines = lines[:limit]
        return Page(lines, lines[-1].row if lines else after, is_end)

    def _conditions(self, wanted: Wanted) -> tuple[str, dict[str, object]]:
        conditions, values = "", {}
        if wanted.text:
            like = "ILIKE" if self._place.dialect == "postgresql" else "LIKE"
            # Cells are kept as JSON, so a quote that is looked for stands there as \".
            conditions += (
                f" AND (r.address {like} :text ESCAPE '!' OR r.data {like} :cell ESCAPE '!')"
            )
            values["text"] = _pattern(wanted.text)
            values["cell"] = _pattern(json.dumps(wanted.text, ensure_ascii=False)[1:-1])
        if wanted.state:
            conditions += " AND l.state = :state"
            values["state"] = State(wanted.state).value
        if wanted.domain:
            conditions += " AND r.domain = :domain"
            values["domain"] = wanted.domain
        if wanted.reason:
            conditions += " AND h.reason LIKE :reason ESCAPE '!'"
            values["reason"] = _pattern(wanted.reason)[1:]
        return conditions, dict(values)


def _pattern(text: str) -> str:
    escaped = text.replace("!", "!!").replace("%", "!%").replace("_", "!_")
    return f"%{escaped}%"


def _listed(found: Sequence[Any]) -> Listed:
    row, source, address, domain, data, state, reason = found
    return Listed(row, source, address, domain, tuple(json.loads(data)), state, reason or "")
