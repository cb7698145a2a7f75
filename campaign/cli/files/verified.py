"""A verified list as a sheet: the rows as they stand in the list, and what was found of each.

In: `VerifiedRow`s.  Out: names, cells and objects for `exports`.  Touches: nothing.
"""

from __future__ import annotations

import csv
import io
from collections.abc import Callable, Iterable, Iterator, Sequence
from functools import lru_cache
from typing import Any, BinaryIO

from campaign.cli.files.exports import TIME
from campaign.clock import iso
from campaign.preflight.verify.findings import Standing, VerifiedRow

_stamp = lru_cache(maxsize=4096)(iso)  # the rows of a domain were checked together
COLUMNS = ("verdict", "reason", "suggestion", "domain_kind", "mx", "checked_at")


class VerifiedSheet:
    """Implements `WrittenTable`.

    A list that was verified before loses what was found then; any other column that is called
    like one of ours gets "list." in front.
    """

    title = "verified"
    is_list = True
    kinds = {"checked_at": TIME}  # noqa: RUF012

    def __init__(self, rows: Iterable[VerifiedRow], columns: Sequence[str]) -> None:
        self._rows = rows
        is_ours = set(COLUMNS) <= set(columns)
        kept = [at for at, name in enumerate(columns) if not (is_ours and name in COLUMNS)]
        names = [columns[at] for at in kept]
        self.names = (
            *(f"list.{name}" if name in COLUMNS else name for name in names),
            *COLUMNS,
        )
        self._kept = kept if len(kept) < len(columns) else None

    def cells(self) -> Iterator[tuple[Any, ...]]:
        kept = self._kept
        for row in self._rows:
            found = row.finding
            cells = row.cells if kept is None else tuple(row.cells[at] for at in kept)
            yield (
                *cells,
                str(found.standing),
                found.reason,
                found.suggestion,
                found.domain_kind,
                found.mx,
                _stamp(found.checked_at_s),
            )

    def objects(self) -> Iterator[dict[str, Any]]:
        for cells in self.cells():
            yield dict(zip(self.names, cells, strict=True))


class BadOnes:
    """A file of the addresses whose verdict is bad, as `suppress import` and [recipients] suppress
    take them; nothing is suppressed by it alone.

    A cell that is no address cannot be written to anyway, and is only counted.
    """

    def __init__(self, file: BinaryIO) -> None:
        self._file = file
        self.count = 0
        self.without_address = 0
        file.write(b"email,evidence\r\n")

    def take(self, row: VerifiedRow) -> None:
        if row.finding.standing is not Standing.BAD:
            return
        if not row.address:
            self.without_address += 1
            return
        self.count += 1
        line = io.StringIO()
        csv.writer(line).writerow((row.address, row.finding.reason))
        self._file.write(line.getvalue().encode("utf-8", "backslashreplace"))


def shown_to(
    rows: Iterable[VerifiedRow], look: Callable[[VerifiedRow], object]
) -> Iterator[VerifiedRow]:
    """The same rows, each shown to somebody else on its way."""
    for row in rows:
        look(row)
        yield row
