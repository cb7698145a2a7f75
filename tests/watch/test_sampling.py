"""What the live page is told of a run, without a browser."""

from __future__ import annotations

import re
import time
from contextlib import closing
from datetime import datetime
from pathlib import Path

import pytest

from campaign.clock import SystemClock
from campaign.config.loader import Campaign, load
from campaign.journal.reading.tallies import Tallies
from campaign.journal.writing.events import add_events
from campaign.outcomes import MACHINE, Event
from campaign.pages.look import Look
from campaign.planning.timing.awaited import Waits
from campaign.watch import sampling
from campaign.watch.returned import ReturnedFeed
from campaign.watch.sampling import RunSample, Sampler
from fakes.clock import FakeClock
from fakes.mail.scripted_smtp import Script, ScriptedServer
from fakes.prepared.sending import Mailing, relay

LIMITED = '[limits."example.com"]\nrates = ["200/s", "2/day"]\n'


def sample_of(folder: Path) -> RunSample:
    campaign, clock = load(folder), SystemClock()
    with closing(Tallies.open(*campaign.journal)) as tallies:
        return Sampler(tallies, clock, Waits(campaign, clock).ask).sample()


def drawn(sample: RunSample) -> str:
    look = Look(Path(sampling.__file__).parent / "look", room="watch", charts=True)
    page = look.plain("run.html", run=sample, curve=None, courses=None, parts=[(1, "good")])
    return " ".join(re.sub(r"<[^>]*>", "", page).split())


def test_the_page_names_the_quota_that_a_stopped_run_waits_for_with_its_date(
    tmp_path: Path,
) -> None:
    with ScriptedServer(Script()) as server:
        mailing = Mailing(tmp_path, relay(server) + LIMITED, people=4)
        mailing.send(no_wait=True)
    sample = sample_of(tmp_path)
    found = re.fullmatch(
        r"waits its turn: limits example\.com 2/day is used up, next at (\S+) \d\d:\d\d",
        sample.waiting_for,
    )
    assert found is not None
    assert datetime.fromisoformat(found[1]).date() > datetime.now().date()
    assert sample.phase == "stopped"
    assert f"goes on from here. It {sample.waiting_for}." in drawn(sample)


def test_the_time_left_on_the_page_reaches_to_the_end_of_a_quota_that_is_waited_for(
    tmp_path: Path,
) -> None:
    with ScriptedServer(Script()) as server:
        mailing = Mailing(tmp_path, relay(server) + LIMITED, people=4)
        mailing.plan()
        campaign = load(tmp_path)
        clock = FakeClock(time.time())
        with closing(Tallies.open(*campaign.journal)) as tallies:
            sampler = Sampler(tallies, clock, Waits(campaign, clock).ask)
            assert sampler.sample().left_s is None
            mailing.send(no_wait=True)
            clock.sleep(2.0)  # two letters in as many seconds, and two are left
            left_s = sampler.sample().left_s
    assert left_s is not None
    assert left_s > 86_000


@pytest.mark.parametrize("quota", ["2/day", "9/day"])
def test_the_page_names_no_quota_that_is_not_used_up_or_that_nobody_waits_for(
    tmp_path: Path, quota: str
) -> None:
    with ScriptedServer(Script()) as server:
        way = relay(server, more=f'rates = ["200/s", "{quota}"]\n')
        Mailing(tmp_path, way, people=2).send()
    sample = sample_of(tmp_path)
    assert (sample.phase, sample.waiting_for) == ("finished", "")


def test_what_comes_back_is_on_the_page_as_it_comes(tmp_path: Path) -> None:
    with ScriptedServer(Script()) as server:
        Mailing(tmp_path, relay(server), people=4).send()
    campaign, clock = load(tmp_path), SystemClock()
    feed = ReturnedFeed(campaign)
    with closing(Tallies.open(*campaign.journal)) as tallies:
        sampler = Sampler(tallies, clock, Waits(campaign, clock).ask, returned=feed.ask)
        assert "What came back" not in drawn(sampler.sample())
        tell(campaign, [(1, "bounced", "recipient-gone", "550 5.1.1 nobody of that name")])
        page = drawn(sampler.sample())
        assert "What came back 1 bounced" in page
        assert "r1@example.com bounced: recipient-gone 550 5.1.1 nobody of that name" in page
        tell(campaign, [(row, "delivered", "", "250 ok") for row in (2, 3, 4)])
        tell(campaign, [(2, "complained", "", "abuse"), (3, "opened", MACHINE, "")])
        sample = sampler.sample()
        assert sample.returned.counts == [
            ("bounced", 1, "bad"),
            ("complained", 1, "bad"),
            ("opened", 1, ""),
            ("delivered", 3, ""),
        ]
        assert [line.kind for line in sample.returned.latest] == ["complained", "bounced"]
        assert feed.ask(tallies) is sample.returned  # nothing more came back: nothing is counted


def tell(campaign: Campaign, told: list[tuple[int, str, str, str]]) -> None:
    add_events(
        *campaign.journal,
        [
            Event(f"{row} {kind}", row, time.time(), kind, class_, said, "test", "")
            for row, kind, class_, said in told
        ],
    )
