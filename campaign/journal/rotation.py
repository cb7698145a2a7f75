"""Journals of an open campaign that were laid aside, each under the day it was.

In: where the journal is.  Out: where the older ones are.  Touches: the journal's folder.

`journal.sqlite` is the one that is written to.  When it is old enough, the run closes it, makes a
new one that carries over what is not settled, and keeps the old one as
`journal-20261128T024500Z.sqlite`.  Rows are numbered through all of them.
"""

from __future__ import annotations

import re
import sqlite3
from contextlib import closing
from pathlib import Path

from campaign.config.reading import Whereabouts
from campaign.database.places import locate

_STAMP = re.compile(r"-\d{8}T\d{6}Z$")


def laid_aside(where: Whereabouts) -> list[Whereabouts]:
    """The older journals, oldest first; none on a server."""
    place = locate(*where)
    if place.path is None:
        return []
    stem, suffix = place.path.stem, place.path.suffix
    found = [
        path
        for path in place.path.parent.glob(f"{stem}-*{suffix}")
        if _STAMP.search(path.stem) and _STAMP.sub("", path.stem) == stem
    ]
    return [Whereabouts(f"sqlite:///{path}", where.folder) for path in sorted(found)]


def journal_of_row(where: Whereabouts, row: int) -> Whereabouts:
    """The journal that has a row: the present one, or the latest older one that had it."""
    for each in [where, *reversed(laid_aside(where))]:
        path = locate(*each).path
        if path is None or _has_row(path, row):
            return each
    return where


def _has_row(path: Path, row: int) -> bool:
    with closing(sqlite3.connect(f"{path.as_uri()}?mode=ro", uri=True)) as connection:
        found = connection.execute("SELECT 1 FROM recipients WHERE row = ?", (row,)).fetchone()
    return found is not None
