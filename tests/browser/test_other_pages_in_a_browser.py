"""The inbox, the run page and the report, as people see them."""

from __future__ import annotations

import smtplib
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path

import pytest
from playwright.sync_api import Browser, Route, expect

from campaign.clock import SystemClock
from campaign.config.loader import Campaign
from campaign.journal.reading.tallies import Tallies
from campaign.journal.store import Journal
from campaign.records import Change, State
from campaign.report.page import report
from campaign.sandbox import inbox
from campaign.sandbox.server import Sandbox
from campaign.watch import app as watch
from fakes.prepared.campaigns import planned
from fakes.web.browser import PHONE, Visit

MAIL = "From: ada@example.com\r\nTo: {to}\r\nSubject: {subject}\r\n\r\nHello {to}\r\n"


@pytest.fixture
def sandbox(tmp_path: Path) -> Iterator[tuple[Sandbox, str]]:
    folder = tmp_path / "mail"
    server = Sandbox(folder)
    server.start()
    pages = inbox.start(folder, f"127.0.0.1:{server.port}")
    yield server, pages.url
    pages.stop()
    server.stop()


def send(sandbox: Sandbox, to: str, subject: str) -> None:
    with smtplib.SMTP("127.0.0.1", sandbox.port) as client:
        try:
            client.sendmail("ada@example.com", [to], MAIL.format(to=to, subject=subject))
        except smtplib.SMTPRecipientsRefused:
            return


def test_the_inbox_shows_a_message_as_it_arrives(
    browser: Browser, sandbox: tuple[Sandbox, str]
) -> None:
    server, url = sandbox
    visit = Visit(browser, url)
    expect(visit.page.locator("[data-list]")).to_contain_text("Nothing yet")
    send(server, "bob@example.com", "First of all")
    expect(visit.page.locator("#subject")).to_have_text("First of all")
    send(server, "eve@example.com", "Second")
    expect(visit.page.locator("[data-list] li").first).to_contain_text("Second")
    expect(visit.page.locator("#subject")).to_have_text("First of all")
    visit.page.keyboard.press("ArrowUp")
    expect(visit.page.locator("#subject")).to_have_text("Second")
    visit.page.fill("#q", "bob")
    expect(visit.page.locator("[data-list] li")).to_have_count(1)
    assert (visit.errors, visit.foreign) == ([], [])
    assert visit.faults_of_access() == []
    visit.close()


def test_the_inbox_shows_what_arrived_before_its_page_listens(
    browser: Browser, sandbox: tuple[Sandbox, str]
) -> None:
    server, url = sandbox
    visit = Visit(browser, url)
    waiting: list[Route] = []
    visit.page.route("**/events*", lambda route: waiting.append(route))
    visit.page.reload(wait_until="domcontentloaded")
    while not waiting:
        visit.page.wait_for_timeout(10)
    send(server, "late@example.com", "Before anybody listened")
    visit.page.wait_for_timeout(700)  # the mailbox is looked at every 0.3 s
    expect(visit.page.locator("[data-list]")).not_to_contain_text("Before anybody listened")
    waiting[0].continue_()
    expect(visit.page.locator("[data-list]")).to_contain_text("Before anybody listened")
    visit.close()


def test_who_is_turned_away_is_listed_too(browser: Browser, sandbox: tuple[Sandbox, str]) -> None:
    server, url = sandbox
    visit = Visit(browser, url, "/refusals", viewport=PHONE)
    send(server, "bounce@example.com", "Not for you")
    expect(visit.page.locator("[data-refusals]")).to_contain_text("bounce@example.com")
    expect(visit.page.locator("[data-refusals]")).to_contain_text("550 5.1.1")
    assert visit.faults_of_access() == []
    visit.close()


@pytest.fixture(scope="module")
def campaign(tmp_path_factory: pytest.TempPathFactory) -> Campaign:
    return planned(tmp_path_factory.mktemp("run"))


def planned_rows(campaign: Campaign) -> list[int]:
    tallies = Tallies.open(campaign.settings.journal.url, campaign.folder)
    with closing(tallies):
        return [claim.row for claim in tallies.claim_planned(0, 100)]


def change(campaign: Campaign, *changes: Change) -> None:
    url = campaign.settings.journal.url
    clock = SystemClock()
    with closing(Journal.open(url, campaign.folder, clock=clock, create=False)) as journal:
        journal.apply(changes)


