"""One page over many campaigns: what came back of each, in the order in which they were sent."""

from __future__ import annotations

import json
import re
from collections.abc import Sequence
from pathlib import Path

import pytest

from campaign.cli.main import main
from campaign.config.loader import Campaign
from campaign.errors import NoPlanError
from campaign.journal.writing.events import add_events
from campaign.outcomes import Event
from campaign.report.several import COMPLAINTS, HARD_BOUNCES, draw_lines, gather_lines
from campaign.report.wording import wording
from fakes.prepared import campaigns
from feedback.mailbox import SENT_AT, sent_campaign

DAY = 86400.0


def tell(campaign: Campaign, kind: str, rows: Sequence[int], class_: str = "") -> None:
    add_events(
        *campaign.journal,
        [Event(f"{kind} {row}", row, SENT_AT + DAY, kind, class_, "", "test", "") for row in rows],
    )


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """Autumn was sent before spring, and winter was never planned."""
    spring = sent_campaign(tmp_path / "a-spring", people=100, at=SENT_AT)
    sent_campaign(tmp_path / "b-autumn", people=50, name="autumn", at=SENT_AT - 90 * DAY)
    campaigns.planned(
        tmp_path / "c-open", toml=campaigns.TOML.replace('name = "spring"', 'name = "open"')
    )
    campaigns.write(tmp_path / "d-winter")
    tell(spring, "bounced", range(1, 7), "recipient-gone")
    tell(spring, "bounced", range(7, 10), "recipient-refuses")
    tell(spring, "complained", [20])
    tell(spring, "unsubscribed", [20, 21])
    tell(spring, "replied", [30])
    return tmp_path


def words(page: str) -> str:
    return " ".join(re.sub(r"<style>.*?</style>|<[^>]*>", " ", page, flags=re.S).split())


def test_each_campaign_is_a_line_in_the_order_of_sending(folder: Path) -> None:
    lines = gather_lines(sorted(folder.iterdir()))
    assert [line.campaign for line in lines] == ["autumn", "spring", "open"]
    spring = lines[1]
    assert (spring.accepted, spring.bounced, spring.bounced_hard) == (100, 9, 6)
    assert (spring.complained, spring.unsubscribed, spring.replied) == (1, 2, 1)
    assert lines[2].accepted == 0
    assert lines[2].left > 0


def test_the_page_tells_the_shares_and_marks_what_costs_the_senders_name(folder: Path) -> None:
    page = draw_lines(gather_lines(sorted(folder.iterdir())), SENT_AT, wording("en"))
    told = words(page)
    assert re.search(r"spring \d+ Nov 2026 100 0 9 \(9\.00 %\) 6 \(6\.00 %\) 1 \(1\.00 %\)", told)
    assert re.search(r"open nothing sent yet \d+ not settled", told)
    assert "3 campaigns; 150 letters accepted" in told
    assert '<span class="badge bad">6 (6.00 %)</span>' in page
    assert page.count('<rect class="bar bad"') == 2  # spring's bounces and complaints
    assert 'aria-label="Marked as spam: autumn: 0 %, spring: 1 %"' in page
    assert "<script" not in page
    assert "http" not in re.sub(r"http-equiv", "", page)


def test_the_page_is_there_in_chinese(folder: Path) -> None:
    page = draw_lines(gather_lines(sorted(folder.iterdir())), SENT_AT, wording("zh"))
    assert '<html lang="zh">' in page
    assert "各次发送的反馈" in page
    assert not re.findall(r"\b(?:sent|letters|campaigns|marked)\b", words(page), re.IGNORECASE)


def test_the_command_writes_the_page_of_a_folder_of_campaigns(
    folder: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    file = tmp_path / "all.html"
    assert main(["report", str(folder), "-o", str(file)]) == 0
    assert f"{file}, 3 campaigns, " in capsys.readouterr().out
    assert "What came back, by campaign" in file.read_text()
    assert main(["report", str(folder), "-o", str(file), "--json", "--language", "zh"]) == 0
    told = json.loads(capsys.readouterr().out)
    assert [each["campaign"] for each in told["campaigns"]] == ["autumn", "spring", "open"]
    assert told["campaigns"][1]["bounced_hard"] == 6
    assert told["campaigns"][1]["first_sent_at"].startswith("2026-11-")
    assert told["campaigns"][2]["first_sent_at"] is None
    assert main(["report", str(folder), "--sandbox"]) == 64


def test_what_is_wrong_elsewhere_in_an_old_campaign_does_not_keep_it_out(folder: Path) -> None:
    toml = folder / "a-spring" / "campaign.toml"
    toml.write_text(toml.read_text().replace('text = "', 'text = "gone-'))
    assert len(gather_lines(sorted(folder.iterdir()))) == 3


def test_without_any_plan_it_is_said(tmp_path: Path) -> None:
    campaigns.write(tmp_path / "winter")
    with pytest.raises(NoPlanError, match="none of these campaigns has a plan"):
        gather_lines([tmp_path / "winter"])


def test_one_campaign_alone_has_a_line_and_no_trend(tmp_path: Path) -> None:
    sent_campaign(tmp_path / "spring")
    page = draw_lines(gather_lines([tmp_path / "spring"]), SENT_AT, wording("en"))
    assert "<svg" not in page
    assert "3 letters accepted" in words(page)


@pytest.mark.parametrize(
    ("share", "tone"), [(0, ""), (0.0009, ""), (0.001, "warn"), (0.003, "bad"), (1, "bad")]
)
def test_a_share_of_complaints_has_its_tone(share: float, tone: str) -> None:
    assert COMPLAINTS.tone(share) == tone
    assert HARD_BOUNCES.tone(share * 20) in ("", "warn", "bad")
