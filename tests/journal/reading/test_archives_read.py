"""Whoever asks the journal of an open campaign is told of letters in archives as well."""

from __future__ import annotations

import sqlite3
from collections import Counter
from collections.abc import Callable, Iterator
from contextlib import closing
from pathlib import Path

import pytest

from campaign.database.places import Place
from campaign.database.sql import Connection
from campaign.journal.reading.auditing import checks
from campaign.journal.reading.auditing.audit import audit
from campaign.journal.reading.browsing import Browser
from campaign.journal.reading.candidates import candidates
from campaign.journal.reading.glance import glance
from campaign.journal.reading.reader import Reader
from campaign.journal.reading.returned.letters import LetterBook
from campaign.journal.reading.returned.people import people
from campaign.journal.reading.since import DIGESTED, recipient_of
from campaign.journal.reading.tallies import Tallies
from campaign.records import State
from fakes.prepared.journals import URL, open_journal
from fakes.prepared.rotating import BEGIN_S, DAY_S, in_archives, open_plan, rotate, settle

MONTH_S = 31 * DAY_S
OF_A_MONTH = [State.SENT, State.FAILED, State.SENT, State.EXPIRED, State.SENT, State.HELD] * 3
FIRST = 3 * len(OF_A_MONTH)  # letters of three months


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """Three months of letters."""
    open_plan(tmp_path).close()
    for month in range(3):
        with closing(open_journal(tmp_path)) as journal:
            first = 1 + month * len(OF_A_MONTH)
            settle(journal, OF_A_MONTH, first=first, at_s=BEGIN_S + month * MONTH_S)
    return tmp_path


def _rotate(folder: Path) -> None:
    assert rotate(folder, before_s=BEGIN_S + 2 * MONTH_S) == 2 * 15
    assert len(in_archives(folder)) == 2


ASKED: dict[str, Callable[[Tallies], object]] = {
    "results": lambda tallies: list(tallies.results()),
    "results of one state": lambda tallies: list(tallies.results(State.FAILED)),
    "how many stand where": lambda tallies: tallies.counts(),
    "how many there are": lambda tallies: tallies.total(),
    "templates": lambda tallies: tallies.by_template(),
    "hours": lambda tallies: tallies.by_hour(0.0),
    "providers": lambda tallies: tallies.providers(9),
    "troubles": lambda tallies: sorted(tallies.troubles()),
    "answers": lambda tallies: sorted(tallies.answers("recipient-gone")),
    "times": lambda tallies: tallies.times(State.SENT, 60.0),
    "span": lambda tallies: tallies.sending_span(),
    "waits": lambda tallies: tallies.waits(BEGIN_S, [DAY_S, 2 * MONTH_S]),
    "the history of one": lambda tallies: tallies.history(3),
    "how one stands": lambda tallies: tallies.how_it_stands(4),
    "addresses": lambda tallies: tallies.addresses_of([1, 30, FIRST]),
    "the last that was taken": lambda tallies: tallies.taken().last,
}


@pytest.mark.parametrize("asked", ASKED.values(), ids=ASKED.keys())
def test_the_answer_is_the_same_before_and_after_letters_left(
    folder: Path, asked: Callable[[Tallies], object]
) -> None:
    answers = []
    for _ in range(2):
        with closing(Tallies.open(URL, folder)) as tallies:
            answers.append(asked(tallies))
        if len(answers) == 1:
            _rotate(folder)
    assert answers[0] == answers[1]
    assert answers[0]


