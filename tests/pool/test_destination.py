"""Which of the sites that share lanes is woken for a letter, and which rests for a throttle."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from typing import Any, cast

import pytest
from tenacity import wait_fixed

from campaign.errors import CampaignError
from campaign.pool.destination import Destination
from campaign.pool.lanes import Lanes
from campaign.pool.pacing.allowance import Allowance
from campaign.pool.servers.hosts import KnownHosts, NoMemory
from campaign.pool.sites.site import Site
from campaign.pool.sites.slowing import Slowing
from campaign.pool.terms import Patience, Terms
from campaign.records import ReplyClass, Stage, State, Verdict
from campaign.smtp.connection import Connection
from fakes.clock import FakeClock
from fakes.mail.postman import letter

DOMAIN = letter(1).claim.domain
THROTTLE = Verdict(ReplyClass.THROTTLE, State.DEFERRED, uses_attempt=False, pause_s=300.0)


class Place:
    """Servers that are reached from several addresses; nobody ever answers."""

    def __init__(self, *sources: str) -> None:
        self.clock = FakeClock()
        self.lanes = Lanes(lambda name: ((), 100))
        self.destination = Destination("mx.test", self.lanes, self.clock, "limits")
        self.dialled: list[str] = []
        for source in sources:
            site = Site(
                f"mx.test from {source}",
                self.lanes,
                self._dial,
                Allowance(f"mx.test from {source}", 10, ()),
                self._terms(),
                messages_per_connection=100,
                siblings=self.destination,
                on_failure=self._failed,
                source=source,
            )
            self.destination.join(site)

    @property
    def sites(self) -> list[Site]:
        return list(self.destination.sites)

    def _terms(self) -> Terms:
        nothing: Callable[..., None] = lambda *_: None  # noqa: E731
        known = KnownHosts(NoMemory(), self.clock, nothing)
        nobody = cast(Any, None)
        patience = Patience(wait_fixed(1))
        return Terms(
            nobody, nobody, self.clock, known, patience, nothing, nothing, nothing, nothing
        )

    def _failed(self, site: Site, error: CampaignError) -> None:
        raise AssertionError(f"{site.name}: {error}")

    def _dial(self, site: Site, limit: int) -> Awaitable[Connection]:
        self.dialled.append(site.source)
        return asyncio.get_running_loop().create_future()

    def put(self, count: int) -> None:
        """So many letters come; who is woken begins to connect."""

        async def come() -> None:
            self.destination.put([letter(row) for row in range(1, count + 1)])
            await asyncio.sleep(0)
            await asyncio.sleep(0)
            for site in self.sites:
                site.abort("over")
            await asyncio.sleep(0)

        asyncio.run(come())


@pytest.mark.parametrize("count", [1, 2, 3])
def test_as_many_sites_are_woken_as_there_are_letters(count: int) -> None:
    place = Place("a", "b", "c")
    place.put(count)
    assert sorted(place.dialled) == ["a", "b", "c"][:count]


def test_whoever_is_furthest_behind_its_share_is_woken_first() -> None:
    place = Place("a", "b", "c")
    place.sites[0].taken, place.sites[1].taken, place.sites[2].taken = 5, 3, 4
    place.put(1)
    assert place.dialled == ["b"]


def test_a_site_that_rests_is_passed_over() -> None:
    place = Place("a", "b")
    place.sites[0].allowance.governor.throttled(place.clock.tick_s(), 60.0)
    place.put(1)
    assert place.dialled == ["b"]


def test_a_site_without_a_free_connection_is_passed_over() -> None:
    place = Place("a", "b")
    place.sites[0].allowance.connections = 10
    place.put(1)
    assert place.dialled == ["b"]


def slowing_of(place: Place, number: int) -> Slowing:
    return place.sites[number]._slowing


def test_a_throttle_rests_the_address_and_its_letter_goes_on_from_the_other() -> None:
    place = Place("a", "b")
    lane = place.lanes.lane(DOMAIN)
    now_s = place.clock.tick_s()
    assert slowing_of(place, 0).throttled(letter(1), Stage.RCPT, THROTTLE) == 0
    assert place.sites[0].allowance.wait_s(now_s) == 300.0
    assert lane.wait_s(now_s) == 0
    assert place.destination.rest_s(now_s) == 0
    assert place.destination.look_s(DOMAIN, now_s) < 1


def test_a_throttle_of_the_last_address_rests_the_lane_until_the_first_is_back() -> None:
    place = Place("a", "b")
    now_s = place.clock.tick_s()
    slowing_of(place, 0).throttled(letter(1), Stage.RCPT, THROTTLE)
    assert slowing_of(place, 1).throttled(letter(2), Stage.RCPT, THROTTLE) == 300.0
    assert place.lanes.lane(DOMAIN).wait_s(now_s) == 300.0
    assert place.destination.rest_s(now_s) == 300.0


def test_sites_of_one_address_are_throttled_together_by_lane() -> None:
    """Two relays: the provider behind them is slow, whichever of them is asked."""
    place = Place("", "")
    now_s = place.clock.tick_s()
    place.lanes.lane("other.test")
    assert slowing_of(place, 0).throttled(letter(1), Stage.RCPT, THROTTLE) == 300.0
    assert place.lanes.lane(DOMAIN).wait_s(now_s) == 300.0
    assert [site.allowance.wait_s(now_s) for site in place.sites] == [0.0, 0.0]
