"""The preview as people use it."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from playwright.sync_api import expect

from campaign.cli.services.serving import press
from campaign.preview.server import start
from fakes.prepared.campaigns import HTML, planned
from fakes.web.browser import PHONE, Visit

Open = Callable[..., Visit]


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("spring")


@pytest.fixture(scope="module")
def url(folder: Path) -> Iterator[str]:
    server = start(planned(folder), press)
    yield server.url
    server.stop()


def test_arrow_keys_go_through_the_recipients(visit: Open) -> None:
    page = visit().page
    expect(page.locator("#subject")).to_have_text("Ada, your gold plan renews")
    page.keyboard.press("ArrowDown")
    expect(page.locator("#subject")).to_have_text("Bob, your silver plan renews")
    page.keyboard.press("ArrowDown")
    expect(page.locator("#subject")).to_have_text("This row gets no letter")
    page.keyboard.press("j")
    expect(page.locator("#subject")).to_have_text("李小龙, your gold plan renews")
    page.keyboard.press("ArrowUp")
    page.keyboard.press("ArrowUp")
    expect(page.locator("#subject")).to_have_text("Bob, your silver plan renews")
    expect(page.locator("[data-list] [aria-current]")).to_contain_text("Bob")


def test_search_finds_a_name_in_any_script(visit: Open) -> None:
    page = visit().page
    page.keyboard.press("/")
    page.keyboard.type("小龙")
    expect(page.locator("[data-list] li")).to_have_count(1)
    expect(page.locator("[data-list] li")).to_contain_text("李小龙")
    page.keyboard.press("Control+A")
    page.keyboard.type("nobody-of-that-name")
    expect(page.locator("[data-list]")).to_contain_text("Nobody found")


def test_a_search_that_finds_nobody_is_a_page_as_any_other(visit: Open) -> None:
    page = visit("/?q=nobody-of-that-name").page
    expect(page.locator("[data-list]")).to_contain_text("Nobody found")
    expect(page.locator("[data-letter]")).to_contain_text("No letter to show")


def test_a_row_beyond_what_a_database_counts_is_not_found(visit: Open) -> None:
    opened = visit()
    answer = opened.page.request.get(f"{opened.origin}/letter/99999999999999999999")
    assert answer.status == 404


def test_the_letter_shown_is_among_those_found(visit: Open) -> None:
    page = visit().page
    expect(page.locator("#subject")).to_have_text("Ada, your gold plan renews")
    page.fill("#q", "小龙")
    expect(page.locator("#subject")).to_have_text("李小龙, your gold plan renews")
    page.fill("#q", "nobody-of-that-name")
    expect(page.locator("[data-letter]")).to_contain_text("No letter to show")


def test_a_reason_on_the_overview_leads_to_its_rows(visit: Open) -> None:
    page = visit("/overview").page
    page.get_by_role("link", name="No address that could be written to").click()
    expect(page.locator("[data-list] li")).to_have_count(1)
    expect(page.locator(".found")).to_contain_text("1 found: skipped, address")


def test_the_frame_is_as_tall_as_its_letter(visit: Open) -> None:
    page = visit().page
    page.wait_for_function(
        "(() => { const d = document.querySelector('[data-device]');"
        " const f = d.querySelector('iframe');"
        " return f.contentDocument && f.contentDocument.body &&"
        " Math.abs(d.clientHeight - f.contentDocument.documentElement.scrollHeight) < 4 })()"
    )


def test_the_list_is_narrowed_to_those_who_are_skipped(visit: Open) -> None:
    page = visit().page
    page.click("[data-narrow] summary")
    page.select_option("#state", "skipped")
    expect(page.locator("[data-list] li")).to_have_count(1)
    expect(page.locator("[data-list] li")).to_contain_text("not an address")


def test_the_list_is_narrowed_to_those_who_take_a_branch(visit: Open) -> None:
    page = visit().page
    page.click("[data-narrow] summary")
    branches = page.locator("#branch option")
    expect(branches).to_have_text(
        [
            "Any branch of the templates",
            'body.html:3 if plan == "gold" · 2',
            "body.html:3 else · 2",
        ]
    )
    page.select_option("#branch", "body.html:3 else")
    expect(page.locator("[data-list] li .who")).to_have_text(["Bob", "Eve"])
    page.keyboard.press("/")
    page.keyboard.type("eve@")
    expect(page.locator("[data-list] li .who")).to_have_text(["Eve"])
    page.reload()
    expect(page.locator("[data-list] li .who")).to_have_text(["Eve"])
    expect(page.locator("#branch")).to_have_value("body.html:3 else")


def test_the_width_switches_between_desktop_and_phone(visit: Open) -> None:
    page = visit("/?row=1").page
    frame = page.locator("[data-frame]")
    wide = frame.bounding_box()
    page.keyboard.press("w")
    expect(page.locator("[data-width=phone]")).to_have_attribute("aria-pressed", "true")
    narrow = frame.bounding_box()
    assert wide is not None
    assert narrow is not None
    assert wide["width"] > 600 > 400 > narrow["width"]


def test_the_way_of_looking_stays_from_letter_to_letter(visit: Open) -> None:
    page = visit("/?row=1").page
    page.click("[data-view=text]")
    page.keyboard.press("ArrowDown")
    expect(page.locator("[data-panel=text]")).to_be_visible()
    expect(page.locator("[data-panel=text]")).to_contain_text("your silver plan renews")


def test_an_empty_value_is_warned_of(visit: Open) -> None:
    page = visit("/?row=4").page
    expect(page.locator("[data-kind=empty]")).to_have_count(0)
    page.goto(page.url.replace("row=4", "row=5"))
    expect(page.locator("[data-warnings]")).to_contain_text("Nothing to warn of")


def test_the_overview_counts_and_names_the_skipped(visit: Open) -> None:
    page = visit("/overview").page
    expect(page.locator(".figures")).to_contain_text("4")
    expect(page.locator("[data-figures]")).to_contain_text("All 5 rows were looked at")
    page.click("text=Show those who are skipped")
    expect(page.locator("[data-list] li")).to_have_count(1)


def test_a_saved_template_shows_in_place_and_a_fault_with_its_line(
    visit: Open, folder: Path
) -> None:
    page = visit("/?row=2").page
    inside = page.frame_locator("[data-frame]")
    expect(inside.locator("h1")).to_have_text("Dear Bob")
    (folder / "body.html").write_text(HTML.replace("Dear", "Good morning"), encoding="utf-8")
    expect(inside.locator("h1")).to_have_text("Good morning Bob")
    (folder / "body.html").write_text(HTML.replace("{{ plan }}", "{{ plann }}"), encoding="utf-8")
    fault = page.locator("[data-fault]")
    expect(fault).to_contain_text("'plann' is undefined")
    expect(fault).to_contain_text("body.html:2")
    expect(fault).to_contain_text("at row 2")
    (folder / "body.html").write_text(HTML.replace("{% endif %}", ""), encoding="utf-8")
    expect(fault).to_contain_text("body.html:")
    (folder / "body.html").write_text(HTML, encoding="utf-8")
    expect(fault).to_have_count(0)
    expect(inside.locator("h1")).to_have_text("Dear Bob")


def test_on_a_phone_the_list_leads_to_the_letter_and_back(visit: Open) -> None:
    page = visit(viewport=PHONE, has_touch=True).page
    expect(page.locator("#subject")).to_be_hidden()
    page.tap("[data-go='2']")
    expect(page.locator("#subject")).to_have_text("Bob, your silver plan renews")
    page.tap("[data-back]")
    expect(page.locator("[data-go='2']").first).to_be_visible()
    assert page.evaluate("document.documentElement.scrollWidth") <= PHONE["width"]


@pytest.mark.parametrize("scheme", ["light", "dark"])
@pytest.mark.parametrize("path", ["/?row=1", "/?row=3", "/overview"])
def test_everybody_can_use_it(visit: Open, path: str, scheme: str) -> None:
    opened = visit(path, color_scheme=scheme)
    opened.page.wait_for_timeout(300)
    assert opened.faults_of_access() == []
