"""The page of the API, as the people see it who write the application."""

from __future__ import annotations

from collections.abc import Callable, Iterator

import pytest
from playwright.sync_api import expect

from fakes.prepared.open_campaigns import open_campaign
from fakes.processes.api_server import KEY, SERVE, ApiServer, api_server
from fakes.web.browser import DESKTOP, PHONE, Visit


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[ApiServer]:
    campaign = open_campaign(tmp_path_factory.mktemp("shop"), more=SERVE)
    with api_server(campaign.folder) as running:
        yield running


@pytest.fixture(scope="module")
def url(server: ApiServer) -> str:
    return f"http://127.0.0.1:{server.port}"


def looks_right(visit: Visit, width: int) -> None:
    """Nothing is wider than the window, and nothing is wrong for who cannot see well."""
    assert visit.page.evaluate("document.documentElement.scrollWidth") == width
    assert visit.faults_of_access() == []


@pytest.mark.parametrize("scheme", ["light", "dark"])
@pytest.mark.parametrize("size", [DESKTOP, PHONE], ids=["desktop", "phone"])
def test_a_letter_is_sent_from_the_page_and_a_missing_variable_is_named_with_its_line(
    visit: Callable[..., Visit], server: ApiServer, size: dict[str, int], scheme: str
) -> None:
    opened = visit(viewport=size, color_scheme=scheme)
    page, width = opened.page, size["width"]
    looks_right(opened, width)
    page.fill("[name=key]", KEY)
    page.locator("[name=key]").press("Tab")
    expect(page.locator("[name=template]")).to_be_enabled()
    expect(page.locator(".bar .name")).to_be_visible()
    expect(page.locator(".bar .name")).to_contain_text("shop")
    page.select_option("[name=template]", "receipt")
    expect(page.locator("[data-about]")).to_contain_text("given up after 1 day")
    page.select_option("[name=template]", "code")
    expect(page.locator("[data-about]")).to_contain_text("given up after 10 minutes")
    page.fill("[name=to]", "Bob <bob@example.com>")
    page.fill("[name=data]", '{"code": "1234"}')
    page.get_by_role("button", name="Send it").click()
    expect(page.locator("[data-status]")).to_have_text("202")
    looks_right(opened, width)
    said = page.evaluate("JSON.parse(document.querySelector('[data-json]').textContent)")
    assert server.ask("GET", f"/v1/messages/{said['id']}").said["message_id"] == said["message_id"]
    page.select_option("[name=template]", "receipt")
    page.fill("[name=data]", '{"lines": []}')
    page.get_by_role("button", name="Send it").click()
    expect(page.locator("[data-status]")).to_have_text("422")
    expect(page.locator("[data-said]")).to_contain_text("order")
    expect(page.locator("[data-said]")).to_contain_text("(campaign.toml:14)")
    looks_right(opened, width)


def test_a_letter_is_looked_at_as_it_would_be_sent_and_asked_after_when_it_was(
    visit: Callable[..., Visit], server: ApiServer
) -> None:
    opened = visit(viewport=PHONE)
    page = opened.page
    page.fill("[name=key]", KEY)
    page.locator("[name=key]").press("Tab")
    expect(page.locator("[name=template]")).to_be_enabled()
    page.select_option("[name=template]", "receipt")
    page.fill("[name=data]", '{"order": 7, "lines": [{"count": 1, "name": "Tea"}]}')
    again = page.get_by_role("button", name="What became of it?")
    page.get_by_role("button", name="Look at the letter").click()
    expect(page.frame_locator("iframe[title='The letter']").get_by_text("Tea")).to_be_visible()
    expect(page.locator("[data-said]")).to_have_text("Your order 7")
    expect(again).to_be_hidden()  # nothing was kept
    page.select_option("[name=template]", "code")
    page.fill("[name=data]", '{"code": "4711"}')
    page.get_by_role("button", name="Look at the letter").click()
    letter = page.frame_locator("iframe[title='The letter']")
    expect(letter.get_by_text("your code is 4711")).to_be_visible()
    looks_right(opened, PHONE["width"])
    page.get_by_role("button", name="Send it").click()
    expect(page.locator("[data-status]")).to_have_text("202")
    again.click()
    expect(page.locator("[data-status]")).to_have_text("200")
    expect(page.locator("[data-said]")).to_have_text("accepted")
    expect(page.locator("[data-json]")).to_contain_text("ada@example.com")
    looks_right(opened, PHONE["width"])
