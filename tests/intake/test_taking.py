"""A run takes letters that go first before others that wait longer, and loses or doubles none."""

from __future__ import annotations

import sqlite3
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path

import pytest

from campaign.clock import SystemClock
from campaign.config.loader import Campaign
from campaign.delivery.beside import arriving
from campaign.delivery.beside.arriving import ArrivalTaker
from campaign.journal.arrivals import BULK, Arrivals, NewArrival
from campaign.journal.reading.auditing.audit import audit
from campaign.journal.reading.glance import glance
from campaign.journal.reading.reader import Reader
from campaign.journal.reading.returned.letters import LetterBook
from campaign.journal.taken import Taken
from campaign.planning.opening import ensure_open_plan
from campaign.records import State
from campaign.rendering.asked import AskedLetter
from fakes.mail.recorder import Recorder, recorder
from fakes.prepared.open_campaigns import TOML, code, open_campaign
from fakes.prepared.rotating import rotate
from fakes.prepared.triggering import accept, audited, first_few, one_pass, results

ONE_CONNECTION = TOML.replace('security = "none"\n', 'security = "none"\nconnections = 1\n')
MANY = 5_000  # ten times what is copied at once


@pytest.fixture
def server() -> Iterator[Recorder]:
    with recorder() as found:
        yield found


def accept_news(campaign: Campaign, count: int) -> None:
    """As the intake would, without making each letter first."""
    ensure_open_plan(campaign, SystemClock())
    now_s = SystemClock().now_s()
    data = AskedLetter().written()
    letters = [
        NewArrival(
            f"news-{n}", "", "", "", "news", f"p{n}@example.com", f"p{n}@example.com",
            "example.com", data, "", "", now_s, 0.0, now_s + 86_400, BULK,
        )
        for n in range(count)
    ]  # fmt: skip
    with Arrivals.open(*campaign.journal) as arrivals:
        arrivals.add([letters])


def taken(campaign: Campaign) -> Taken:
    with closing(glance(*campaign.journal)) as seen:
        return seen.taken()


def test_a_code_goes_before_thousands_of_newsletters_that_no_run_has_taken_yet(
    tmp_path: Path, server: Recorder, journal_toml: str
) -> None:
    campaign = open_campaign(tmp_path, toml=ONE_CONNECTION, port=server.port, more=journal_toml)
    accept_news(campaign, MANY)
    accept(campaign, code())
    first_few(campaign, 3)
    assert list(server.accepted) == ["ada@example.com", "p0@example.com", "p1@example.com"]
    audited(campaign)


@pytest.fixture
def one_look(monkeypatch: pytest.MonkeyPatch) -> None:
    """A run that takes twenty letters and no more, and is gone before it notes that."""

    async def take_once(taker: ArrivalTaker) -> None:
        await taker.take()

    async def nothing(taker: ArrivalTaker) -> None:
        taker._arrivals.close()

    monkeypatch.setattr(arriving, "_MOST", 20)
    monkeypatch.setattr(arriving, "_MOST_FIRST", 18)
    monkeypatch.setattr(ArrivalTaker, "keep_taking", take_once)
    monkeypatch.setattr(ArrivalTaker, "finish", nothing)


def test_a_run_that_left_newsletters_between_is_taken_up_where_it_was(
    tmp_path: Path, server: Recorder, journal_toml: str, request: pytest.FixtureRequest
) -> None:
    campaign = open_campaign(tmp_path, port=server.port, more=journal_toml)
    accept_news(campaign, 50)
    accept(campaign, code(), code("bob@example.com"))
    request.getfixturevalue("one_look")
    first_few(campaign, 2)
    assert server.received == {"ada@example.com": 1, "bob@example.com": 1}
    assert taken(campaign) == Taken(first=52, bulk=18, whole=18, letters=20)
    audited(campaign)  # also while others are left out between
    with closing(Reader.open(*campaign.journal)) as reader:
        book, found = LetterBook(reader), []
        last = results(campaign)[-1]
        assert last.message_id
        found.append(book.by_message_id(last.message_id.strip("<>")))
        request.getfixturevalue("monkeypatch").undo()
        assert one_pass(campaign).counts[State.SENT] == 52
        between = results(campaign)[30]
        found.append(book.by_message_id(between.message_id.strip("<>")))
    assert [each and each.row for each in found] == [52, 31]
    assert set(server.received.values()) == {1}
    assert len(server.received) == 52
    assert taken(campaign) == Taken(first=52, bulk=50, whole=52, letters=52)
    audited(campaign)


