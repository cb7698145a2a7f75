"""What waits is durable, in either database."""

from __future__ import annotations

from contextlib import closing
from pathlib import Path

import pytest

from campaign.webhooks.notices import HookNotice
from campaign.webhooks.outbox import LEASE_S, Outbox
from fakes.servers.postgresql import DatabaseServer

HOOK = "https://example.com/h"


@pytest.fixture(scope="module")
def server_url(database: DatabaseServer) -> str:
    return database.new_database()


@pytest.fixture(params=["sqlite", "postgresql"])
def url(request: pytest.FixtureRequest) -> str:
    if request.param == "sqlite":
        return "sqlite:///journal.sqlite"
    return str(request.getfixturevalue("server_url"))


def notice(n: int, row: int = 1) -> HookNotice:
    return HookNotice(f"msg_{n}", row, "sent", 5.0, f'{{"n": {n}}}')


def test_what_waits_is_there_after_it_was_closed(url: str, tmp_path: Path) -> None:
    with closing(Outbox.open(url, tmp_path)) as outbox:
        end = outbox.register(HOOK, "plan", 7, 3, 100.0).endpoint
        assert outbox.register(HOOK, "plan", 99, 99, 200.0).change_seen == 7
        kept = [notice(1), notice(2), notice(1)]
        outbox.take_in(end, kept, change=9, event=4, missing=(8,), now_s=50.0)
    with closing(Outbox.open(url, tmp_path)) as outbox:
        (standing,) = outbox.standings(end)
        assert (standing.change_seen, standing.event_seen) == (9, 4)
        assert outbox.missing(end) == [(8, 50.0)]
        outbox.take_in(end, [notice(1), notice(3)], found=(8,))
        first, second, third = outbox.waiting(end)
        assert [first.id, second.id, third.id] == ["msg_1", "msg_2", "msg_3"]
        outbox.told(end, [first.number], 60.0)
        outbox.refused(end, second.number, "it says 500", 90.0, 60.0)
        outbox.refused(end, third.number, "it says 400", None, 61.0)
        (waits,) = outbox.waiting(end)
        assert (waits.id, waits.tries, waits.due, waits.first_try) == ("msg_2", 1, 90.0, 60.0)
        (standing,) = outbox.standings(end)
        assert (standing.told, standing.tries, standing.failures) == (1, 3, 2)
        assert (standing.given_up, standing.failing_since) == (1, 60.0)
        outbox.disable(end, "three days", 99.0)
        outbox.enable(end)
        assert [each.due for each in outbox.waiting(end)] == [0.0, 0.0]
        assert outbox.missing(end) == []


def test_one_tells_at_a_time(url: str, tmp_path: Path) -> None:
    with closing(Outbox.open(url, tmp_path)) as one, closing(Outbox.open(url, tmp_path)) as two:
        assert one.hold("one", 100.0)
        assert not two.hold("two", 100.0)
        assert one.hold("one", 105.0)
        assert two.hold("two", 106.0 + LEASE_S)
        assert not one.hold("one", 107.0 + LEASE_S)
        two.let_go("two")
        assert one.hold("one", 108.0 + LEASE_S)


def test_a_journal_that_was_planned_anew_is_read_from_its_beginning(
    url: str, tmp_path: Path
) -> None:
    with closing(Outbox.open(url, tmp_path)) as outbox:
        end = outbox.register(HOOK + "/2", "plan", 7, 3, 100.0).endpoint
        outbox.take_in(end, [notice(1)], change=9)
        assert outbox.register(HOOK + "/2", "another", 0, 0, 200.0).change_seen == 0
        assert [each.id for each in outbox.waiting(end)] == ["msg_1"]
