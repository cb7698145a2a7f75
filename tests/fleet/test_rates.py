"""Rates, day quotas and rests hold for all workers of a fleet together."""

from __future__ import annotations

from collections.abc import Iterator
from itertools import pairwise
from pathlib import Path

import pytest

from campaign.journal.sharing.leases import Joining
from campaign.journal.sharing.rates import Wish, beginning_s, tell_and_hear
from campaign.journal.sharing.shared import SharedJournal
from campaign.pool.fleet import Parties
from campaign.pool.pacing.governor import Governor
from campaign.pool.pacing.leased import LeasedWindow
from campaign.pool.pacing.rates import Pacing
from campaign.units import read_rate
from fakes.clock import FakeClock
from fakes.mail.recorder import recorder
from fakes.prepared.journals import planned
from fakes.processes.fleet import fleet_campaign, workers_in
from fakes.servers.postgresql import DatabaseServer


@pytest.fixture
def shared(tmp_path: Path, database: DatabaseServer) -> Iterator[SharedJournal]:
    url = database.new_database()
    planned(tmp_path, 3, url=url).close()
    journal = SharedJournal.open(url, tmp_path, clock=FakeClock(), campaign="spring")
    assert journal is not None
    journal.join(Joining("one", "host", 1, 1.0, 5.0, 1), {}, None)
    yield journal
    journal.close()


def test_slots_of_a_pace_are_given_away_once_and_in_order(shared: SharedJournal) -> None:
    first = shared.grant([Wish("relay a", 40, 0.01, (), 0)])[0]
    second = shared.grant([Wish("relay a", 40, 0.01, (), 0)])[0]
    assert (first.slots, second.slots) == (40, 40)
    assert first.first_in_s == 0.0
    assert 0.0 < second.first_in_s <= 0.4
    rest = shared.grant([Wish("relay a", 400, 0.01, (), 0)])[0]
    assert rest.slots <= 101 - 80 + 10  # a second ahead at most
    none = shared.grant([Wish("relay a", 1, 0.01, (), 0)])[0]
    assert none.slots == 0 or none.first_in_s > 0.9


def test_who_asks_a_little_late_misses_no_slot_and_who_was_idle_gets_no_burst() -> None:
    assert beginning_s(100.5, 100.0) == 100.5
    assert beginning_s(99.8, 100.0) == 99.8
    assert beginning_s(99.5, 100.0) == 100.0


def test_what_goes_back_is_given_to_others(shared: SharedJournal) -> None:
    shared.grant([Wish("relay a", 50, 0.02, (), 0)])
    again = shared.grant([Wish("relay a", 1, 0.02, (), 49)])[0]
    assert again.first_in_s <= 0.02


def test_a_quota_holds_in_any_window_with_what_earlier_runs_used(shared: SharedJournal) -> None:
    now_s = shared.clock.now_s()
    used = ((now_s - 3000.0, 30), (now_s - 90_000.0, 1000))
    wish = Wish("relay a", 60, 0.0, ((100, 86_400.0),), 0, used)
    assert shared.grant([wish])[0].slots == 60
    assert shared.grant([wish])[0].slots == 10
    spent = shared.grant([wish])[0]
    assert spent.slots == 0
    assert 86_400 - 3_100 < spent.none_for_s <= 86_400 - 3_000 + 60


def test_a_rest_that_one_was_told_begins_for_all_and_is_not_told_back(
    shared: SharedJournal,
) -> None:
    ours, theirs = Parties(lambda: 0.0), Parties(lambda: 0.0)
    governors = []
    for parties in (ours, theirs):
        governor = Governor(8)
        governors.append(governor)
        parties.enrol("lane gmail.com", (), Pacing(()), governor, lambda since_s: ())
    governors[0].throttled(100.0, 600.0)
    news = ours.news(100.0)
    assert news == [("lane gmail.com", 600.0)]
    assert ours.news(100.5) == []
    assert shared.tell_and_hear(news) == []  # its own is not told to itself
    connection = shared._session
    heard = tell_and_hear(connection, 999, [])
    theirs.hear(heard, 50.0)
    assert 595.0 < governors[1].wait_s(50.0) <= 600.0
    assert governors[1].connections == 1
    assert theirs.news(50.0) == []


def test_a_window_waits_for_its_slots_and_gives_unused_ones_back() -> None:
    window = LeasedWindow("relay a", [read_rate("10/s"), read_rate("1000/day")])
    assert window.quotas == ((1000, 86_400.0),)
    assert window.wanted(0.0) == 0  # nobody has asked
    assert window.wait_s(0.0) > 0
    assert window.wanted(0.0) == 1
    window.given(0.0, 4, 0.0)
    waits = []
    for _ in range(4):
        waits.append(window.wait_s(0.0))
        window.take(0.0)
    assert waits == pytest.approx([0.0, 0.06, 0.16, 0.26])
    window.given(0.0, 4, 0.0)
    assert window.unused(0.45) == 2
    assert window.unused(0.45, all_=True) == 2


def test_no_more_slots_are_taken_ahead_than_are_used_while_the_fleet_is_asked_twice() -> None:
    window = LeasedWindow("relay a", [read_rate("200/s")])
    window.wait_s(0.0)
    assert window.wanted(0.0) == 20
    window.given(0.0, 20, 0.0)
    for _ in range(15):
        window.take(0.1)
    assert window.wanted(0.1) == 30 - 5
    window.given(0.1, 25, 0.0)
    for _ in range(30):
        window.take(0.2)
    assert window.wanted(0.2) == 60
    window.given(0.2, 60, 0.0)
    for _ in range(60):  # a look that came late
        window.take(0.5)
    assert window.wanted(0.5) == 80  # a killed one loses no more


def test_three_workers_keep_one_rate_together(tmp_path: Path, database: DatabaseServer) -> None:
    """By when each dot was permitted, as the workers told the journal by the server's clock."""
    count, rate = 240, 40
    url = database.new_database()
    with recorder() as mail:
        folder = fleet_campaign(
            tmp_path / "c", mail, url, recipients=count, connections=4, policy="hold", lease_s=5.0
        )
        toml = folder / "campaign.toml"
        limited = f"messages_per_connection = 20\nrates = ['{rate}/s']"
        toml.write_text(toml.read_text().replace("messages_per_connection = 20", limited))
        with workers_in(folder) as workers:
            for name in ("one", "two", "three"):
                workers.start(name)
            for name in ("one", "two", "three"):
                assert workers.end_of(name) == 0, workers.said[name]
        assert mail.received.total() == count
    asked = "SELECT at FROM history WHERE state = 'sending' ORDER BY at"
    at = [float(at_s) for (at_s,) in database.ask(asked, url.rpartition("/")[2])]
    assert len(at) == count
    # A worker that stood still for a moment may use the slots that it had taken ahead.
    assert at[-1] - at[0] >= (count - 1) / rate * 0.9
    for first, last in pairwise(range(0, count, 2 * rate)):
        assert at[last] - at[first] >= 1.0, "three workers send at twice the rate of all"
