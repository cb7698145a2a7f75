"""A run of an open campaign moves old letters into archives, and holds nobody up by it."""

from __future__ import annotations

import json
import sqlite3
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path

import pytest

from campaign.cli.main import main
from campaign.clock import SystemClock
from campaign.config.loader import Campaign, load
from campaign.delivery.run import run_campaign
from campaign.delivery.run_records import RunOptions
from campaign.errors import ConfigErrors
from campaign.intake.standing import find_letter
from campaign.journal.arrivals import Arrivals
from campaign.journal.reading.reader import Reader
from fakes.mail.recorder import Recorder, recorder
from fakes.prepared.campaigns import TOML as OF_A_LIST
from fakes.prepared.campaigns import write
from fakes.prepared.journals import open_journal
from fakes.prepared.open_campaigns import TOML, code, open_campaign
from fakes.prepared.sending import QUICK, Heard
from fakes.prepared.triggering import accept, audited, one_pass, results, running, wait_until
from fakes.servers.postgresql import DatabaseServer

DAY_S = 86_400.0


class _Later:
    """The time of the machine, some days from now."""

    def __init__(self, days: float) -> None:
        self._clock = SystemClock()
        self._ahead_s = days * DAY_S

    def now_s(self) -> float:
        return self._clock.now_s() + self._ahead_s

    def tick_s(self) -> float:
        return self._clock.tick_s()

    def passed_s(self) -> float:
        return self._clock.passed_s()


@pytest.fixture
def server() -> Iterator[Recorder]:
    with recorder() as found:
        yield found


def _in_order(folder: Path, server: Recorder, *, more: str = "", toml: str = TOML) -> Campaign:
    """Letters go one after the other, so that the last of them is also the last that changes: it
    alone has to stay."""
    one_connection = toml.replace("[relay]\n", "[relay]\nconnections = 1\n")
    return open_campaign(folder, port=server.port, toml=one_connection, more=more)


def _pass_later(campaign: Campaign, days: float, **options: object) -> Heard:
    heard = Heard()
    chosen = RunOptions(no_wait=True, workers=1, patience=QUICK, **options)  # type: ignore[arg-type]
    run_campaign(campaign, chosen, clock=_Later(days), observer=heard)
    return heard


def _in_journal(campaign: Campaign) -> list[int]:
    with closing(Reader.open(*campaign.journal)) as reader:
        return [int(row) for (row,) in reader.ask("SELECT row FROM recipients ORDER BY row")]


def _archives(folder: Path) -> list[Path]:
    return sorted((folder / "state").glob("journal*.????-??"))


@pytest.fixture(params=["file", "server"])
def journal(request: pytest.FixtureRequest) -> str:
    if request.param == "file":
        return ""
    database: DatabaseServer = request.getfixturevalue("database")
    return f'url = "{database.new_database()}"\n'


def test_letters_of_three_months_ago_are_in_an_archive_and_everywhere_they_are_asked_for(
    tmp_path: Path, server: Recorder, journal: str
) -> None:
    campaign = _in_order(tmp_path, server, more=f"\n[journal]\n{journal}")
    promised = accept(campaign, code(), code("bob@example.com"), code("eve@example.com"))
    one_pass(campaign)
    before = results(campaign)
    _pass_later(campaign, 89)
    assert _in_journal(campaign) == [1, 2, 3]
    _pass_later(campaign, 91)
    assert _in_journal(campaign) == [3]
    assert len(_archives(tmp_path)) == 1
    assert results(campaign) == before
    audited(campaign)
    with closing(Arrivals.open(*campaign.journal)) as arrivals:
        for each in promised:  # as GET /v1/messages/{id} asks
            found = find_letter(campaign, arrivals, each.id)
            assert found is not None
            assert (found.state, found.message_id) == ("sent", each.message_id)
    assert accept(campaign, code("dan@example.com"))[0].number == 4
    assert sum(one_pass(campaign).counts.values()) == 4
    audited(campaign)


