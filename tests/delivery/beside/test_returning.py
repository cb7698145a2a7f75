"""A run stops when too much of what was accepted bounces or is marked as spam, and begins anew
with one letter."""

from __future__ import annotations

import asyncio
import json
import subprocess
import sys
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import closing
from pathlib import Path

import pytest

from campaign.cli.main import main
from campaign.config.loader import Campaign, load
from campaign.delivery.beside.returning import Returning
from campaign.errors import CampaignError, TooMuchCameBack
from campaign.journal.reading.reader import Reader
from campaign.journal.reading.returned.events import events_mark
from campaign.journal.reading.returned.harm import Harm, last_stop_s, read_harm
from campaign.journal.states import CAME_BACK
from campaign.journal.store import Journal
from campaign.journal.writing.events import add_events
from campaign.outcomes import Event
from campaign.records import State
from fakes.clock import FakeClock
from fakes.mail.recorder import Recorder, recorder
from fakes.mail.scripted_smtp import Script, ScriptedServer, on, say
from fakes.prepared import campaigns, journals
from fakes.prepared.sending import Mailing, relay

NOW = 1_800_000_000.0
HOUR = 3600.0


def tell(campaign: Campaign, rows: Sequence[int], kind: str, class_: str = "", at: float = NOW):
    add_events(
        *campaign.journal,
        [Event(f"{kind} {class_} {row}", row, at, kind, class_, "", "test", "") for row in rows],
    )


def campaign_with(folder: Path, sent: Sequence[tuple[int, float]], more: str = "") -> Campaign:
    """Rows 1 to 2,500 are planned; of these some were accepted, each at its time."""
    rows = [(f"p{number}@example.org", "P", "gold") for number in range(1, 2501)]
    toml = campaigns.TOML + more
    campaign = campaigns.planned(folder, rows=rows, toml=toml)
    changes = [
        change
        for row, at in sent
        for change in (journals.sending(row, at=at - 1), journals.sent(row, at=at))
    ]
    journals.run(journals.open_journal(folder), changes)
    return campaign


def reason(campaign: Campaign) -> CampaignError | None:
    clock = FakeClock()
    clock.wall = NOW
    return Returning(campaign, clock, lambda error: None)._reason()


