"""What a resume reads of a long list: all rows once, to count them or to look for doubt."""

from __future__ import annotations

import asyncio
import sqlite3
from collections.abc import Iterator
from contextlib import closing, contextmanager
from pathlib import Path
from typing import Any

import pytest
from sqlalchemy import event
from sqlalchemy.engine import Engine

from campaign.database.engines import open_for_reading
from campaign.database.places import locate
from campaign.journal.reading.reader import Reader
from campaign.journal.writing import totals
from campaign.records import State
from fakes.prepared.journals import URL, open_journal, planned, sending, sent

_COUNT = 6


@contextmanager
def statements() -> Iterator[list[tuple[str, Any]]]:
    """All that SQLAlchemy was given meanwhile."""
    seen: list[tuple[str, Any]] = []

    def note(_conn: Any, _cursor: Any, statement: str, values: Any, *_rest: Any) -> None:
        seen.append((statement, values))

    event.listen(Engine, "before_cursor_execute", note)
    try:
        yield seen
    finally:
        event.remove(Engine, "before_cursor_execute", note)


def scans(folder: Path, seen: list[tuple[str, Any]]) -> int:
    """How many of these statements go through all standings, by what SQLite plans."""
    found = 0
    with open_for_reading(locate(URL, folder)).connect() as connection:
        for statement, values in seen:
            if "standings" in statement or "letters" in statement:
                plan = connection.exec_driver_sql(f"EXPLAIN QUERY PLAN {statement}", values)
                found += any(line[3] in ("SCAN standings", "SCAN s") for line in plan)
    return found


def resume(folder: Path) -> list[int]:
    """The rows that were in doubt."""

    async def once() -> None:
        journal.start(asyncio.get_running_loop(), lambda error: None)

    with closing(open_journal(folder)) as journal:
        found = journal.recover_in_doubt("resend", 9.0)
        asyncio.run(once())
    return [doubt.row for doubt in found]


@pytest.mark.parametrize("quickly", [500_000, 0])
def test_a_resume_goes_through_the_list_once(
    quickly: int, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(totals, "_QUICKLY_COUNTED", quickly)
    with closing(planned(tmp_path, _COUNT)) as journal:
        journal.apply([sending(1), sent(1), sending(2), sent(2)])
    with statements() as seen:
        assert resume(tmp_path) == []
        with closing(Reader.open(URL, tmp_path)) as reader:
            assert reader.unmade() == 0
    assert scans(tmp_path, seen) == 1


def test_who_was_left_in_sending_is_found_even_where_the_sums_do_not_know_of_it(
    tmp_path: Path,
) -> None:
    with closing(planned(tmp_path, _COUNT)) as journal:
        journal.apply([sending(3)])
    with closing(sqlite3.connect(tmp_path / "state" / "journal.sqlite")) as connection:
        connection.execute("UPDATE totals SET sending = 0, planned = planned + 1")
        connection.commit()
    assert resume(tmp_path) == [3]
    with closing(Reader.open(URL, tmp_path)) as reader:
        assert (reader.counts()[State.SENDING], reader.counts()[State.DEFERRED]) == (0, 1)