def test_results_in_pages_name_each_letter_once_in_their_order(
    folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    _rotate(folder)
    for page in (1, 2, 5, 7):
        monkeypatch.setattr("campaign.journal.reading.results._PAGE", page)
        with closing(Reader.open(URL, folder)) as reader:
            assert [each.row for each in reader.results()] == list(range(1, FIRST + 1))
            held = [each.row for each in reader.results(State.HELD)]
        assert len(held) == 9


def test_results_name_a_letter_that_leaves_while_they_are_read(
    folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("campaign.journal.reading.results._PAGE", 4)
    with closing(Reader.open(URL, folder)) as reader:
        found = reader.results()
        rows = [next(found).row for _ in range(6)]
        _rotate(folder)
        rows += [each.row for each in found]
    assert rows == list(range(1, FIRST + 1))


def test_a_bounce_finds_its_letter_in_an_archive(folder: Path) -> None:
    with closing(Reader.open(URL, folder)) as reader:
        ids = {each.row: each.message_id.strip("<>") for each in reader.results()}
        before = LetterBook(reader)
        _rotate(folder)
        for book in (before, LetterBook(reader)):  # a watcher has read the plan long before
            for row, id_ in ids.items():
                assert _found(book, id_) == row
            assert [each.row for each in book.by_key("p1@example.com")] == [1]
            assert book.by_message_id("0123456789abcdef@example.com") is None
            assert book.by_message_id("nobody-made-this@example.com") is None
        assert ids[7] == "own-7@example.com"


def test_a_book_of_archives_is_read_anew_when_letters_came_into_them(folder: Path) -> None:
    with closing(Reader.open(URL, folder)) as reader:
        ids = {each.row: each.message_id.strip("<>") for each in reader.results()}
        rotate(folder, before_s=BEGIN_S + DAY_S)
        book = LetterBook(reader)
        assert book.by_message_id(ids[1]) is not None
        _all_held_are_cancelled(folder)
        rotate(folder, before_s=BEGIN_S + 2 * MONTH_S + 2 * DAY_S)
        for row, id_ in ids.items():
            assert _found(book, id_) == row


def _found(book: LetterBook, message_id: str) -> int:
    letter = book.by_message_id(message_id)
    return letter.row if letter else 0


def _all_held_are_cancelled(folder: Path) -> None:
    from campaign.records import Change

    with closing(Browser.open(URL, folder)) as reader, closing(open_journal(folder)) as journal:
        held = [each for each in candidates(reader) if each.state == "held"]
        journal.apply(
            Change(each.row, State.CANCELLED, BEGIN_S + DAY_S, 1, each.sendings, each.resends)
            for each in held
        )


@pytest.mark.parametrize("is_not", [False, True])
@pytest.mark.parametrize("word", ["got", "failed"])
def test_another_campaign_finds_people_in_archives(folder: Path, word: str, is_not: bool) -> None:
    before = dict(people(URL, folder, word, is_not=is_not))
    _rotate(folder)
    assert dict(people(URL, folder, word, is_not=is_not)) == before
    assert before


def test_whoever_left_by_a_link_is_found_in_an_archive(folder: Path) -> None:
    with closing(Reader.open(URL, folder)) as reader:
        before = recipient_of(reader, "p3@example.com")
        _rotate(folder)
        assert recipient_of(reader, "p3@example.com") == before is not None
        assert recipient_of(reader, f"{DIGESTED}00") is None


def test_a_glance_adds_up_without_looking_into_archives(folder: Path) -> None:
    with closing(glance(URL, folder)) as seen:
        before = seen.counts(), seen.by_template()
    _rotate(folder)
    for file in folder.glob("state/journal.sqlite.2027-*"):
        file.unlink()
    with closing(glance(URL, folder)) as seen:
        assert (seen.counts(), seen.by_template()) == before


ARCHIVES = "archives hold what has left the journal, as it was"


def _findings(folder: Path) -> list[str]:
    found = audit(URL, folder)
    assert not any(check.findings for check in found.checks if check.claim != ARCHIVES)
    (check,) = [check for check in found.checks if check.claim == ARCHIVES]
    return [finding.what for finding in check.findings]


@pytest.mark.parametrize(
    ("statement", "what"),
    [
        ("DELETE FROM standings WHERE row = 1", "are not as they left|letters with"),
        ("DELETE FROM recipients WHERE row = 2", "letters with"),
        ("DELETE FROM history WHERE row = 3", "letters with"),
        ("DELETE FROM deadlines WHERE row = 3", "are not as they left"),
        ("UPDATE history SET reply = '250 other' WHERE row = 1", "are not as they left"),
        ("UPDATE recipients SET address = 'x' WHERE row = 1", "are not as they left"),
        ("UPDATE meta SET value = 'other' WHERE name = 'archive_of'", "of another journal"),
        ("UPDATE meta SET value = '99' WHERE name = 'format'", "cannot be read"),
    ],
)
def test_the_audit_finds_what_was_done_to_an_archive(
    folder: Path, statement: str, what: str
) -> None:
    _rotate(folder)
    assert _findings(folder) == []
    with closing(sqlite3.connect(folder / "state/journal.sqlite.2027-01")) as archive:
        archive.execute(statement)
        archive.commit()
    found = _findings(folder)
    assert found
    import re

    assert all(re.search(what, each) for each in found), found


def test_the_audit_misses_an_archive_that_was_taken_away(folder: Path) -> None:
    _rotate(folder)
    (folder / "state/journal.sqlite.2027-02").unlink()
    assert _findings(folder) == [
        "the archive journal.sqlite.2027-02 with 15 letters is not beside the journal"
    ]


def test_the_audit_finds_letters_that_stand_otherwise_in_the_journal(folder: Path) -> None:
    """An older journal was put back, and gone on with."""
    backup = folder / "backup"
    with closing(sqlite3.connect(folder / "state/journal.sqlite")) as there:
        there.execute(f"VACUUM INTO '{backup}'")
    _rotate(folder)
    backup.replace(folder / "state/journal.sqlite")
    for end in ("-wal", "-shm", ".lock"):
        (folder / f"state/journal.sqlite{end}").unlink(missing_ok=True)
    assert _findings(folder) == []  # of which each is the same in both
    with closing(open_journal(folder)) as journal:
        assert journal.put_back([State.FAILED], BEGIN_S + 3 * MONTH_S) == 9
    found = Counter(_findings(folder))
    assert sum(count for what, count in found.items() if "stands in the journal" in what) == 6


def test_an_audit_beside_a_rotation_finds_nothing(
    folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The journal is looked at first, and its letters leave before archives are looked at."""
    look = checks.faults_of_archives

    def later(connection: Connection, place: Place) -> Iterator[tuple[int, str]]:
        rotate(folder, before_s=BEGIN_S + 2 * MONTH_S)
        return look(connection, place)

    rotate(folder, before_s=BEGIN_S + DAY_S)
    monkeypatch.setattr(checks, "faults_of_archives", later)
    assert audit(URL, folder).is_clean
    assert len(in_archives(folder)) == 2


def test_a_journal_that_is_forgotten_takes_its_archives_along(folder: Path) -> None:
    _rotate(folder)
    open_journal(folder).forget()
    assert not list((folder / "state").glob("journal.sqlite.2*"))
