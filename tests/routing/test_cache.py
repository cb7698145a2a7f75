"""One answer for everybody who asks, kept until it expires."""

from __future__ import annotations

import asyncio

import pytest

from campaign.routing.cache import Cache
from fakes.clock import FakeClock


def test_what_failed_is_raised_to_everybody_and_not_kept() -> None:
    cache: Cache[str, int] = Cache(FakeClock())
    tries = 0

    async def fail() -> tuple[int, float]:
        nonlocal tries
        tries += 1
        await asyncio.sleep(0)
        raise ValueError("no")

    async def ask() -> list[object]:
        asking = [cache.find("a", fail) for _ in range(3)]
        raised: list[object] = list(await asyncio.gather(*asking, return_exceptions=True))
        with pytest.raises(ValueError, match="no"):
            await cache.find("a", fail)
        return raised

    assert [type(error) for error in asyncio.run(ask())] == [ValueError] * 3
    assert tries == 2


def test_a_waiter_that_is_cancelled_leaves_the_others_their_answer() -> None:
    cache: Cache[str, int] = Cache(FakeClock())
    begun = asyncio.Event()

    async def make() -> tuple[int, float]:
        begun.set()
        await asyncio.sleep(0.01)
        return 7, 60.0

    async def ask() -> int:
        first = asyncio.ensure_future(cache.find("a", make))
        second = asyncio.ensure_future(cache.find("a", make))
        await begun.wait()
        first.cancel()
        return await second

    assert asyncio.run(ask()) == 7
    assert cache.get("a") == 7


def test_a_value_good_for_no_time_is_not_kept() -> None:
    cache: Cache[str, int] = Cache(FakeClock())

    async def make() -> tuple[int, float]:
        return 7, 0.0

    assert asyncio.run(cache.find("a", make)) == 7
    assert cache.get("a") is None


def test_the_oldest_go_when_there_are_too_many() -> None:
    cache: Cache[int, int] = Cache(FakeClock(), most=3)
    for number in range(5):
        cache.keep(number, number, 60.0)
    assert [cache.get(number) for number in range(5)] == [None, None, 2, 3, 4]
