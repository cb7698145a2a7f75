"""preflight.verify.mailboxes: what a reply to RCPT says of a mailbox."""

from __future__ import annotations

import csv
from pathlib import Path

import pytest

from campaign.preflight.verify.findings import Standing
from campaign.preflight.verify.mailboxes import Next, told_by
from campaign.records import Reply, ReplyClass, Stage
from campaign.smtp.replies.parsing import ReplyParser

TSV = Path(__file__).parents[2] / "smtp" / "replies.tsv"
with TSV.open(encoding="utf-8", newline="") as file:
    REPLIES = list(csv.DictReader(file, delimiter="\t", quoting=csv.QUOTE_NONE))
ENDS_THE_QUESTIONS = {
    ReplyClass.POLICY, ReplyClass.THROTTLE, ReplyClass.RECIPIENT_THROTTLE, ReplyClass.QUOTA,
}  # fmt: skip


def parsed(text: str) -> Reply:
    (reply,) = ReplyParser().feed(text.replace("\n", "\r\n").encode() + b"\r\n")
    return reply


def test_of_all_real_replies_only_those_of_a_missing_mailbox_make_it_bad() -> None:
    assert len(REPLIES) >= 300
    wrong = [
        row["reply"]
        for row in REPLIES
        if told_by(Stage.RCPT, parsed(row["reply"])).standing is Standing.BAD
        and row["class"] != ReplyClass.RECIPIENT_GONE
    ]
    assert wrong == []


def test_most_real_replies_of_a_missing_mailbox_make_it_bad() -> None:
    gone = [row for row in REPLIES if row["class"] == "recipient-gone" and row["stage"] == "rcpt"]
    found = [told_by(Stage.RCPT, parsed(row["reply"])).standing for row in gone]
    assert found == [Standing.BAD] * len(gone)


@pytest.mark.parametrize("stage", [Stage.RCPT, Stage.MAIL])
def test_a_reply_about_us_ends_the_questions_at_that_site(stage: Stage) -> None:
    for row in REPLIES:
        if row["class"] in ENDS_THE_QUESTIONS and row["stage"] == stage:
            told = told_by(stage, parsed(row["reply"]))
            assert (told.standing, told.next) == (Standing.UNKNOWN, Next.STOP), row["reply"]


def test_no_refusal_before_rcpt_says_anything_of_the_mailbox() -> None:
    for row in REPLIES:
        told = told_by(Stage.MAIL, parsed(row["reply"]))
        assert (told.standing, told.next) == (Standing.UNKNOWN, Next.STOP)


@pytest.mark.parametrize(
    ("said", "standing", "next_"),
    [
        ("250 2.1.5 ok", Standing.GOOD, Next.CATCH_ALL),
        ("550 5.1.1 no such user", Standing.BAD, Next.GO_ON),
        ("556 5.1.10 null MX", Standing.BAD, Next.GO_ON),
        ("550 5.7.1 your address is on a block list", Standing.UNKNOWN, Next.STOP),
        ("550 5.7.1 not allowed", Standing.UNKNOWN, Next.STOP),
        ("552 5.2.2 mailbox full", Standing.DOUBTFUL, Next.GO_ON),
        ("450 4.2.0 greylisted, come back", Standing.UNKNOWN, Next.LATER),
        ("452 4.2.2 mailbox full", Standing.UNKNOWN, Next.LATER),
        ("550 no", Standing.UNKNOWN, Next.GO_ON),
        ("421 4.7.0 try again later", Standing.UNKNOWN, Next.STOP),
    ],
)
def test_each_kind_of_reply_has_its_consequence(said: str, standing: Standing, next_: Next) -> None:
    told = told_by(Stage.RCPT, parsed(said))
    assert (told.standing, told.next) == (standing, next_)
