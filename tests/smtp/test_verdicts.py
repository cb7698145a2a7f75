"""Verdicts: the table of real replies, and what must never be confused."""

from __future__ import annotations

import csv
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from campaign.records import Reply, ReplyClass, Stage, State
from campaign.smtp.replies.parsing import ReplyParser, make_reply
from campaign.smtp.replies.phrases import PHRASES
from campaign.smtp.replies.verdicts import VERDICTS, judge

with (Path(__file__).parent / "replies.tsv").open(encoding="utf-8", newline="") as file:
    TABLE = list(csv.DictReader(file, delimiter="\t", quoting=csv.QUOTE_NONE))


def parsed(text: str) -> Reply:
    (reply,) = ReplyParser().feed(text.replace("\n", "\r\n").encode() + b"\r\n")
    return reply


@pytest.mark.parametrize("row", TABLE, ids=[f"{row['provider']}-{row['stage']}" for row in TABLE])
def test_a_real_reply_is_judged_as_the_table_says(row: dict[str, str]) -> None:
    assert judge(Stage(row["stage"]), parsed(row["reply"])).class_ == row["class"]


def test_the_table_holds_at_least_150_replies() -> None:
    assert len({row["reply"] for row in TABLE}) >= 150


def test_only_a_reply_of_the_class_recipient_gone_suppresses_an_address() -> None:
    for row in TABLE:
        verdict = judge(Stage(row["stage"]), parsed(row["reply"]))
        assert verdict.suppresses == (row["class"] == ReplyClass.RECIPIENT_GONE)


def test_no_4xx_ever_fails_a_recipient() -> None:
    for row in TABLE:
        if row["reply"].startswith("4"):
            verdict = judge(Stage(row["stage"]), parsed(row["reply"]))
            assert verdict.state is State.DEFERRED
            assert not verdict.suppresses


ABOUT_US = {ReplyClass.THROTTLE, ReplyClass.POLICY, ReplyClass.QUOTA, ReplyClass.RECONNECT}


@pytest.mark.parametrize("code", ["550 5.1.1", "550 5.2.1", "553", "551 5.1.6"])
def test_no_phrase_about_us_is_read_as_a_dead_address(code: str) -> None:
    for phrase in PHRASES:
        if phrase.class_ in ABOUT_US and phrase.digit in (0, 5):
            said = " and ".join(part.strip() for part in phrase.parts)
            verdict = judge(Stage.RCPT, parsed(f"{code} user unknown, {said} it is"))
            assert verdict.state is State.DEFERRED, said


def test_what_happens_before_a_recipient_is_named_cannot_fail_one() -> None:
    for row in TABLE:
        for stage in (Stage.GREETING, Stage.EHLO, Stage.STARTTLS, Stage.AUTH):
            verdict = judge(stage, parsed(row["reply"]))
            assert verdict.state is State.DEFERRED or parsed(row["reply"]).code < 400
            assert not verdict.suppresses
            assert verdict.drops_connection


def test_no_reply_to_mail_suppresses_the_recipient() -> None:
    for row in TABLE:
        assert not judge(Stage.MAIL, parsed(row["reply"])).suppresses


def test_421_drops_the_connection_whatever_it_says() -> None:
    for row in TABLE:
        if row["reply"].startswith("421"):
            assert judge(Stage(row["stage"]), parsed(row["reply"])).drops_connection


def test_words_within_the_address_mean_nothing() -> None:
    text = "550 5.1.1 <rate.limit.blacklist@spamhaus.example>: user unknown"
    assert judge(Stage.RCPT, parsed(text)).class_ is ReplyClass.RECIPIENT_GONE


def test_a_sentence_is_found_although_enhanced_codes_stand_between_its_lines() -> None:
    text = "550-5.1.1 The email account that you tried to\n550 5.1.1 reach does not exist."
    assert judge(Stage.RCPT, parsed(text)).class_ is ReplyClass.RECIPIENT_GONE


def test_code_and_enhanced_code_may_contradict_each_other() -> None:
    assert judge(Stage.RCPT, make_reply(450, ("5.1.1 gone",))).state is State.DEFERRED
    assert judge(Stage.RCPT, make_reply(550, ("4.1.1 gone",))).state is State.FAILED


def test_a_throttle_uses_up_no_attempt() -> None:
    for class_ in (ReplyClass.THROTTLE, ReplyClass.QUOTA, ReplyClass.POLICY, ReplyClass.RECONNECT):
        assert not VERDICTS[class_].uses_attempt


def test_google_asks_for_ten_minutes_and_yahoo_for_hours() -> None:
    google = parsed("421 4.7.28 Gmail has detected an unusual rate of mail originating from")
    yahoo = parsed("421 4.7.0 [TSS04] Messages from 192.0.2.1 temporarily deferred")
    assert judge(Stage.DOT, google).pause_s == 600
    assert judge(Stage.MAIL, yahoo).pause_s == 7200


@given(st.text(max_size=100_000), st.integers(400, 599), st.sampled_from(Stage))
def test_any_text_gets_a_verdict(text: str, code: int, stage: Stage) -> None:
    verdict = judge(stage, make_reply(code, tuple(text.split("\n"))))
    assert verdict.state in (State.FAILED, State.DEFERRED)


@pytest.mark.parametrize(
    "text",
    [
        "452 4.4.5 Maximum number of messages per session exceeded.",
        "452 4.5.3 Too many recipients: Too many messages sent",
        "421 too many messages in this connection",
        "421 4.7.0 Max message per connection reached",
        "451 4.7.1 that was enough for one session",
    ],
)
def test_a_limit_of_the_session_is_known_by_when_it_is_said(text: str) -> None:
    assert judge(Stage.MAIL, parsed(text), has_carried=True).class_ is ReplyClass.RECONNECT


@pytest.mark.parametrize(
    "text",
    [
        "421 4.7.0 Try again later, closing connection. (MAIL) - gsmtp",
        "421 4.4.2 connection timed out",
        "452 4.3.2 Connection rate limit exceeded",
        "421 4.7.0 too many connections from your IP",
        "421 4.7.28 unusual rate of mail, messages are deferred",
        "451 4.3.0 Temporary system failure",
        "552 too many messages in this session",
    ],
)
def test_what_is_said_of_the_pace_is_no_limit_of_the_session(text: str) -> None:
    assert judge(Stage.MAIL, parsed(text), has_carried=True) == judge(Stage.MAIL, parsed(text))


def test_no_reply_to_mail_is_the_fault_of_a_recipient() -> None:
    of_a_recipient = {
        ReplyClass.RECIPIENT_GONE,
        ReplyClass.RECIPIENT_REFUSES,
        ReplyClass.RECIPIENT_TRANSIENT,
        ReplyClass.RECIPIENT_THROTTLE,
        ReplyClass.UNKNOWN,
    }
    for row in TABLE:
        assert judge(Stage.MAIL, parsed(row["reply"])).class_ not in of_a_recipient
