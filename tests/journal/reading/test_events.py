"""What came back is durable, known once, and told of beside a run."""

from __future__ import annotations

import sqlite3
import subprocess
import sys
import threading
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path

import pytest

from campaign.errors import JournalError, NoPlanError
from campaign.journal.reading.returned.events import (
    CameBack,
    came_back,
    count_events,
    events,
    events_since,
    last_event,
)
from campaign.journal.writing.events import add_events
from campaign.outcomes import Event
from fakes.prepared.journals import (
    RECORD,
    URL,
    open_journal,
    people,
    plan_into,
    planned,
    run,
    sending,
    sent,
)
from fakes.servers.postgresql import DatabaseServer


def event(n: int, kind: str = "bounced", *, row: int = 1, at: float = 5.0) -> Event:
    said = ("recipient-gone", "550 5.1.1 gone", "Maildir", "<x@example.com>")
    return Event(f"digest-{n}", row, at, kind, *said)


@pytest.fixture(scope="module")
def server_url(database: DatabaseServer) -> str:
    return database.new_database()


@pytest.fixture(params=["sqlite", "postgresql"])
def url(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[str]:
    if request.param == "sqlite":
        planned(tmp_path, 3).close()
        yield URL
        return
    there = request.getfixturevalue("server_url")
    journal = open_journal(tmp_path, url=there, create=True)
    if journal.is_planned:
        journal._connection.exec_driver_sql("DELETE FROM events")
        journal._connection.commit()
    else:
        plan_into(journal, people(3))
    journal.close()
    yield there


def test_an_event_counts_once_however_often_it_is_told(url: str, tmp_path: Path) -> None:
    assert add_events(url, tmp_path, [event(1), event(2), event(1)]) == 2
    assert add_events(url, tmp_path, [event(2), event(3, "complained")]) == 1
    assert add_events(url, tmp_path, []) == 0
    assert count_events(url, tmp_path) == {"bounced": 2, "complained": 1}


def test_events_come_back_as_they_were_oldest_first(url: str, tmp_path: Path) -> None:
    told = [event(n, row=1 + n % 3, at=float(n % 7)) for n in range(50)]
    add_events(url, tmp_path, told)
    assert list(events(url, tmp_path)) == sorted(told, key=lambda each: (each.at, each.digest))
    assert {each.row for each in events(url, tmp_path, row=2)} == {2}
    assert list(events(url, tmp_path, kind="replied")) == []


def test_events_are_followed_in_the_order_they_were_told(url: str, tmp_path: Path) -> None:
    before = last_event(url, tmp_path)
    add_events(url, tmp_path, [event(1, at=9.0), event(2, at=4.0)])
    first = events_since(url, tmp_path, before, 10)
    assert [told.digest for _, told in first] == ["digest-1", "digest-2"]
    add_events(url, tmp_path, [event(2, at=4.0), event(3, at=1.0)])
    behind = events_since(url, tmp_path, first[-1][0], 10)
    assert [told.digest for _, told in behind] == ["digest-3"]
    assert events_since(url, tmp_path, before, 1) == first[:1]
    assert last_event(url, tmp_path) == behind[-1][0]


def test_pages_of_events_leave_nobody_out(
    url: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("campaign.journal.reading.returned.events._PAGE", 7)
    add_events(url, tmp_path, [event(n, at=float(n % 2)) for n in range(30)])
    assert len(list(events(url, tmp_path))) == 30


def test_what_came_back_is_told_by_recipient(url: str, tmp_path: Path) -> None:
    add_events(
        url,
        tmp_path,
        [
            event(1, row=1, at=9.0)._replace(class_="full"),
            event(2, row=1, at=7.0),
            event(3, "complained", row=2, at=8.0),
            event(4, "unsubscribed", row=2, at=6.0),
            event(5, "opened", row=3),
        ],
    )
    assert came_back(url, tmp_path) == {
        1: CameBack(bounced_at=7.0, bounce_class="recipient-gone"),
        2: CameBack(complained_at=8.0, unsubscribed_at=6.0),
    }


def test_a_journal_of_which_nothing_came_back_has_no_events(url: str, tmp_path: Path) -> None:
    assert count_events(url, tmp_path) == {}
    assert came_back(url, tmp_path) == {}


def test_events_are_taken_in_beside_a_run(tmp_path: Path) -> None:
    def come_back() -> None:
        assert add_events(URL, tmp_path, [event(1)]) == 1

    durable, failures = run(planned(tmp_path, 1), [sending(1)], meanwhile=come_back, then=[sent(1)])
    assert (durable, failures) == ([1, 1], [])
    assert count_events(URL, tmp_path) == {"bounced": 1}


def test_two_that_tell_at_once_lose_nothing(tmp_path: Path) -> None:
    planned(tmp_path, 1).close()
    counts: list[int] = []

    def tell(first: int) -> None:
        for n in range(first, first + 10):
            counts.append(add_events(URL, tmp_path, [event(n), event(1000 + n % 10)]))

    threads = [threading.Thread(target=tell, args=(start,)) for start in (0, 100)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert sum(counts) == 30
    assert count_events(URL, tmp_path) == {"bounced": 30}


def test_half_of_a_batch_is_none_of_it(tmp_path: Path) -> None:
    planned(tmp_path, 1).close()

    def breaks_off() -> Iterator[Event]:
        yield event(1)
        raise KeyError

    with pytest.raises(KeyError):
        add_events(URL, tmp_path, breaks_off())
    assert count_events(URL, tmp_path) == {}


def test_whoever_is_killed_while_telling_leaves_what_was_there(tmp_path: Path) -> None:
    planned(tmp_path, 1).close()
    add_events(URL, tmp_path, [event(1)])
    code = f"""
import os, sqlite3
there = sqlite3.connect({str(tmp_path / "state/journal.sqlite.events")!r}, isolation_level=None)
there.execute("PRAGMA cache_size = 1")
there.execute("BEGIN IMMEDIATE")
for n in range(3000):
    there.execute(
        "INSERT INTO events VALUES (NULL, ?, 1, 1, '', '', 'much' || ?, '', '')", (n, "x" * 99)
    )
os._exit(9)
"""
    assert subprocess.run([sys.executable, "-c", code], check=False, timeout=60).returncode == 9
    assert (tmp_path / "state/journal.sqlite.events-journal").exists()
    assert count_events(URL, tmp_path) == {"bounced": 1}


def test_events_of_another_plan_are_not_mixed_in(tmp_path: Path) -> None:
    planned(tmp_path, 1).close()
    add_events(URL, tmp_path, [event(1)])
    with closing(sqlite3.connect(tmp_path / "state/journal.sqlite.events")) as there:
        there.execute("UPDATE about SET plan_id = 'other'")
        there.commit()
    with pytest.raises(JournalError, match="another plan"):
        add_events(URL, tmp_path, [event(2)])


def test_without_a_plan_there_is_nothing_to_come_back(tmp_path: Path) -> None:
    with closing(open_journal(tmp_path, create=True)), pytest.raises(NoPlanError):
        add_events(URL, tmp_path, [event(1)])
    assert RECORD.plan_id


def test_a_rehearsal_that_is_forgotten_takes_its_events_along(tmp_path: Path) -> None:
    planned(tmp_path, 1).close()
    add_events(URL, tmp_path, [event(1)])
    open_journal(tmp_path).forget()
    assert [file.name for file in (tmp_path / "state").iterdir()] == ["journal.sqlite.lock"]
