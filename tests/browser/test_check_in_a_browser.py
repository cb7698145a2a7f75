"""The last check as people read it, beside the preview."""

from __future__ import annotations

from collections.abc import Callable, Iterator

import pytest
from playwright.sync_api import expect

from campaign.cli.services.serving import press
from campaign.clock import SystemClock
from campaign.config.loader import Campaign
from campaign.journal.checking import LastCheck, keep_check, plan_digest
from campaign.planning.summary import read_summary
from campaign.preview.server import start
from fakes.prepared.campaigns import planned
from fakes.web.browser import DESKTOP, PHONE, Visit

Open = Callable[..., Visit]
RECORD = '_dmarc.example.com. TXT "v=DMARC1; p=none; rua=mailto:dmarc@example.com"'
FINDINGS = [
    ("Sender domain", "spf-record", "ok", "example.com: v=spf1 ip4:192.0.2.1 -all; 1 of 10", ""),
    ("Sender domain", "dmarc-record", "fail", "there is no record at _dmarc.example.com", RECORD),
    ("Letters", "letter-links", "warn", "a link says <b>bank</b>; 1 of 4 messages", "let it say"),
    ("Live", "live-letter", "not-checked", "tried by --live alone", ""),
]


def keep(campaign: Campaign, *, plan: str = "") -> None:
    summary = read_summary(campaign)
    levels = {"ok": 1, "fail": 1, "warn": 1, "not-checked": 1}
    findings = [
        {"id": id, "group": group, "level": level, "evidence": evidence, "remedy": remedy,
         "rule": "what should be so (RFC 0000, 2026-11)"}
        for group, id, level, evidence, remedy in FINDINGS
    ]  # fmt: skip
    digest = plan or plan_digest(summary.plan_id, summary.hashes)
    check = LastCheck(1_795_000_000.0, digest, False, levels, findings)
    keep_check(*campaign.journal, check, SystemClock())


@pytest.fixture(scope="module")
def campaign(tmp_path_factory: pytest.TempPathFactory) -> Campaign:
    return planned(tmp_path_factory.mktemp("spring"))


@pytest.fixture(scope="module")
def url(campaign: Campaign) -> Iterator[str]:
    server = start(campaign, press)
    yield server.url
    server.stop()


def test_where_nothing_was_checked_the_page_says_how(visit: Open) -> None:
    opened = visit("/overview")
    opened.page.get_by_role("link", name="Check").click()
    expect(opened.page.locator("main")).to_contain_text("campaign check --offline")
    assert opened.faults_of_access() == []


def test_findings_stand_in_groups_with_evidence_and_remedy(visit: Open, campaign: Campaign) -> None:
    keep(campaign)
    page = visit("/check").page
    expect(page.locator("main h2")).to_have_text(["Sender domain", "Letters", "Live"])
    fail = page.locator("[data-level=fail]")
    expect(fail).to_contain_text("there is no record at _dmarc.example.com")
    expect(fail.locator("pre")).to_have_text(RECORD)
    expect(page.locator("[data-level=warn]")).to_contain_text("a link says <b>bank</b>")
    expect(page.locator(".figure").first).to_have_text("Fails1")
    expect(page.locator("main")).not_to_contain_text("of another plan")


def test_a_remedy_is_copied_as_it_stands(visit: Open, campaign: Campaign) -> None:
    keep(campaign)
    opened = visit("/check")
    opened.context.grant_permissions(["clipboard-read", "clipboard-write"])
    opened.page.get_by_role("button", name="Copy the remedy of dmarc-record").click()
    expect(opened.page.get_by_role("status").filter(has_text="Copied")).to_have_count(1)
    assert opened.page.evaluate("navigator.clipboard.readText()") == RECORD


def test_a_check_of_another_plan_is_called_that(visit: Open, campaign: Campaign) -> None:
    keep(campaign, plan="another")
    expect(visit("/check").page.locator("main")).to_contain_text("of another plan: check again")


@pytest.mark.parametrize("viewport", [DESKTOP, PHONE])
@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_everybody_can_read_the_check(
    visit: Open, campaign: Campaign, viewport: dict[str, int], scheme: str
) -> None:
    keep(campaign)
    opened = visit("/check", viewport=viewport, color_scheme=scheme)
    assert opened.faults_of_access() == []
    assert opened.page.evaluate("document.documentElement.scrollWidth <= innerWidth")
