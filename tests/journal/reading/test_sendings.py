"""A quota of a day reads the last two days of the history, and not what is older."""

from __future__ import annotations

from contextlib import closing
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st
from sqlalchemy import create_engine, text

from campaign.database.engines import open_for_reading
from campaign.database.places import locate
from campaign.journal.reading.reader import Reader
from campaign.journal.reading.sendings import first_change, sendings_since
from campaign.records import Change, State
from conftest import NO_SERVER
from fakes.prepared.journals import URL, open_journal, people, plan_into
from fakes.servers.postgresql import DatabaseServer

_DAY_S = 86400.0
_NOW_S = 1_800_000_000.0


@pytest.fixture(params=["sqlite", pytest.param("postgresql", marks=NO_SERVER)])
def url(request: pytest.FixtureRequest) -> str:
    if request.param == "sqlite":
        return URL
    server: DatabaseServer = request.getfixturevalue("database")
    return server.new_database()


def journal_with(url: str, folder: Path, days_ago: list[float]) -> None:
    """Letters handed over in this order."""
    with closing(open_journal(folder, url=url, create=True)) as journal:
        plan_into(journal, people(len(days_ago)))
        journal.apply(
            Change(row, State.SENDING, _NOW_S - days * _DAY_S, 0, 1, 0, relay="relay")
            for row, days in enumerate(days_ago, 1)
        )


def test_only_what_is_younger_than_two_days_is_read_for_a_day(url: str, tmp_path: Path) -> None:
    journal_with(url, tmp_path, [9.0, 8.0, 7.0, 1.5, 0.9, 0.5, 0.1])
    with closing(Reader.open(url, tmp_path)) as reader:
        assert sum(count for _, count in reader.sendings_since(_NOW_S - _DAY_S)) == 3
    with open_for_reading(locate(url, tmp_path)).connect() as connection:
        asked = text("SELECT min(change) FROM history WHERE row = 4")
        fourth = connection.execute(asked).scalar_one()
        found = first_change(connection, _NOW_S - 2 * _DAY_S)
        assert found <= fourth
        asked = text("SELECT count(*) FROM history WHERE change >= :found")
        assert connection.execute(asked, {"found": found}).scalar_one() == 4


def test_a_clock_that_was_set_back_by_less_than_a_day_hides_no_letter_from_a_quota(
    url: str, tmp_path: Path
) -> None:
    journal_with(url, tmp_path, [9.0, 8.0, 0.9, 0.5, *[1.6] * 20, 0.4, 0.1])
    with closing(Reader.open(url, tmp_path)) as reader:
        assert sum(count for _, count in reader.sendings_since(_NOW_S - _DAY_S)) == 4


def test_an_empty_history_has_nothing(url: str, tmp_path: Path) -> None:
    open_journal(tmp_path, url=url, create=True).close()
    with open_for_reading(locate(url, tmp_path)).connect() as connection:
        assert first_change(connection, 1.0) == 0
        assert not sendings_since(connection, 1.0, relay="", source="", domains=())


@given(st.lists(st.tuples(st.integers(1, 5), st.integers(0, 3))), st.integers(-1, 100))
def test_halving_finds_the_first_line_that_is_young_enough(
    steps: list[tuple[int, int]], at: int
) -> None:
    lines: list[tuple[int, int]] = []
    change = time = 0
    for gap, later in steps:
        change, time = change + gap, time + later
        lines.append((change, time))
    with create_engine("sqlite://").connect() as connection:
        connection.execute(text("CREATE TABLE history (change INTEGER PRIMARY KEY, at DOUBLE)"))
        for line in lines:
            asked = text("INSERT INTO history VALUES (:change, :at)")
            connection.execute(asked, {"change": line[0], "at": line[1]})
        found = first_change(connection, float(at))
    assert [line for line in lines if line[0] >= found] == [line for line in lines if line[1] >= at]


def test_a_file_is_searched_by_its_numbers(tmp_path: Path) -> None:
    journal_with(URL, tmp_path, [3.0, 0.1])
    with open_for_reading(locate(URL, tmp_path)).connect() as connection:
        seen: list[str] = []
        driver = connection.connection.driver_connection
        assert driver is not None
        driver.set_trace_callback(seen.append)
        sendings_since(connection, _NOW_S - _DAY_S, relay="", source="", domains=())
        driver.set_trace_callback(None)
        for statement in seen:
            plan = [line[3] for line in driver.execute(f"EXPLAIN QUERY PLAN {statement}")]
            assert not [step for step in plan if step == "SCAN history"], plan
        assert len(seen) == 2
