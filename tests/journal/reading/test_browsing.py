"""Looking around in a plan."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import closing
from pathlib import Path

import pytest

from campaign.clock import SystemClock
from campaign.journal.reading.browsing import Browser, Page, Wanted
from fakes.prepared.campaigns import planned

CLOCK = SystemClock()


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("list")
    rows = [
        (f"user{at}@{'qq' if at % 2 else 'gmail'}.example", f"N{at}", "gold") for at in range(1, 31)
    ]
    planned(folder, rows=[*rows, ("李@", "李小龙", 'say "hi" 100%')])
    return folder


@pytest.fixture
def browser(folder: Path) -> Iterator[Browser]:
    with closing(Browser.open("sqlite:///state/journal.sqlite", folder)) as opened:
        yield opened


def find(browser: Browser, after: int = 0, limit: int = 100, **wanted: object) -> Page:
    return browser.page(Wanted(**wanted), after, limit, clock=CLOCK, budget_s=5)  # type: ignore[arg-type]


def rows(page: Page) -> list[int]:
    return [line.row for line in page.lines]


def test_pages_go_on_where_the_last_one_ended(browser: Browser) -> None:
    first = find(browser, limit=20)
    second = find(browser, first.looked_to, limit=20)
    assert rows(first) + rows(second) == list(range(1, 32))
    assert (first.is_end, second.is_end) == (False, True)


def test_a_word_is_found_in_any_cell_and_any_case(browser: Browser) -> None:
    assert rows(find(browser, text="小龙")) == [31]
    assert rows(find(browser, text="USER7@")) == [7]
    assert rows(find(browser, text='say "hi"')) == [31]


def test_signs_of_the_database_are_letters_like_others(browser: Browser) -> None:
    assert rows(find(browser, text="100%")) == [31]
    assert rows(find(browser, text="_")) == []
    assert rows(find(browser, text="!")) == []


def test_filters_go_together(browser: Browser) -> None:
    assert rows(find(browser, state="skipped")) == [31]
    assert rows(find(browser, domain="qq.example", text="user1")) == [1, 11, 13, 15, 17, 19]
    assert rows(find(browser, rows=(2, 4, 99), domain="gmail.example")) == [2, 4]


def test_a_search_that_is_out_of_time_says_how_far_it_came(browser: Browser) -> None:
    page = browser.page(Wanted(text="小龙"), 0, 10, clock=CLOCK, budget_s=0.0)
    assert page.looked_to > 0


def test_an_address_is_found_by_its_beginning_at_once(browser: Browser) -> None:
    assert [line.row for line in browser.starting_with("USER30", 5)] == [30]


def test_a_rejected_row_stands_with_its_reason(browser: Browser) -> None:
    standing = browser.standing(31)
    assert standing is not None
    assert standing.state == "skipped"
    assert standing.reason.startswith("address: ")
    assert browser.standing(32) is None
