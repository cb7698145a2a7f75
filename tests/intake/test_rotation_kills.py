"""A run that moves old letters into archives is killed at random, and nothing is lost or twice."""

from __future__ import annotations

import random
import time
from contextlib import closing
from pathlib import Path

import pytest

from campaign.clock import SystemClock
from campaign.database.places import locate
from campaign.journal.archiving.files import archives_of
from campaign.journal.arrivals import Arrivals
from campaign.journal.reading.glance import glance
from campaign.journal.reading.reader import Reader
from campaign.journal.store import Journal
from campaign.planning.opening import ensure_open_plan
from campaign.records import State
from fakes.mail.recorder import recorder
from fakes.prepared.open_campaigns import code, open_campaign
from fakes.prepared.rotating import everything, in_journal, settle
from fakes.prepared.triggering import accept, audited, killable_run, wait_until
from fakes.servers.postgresql import DatabaseServer

LETTERS = 900  # of which 250 go at once
KILLS = 3


@pytest.mark.parametrize("kind", ["file", "server"])
def test_each_letter_is_in_the_journal_or_an_archive_however_often_a_run_is_killed(
    tmp_path: Path, request: pytest.FixtureRequest, kind: str
) -> None:
    more = '\n[journal]\nkeep = "2d"\n'
    if kind == "server":
        database: DatabaseServer = request.getfixturevalue("database")
        more += f'url = "{database.new_database()}"\n'
    dice = random.Random(28)
    with recorder() as relay:
        campaign = open_campaign(tmp_path, port=relay.port, more=more)
        ensure_open_plan(campaign, SystemClock())
        with closing(Journal.open(*campaign.journal, clock=SystemClock(), create=False)) as journal:
            states = [State.SENT, State.EXPIRED, State.FAILED] * (LETTERS // 3)
            settle(journal, states, at_s=time.time() - 3 * 86_400.0)
        arrivals = Arrivals.open(*campaign.journal)
        with closing(arrivals), arrivals._database.writing():
            arrivals._remember("last", str(LETTERS))
        url, folder = campaign.journal
        before = everything(folder, url)
        for _ in range(KILLS):
            moved = _moved(url, folder)
            child = killable_run(folder)
            wait_until(lambda: _moved(url, folder) > moved or moved >= LETTERS - 1)  # noqa: B023
            time.sleep(dice.random() * 0.2)  # any moment of a batch
            child.kill()
            child.wait()
            audited(campaign)
            assert everything(folder, url) == before
            with closing(glance(url, folder)) as seen:
                assert sum(seen.counts().values()) == LETTERS
        (bob,) = accept(campaign, code("bob@example.com"))
        child = killable_run(folder)
        wait_until(lambda: relay.received["bob@example.com"] == 1)
        wait_until(lambda: _moved(url, folder) >= LETTERS - 1)
        child.terminate()
        child.wait(30)
    audited(campaign)
    assert bob.number in (left := in_journal(folder, url))
    assert {*left} <= {LETTERS, bob.number}  # the last change there was stays
    assert archives_of(locate(url, folder))


def _moved(url: str, folder: Path) -> int:
    with closing(Reader.open(url, folder)) as reader:
        return int(reader.ask("SELECT COALESCE(sum(letters), 0) FROM rotated")[0][0])
