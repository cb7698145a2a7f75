"""A run of an open campaign sends what was accepted, each letter once, by its template's policy."""

from __future__ import annotations

import sqlite3
import time
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path

import pytest

from campaign.cli.main import main
from campaign.clock import SystemClock
from campaign.config.loader import Campaign
from campaign.delivery.beside.arriving import ArrivalTaker
from campaign.delivery.run import run_campaign
from campaign.delivery.run_records import RunOptions
from campaign.errors import DriftError, JournalError
from campaign.intake.requests import LetterRequest
from campaign.journal.arrivals import Arrivals
from campaign.journal.reading.reader import Reader
from campaign.planning.suppressed import open_store
from campaign.records import State
from campaign.suppression.entries import Reason, Suppressed
from fakes.mail.recorder import Recorder, recorder
from fakes.prepared.open_campaigns import code, open_campaign
from fakes.prepared.sending import QUICK, Heard
from fakes.prepared.triggering import (
    accept,
    audited,
    killable_run,
    one_pass,
    results,
    running,
    wait_until,
)


@pytest.fixture
def server() -> Iterator[Recorder]:
    with recorder() as found:
        yield found


def test_what_was_accepted_is_sent_with_the_message_id_that_was_promised(
    tmp_path: Path, server: Recorder, journal_toml: str
) -> None:
    campaign = open_campaign(tmp_path, port=server.port, more=journal_toml)
    promised = accept(campaign, code(), code(), code("bob@example.com"))
    result = one_pass(campaign)
    assert (result.finished, result.counts[State.SENT], result.exit_code) == (True, 3, 0)
    assert server.received == {"ada@example.com": 2, "bob@example.com": 1}
    said = {message_id.decode() for ids in server.message_ids.values() for message_id in ids}
    assert said == {each.message_id for each in promised}
    assert [each.message_id for each in results(campaign)] == [
        each.message_id for each in sorted(promised, key=lambda each: each.number)
    ]
    audited(campaign)


def test_a_second_pass_sends_only_what_came_since(tmp_path: Path, server: Recorder) -> None:
    campaign = open_campaign(tmp_path, port=server.port)
    accept(campaign, code())
    one_pass(campaign)
    accept(campaign, code("bob@example.com"))
    assert one_pass(campaign).counts[State.SENT] == 2
    assert server.received == {"ada@example.com": 1, "bob@example.com": 1}
    audited(campaign)


def test_whoever_is_suppressed_is_in_the_journal_as_skipped(
    tmp_path: Path, server: Recorder, journal_toml: str
) -> None:
    campaign = open_campaign(tmp_path, port=server.port, more=journal_toml)
    with open_store(campaign, SystemClock()) as store:
        store.add([Suppressed("ada@example.com", "*", Reason.HARD, "", "", 1.0)])
    accept(campaign, code(), code("bob@example.com"))
    one_pass(campaign)
    assert {each.address: each.state for each in results(campaign)} == {
        "ada@example.com": "skipped",
        "bob@example.com": "sent",
    }
    assert server.received == {"bob@example.com": 1}
    audited(campaign)


def test_a_letter_whose_time_is_over_is_not_sent(tmp_path: Path, server: Recorder) -> None:
    campaign = open_campaign(tmp_path, port=server.port)
    accept(campaign, code())
    with sqlite3.connect(f"{tmp_path}/state/journal.sqlite.intake") as spool:
        spool.execute("UPDATE arrivals SET expires_s = accepted_s")
    spool.close()
    one_pass(campaign)
    (only,) = results(campaign)
    assert (only.state, only.reason) == ("expired", "its time was over")
    assert not server.received
    audited(campaign)


def test_a_letter_of_later_waits_for_its_time(
    tmp_path: Path, server: Recorder, journal_toml: str
) -> None:
    campaign = open_campaign(tmp_path, port=server.port, more=journal_toml)
    accept(campaign, code(send_at="2099-01-01T00:00:00Z"))
    assert one_pass(campaign).counts[State.DEFERRED] == 1
    assert not server.received
    audited(campaign)