def test_commands_tell_of_letters_in_archives(
    tmp_path: Path, server: Recorder, capsys: pytest.CaptureFixture[str]
) -> None:
    campaign = _in_order(tmp_path, server, more='\n[journal]\nkeep = "2d"\n')
    accept(campaign, code(), code("bob@example.com"))
    one_pass(campaign)

    def said(*arguments: str) -> str:
        assert main([arguments[0], str(tmp_path), *arguments[1:]]) in (0, None)
        return capsys.readouterr().out

    asked = [("results",), ("status", "--json"), ("explain", "ada@example.com")]
    before = [said(*each) for each in asked]
    _pass_later(campaign, 3)
    assert _in_journal(campaign) == [2]
    status = [json.loads(text)["templates"] for text in (before[1], said("status", "--json"))]
    assert status[0] == status[1]
    assert said("results") == before[0]
    assert "sent" in said("explain", "ada@example.com")
    assert "archives hold what has left the journal" in said("audit")


def test_a_journal_of_before_is_made_ready_once(tmp_path: Path, server: Recorder) -> None:
    campaign = _in_order(tmp_path, server)
    accept(campaign, code())
    one_pass(campaign)
    with closing(sqlite3.connect(tmp_path / "state/journal.sqlite")) as there:
        assert there.execute("PRAGMA auto_vacuum").fetchone() == (2,)
    with closing(open_journal(tmp_path)) as opened:
        assert opened.make_ready_to_rotate() == ""


def test_a_journal_that_has_no_room_to_be_written_anew_is_rotated_all_the_same(
    tmp_path: Path, server: Recorder, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("campaign.journal.archiving.preparing._ROOM", 1e12)
    campaign = _in_order(tmp_path, server)
    accept(campaign, code(), code())
    heard = Heard()
    one_pass(campaign, heard)
    assert any("keeps its size" in line for line in heard.lines)
    _pass_later(campaign, 91)
    assert _in_journal(campaign) == [2]
    audited(campaign)


def test_an_archive_that_cannot_be_written_stops_nobody(tmp_path: Path, server: Recorder) -> None:
    lasting = TOML.replace('"10m"', '"200d"')
    campaign = _in_order(tmp_path, server, toml=lasting)
    accept(campaign, code(), code())
    one_pass(campaign)
    _pass_later(campaign, 91)
    (archive,) = _archives(tmp_path)
    archive.write_bytes(b"this is no database" * 100)
    accept(campaign, code("bob@example.com"))
    heard = _pass_later(campaign, 182)
    assert server.received["bob@example.com"] == 1
    assert any("nothing goes into archives for now" in line for line in heard.lines)


def test_whoever_follows_the_journal_holds_letters_there(tmp_path: Path, server: Recorder) -> None:
    campaign = _in_order(tmp_path, server)
    accept(campaign, code(), code(), code())
    one_pass(campaign)
    _pass_later(campaign, 91, seen_by_all=lambda: 0)
    assert _in_journal(campaign) == [1, 2, 3]
    _pass_later(campaign, 91)
    assert _in_journal(campaign) == [3]


def test_a_run_that_stays_rotates_beside_its_letters(tmp_path: Path, server: Recorder) -> None:
    campaign = _in_order(tmp_path, server, more='\n[journal]\nkeep = "2d"\n')
    accept(campaign, code(), code("bob@example.com"))
    one_pass(campaign)
    with closing(sqlite3.connect(tmp_path / "state/journal.sqlite")) as there:
        there.execute("DROP TRIGGER history_change")
        there.execute("UPDATE history SET at = at - 259200")
        there.commit()
    with running(campaign):
        wait_until(lambda: bool(_archives(tmp_path)) and _in_journal(campaign) == [2])
        accept(campaign, code("eve@example.com"))
        wait_until(lambda: server.received["eve@example.com"] == 1)


def test_the_journal_of_a_list_is_kept_whole(tmp_path: Path) -> None:
    write(tmp_path, toml=OF_A_LIST + '\n[journal]\nkeep = "30d"\n')
    with pytest.raises(ConfigErrors, match="that of a list is kept whole"):
        load(tmp_path)
