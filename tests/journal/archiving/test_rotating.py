"""Letters that were settled long ago leave the journal for archives, and nothing else does."""

from __future__ import annotations

import sqlite3
from contextlib import closing
from pathlib import Path

import pytest

from campaign.errors import JournalError
from campaign.journal.archiving.archivist import Archivist
from campaign.journal.reading.auditing.audit import audit
from campaign.journal.reading.glance import glance
from campaign.journal.reading.reader import Reader
from campaign.journal.store import Journal
from campaign.journal.writing.departing import ArchiveShare, Departure
from campaign.journal.writing.writer import Writer
from campaign.records import State
from fakes.prepared.journals import URL, open_journal
from fakes.prepared.rotating import (
    BEGIN_S,
    DAY_S,
    EVERYBODY,
    everything,
    in_archives,
    in_journal,
    open_plan,
    rotate,
    settle,
    write,
)
from fakes.servers.postgresql import DatabaseServer

ALL = [
    State.SENT,
    State.FAILED,
    State.EXPIRED,
    State.CANCELLED,
    State.HELD,
    State.SENDING,
    State.PLANNED,
    State.SENT,
]


@pytest.fixture(params=["file", "server"])
def url(request: pytest.FixtureRequest) -> str:
    if request.param == "file":
        return URL
    database: DatabaseServer = request.getfixturevalue("database")
    return database.new_database()


def _letters(folder: Path, url: str, states: list[State], **also: float) -> None:
    with closing(open_plan(folder, url=url)) as journal:
        settle(journal, states, at_s=BEGIN_S, **also)  # type: ignore[arg-type]


def _audited(folder: Path, url: str = URL) -> None:
    found = audit(url, folder)
    assert found.is_clean, [check for check in found.checks if check.findings]


def test_who_is_settled_for_good_leaves_and_everything_is_still_there(
    tmp_path: Path, url: str
) -> None:
    _letters(tmp_path, url, ALL)
    before = in_journal(tmp_path, url)
    with closing(glance(url, tmp_path)) as seen:
        counts = seen.counts()
    assert rotate(tmp_path, before_s=BEGIN_S + DAY_S, url=url) == 4
    assert sorted(in_journal(tmp_path, url)) == [5, 6, 7, 8]  # unsettled, and the last
    ((file, there),) = in_archives(tmp_path, url).items()
    assert file.endswith(".2027-01")
    assert sorted(there) == [1, 2, 3, 4]
    assert everything(tmp_path, url) == before
    with closing(glance(url, tmp_path)) as seen:
        assert seen.counts() == counts
        assert seen.taken().last == 8
    _audited(tmp_path, url)
    assert rotate(tmp_path, before_s=BEGIN_S + DAY_S, url=url) == 0


def test_nobody_leaves_who_was_settled_since(tmp_path: Path, url: str) -> None:
    _letters(tmp_path, url, [State.SENT] * 4)
    with closing(open_journal(tmp_path, url=url)) as journal:
        settle(journal, [State.SENT] * 4, first=5, at_s=BEGIN_S + 10 * DAY_S)
    assert rotate(tmp_path, before_s=BEGIN_S + 5 * DAY_S, url=url) == 4
    assert sorted(in_journal(tmp_path, url)) == [5, 6, 7, 8]
    _audited(tmp_path, url)


def test_letters_go_to_the_month_in_which_they_were_settled(tmp_path: Path, url: str) -> None:
    with closing(open_plan(tmp_path, url=url)) as journal:
        settle(journal, [State.SENT] * 3, at_s=BEGIN_S)
    with closing(open_journal(tmp_path, url=url)) as journal:
        settle(journal, [State.SENT] * 3, first=4, at_s=BEGIN_S + 30 * DAY_S)
    rotate(tmp_path, before_s=BEGIN_S + 60 * DAY_S, url=url)
    found = {name[-7:]: sorted(letters) for name, letters in in_archives(tmp_path, url).items()}
    assert found == {"2027-01": [1, 2, 3], "2027-02": [4, 5]}
    _audited(tmp_path, url)


def test_nobody_leaves_by_a_change_that_a_follower_has_not_seen(tmp_path: Path) -> None:
    _letters(tmp_path, URL, [State.EXPIRED] * 5)
    assert rotate(tmp_path, before_s=BEGIN_S + DAY_S, seen=2) == 2
    assert sorted(in_journal(tmp_path)) == [3, 4, 5]


def test_numbers_go_on_behind_the_last_when_all_others_have_left(tmp_path: Path, url: str) -> None:
    _letters(tmp_path, url, [State.SENT] * 9)
    with closing(Reader.open(url, tmp_path)) as reader:
        change = reader.latest_change()[0]
    assert rotate(tmp_path, before_s=BEGIN_S + DAY_S, url=url) == 8
    with closing(open_journal(tmp_path, url=url)) as journal:
        settle(journal, [State.EXPIRED], first=10, at_s=BEGIN_S + 2 * DAY_S)
    with closing(Reader.open(url, tmp_path)) as reader:
        assert reader.taken().last == 10
        assert reader.latest_change()[0] > change
    _audited(tmp_path, url)