@pytest.fixture(scope="module")
def accepted(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """2,000 letters were accepted an hour ago, and 500 two days ago."""
    folder = tmp_path_factory.mktemp("accepted")
    sent = [(row, NOW - HOUR) for row in range(1, 2001)]
    campaign_with(folder, [*sent, *((row, NOW - 48 * HOUR) for row in range(2001, 2501))])
    return folder


@pytest.fixture
def campaign(accepted: Path) -> Iterator[Campaign]:
    yield load(accepted)
    for file in (accepted / "state").glob("*.events*"):
        file.unlink()


GONE, FULL = "recipient-gone", "recipient-refuses"


@pytest.mark.parametrize(
    ("rows", "kind", "class_", "said"),
    [
        (range(1, 7), "complained", "", ""),
        (range(1, 8), "complained", "", "0.35 % of the letters that were accepted within 24 hours"
         " were marked as spam (7 of 2,000; the limit is 0.3 %); stopped before more harm"),
        (range(1, 101), "bounced", GONE, ""),
        (range(1, 102), "bounced", GONE, "bounced: there is no such mailbox (101 of 2,000;"),
        (range(1, 1000), "bounced", FULL, ""),
        (range(1, 1000), "bounced", "policy", ""),
        (range(1, 1000), "unsubscribed", "", ""),
        (range(2001, 2501), "bounced", GONE, ""),  # letters of two days ago
        (range(2001, 2501), "complained", "", ""),
    ],
)  # fmt: skip
def test_what_is_above_its_share_of_the_days_letters_is_a_reason(
    campaign: Campaign, rows: Sequence[int], kind: str, class_: str, said: str
) -> None:
    tell(campaign, rows, kind, class_)
    found = reason(campaign)
    assert isinstance(found, TooMuchCameBack) == bool(said)
    assert said in str(found)
    if found:
        assert f"campaign events --kind {kind}" in str(found)
        assert found.exit_code == 75


def test_a_mail_of_yesterday_about_a_letter_of_today_cannot_be(campaign: Campaign) -> None:
    tell(campaign, range(1, 200), "complained", at=NOW - 25 * HOUR)
    assert reason(campaign) is None


def test_a_few_say_nothing_of_a_share(tmp_path: Path) -> None:
    few = campaign_with(tmp_path, [(row, NOW - HOUR) for row in range(1, 31)])
    tell(few, range(1, 5), "complained")
    tell(few, range(1, 20), "bounced", GONE)
    assert reason(few) is None
    tell(few, range(5, 6), "complained")
    assert "17 % of the letters" in str(reason(few))


def test_the_limits_are_settings(tmp_path: Path) -> None:
    more = '[bounces]\nstop_bounces = "100%"\nstop_complaints = "30%"\n'
    lenient = campaign_with(tmp_path, [(row, NOW - HOUR) for row in range(1, 31)], more)
    tell(lenient, range(1, 31), "bounced", GONE)
    tell(lenient, range(1, 10), "complained")
    assert reason(lenient) is None
    tell(lenient, range(10, 11), "complained")
    assert "the limit is 30 %" in str(reason(lenient))


def test_nothing_is_counted_again_until_something_more_has_come_back(campaign: Campaign) -> None:
    assert events_mark(*campaign.journal) is None
    tell(campaign, range(1, 3), "complained")
    mark = events_mark(*campaign.journal)
    assert mark == events_mark(*campaign.journal) is not None
    tell(campaign, range(1, 3), "complained")  # known before
    tell(campaign, range(3, 4), "complained")
    assert events_mark(*campaign.journal) != mark
    assert read_harm(*campaign.journal, 0.0, least_bounced=20, least_complained=5) is None
    found = read_harm(*campaign.journal, 0.0, least_bounced=20, least_complained=3)
    assert found == Harm(2500, 0, 3)


# -- a whole run ---------------------------------------------------------------------------------


@pytest.fixture
def server() -> Iterator[Recorder]:
    with recorder() as running:
        yield running


def test_a_run_stops_by_what_another_process_reads_and_resume_counts_anew(
    tmp_path: Path,
    server: Recorder,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    rows = [(f"p{number}@example.org", "P", "gold") for number in range(1, 301)]
    toml = campaigns.TOML.replace("port = 1", f"port = {server.port}")
    campaign = campaigns.planned(tmp_path, rows=rows, toml=toml)
    server.lingers_from(30, 1.0)  # half a minute for all, and no more than a second to stop
    arguments = [sys.executable, "-m", "campaign.cli.main"]
    run = subprocess.Popen(
        [*arguments, "run", str(tmp_path), "--yes"],
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    )
    # A mail that is older than its letter says nothing: all twenty must have been accepted before.
    _until(lambda: _sent(campaign) >= set(range(1, 21)))
    told = json.loads(_status(tmp_path, capsys))
    assert told["counts"]["sent"] >= 20
    tell(campaign, range(1, 21), "bounced", GONE, at=time.time())
    out, err = run.communicate(timeout=120)
    assert run.returncode == 75, out + err
    assert "of the letters that were accepted within 24 hours bounced" in out + err
    before = len(server.accepted)
    assert before < 300
    assert last_stop_s(*campaign.journal, CAME_BACK) > time.time() - 60
    server.at_once()
    assert main(["resume", str(tmp_path)]) == 0  # the same bounces do not stop it again
    assert len(server.accepted) == 300


def test_after_such_a_stop_the_next_run_begins_with_one_letter(tmp_path: Path) -> None:
    refusing = Script(on("MAIL", say("550 5.7.1 Our records say that you are a spammer")))
    with ScriptedServer(refusing) as server:
        mailing = Mailing(tmp_path, relay(server, connections=5), people=20)
        mailing.plan()
        journal = journals.open_journal(tmp_path)
        run_with_nothing(journal)
        assert last_stop_s("sqlite:///state/journal.sqlite", tmp_path, CAME_BACK) > 0
        assert mailing.send().exit_code == 75
        assert len([each for each in server.commands if each.startswith("MAIL")]) == 1


def run_with_nothing(journal: Journal) -> None:
    """A run that was stopped for what came back."""

    async def main() -> None:
        await journal.start(asyncio.get_running_loop(), lambda error: None).drain()

    asyncio.run(main())
    journal.close(CAME_BACK)


def _sent(campaign: Campaign) -> set[int]:
    """The rows whose letters the journal says were accepted."""
    with closing(Reader.open(*campaign.journal)) as reader:
        return {result.row for result in reader.results(State.SENT)}


def _status(folder: Path, capsys: pytest.CaptureFixture[str]) -> str:
    assert main(["status", str(folder), "--json"]) in (0, 1, 75)
    return capsys.readouterr().out


def _until(is_so: Callable[[], bool]) -> None:
    for _ in range(3000):
        if is_so():
            return
        time.sleep(0.02)
    raise AssertionError("it did not come to that")
