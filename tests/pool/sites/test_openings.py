"""How a site's attempts to connect end."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from typing import Any, cast

from tenacity import wait_none

from campaign.errors import CampaignError
from campaign.pool.pacing.allowance import Allowance
from campaign.pool.sites.openings import Openings
from campaign.pool.terms import Patience
from campaign.records import Stage
from campaign.smtp.connection import Connection
from campaign.smtp.endpoint import ConnectRefused
from fakes.clock import FakeClock

DOWN = ConnectRefused("connection refused", Stage.CONNECT)


class Place:
    """The site as far as openings know it."""

    def __init__(self, dial: Callable[[], Awaitable[Connection]]) -> None:
        self.allowance = Allowance("relay", 4, ())
        self.failures: list[CampaignError] = []
        self.refusals: list[ConnectRefused] = []
        self.opened: list[Connection] = []
        self.openings = Openings(
            "relay",
            dial,
            self.allowance,
            self.opened,
            clock=FakeClock(),
            patience=Patience(wait_none(), first_tries=3, outage_s=-1.0),
            opened=self._opened,
            refused=self.refusals.append,
            failed=self.failures.append,
        )

    def _opened(self, connection: Connection) -> bool:
        self.opened.append(connection)
        return True

    @property
    def counted(self) -> tuple[int, int]:
        return self.allowance.connections, self.allowance.openings

    async def over(self) -> None:
        async with asyncio.timeout(5):
            while not self.openings.is_over:
                await asyncio.sleep(0)


async def hang() -> Connection:
    await asyncio.Event().wait()
    raise AssertionError


async def refuse() -> Connection:
    raise DOWN


async def succeed() -> Connection:
    return cast(Connection, object())


def test_an_attempt_cancelled_before_it_began_is_over_and_gives_its_place_back() -> None:
    async def main() -> None:
        place = Place(hang)
        place.openings.open(1)
        place.openings.cancel()
        await place.over()
        assert place.counted == (0, 0)
        assert not place.failures

    asyncio.run(main())


def test_an_attempt_cancelled_under_way_is_over_and_gives_its_place_back() -> None:
    async def main() -> None:
        place = Place(hang)
        place.openings.open(1)
        await asyncio.sleep(0.01)
        assert place.counted == (1, 1)
        place.openings.cancel()
        await place.over()
        assert place.counted == (0, 0)

    asyncio.run(main())


def test_an_open_connection_keeps_its_place() -> None:
    async def main() -> None:
        place = Place(succeed)
        place.openings.open(1)
        await place.over()
        assert len(place.opened) == 1
        assert place.counted == (1, 0)

    asyncio.run(main())


def test_a_server_that_is_down_fails_once_however_many_were_trying() -> None:
    async def main() -> None:
        place = Place(refuse)
        place.openings.succeeded()  # it was there before: several are tried at once
        place.openings.open(4)
        assert place.counted == (4, 4)
        await place.over()
        assert place.failures == [DOWN]
        assert place.counted == (0, 0)

    asyncio.run(main())


def test_an_unproven_server_is_tried_by_one_and_fails_after_its_tries() -> None:
    async def main() -> None:
        place = Place(refuse)
        place.openings.open(4)
        assert place.counted == (1, 1)
        await place.over()
        assert place.failures == [DOWN]
        assert place.refusals == [DOWN] * 3

    asyncio.run(main())


def test_a_bug_in_dialling_is_seen_by_the_loop() -> None:
    async def bug() -> Connection:
        raise ZeroDivisionError

    async def main() -> None:
        seen: list[dict[str, Any]] = []
        asyncio.get_running_loop().set_exception_handler(lambda loop, what: seen.append(what))
        place = Place(bug)
        place.openings.open(1)
        await place.over()
        await asyncio.sleep(0)
        assert isinstance(seen[0]["exception"], ZeroDivisionError)

    asyncio.run(main())