def test_a_letter_of_later_does_not_go_before_its_time_because_retries_do(
    tmp_path: Path, server: Recorder
) -> None:
    campaign = open_campaign(tmp_path, port=server.port)
    accept(campaign, code(send_at="2099-01-01T00:00:00Z"))
    one_pass(campaign)
    assert one_pass(campaign, now=True).counts[State.DEFERRED] == 1
    assert not server.received


def test_letters_taken_twice_are_one_letter(tmp_path: Path, server: Recorder) -> None:
    """A run was killed when the journal had them, and the note of it was not made."""
    campaign = open_campaign(tmp_path, port=server.port)
    accept(campaign, code())
    one_pass(campaign)
    with sqlite3.connect(f"{tmp_path}/state/journal.sqlite.intake") as spool:
        spool.execute("DELETE FROM arrival_notes WHERE name = 'taken'")
    spool.close()
    accept(campaign, code())
    one_pass(campaign)
    assert server.received == {"ada@example.com": 2}
    audited(campaign)


def test_a_letter_taken_while_one_pass_looks_whether_it_is_done_still_goes(
    tmp_path: Path, server: Recorder, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Neither answer had it: the standings were asked before it was taken, the arrivals after."""
    campaign = open_campaign(tmp_path, port=server.port)
    accept(campaign, code())
    looked: list[bool] = []

    def slowly(taker: ArrivalTaker) -> bool:
        if len(looked) < 3:
            time.sleep(0.3)  # on a thread: what was accepted is taken meanwhile
        looked.append(True)
        return taker._arrivals.last > taker.taken.letters

    monkeypatch.setattr(ArrivalTaker, "look", slowly)
    one_pass(campaign)
    assert looked
    assert server.received == {"ada@example.com": 1}


def test_a_letter_taken_while_one_pass_looks_who_has_to_wait_still_goes(
    tmp_path: Path, server: Recorder, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The feed had looked before it was taken; and a letter of a far day waits, so that the pass
    was not finished either."""
    campaign = open_campaign(tmp_path, port=server.port)
    accept(campaign, code(send_at="2099-01-01T00:00:00Z"))
    is_finished = Reader.is_finished
    looks: list[bool] = []

    def meanwhile(reader: Reader) -> bool:
        if not looks and reader.taken().letters == 1:  # on a thread: the run goes on taking
            looks.append(True)
            accept(campaign, code("bob@example.com"))
            wait_until(lambda: reader.taken().letters == 2)
        return is_finished(reader)

    monkeypatch.setattr(Reader, "is_finished", meanwhile)
    one_pass(campaign)
    assert looks
    assert server.received == {"bob@example.com": 1}


class _InAMonth:
    """The time of the machine, thirty days from now."""

    def __init__(self) -> None:
        self._clock = SystemClock()

    def now_s(self) -> float:
        return self._clock.now_s() + 30 * 86_400.0

    def tick_s(self) -> float:
        return self._clock.tick_s()

    def passed_s(self) -> float:
        return self._clock.passed_s()


def test_an_open_campaign_that_was_silent_for_days_goes_on(
    tmp_path: Path, server: Recorder
) -> None:
    campaign = open_campaign(tmp_path, port=server.port)
    accept(campaign, code())
    one_pass(campaign)
    accept(campaign, code("bob@example.com", template="receipt", data={"order": 1, "lines": []}))
    result = run_campaign(
        campaign,
        RunOptions(no_wait=True, workers=1, patience=QUICK),
        clock=_InAMonth(),
        observer=Heard(),
    )
    assert result.finished
    assert result.counts[State.EXPIRED] == 1  # its own time was over, and nothing else


def test_an_older_copy_of_an_open_journal_is_refused(tmp_path: Path, server: Recorder) -> None:
    campaign = open_campaign(tmp_path, port=server.port)
    accept(campaign, code())
    one_pass(campaign)
    journal = tmp_path / "state" / "journal.sqlite"
    before = journal.read_bytes()
    accept(campaign, code("bob@example.com"))
    one_pass(campaign)
    with journal.open("r+b") as file:  # the same file: neither its inode nor its age tells
        file.truncate()
        file.write(before)
    (tmp_path / "state" / "journal.sqlite.lock").unlink()  # which knows how far the last run came
    with pytest.raises(JournalError, match="an older copy"):
        one_pass(campaign)
    assert server.received == {"ada@example.com": 1, "bob@example.com": 1}


def test_one_letter_that_waits_for_years_keeps_no_other_from_being_forgotten(
    tmp_path: Path, server: Recorder
) -> None:
    campaign = open_campaign(tmp_path, port=server.port, more='[intake]\nkeep = "1m"\n')
    later, first, *_ = accept(
        campaign, code(send_at="2099-01-01T00:00:00Z"), code("bob@example.com"), code("c@d.example")
    )
    one_pass(campaign)
    with closing(Arrivals.open(*campaign.journal)) as arrivals:
        assert arrivals.find(first.id) is not None  # it is known for its time
    with sqlite3.connect(f"{tmp_path}/state/journal.sqlite.intake") as spool:
        spool.execute("UPDATE arrivals SET accepted_s = accepted_s - 100")
    spool.close()
    accept(campaign, code("eve@example.com"))
    with running(campaign):
        wait_until(lambda: not _is_known(campaign, first.id), within_s=60.0)
    assert _is_known(campaign, later.id)


def _is_known(campaign: Campaign, id_: str) -> bool:
    with closing(Arrivals.open(*campaign.journal)) as arrivals:
        return arrivals.find(id_) is not None


def test_arrivals_of_another_journal_are_refused(tmp_path: Path, server: Recorder) -> None:
    campaign = open_campaign(tmp_path, port=server.port)
    accept(campaign, code())
    one_pass(campaign)
    (tmp_path / "state/journal.sqlite.intake").unlink()
    Arrivals.open(*campaign.journal).close()
    with pytest.raises(JournalError, match="are not those it took"):
        one_pass(campaign)


def test_a_finished_message_is_sent_as_it_is(tmp_path: Path, server: Recorder) -> None:
    campaign = open_campaign(tmp_path, port=server.port)
    message = b"From: a@example.com\r\nMessage-ID: <own@example.com>\r\nSubject: x\r\n\r\nHello\r\n"
    accept(campaign, LetterRequest(to="b@example.com", message=message))
    one_pass(campaign)
    (only,) = results(campaign)
    assert (only.state, only.message_id) == ("sent", "<own@example.com>")
    assert server.message_ids["b@example.com"] == {b"<own@example.com>"}


def test_letters_are_made_from_the_templates_as_they_are_when_they_are_sent(
    tmp_path: Path, server: Recorder
) -> None:
    campaign = open_campaign(tmp_path, port=server.port)
    accept(campaign, code(), LetterRequest(to="bob@example.com", template="news"))
    text = (tmp_path / "campaign.toml").read_text()
    before, _, after = text.partition("[template.news]")
    rest = "[unsubscribe]" + after.partition("[unsubscribe]")[2]
    more = '[template.also]\nsubject = "x"\ntext = "letters/news.txt"\n\n'
    (tmp_path / "campaign.toml").write_text(before + more + rest)
    from campaign.config.loader import load

    changed = load(tmp_path)
    accept(changed, LetterRequest(to="eve@example.com", template="also"))
    one_pass(changed)
    assert {each.address: each.state for each in results(changed)} == {
        "ada@example.com": "sent",
        "bob@example.com": "skipped",
        "eve@example.com": "sent",
    }
    assert results(changed)[1].reason == "render: there is no [template.news] any more"
    audited(changed)


def test_letters_whose_template_was_away_are_sent_when_it_is_back_and_somebody_says_so(
    tmp_path: Path, server: Recorder, journal_toml: str, capfd: pytest.CaptureFixture[str]
) -> None:
    campaign = open_campaign(tmp_path, port=server.port, more=journal_toml)
    accept(campaign, code("bob@example.com"), LetterRequest(to="bob@example.com", template="news"))
    mended = (tmp_path / "campaign.toml").read_text()
    (tmp_path / "campaign.toml").write_text(mended.replace("[template.news]", "[template.old]"))
    assert main(["run", str(tmp_path), "--no-wait"]) == 1
    said = capfd.readouterr().out
    assert f"campaign retry {tmp_path} --unmade" in " ".join(said.split())
    assert [each.state for each in results(campaign)] == ["sent", "skipped"]
    (tmp_path / "campaign.toml").write_text(mended)
    assert main(["retry", str(tmp_path), "--unmade", "--yes", "--no-wait"]) == 0
    assert [each.state for each in results(campaign)] == ["sent", "sent"]
    assert server.received["bob@example.com"] == 2
    audited(campaign)


def test_a_template_that_came_after_the_run_began_ends_it_in_a_sentence(
    tmp_path: Path, server: Recorder
) -> None:
    """A supervisor starts it again, and it knows the template."""
    before = open_campaign(tmp_path, port=server.port)
    accept(before, code())
    one_pass(before)
    also = '\n[template.also]\nsubject = "x"\ntext = "letters/news.txt"\n'
    now = open_campaign(tmp_path, port=server.port, more=also)
    accept(now, LetterRequest(to="eve@example.com", template="also"))
    with pytest.raises(DriftError, match="this run began without it"):
        one_pass(before)
    one_pass(now)
    assert server.received == {"ada@example.com": 1, "eve@example.com": 1}
    audited(now)


def test_a_run_that_stays_sends_what_comes_at_once(
    tmp_path: Path, server: Recorder, journal_toml: str
) -> None:
    campaign = open_campaign(tmp_path, port=server.port, more=journal_toml)
    accept(campaign)
    with running(campaign):
        for number in range(3):
            accept(campaign, code(f"p{number}@example.com"))
            wait_until(lambda expected=number + 1: len(server.accepted) == expected)
    assert {each.state for each in results(campaign)} == {"sent"}
    audited(campaign)


def test_the_progress_of_an_open_campaign_counts_what_came_since_the_start(
    tmp_path: Path, server: Recorder
) -> None:
    campaign, heard = open_campaign(tmp_path, port=server.port), Heard()
    accept(campaign, code("a@example.com"))
    accept(campaign, code("b@example.com"))
    one_pass(campaign, heard)
    last = heard.views[-1]
    assert (last.total, last.counts[State.SENT]) == (2, 2)


def test_a_letter_in_doubt_is_sent_again_or_held_as_its_template_says(
    tmp_path: Path, journal_toml: str
) -> None:
    with recorder(at_least_s=60.0) as silent:
        campaign = open_campaign(tmp_path, port=silent.port, more=journal_toml)
        receipt = LetterRequest(
            to="bob@example.com", template="receipt", data={"order": 1, "lines": []}
        )
        accept(campaign, code(), receipt)
        child = killable_run(tmp_path)
        wait_until(lambda: len(silent.received) == 2)
        child.kill()
        child.wait()
    with recorder() as server:
        again = open_campaign(tmp_path, port=server.port, more=journal_toml)
        one_pass(again)
        assert server.received == {"bob@example.com": 1}
    assert {each.address: each.state for each in results(again)} == {
        "ada@example.com": "held",
        "bob@example.com": "sent",
    }
    audited(again)


def test_arrivals_are_read_by_their_owner_alone(tmp_path: Path) -> None:
    campaign = open_campaign(tmp_path)
    with closing(Arrivals.open(*campaign.journal)):
        assert (tmp_path / "state/journal.sqlite.intake").stat().st_mode & 0o77 == 0
