"""The unsubscribe pages as people see them: without script, on a phone, light and dark."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import pytest
from playwright.sync_api import Browser, expect

from fakes.processes.serving import Serving, serving, write
from fakes.web.browser import PHONE, Visit
from fakes.web.serve_site import link


@pytest.fixture(scope="module")
def site(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Serving]:
    with serving(write(tmp_path_factory.mktemp("serve"), "sqlite:///s.sqlite")) as running:
        yield running


def opened(browser: Browser, site: Serving, target: str, **how: Any) -> Visit:
    return Visit(browser, f"{site.address}/?", target, **how)


def looks_right(visit: Visit, width: int) -> None:
    """Nothing is cut, nothing foreign asked for, nothing wrong for who cannot see well."""
    page = visit.page
    assert page.evaluate("document.documentElement.scrollWidth") == width
    assert visit.faults_of_access() == []
    assert (visit.errors, visit.foreign) == ([], [])
    assert page.context.cookies() == []


@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_a_person_leaves_and_comes_back_and_chooses_on_a_phone(
    browser: Browser, site: Serving, scheme: str
) -> None:
    visit = opened(
        browser, site, link(f"{scheme}@example.com"), viewport=PHONE, color_scheme=scheme
    )
    page, width = visit.page, PHONE["width"]
    expect(page.locator("h1")).to_have_text("Unsubscribe from Monthly newsletter?")
    looks_right(visit, width)
    box = page.get_by_role("button", name="Unsubscribe").bounding_box()
    assert box is not None
    assert box["height"] >= 44  # of a finger (WCAG 2.2, 2.5.5)
    page.get_by_role("button", name="Unsubscribe").click()
    expect(page.locator("h1")).to_have_text("You are unsubscribed")
    looks_right(visit, width)
    page.get_by_role("button", name="Subscribe again").click()
    expect(page.locator("h1")).to_have_text("You are subscribed again")
    looks_right(visit, width)
    page.get_by_role("link", name="Back").click()
    page.get_by_role("link", name="Choose which letters you get").click()
    expect(page.get_by_label("Offers and events")).to_be_checked()
    looks_right(visit, width)
    page.get_by_label("Offers and events").uncheck()
    page.get_by_role("button", name="Save").click()
    expect(page.get_by_role("status")).to_have_text("Saved.")
    expect(page.get_by_label("Offers and events")).not_to_be_checked()
    looks_right(visit, width)
    page.get_by_role("button", name="Unsubscribe from everything").click()
    expect(page.get_by_role("status")).to_contain_text("none of our letters")
    looks_right(visit, width)
    visit.close()


def test_it_works_without_script_and_with_the_keyboard_alone(
    browser: Browser, site: Serving
) -> None:
    visit = opened(browser, site, link("keys@example.com"), java_script_enabled=False)
    visit.page.keyboard.press("Tab")
    visit.page.keyboard.press("Enter")
    expect(visit.page.locator("h1")).to_have_text("You are unsubscribed")
    visit.close()


def test_the_page_is_in_the_language_of_the_browser_and_changes_to_another(
    browser: Browser, site: Serving
) -> None:
    visit = opened(browser, site, link("li@example.com"), locale="zh-CN")
    expect(visit.page.locator("h1")).to_have_text("要退订“每月通讯”吗？")  # noqa: RUF001
    looks_right(visit, 1440)
    visit.page.get_by_role("link", name="English").click()
    expect(visit.page.locator("h1")).to_have_text("Unsubscribe from Monthly newsletter?")
    visit.page.get_by_role("button", name="Unsubscribe").click()
    expect(visit.page.locator("h1")).to_have_text("You are unsubscribed")
    visit.close()


def test_a_cut_link_tells_a_person_that_nothing_has_changed(
    browser: Browser, site: Serving
) -> None:
    visit = opened(browser, site, link()[:-12], viewport=PHONE, color_scheme="dark")
    visit.page.get_by_role("button", name="Unsubscribe").click()
    expect(visit.page.locator("h1")).to_have_text("This link names nobody")
    looks_right(visit, PHONE["width"])
    visit.close()


def test_the_smallest_phone_and_a_long_address_break_nothing(
    browser: Browser, site: Serving
) -> None:
    key = f"{'w' * 9}@{'very-long-' * 3}example.com"
    visit = opened(browser, site, link(key), viewport={"width": 320, "height": 568})
    looks_right(visit, 320)
    visit.close()
