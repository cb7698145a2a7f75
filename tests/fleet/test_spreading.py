"""A plan whose letters are made by many hosts is the plan that one machine makes."""

from __future__ import annotations

import asyncio
import json
import os
import signal
import sqlite3
import time
from collections.abc import Callable, Iterator
from contextlib import closing
from functools import partial
from pathlib import Path
from types import TracebackType
from typing import Any, Self

import pytest

from campaign.config.loader import Campaign, load
from campaign.errors import ConfigError, UsageError
from campaign.fleet import cluster as cluster_module
from campaign.fleet import places as places_module
from campaign.fleet import spreading
from campaign.fleet.cluster import connected
from campaign.fleet.spreading import spread_over
from campaign.journal import schema
from campaign.planning.letter_files import letter_files
from campaign.planning.plan import make_plan
from campaign.preflight.letters.census import take_census
from campaign.records import Job, Message
from campaign.rendering.render import RenderSpec
from campaign.workers.in_order import LetterMaker, Spread
from campaign.workers.pool import RenderPool
from fakes.clock import FakeClock
from fakes.prepared.campaigns import TOML, write
from fakes.processes.crashing import run
from fakes.processes.dask_places import DaskPlaces, dask_places
from fakes.servers.postgresql import DatabaseServer

pytest.importorskip("distributed")

_ROWS = 400
_BATCH = 20  # so that a short list has many
_MORE = """
[fleet]
dask = "{dask}"

[journal]
url = "{url}"
"""
_TEXT = """\
Dear {{ first_name }}, {{ 100 // (first_name|length - 5) }} times {{ plan }}.
{% for n in range(first_name[3:]|int % 7) %}
once more
{% endfor %}
Leave: {{ unsubscribe_url }}
"""


@pytest.fixture(scope="module")
def cluster(tmp_path_factory: pytest.TempPathFactory) -> Iterator[DaskPlaces]:
    with dask_places(tmp_path_factory.mktemp("dask"), 2) as running:
        yield running