def test_codes_leave_for_archives_while_newsletters_before_them_wait(
    tmp_path: Path, server: Recorder, request: pytest.FixtureRequest
) -> None:
    # On one connection bob's letter, the last there is, is also the last that changes: both stay.
    campaign = open_campaign(tmp_path, toml=ONE_CONNECTION, port=server.port)
    accept_news(campaign, 50)
    first, *_ = accept(campaign, code(), code("bob@example.com"))
    request.getfixturevalue("one_look")
    first_few(campaign, 2)
    request.getfixturevalue("monkeypatch").undo()
    clock, url = SystemClock(), campaign.settings.journal.url
    assert rotate(tmp_path, url=url, before_s=clock.now_s() + 60, clock=clock) == 1
    audited(campaign)
    one_pass(campaign)
    assert set(server.received.values()) == {1}
    assert len(server.received) == 52
    with closing(Reader.open(*campaign.journal)) as reader:
        found = reader.how_it_stands(first.number)  # in its archive
    assert found is not None
    assert found[0] == "sent"
    audited(campaign)


def test_a_tenth_of_what_is_taken_is_left_to_newsletters(
    tmp_path: Path, server: Recorder, one_look: None
) -> None:
    campaign = open_campaign(tmp_path, port=server.port)
    accept_news(campaign, 5)
    accept(campaign, *[code(f"code{n}@example.com") for n in range(40)])
    first_few(campaign, 1)
    assert taken(campaign) == Taken(first=23, bulk=2, whole=2, letters=20)


def test_no_more_codes_go_than_a_limit_allows(tmp_path: Path, server: Recorder) -> None:
    campaign = open_campaign(tmp_path, port=server.port)
    accept_news(campaign, 5)
    accept(campaign, *[code(f"code{n}@example.com") for n in range(40)])
    first_few(campaign, 3)
    assert sum(server.received.values()) == 3


def test_a_row_that_is_gone_from_an_open_journal_is_found(
    tmp_path: Path, server: Recorder, one_look: None
) -> None:
    campaign = open_campaign(tmp_path, port=server.port)
    accept_news(campaign, 50)
    accept(campaign, code())
    first_few(campaign, 1)
    with sqlite3.connect(tmp_path / "state/journal.sqlite") as journal:
        guards = journal.execute("SELECT name FROM sqlite_master WHERE type = 'trigger'").fetchall()
        for (name,) in guards:
            journal.execute(f"DROP TRIGGER {name}")
        journal.execute("DELETE FROM standings WHERE row = 7")
        journal.execute("DELETE FROM recipients WHERE row = 7")
    journal.close()
    said = [finding.what for check in audit(*campaign.journal).checks for finding in check.findings]
    assert "19 recipients are numbered up to 51, and 20 were taken, up to 51: some are gone" in said


def test_letters_that_were_accepted_before_there_were_lanes_are_sent_once(
    tmp_path: Path, server: Recorder, journal_toml: str
) -> None:
    campaign = open_campaign(tmp_path, port=server.port, more=journal_toml)
    accept(campaign, code())
    one_pass(campaign)
    accept(campaign, code("bob@example.com"))
    with Arrivals.open(*campaign.journal) as arrivals:
        database = arrivals._database
        with database.writing():  # as they were then
            database.change("DROP INDEX arrivals_lane")
            database.change("ALTER TABLE arrivals DROP COLUMN lane")
            database.change("DELETE FROM arrival_notes WHERE name = 'format'")
            database.change("UPDATE arrival_notes SET value = '1' WHERE name = 'taken'")
            if database.is_postgresql:
                database.change("DELETE FROM meta WHERE name = 'taken'")
    if not journal_toml:
        with sqlite3.connect(tmp_path / "state/journal.sqlite") as journal:
            journal.execute("DELETE FROM meta WHERE name = 'taken'")
        journal.close()
    assert taken(campaign) == Taken(1, 1, 1, 1)
    accept(campaign, code("eve@example.com"))
    one_pass(campaign)
    assert [each.address for each in results(campaign)] == [
        "ada@example.com",
        "bob@example.com",
        "eve@example.com",
    ]
    assert set(server.received.values()) == {1}
    assert len(server.received) == 3
    audited(campaign)
