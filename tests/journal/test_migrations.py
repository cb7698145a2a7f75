"""A journal of an earlier version is carried forward, and gone on with."""

from __future__ import annotations

import shutil
import sqlite3
from contextlib import closing
from pathlib import Path

import pytest

from campaign.clock import SystemClock
from campaign.config.loader import load
from campaign.config.settings import Relay
from campaign.delivery.run import run_campaign
from campaign.delivery.run_records import RunOptions
from campaign.errors import JournalBusy, JournalError
from campaign.journal.migrations import _STEPS
from campaign.journal.reading.auditing.audit import audit
from campaign.journal.reading.claiming import ClaimReader
from campaign.journal.reading.glance import glance
from campaign.journal.states import FORMAT
from campaign.records import State
from fakes.mail.recorder import recorder
from fakes.prepared.journals import URL, open_journal, planned
from fakes.prepared.sending import Heard

FORMAT_3 = Path(__file__).parent / "data" / "format-3"
FORMAT_4 = Path(__file__).parent / "data" / "format-4"


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """A campaign whose run was killed: one sent, two in doubt and to be sent again (of one, the
    old version had forgotten it), one held in doubt, one failed, one greylisted, one in `sending`,
    two untouched."""
    folder = tmp_path / "format-3"
    shutil.copytree(FORMAT_3, folder)
    (folder / "journal").rename(folder / "state")
    return folder


def test_a_run_of_format_3_goes_on_to_its_end(folder: Path) -> None:
    heard = Heard()
    with recorder(0.0, 1) as server:
        server.door.set()
        here = Relay(host="127.0.0.1", port=server.port, security="none")
        options = RunOptions(relay_override=here, resume_stale=True, workers=1)
        result = run_campaign(load(folder), options, clock=SystemClock(), observer=heard)
    assert result.finished
    assert {state: count for state, count in result.counts.items() if count} == {
        State.SENT: 7,
        State.HELD: 1,
        State.FAILED: 1,
        State.SKIPPED: 2,
    }
    assert server.received.total() == 6
    assert audit(URL, folder).is_clean


@pytest.fixture
def open_folder(tmp_path: Path) -> Path:
    """An open campaign whose run was killed: two sent, one suppressed, one expired, one waits for
    its time, two in `sending` (a code, which is held, and a receipt), and one accepted that the
    run had just taken."""
    folder = tmp_path / "format-4"
    shutil.copytree(FORMAT_4, folder)
    (folder / "journal").rename(folder / "state")
    (folder / "secret").chmod(0o600)
    return folder


def test_a_run_of_an_open_campaign_of_format_4_goes_on(open_folder: Path) -> None:
    with recorder(0.0, 1) as server:
        server.door.set()
        here = Relay(host="127.0.0.1", port=server.port, security="none")
        options = RunOptions(relay_override=here, no_wait=True, resume_stale=True, workers=1)
        result = run_campaign(load(open_folder), options, clock=SystemClock(), observer=Heard())
    assert {state: count for state, count in result.counts.items() if count} == {
        State.SENT: 4,
        State.HELD: 1,
        State.SKIPPED: 1,
        State.EXPIRED: 1,
        State.DEFERRED: 1,
    }
    assert server.received == {"a7@example.com": 1, "a8@example.com": 1}
    assert audit(URL, open_folder).is_clean


def test_what_format_3_had_forgotten_is_in_doubt_again(folder: Path) -> None:
    with closing(ClaimReader.open(URL, folder)) as reader:  # a reader carries it forward as well
        assert [doubt.row for doubt in reader.in_doubt()] == [2, 3, 4, 7]
        reasons = {result.row: result.reason for result in reader.results()}
        assert "may have a copy" in reasons[3]
        [second] = reader.claim_rows([2], State.DEFERRED)
        assert second.date_s == reader.plan_record().date_s  # the letter stays the same bytes
        [planned_first, _] = reader.claim_planned(0, 9)
        assert planned_first.date_s == 0.0
    assert audit(URL, folder).is_clean


def test_a_glance_and_the_audit_carry_it_forward_too(folder: Path) -> None:
    with closing(glance(URL, folder)) as seen:
        assert seen.counts()[State.SENT] == 1
    assert audit(URL, folder).is_clean
    with closing(sqlite3.connect(folder / "state/journal.sqlite")) as there:
        found = there.execute("SELECT value FROM meta WHERE name = 'format'").fetchone()
    assert found == (FORMAT,)


def test_an_amendment_that_format_3_had_not_finished_is_thrown_away(folder: Path) -> None:
    with closing(sqlite3.connect(folder / "state/journal.sqlite")) as there:
        there.execute("INSERT INTO meta VALUES ('amended_from', '11 1')")
        there.execute("INSERT INTO recipients (row, source, data) VALUES (12, 1, '[]')")
        there.execute("INSERT INTO sources (source) VALUES (1)")
        there.execute("INSERT INTO standings (row, state) VALUES (12, 'planned')")
        there.commit()
    open_journal(folder).close()
    with closing(ClaimReader.open(URL, folder)) as reader:
        assert reader.total() == 11
        assert len(reader.sources()) == 1
    assert audit(URL, folder).is_clean


def test_a_journal_that_a_run_holds_is_not_carried_forward_beside_it(folder: Path) -> None:
    open_journal(folder).close()
    with closing(open_journal(folder)):
        with closing(sqlite3.connect(folder / "state/journal.sqlite")) as there:
            there.execute("UPDATE meta SET value = '3' WHERE name = 'format'")
            there.commit()
        with pytest.raises(JournalBusy):
            ClaimReader.open(URL, folder)


def test_a_journal_of_a_later_version_is_left_alone(tmp_path: Path) -> None:
    planned(tmp_path, 1).close()
    with closing(sqlite3.connect(tmp_path / "state/journal.sqlite")) as there:
        there.execute("UPDATE meta SET value = '99' WHERE name = 'format'")
        there.commit()
    for reading in (open_journal, lambda folder: glance(URL, folder)):
        with pytest.raises(JournalError, match=r"has format 99, and this program knows"):
            reading(tmp_path)  # type: ignore[operator]


def test_every_format_leads_to_todays() -> None:
    at, seen = "3", set()
    while at != FORMAT:
        assert at not in seen
        seen.add(at)
        at, _ = _STEPS[at]