@pytest.fixture(autouse=True)
def _small_batches(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(spreading, "_BATCH_ROWS", _BATCH)
    monkeypatch.setenv("CAMPAIGN_SECRET", "s" * 32)


def campaign_in(folder: Path, dask: str, url: str = "sqlite:///state/journal.sqlite") -> Campaign:
    """Rows of which no letter can be made among the others; some have a file of their own, and
    some of these files are missing."""
    own = {at: f"own{at}.txt" for at in range(120, 129)}
    rows = [(f"p{at}@example.com", f"Ann{at}", own.get(at, "terms.txt")) for at in range(_ROWS)]
    rows[7] = ("no address", "Nobody", "")
    toml = TOML.replace("[unsubscribe]", '[unsubscribe]\nurl = "https://example.com/u"\n'
                        'secret = { env = "CAMPAIGN_SECRET" }')  # fmt: skip
    toml = toml.replace(
        'html = "body.html"', 'html = "body.html"\nattachments = ["files/{{ plan }}"]'
    )
    write(folder, rows=rows, text=_TEXT, toml=toml + _MORE.format(dask=dask, url=url))
    (folder / "files").mkdir(exist_ok=True)
    (folder / "files" / "terms.txt").write_text("of all")
    for at in range(120, 124):
        (folder / "files" / own[at]).write_text(f"of {at}")
    return load(folder)


class Waiting:
    """A maker that begins when so many workers are ready: else who made what were left to chance.

    `harm` is called once the first batch went out, which does not come back before it is noticed.
    """

    def __init__(
        self,
        maker: LetterMaker,
        workers: int,
        harm: Callable[[], None] | None = None,
        when_ready: Callable[[], None] = lambda: None,
    ) -> None:
        self._maker = maker
        self._alone = maker.at_once
        self._workers = workers
        self._harm = harm
        self._when_ready = when_ready

    async def __aenter__(self) -> Self:
        await self._maker.__aenter__()
        until_s = time.monotonic() + 60
        while self.at_once < self._alone + 4 * self._workers:
            assert time.monotonic() < until_s, "the workers never came"
            await asyncio.sleep(0.02)
        self._when_ready()
        return self

    async def __aexit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        await self._maker.__aexit__(kind, error, traceback)

    @property
    def batch_rows(self) -> int:
        return self._maker.batch_rows

    @property
    def at_once(self) -> int:
        return self._maker.at_once

    async def render(self, jobs: list[Job]) -> list[Message]:
        return await self._maker.render(jobs)

    async def check(self, jobs: list[Job]) -> list[Message]:
        making = asyncio.create_task(self._maker.check(jobs))
        harm, self._harm = self._harm, None
        if harm:
            before = self.at_once
            await asyncio.to_thread(harm)
            while self.at_once == before:
                await asyncio.sleep(0.02)
        return await making


def plan_spread(
    campaign: Campaign,
    dask: str,
    *,
    workers: int = 2,
    harm: Callable[[], None] | None = None,
    when_ready: Callable[[], None] = lambda: None,
) -> list[str]:
    """What was said."""
    said: list[str] = []
    with connected(dask, 0) as connection:
        spread = spread_over(
            connection, files=partial(letter_files, campaign), most=0, processes=1, say=said.append
        )

        def waiting(pool: RenderPool, spec: RenderSpec) -> LetterMaker:
            return Waiting(spread(pool, spec), workers, harm, when_ready)

        make_plan(campaign, clock=FakeClock(), workers=1, spread=waiting)
    return said


def contents(campaign: Campaign, database: DatabaseServer | None = None) -> dict[str, list[Any]]:
    """All tables of the journal, in order, without what is drawn by lot for each plan."""
    found = {}
    if database is None:
        path = campaign.folder / "state" / "journal.sqlite"
        with closing(sqlite3.connect(path)) as connection:
            for table in schema.metadata.tables:
                found[table] = connection.execute(f"SELECT * FROM {table} ORDER BY 1").fetchall()
    else:
        name = campaign.settings.journal.url.rpartition("/")[2]
        for table in schema.metadata.tables:
            found[table] = database.ask(f"SELECT * FROM {table} ORDER BY 1", name)
    del found["plan"]
    return found


def plan_alone(campaign: Campaign) -> None:
    make_plan(campaign, clock=FakeClock(), workers=1)


def made_there(said: list[str]) -> int:
    return int(said[-1].split()[0])


@pytest.mark.parametrize("kind", ["sqlite", "postgresql"])
def test_a_plan_that_is_spread_is_that_of_one_machine(
    kind: str, tmp_path: Path, cluster: DaskPlaces, request: pytest.FixtureRequest
) -> None:
    database: DatabaseServer | None = None
    urls = ["sqlite:///state/journal.sqlite"] * 2
    if kind == "postgresql":
        database = request.getfixturevalue("database")
        urls = [database.new_database(), database.new_database()]
    alone = campaign_in(tmp_path / "alone" / "c", cluster.address, urls[0])
    plan_alone(alone)
    spread = campaign_in(tmp_path / "spread" / "c", cluster.address, urls[1])
    said = plan_spread(spread, cluster.address)
    assert made_there(said) > _BATCH
    assert contents(spread, database) == contents(alone, database)
    reasons = [row for row in contents(alone, database)["history"] if "render:" in str(row)]
    assert len(reasons) == 90 + 5  # names of five letters, files that are missing
    assert len(contents(alone, database)["snapshots"]) == _ROWS - 1 - len(reasons)
    cluster.wait_until_nobody_renders()


def test_a_worker_that_is_killed_or_stopped_changes_nothing(
    tmp_path: Path, cluster: DaskPlaces, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(places_module, "_LATE_S", 1.0)
    monkeypatch.setattr(places_module, "_LEAVE_S", 0.5)
    alone = campaign_in(tmp_path / "alone", cluster.address)
    plan_alone(alone)
    cluster.add_worker()
    killed = campaign_in(tmp_path / "killed", cluster.address)
    plan_spread(killed, cluster.address, workers=3, harm=cluster.kill_worker)
    assert contents(killed) == contents(alone)
    cluster.add_worker()
    stopped = campaign_in(tmp_path / "stopped", cluster.address)
    pid = cluster.workers[-1].pid
    try:
        halt = partial(os.kill, pid, signal.SIGSTOP)
        plan_spread(stopped, cluster.address, workers=3, when_ready=halt)
    finally:
        cluster.kill_worker()
    assert contents(stopped) == contents(alone)


def test_without_any_worker_left_and_without_a_scheduler_this_machine_goes_on(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(cluster_module, "_AGAIN_S", 0.5)
    with dask_places(tmp_path, 1) as cluster:
        alone = campaign_in(tmp_path / "alone", cluster.address)
        plan_alone(alone)
        bereft = campaign_in(tmp_path / "bereft", cluster.address)

        said = plan_spread(bereft, cluster.address, workers=1, harm=cluster.kill_worker)
        assert said[0].startswith("no worker of Dask is left; this machine goes on")
        assert contents(bereft) == contents(alone)
        cluster.add_worker()
        orphaned = campaign_in(tmp_path / "orphaned", cluster.address)
        said = plan_spread(orphaned, cluster.address, workers=1, harm=cluster.kill_scheduler)
        assert said[0].startswith("the scheduler of Dask is gone; this machine goes on")
        assert contents(orphaned) == contents(alone)
        monkeypatch.setattr(cluster_module, "_CONNECT_S", 0.5)
        with pytest.raises(UsageError, match="no scheduler of Dask answers"):
            plan_spread(orphaned, cluster.address)


def test_a_worker_with_another_version_is_named_and_left_out(tmp_path: Path) -> None:
    with dask_places(tmp_path, 0) as cluster:
        cluster.add_worker("import campaign\ncampaign.__version__ = '0.0.9'\n")
        campaign = campaign_in(tmp_path / "c", cluster.address)
        said: list[str] = []
        with connected(cluster.address, 0) as connection:
            spread = spread_over(
                connection, files=partial(letter_files, campaign), most=0, processes=1,
                say=said.append,
            )  # fmt: skip
            make_plan(campaign, clock=FakeClock(), workers=1, spread=until_said(spread, said))
        assert "does not take part: the version of campaign is 0.0.9 on this host" in said[0]
        assert made_there(said) == 0


def until_said(spread: Spread, said: list[str]) -> Spread:
    """Begin when anything was said."""

    class Listening(Waiting):
        @property
        def at_once(self) -> int:
            return super().at_once + (4 if said else 0)

    return lambda pool, spec: Listening(spread(pool, spec), 1)


def test_a_check_that_is_spread_finds_what_one_machine_finds(
    tmp_path: Path, cluster: DaskPlaces
) -> None:
    campaign = campaign_in(tmp_path / "c", cluster.address)
    plan_alone(campaign)
    said: list[str] = []
    with connected(cluster.address, 0) as connection:
        spread = spread_over(
            connection, files=partial(letter_files, campaign), most=1, processes=1, say=said.append
        )
        found = take_census(
            campaign, workers=1,
            spread=lambda pool, spec: Waiting(spread(pool, spec), 1),
        )  # fmt: skip
    assert made_there(said) > _BATCH
    alone = take_census(campaign, workers=1)
    assert (found.letters, found.seen, found.largest_bytes) == (
        alone.letters, alone.seen, alone.largest_bytes
    )  # fmt: skip


def test_the_commands_spread_over_the_cluster_that_campaign_toml_names(
    tmp_path: Path, cluster: DaskPlaces
) -> None:
    campaign = campaign_in(tmp_path / "c", cluster.address)
    done = run(campaign.folder, "plan", "--fleet", "0", "--workers", "1")
    assert done.returncode == 0, done.stderr
    assert "letters were made by workers of Dask" in done.stderr
    done = run(campaign.folder, "check", "--fleet", "1", "--offline", "--json", "--workers", "1")
    alone = run(campaign.folder, "check", "--offline", "--json", "--workers", "1")
    assert "letters were made by workers of Dask" in done.stderr
    assert json.loads(done.stdout) == json.loads(alone.stdout)
    toml = campaign.file.read_text()
    campaign.file.write_text(toml.replace(f'dask = "{cluster.address}"', ""))
    done = run(campaign.folder, "plan", "--fleet", "2")
    assert done.returncode == ConfigError.exit_code
    assert "[fleet] dask names none" in done.stderr
