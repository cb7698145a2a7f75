"""What an open page hears of changes, and when."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from typing import Any

import pytest
from starlette.requests import Request

from campaign.pages.events import Bell


def request(query: str = "", last_event_id: str = "") -> Request:
    headers = [(b"last-event-id", last_event_id.encode())] if last_event_id else []
    return Request({"type": "http", "query_string": query.encode(), "headers": headers})


async def heard(bell: Bell, asked: Request) -> list[str]:
    """The kinds and data that a page hears at once."""
    stream: AsyncIterator[Any] = bell.stream(asked).body_iterator
    said = await anext(stream)
    found = []
    try:
        while True:
            said = await asyncio.wait_for(anext(stream), 0.05)
            fields = dict(line.split(": ", 1) for line in said.splitlines() if line)
            found.append(f"{fields['id']} {fields['event']} {fields['data']}".strip())
    except (TimeoutError, StopAsyncIteration):
        return found


def rung() -> Bell:
    bell = Bell()
    bell.ring("mail", "one")
    bell.ring("figures")
    bell.ring("mail", "two")
    return bell


@pytest.mark.parametrize(
    ("query", "last_event_id", "hears"),
    [
        ("since=0", "", ["2 figures", "3 mail two"]),
        ("since=2", "", ["3 mail two"]),
        ("since=3", "", []),
        ("since=0", "2", ["3 mail two"]),  # it has heard more since it was made
        ("since=99", "", ["2 figures", "3 mail two"]),  # made by another server
        ("", "", []),
        ("since=x", "", []),
        ("since=" + "9" * 5000, "", []),
    ],
)
def test_a_page_hears_the_last_of_each_kind_since_it_was_made(
    query: str, last_event_id: str, hears: list[str]
) -> None:
    async def main() -> list[str]:
        return await heard(rung(), request(query, last_event_id))

    assert asyncio.run(main()) == hears


def test_a_slow_page_hears_the_last_of_each_kind() -> None:
    async def main() -> list[str]:
        bell = Bell()
        stream: AsyncIterator[Any] = bell.stream(request()).body_iterator
        await anext(stream)  # it listens
        bell.ring("edition", "7")
        for number in range(100):
            bell.ring("figures", str(number))
        return [await anext(stream), await anext(stream)]

    edition, figures = asyncio.run(main())
    assert edition == "id: 1\nevent: edition\ndata: 7\n\n"
    assert figures == "id: 101\nevent: figures\ndata: 99\n\n"


def test_a_request_knows_what_was_rung_before_it_was_answered() -> None:
    bell = rung()
    seen: list[int] = []

    async def page(scope: Any, receive: Any, send: Any) -> None:
        bell.ring("mail", "while the page is made")
        seen.append(scope["state"]["rung"])

    async def main() -> None:
        await bell.counting(page)({"type": "http"}, None, None)  # type: ignore[arg-type]

    asyncio.run(main())
    assert seen == [3]
