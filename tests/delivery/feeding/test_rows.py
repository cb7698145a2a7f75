"""Rows that were left behind in the journal come back in their lane, however many they are."""

from __future__ import annotations

import asyncio
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path
from typing import Any, cast

import pytest
from tenacity import wait_fixed

from campaign.clock import SystemClock
from campaign.config.settings import Delivery
from campaign.delivery.beginning.staleness import RunClock
from campaign.delivery.feeding.backlog import Backlog
from campaign.delivery.feeding.rows import Rows
from campaign.delivery.ledger import JournalLedger
from campaign.delivery.policies import SendingPolicies, SendingPolicy
from campaign.delivery.retry import RetrySchedule
from campaign.journal.reading.claiming import ClaimReader
from campaign.planning.timing.times import ZoneColumn
from campaign.planning.timing.turns import Turns
from campaign.pool.outlet import Outlet
from campaign.pool.servers.hosts import KnownHosts
from campaign.pool.terms import Patience, Terms
from campaign.records import Claim, State
from campaign.schedule.timetable import Timetable
from fakes.prepared import campaigns

KEPT = 3  # numbers of rows; all others are looked for again
NEWS, CODES, MORE_NEWS = range(1, 11), range(11, 31), range(31, 41)  # rows, by their source
FIRST = "example.com first"


class NoServers:
    """A directory whose lanes always have room, each domain being one."""

    def of(self, domain: str) -> None:
        return None


def policies() -> SendingPolicies:
    schedule = RetrySchedule(Delivery(), lambda: 0.0)
    return SendingPolicies(
        SendingPolicy("hold", schedule),
        [SendingPolicy("hold", schedule, is_bulk) for is_bulk in (True, False, True)],
    )


class Book:
    """As a run has it: rows, and the ledger of those that are claimed."""

    def __init__(self, reader: ClaimReader) -> None:
        clock, turns = RunClock(SystemClock(), 0.0), Turns(Timetable(), ZoneColumn(None))
        self.ledger = JournalLedger(
            lambda change, done: None,
            policies(),
            clock,
            turns,
            counts=dict.fromkeys(State, 0),
            on_outcome=lambda: None,
            on_due=lambda due_s: None,
        )
        terms = Terms(
            self.ledger,
            reader,
            clock,
            KnownHosts(cast(Any, None), clock, lambda line: None),
            Patience(wait_fixed(1)),
            give_back=lambda letters: None,
            on_low=lambda: None,
            must_stop=lambda error: None,
            say=lambda line: None,
        )
        outlet = Outlet(cast(Any, NoServers()), terms)
        self.rows = Rows(reader, self.ledger, outlet, turns, clock, 86400.0, policies())
        self.rows.backlog = Backlog(most=KEPT)

    def leave(self, claims: list[Claim]) -> None:
        """There is no room for them now."""
        for claim in claims:
            self.rows.backlog.leave(self.rows.lane_of(claim), claim, 0.0)

    async def returned(self) -> dict[str, list[int]]:
        """The rows that come back until none is left behind, by the lane they wait with."""
        found: dict[str, list[int]] = {}
        while self.rows.backlog:
            await self.rows.read_on(100, 100)
            claims = list(self.rows.ahead)
            self.rows.ahead.clear()
            self.ledger.claim(claims)
            if self.rows.returning:
                rows = [claim.row for claim in claims]
                found.setdefault(self.rows.returning, []).extend(rows)
        return found


@pytest.fixture
def book(tmp_path: Path) -> Iterator[Book]:
    lists = {"news.csv": NEWS, "codes.csv": CODES, "more.csv": MORE_NEWS}
    tmp_path.joinpath("campaigns").mkdir()
    for name, rows in lists.items():
        lines = [f"p{row}@example.com,P,gold" for row in rows]
        (tmp_path / name).write_text("\n".join(["email,first_name,plan", *lines]) + "\n")
    toml = campaigns.TOML.replace('["list.csv"]', '["news.csv", "codes.csv", "more.csv"]')
    campaign = campaigns.planned(tmp_path, toml=toml)
    with closing(ClaimReader.open(*campaign.journal)) as reader:
        yield Book(reader)


def test_letters_that_go_first_come_back_in_their_lane_before_any_other_was_read(
    book: Book,
) -> None:
    async def main() -> dict[str, list[int]]:
        first = await book.rows.read_first(100)
        assert [claim.row for claim in first] == list(CODES)
        book.leave(first)
        return await book.returned()

    assert asyncio.run(main()) == {FIRST: list(CODES)}


def test_a_lane_that_is_looked_through_again_brings_none_of_those_that_go_first(
    book: Book,
) -> None:
    async def main() -> dict[str, list[int]]:
        await book.rows.read_on(100, 100)
        news = list(book.rows.ahead)
        book.rows.ahead.clear()
        assert [claim.row for claim in news] == [*NEWS, *MORE_NEWS]
        book.leave(news)
        return await book.returned()

    assert asyncio.run(main()) == {"example.com": [*NEWS, *MORE_NEWS]}


def test_a_row_that_is_left_behind_late_is_looked_for_although_others_behind_it_were(
    book: Book,
) -> None:
    """Takers bring letters in any order."""

    async def main() -> dict[str, list[int]]:
        first = await book.rows.read_first(100)
        book.leave(first[10:])
        book.leave(first[:10])
        return await book.returned()

    found = asyncio.run(main())
    assert sorted(set(found[FIRST])) == list(CODES)
