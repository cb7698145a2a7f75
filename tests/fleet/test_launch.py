"""Workers that are started from one place: what they are given, where, and how often."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest

from campaign.errors import CampaignError, JournalGone
from campaign.fleet.cluster import Ended
from campaign.fleet.launch import Launcher
from campaign.records import State
from fakes.clock import FakeClock
from fakes.mail.recorder import recorder
from fakes.processes.crashing import run
from fakes.processes.fleet import fleet_campaign, members, prove, taking_part, until
from fakes.servers.postgresql import DatabaseServer


class Hosts:
    """A cluster of two places whose tasks end as they are told."""

    def __init__(self) -> None:
        self.there = ["a", "b"]
        self.busy: set[str] = set()
        self.started: list[str] = []
        self.over: dict[str, Ended] = {}
        self.is_answering = True

    def is_there(self) -> bool:
        return self.is_answering

    def places(self) -> list[str]:
        return self.there

    def start(self, place: str) -> None:
        self.started.append(place)
        self.busy.add(place)

    def end(self, place: str, code: int, said: str = "") -> None:
        self.busy.discard(place)
        self.over[place] = Ended(code, said)

    def ended(self) -> dict[str, Ended]:
        over, self.over = self.over, {}
        return over


class Campaign:
    """How many stand where."""

    def __init__(self, left: int) -> None:
        self.left = left
        self.said: list[str] = []
        self.clock = FakeClock()
        self.is_gone = False

    def counts(self) -> dict[State, int]:
        if self.is_gone:
            raise JournalGone("the server shuts down")
        return {state: self.left if state is State.PLANNED else 0 for state in State}


def launcher_of(hosts: Hosts, campaign: Campaign) -> Launcher:
    said, clock = campaign.said.append, campaign.clock
    return Launcher(hosts, campaign.counts, said, passed_s=clock.passed_s)


def test_a_run_whose_scheduler_is_gone_watches_on_and_starts_workers_when_it_is_back() -> None:
    hosts, campaign = Hosts(), Campaign(5)
    launcher = launcher_of(hosts, campaign)
    launcher.look()
    hosts.is_answering = False
    for left in (4, 3):
        campaign.left = left
        assert launcher.look()[State.PLANNED] == left
        assert not launcher.is_over
    hosts.is_answering, hosts.busy = True, set()  # it knows nothing of the tasks before
    launcher.look()
    assert hosts.started == ["a", "b", "a", "b"]
    assert campaign.said == [
        "the scheduler of Dask is gone; the workers send on, and it is tried again",
        "the scheduler of Dask is back",
    ]
    hosts.is_answering, campaign.left = False, 0  # by the workers that it had started
    launcher.look()
    assert launcher.is_over
    launcher.refuse_unfinished()


def test_a_scheduler_that_stays_away_is_given_up_once_nobody_is_settled_any_more() -> None:
    hosts, campaign = Hosts(), Campaign(5)
    launcher = launcher_of(hosts, campaign)
    hosts.is_answering = False
    launcher.look()
    campaign.clock.sleep(1700)
    campaign.left = 4
    launcher.look()
    campaign.clock.sleep(1700)
    launcher.look()
    assert not launcher.is_over
    campaign.clock.sleep(200)
    assert launcher.is_over
    with pytest.raises(CampaignError, match="scheduler of Dask is gone"):
        launcher.refuse_unfinished()


def test_a_run_waits_for_a_journal_that_is_gone_for_half_an_hour() -> None:
    hosts, campaign = Hosts(), Campaign(5)
    launcher = launcher_of(hosts, campaign)
    launcher.look()
    campaign.is_gone = True
    assert launcher.look()[State.PLANNED] == 5
    campaign.clock.sleep(1700)
    launcher.look()
    assert campaign.said == ["the server shuts down; the workers wait for it"]
    campaign.clock.sleep(200)
    with pytest.raises(JournalGone):
        launcher.look()


def test_each_place_gets_one_worker_and_a_dead_one_is_started_again() -> None:
    hosts, campaign = Hosts(), Campaign(5)
    launcher = launcher_of(hosts, campaign)
    launcher.look()
    launcher.look()
    assert hosts.started == ["a", "b"]
    hosts.end("a", -1, "its worker of Dask is gone (lost)")
    launcher.look()
    assert hosts.started == ["a", "b", "a"]
    hosts.there = ["b"]  # the host is gone
    hosts.end("a", -1)
    launcher.look()
    assert hosts.started == ["a", "b", "a"]
    assert not launcher.is_over
    campaign.left = 0
    hosts.end("b", 0)
    launcher.look()
    assert launcher.is_over
    launcher.refuse_unfinished()


def test_a_worker_that_was_refused_is_not_started_again_and_named() -> None:
    hosts, campaign = Hosts(), Campaign(5)
    launcher = launcher_of(hosts, campaign)
    launcher.look()
    hosts.end("a", 78, "the version of campaign is 1 here and 2 there")
    hosts.end("b", 75, "asked to leave the fleet")
    launcher.look()
    assert hosts.started == ["a", "b"]
    assert "the worker at a ended: the version of campaign is 1 here" in campaign.said[0]
    assert launcher.is_over
    with pytest.raises(CampaignError, match="gave up"):
        launcher.refuse_unfinished()


def test_one_that_dies_at_once_again_and_again_is_given_up() -> None:
    hosts, campaign = Hosts(), Campaign(5)
    hosts.there = ["a"]
    launcher = launcher_of(hosts, campaign)
    for _ in range(50):
        launcher.look()
        hosts.end("a", -9)
    launcher.look()
    assert len(hosts.started) == 20
    assert launcher.is_over


def test_run_with_a_fleet_sends_by_workers_of_a_local_cluster_as_one_run(
    tmp_path: Path, database: DatabaseServer, monkeypatch: pytest.MonkeyPatch
) -> None:
    """And attachments of single recipients go to the workers too."""
    pytest.importorskip("distributed")
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "cache"))
    url = database.new_database()
    with recorder(is_open=False) as mail, ThreadPoolExecutor(1) as beside:
        folder = fleet_campaign(
            tmp_path / "c", mail, url, recipients=60, connections=2, policy="hold", lease_s=5.0
        )
        (folder / "files").mkdir()
        for number in range(60):
            (folder / "files" / f"{number}.txt").write_text(f"of {number}")
        toml = folder / "campaign.toml"
        attached = '[message]\nattachments = ["files/{{ number }}.txt"]'
        toml.write_text(toml.read_text().replace("[message]", attached))
        running = beside.submit(run, folder, "run", "--fleet", "2", "--yes", "--workers", "1")
        until(lambda: running.done() or len(taking_part(database, url)) == 2)
        mail.door.set()
        done = running.result()
        assert done.returncode == 0, done.stdout + done.stderr
        assert "60  100.0 %  sent" in done.stdout
        assert set(mail.received.values()) == {1}
        assert mail.received.total() == 60
    assert len(members(database, url)) == 2
    prove(folder, url)
    refused = run(folder, "run", "--fleet", "2", "--yes", "--sandbox")
    assert refused.returncode == 64
    assert "--sandbox" in refused.stderr
