"""The report says what became of accepted letters."""

from __future__ import annotations

import re
from pathlib import Path

from campaign.report.page import report
from fakes.clock import FakeClock
from feedback import corpus
from feedback.mailbox import SENT_AT, about, sent_campaign, take

GONE = corpus.postfix("5.1.1", f"550 5.1.1 <{corpus.ADA}>: User unknown")
FULL = corpus.postfix("5.2.2", f"552 5.2.2 <{corpus.ADA}>: mailbox full")


def words(page: str) -> str:
    return " ".join(re.sub(r"<[^>]*>", " ", page).split())


def test_accepted_letters_that_bounced_or_were_complained_of_are_told(tmp_path: Path) -> None:
    spring = sent_campaign(tmp_path / "spring", people=10)
    assert "What came back" not in report(spring, FakeClock(SENT_AT))
    (answer,) = [s.raw for s in corpus.FALSE_FRIENDS if s.name == "human answer"]
    mails = [about(GONE, spring, 1), about(GONE, spring, 2), about(FULL, spring, 3),
             about(corpus.arf("abuse"), spring, 4), about(answer, spring, 5)]  # fmt: skip
    take([spring], mails)
    told = words(report(spring, FakeClock(SENT_AT)))
    assert "Every recipient is settled; 3 were accepted and bounced." in told
    assert "10 accepted; of these 3 bounced later (30" in told
    assert "1 complained, 0 unsubscribed, 1 answered" in told
    assert "The mailbox does not exist 2 bounced" in told
    assert "The mailbox takes nothing at the moment 1 bounced" in told
    assert re.search(r"example.org 10 3 \(30\S* ?%\) 1 \(10.00 %\)", told)