def sent(row: int) -> tuple[Change, Change]:
    at = SystemClock().now_s()
    return (
        Change(row, State.SENDING, at, 0, 1, 0),
        Change(row, State.SENT, at, 1, 1, 0, 0.0, "", "accepted", 250, "2.0.0", "Ok", "relay:25"),
    )


def gone(row: int) -> Change:
    reply = "<bob@example.com>: User unknown"
    return Change(
        row, State.FAILED, SystemClock().now_s(), 1, 0, 0, 0.0, f"recipient-gone: 550 {reply}",
        "recipient-gone", 550, "5.1.1", reply, "relay:25",
    )  # fmt: skip


def test_the_run_page_moves_while_letters_go(browser: Browser, campaign: Campaign) -> None:
    server = watch.start(campaign)
    visit = Visit(browser, server.url)
    expect(visit.page.locator("[data-sent]")).to_have_text("0")
    change(campaign, *sent(1))
    expect(visit.page.locator("[data-sent]")).to_have_text("1")
    change(campaign, gone(2))
    expect(visit.page.locator("[data-run]")).to_contain_text("The mailbox does not exist")
    expect(visit.page.locator("[data-run]")).to_contain_text("User unknown")
    assert (visit.errors, visit.foreign) == ([], [])
    assert visit.faults_of_access() == []
    visit.close()
    server.stop()


def test_an_open_page_has_the_last_word_of_a_run_that_ended(
    browser: Browser, tmp_path: Path
) -> None:
    campaign = planned(tmp_path)
    server = watch.start(campaign)
    visit = Visit(browser, server.url)
    expect(visit.page.locator("[data-phase]")).to_have_text("not begun")
    visit.page.wait_for_function("run.readyState === EventSource.OPEN")
    everybody = planned_rows(campaign)
    # What comes in the last second is looked at by nobody any more, but for the last word.
    change(campaign, *(each for row in everybody for each in sent(row)))
    server.stop()
    expect(visit.page.locator("[data-phase]")).to_have_text("finished")
    expect(visit.page.locator("[data-sent]")).to_have_text(str(len(everybody)))
    expect(visit.page.locator("[data-lost]")).to_be_hidden()
    assert visit.errors == []
    visit.close()


def test_a_page_whose_command_was_killed_says_so_and_goes_on_when_it_is_back(
    browser: Browser, campaign: Campaign
) -> None:
    server = watch.start(campaign)
    visit = Visit(browser, server.url)
    expect(visit.page.locator("[data-lost]")).to_be_hidden()
    visit.page.route("**/events*", lambda route: route.abort())
    visit.page.reload()
    expect(visit.page.locator("[data-lost]")).to_contain_text("campaign status")
    visit.page.unroute("**/events*")
    visit.page.reload()
    expect(visit.page.locator("[data-lost]")).to_be_hidden()
    visit.close()
    server.stop()


@pytest.mark.parametrize("page_name", ["run", "report"])
def test_on_a_phone_nothing_is_cut_and_every_number_has_its_name(
    browser: Browser, campaign: Campaign, tmp_path: Path, page_name: str
) -> None:
    server = watch.start(campaign)
    file = tmp_path / "report.html"
    file.write_text(report(campaign, SystemClock()), encoding="utf-8")
    url = server.url if page_name == "run" else file.as_uri()
    visit = Visit(browser, url, viewport=PHONE)
    assert visit.page.evaluate("document.documentElement.scrollWidth") == PHONE["width"]
    cut = visit.page.evaluate(
        "[...document.querySelectorAll('main *')].filter(e => e.checkVisibility() &&"
        f" e.getBoundingClientRect().right > {PHONE['width']} + 1).map(e => e.className)"
    )
    assert cut == []
    unnamed = "[...document.querySelectorAll('.stack td')].filter(e => !e.dataset.name).length"
    assert visit.page.evaluate(unnamed) == 0
    assert visit.faults_of_access() == []
    visit.close()
    server.stop()


@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_the_report_is_one_file_that_asks_nothing(
    browser: Browser, tmp_path: Path, scheme: str
) -> None:
    campaign = planned(tmp_path)
    change(campaign, gone(2))
    file = tmp_path / "report.html"
    file.write_text(report(campaign, SystemClock()), encoding="utf-8")
    visit = Visit(browser, file.as_uri(), color_scheme=scheme)
    expect(visit.page.locator("h1")).to_have_text("spring")
    expect(visit.page.locator("main")).to_contain_text("User unknown")
    assert visit.requests == [file.as_uri()]
    assert visit.errors == []
    assert visit.faults_of_access() == []
    visit.close()