def test_what_a_kill_left_in_both_counts_once_and_goes_to_the_archive_later(
    tmp_path: Path, url: str
) -> None:
    """Once before the journal had let go, once before the archive was told that it had."""
    _letters(tmp_path, url, [State.SENT] * 6)
    before = in_journal(tmp_path, url)
    with closing(Archivist.open(url, tmp_path)) as archivist:
        archivist.begin()
        archivist.next(BEGIN_S + DAY_S, EVERYBODY)
    _audited(tmp_path, url)
    assert everything(tmp_path, url) == before

    async def let_go_and_die(writer: Writer) -> None:
        with closing(Archivist.open(url, tmp_path)) as archivist:
            archivist.begin()
            departure = archivist.next(BEGIN_S + DAY_S, EVERYBODY)
            assert departure is not None
            await writer.let_go(departure)

    with closing(open_journal(tmp_path, url=url)) as journal:
        journal.make_ready_to_rotate()
        write(journal, let_go_and_die)
    _audited(tmp_path, url)
    assert rotate(tmp_path, before_s=BEGIN_S + DAY_S, url=url) == 0
    assert everything(tmp_path, url) == before
    assert sorted(in_journal(tmp_path, url)) == [6]


def test_a_letter_put_back_after_a_kill_goes_with_what_became_of_it_then(tmp_path: Path) -> None:
    _letters(tmp_path, URL, [State.FAILED, State.FAILED, State.SENT])
    with closing(Archivist.open(URL, tmp_path)) as archivist:
        archivist.begin()
        archivist.next(BEGIN_S + DAY_S, EVERYBODY)
    with closing(open_journal(tmp_path)) as journal:
        assert journal.put_back([State.FAILED], BEGIN_S + DAY_S) == 2
    _audited(tmp_path)
    rotate(tmp_path, before_s=BEGIN_S + 2 * DAY_S)
    assert sorted(in_journal(tmp_path)) == [1, 2, 3]
    assert not any(in_archives(tmp_path).values())
    _audited(tmp_path)


@pytest.mark.parametrize("row", [5, 6, 7, 8])
def test_the_journal_lets_nobody_go_who_is_not_settled_for_good(
    tmp_path: Path, url: str, row: int
) -> None:
    _letters(tmp_path, url, ALL)
    with closing(Reader.open(url, tmp_path)) as reader:
        ((change,),) = reader.ask("SELECT change FROM standings WHERE row = :row", row=row)
    _refused(tmp_path, url, (row, change))


def test_the_journal_lets_nobody_go_who_changed_since(tmp_path: Path, url: str) -> None:
    _letters(tmp_path, url, ALL)
    _refused(tmp_path, url, (1, 1))


def _refused(folder: Path, url: str, row: tuple[int, int]) -> None:
    before = in_journal(folder, url)
    failures: list[JournalError] = []

    async def work(writer: Writer) -> None:
        with pytest.raises(JournalError, match="not settled for good"):
            await writer.let_go(Departure([row], []))
        failures.append(writer.failure)  # type: ignore[arg-type]

    with closing(open_journal(folder, url=url)) as journal:
        write_and_fail(journal, work)
    assert failures
    assert in_journal(folder, url) == before


def write_and_fail(journal: Journal, work: object) -> None:
    import asyncio

    async def run() -> None:
        writer = journal.start(asyncio.get_running_loop(), lambda error: None)
        await work(writer)  # type: ignore[operator]

    asyncio.run(run())


@pytest.mark.parametrize(
    "statement",
    [
        "DELETE FROM history WHERE row = 1",
        "DELETE FROM standings WHERE row = 1",
        "DELETE FROM recipients WHERE row = 1",
        "INSERT INTO rotating VALUES (7, 0)",
        "INSERT INTO rotating VALUES (1, 2); UPDATE rotating SET row = 7",
        "DELETE FROM rotated",
        "UPDATE rotated SET letters = letters - 1",
    ],
)
def test_the_guards_stand(tmp_path: Path, statement: str) -> None:
    _letters(tmp_path, URL, ALL)
    with closing(sqlite3.connect(tmp_path / "state/journal.sqlite")) as there:
        there.execute("INSERT INTO rotated VALUES ('x', 0, 'sent', 1, 2, '00')")
        there.commit()
        with pytest.raises(sqlite3.IntegrityError):
            there.executescript(f"BEGIN; {statement}")


def test_an_archive_of_another_journal_is_refused(tmp_path: Path) -> None:
    _letters(tmp_path, URL, ALL)
    rotate(tmp_path, before_s=BEGIN_S + DAY_S)
    archive = tmp_path / "state/journal.sqlite.2027-01"
    with closing(sqlite3.connect(archive)) as there:
        there.execute("UPDATE meta SET value = 'other' WHERE name = 'archive_of'")
        there.commit()
    with pytest.raises(JournalError, match="archive of another journal"):
        rotate(tmp_path, before_s=BEGIN_S + DAY_S)


def test_a_share_is_added_to_what_has_left_before() -> None:
    from campaign.journal.archiving.letters import Sum

    one = ArchiveShare("journal.sqlite.2027-01", 0, "sent", Sum(2, 4, 2**256 - 1))
    assert (one.sum | Sum(1, 2, 2)) == Sum(3, 6, 1)
    assert int(one.sum.hexadecimal, 16) == one.sum.digest


def test_the_disk_gets_its_room_back(tmp_path: Path) -> None:
    with closing(open_plan(tmp_path)) as journal:
        settle(journal, [State.EXPIRED] * 3_000, at_s=BEGIN_S)
    file = tmp_path / "state/journal.sqlite"
    import campaign.journal.writing.departing as departing

    kept, departing.KEPT_PAGES = departing.KEPT_PAGES, 8
    try:
        before = file.stat().st_size
        assert rotate(tmp_path, before_s=BEGIN_S + DAY_S) == 2_999
        open_journal(tmp_path).close()
        assert file.stat().st_size < before / 4
    finally:
        departing.KEPT_PAGES = kept
    _audited(tmp_path)
