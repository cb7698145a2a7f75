"""What came back finds its letter, becomes an event once, and suppresses whom it must."""

from __future__ import annotations

from contextlib import closing
from pathlib import Path

import pytest

from campaign.addresses.tokens import UnsubscribeTokens
from campaign.config.loader import Campaign
from campaign.feedback.parsing import reading
from campaign.feedback.parsing.last_finder import last_found
from campaign.journal.reading.reader import Reader
from campaign.journal.reading.returned.events import count_events, events
from campaign.planning.timing.ramped import open_counts
from campaign.records import State
from campaign.suppression.entries import Reason
from fakes.prepared import campaigns
from feedback import corpus
from feedback.mailbox import (
    SECRET,
    SENT_AT,
    VERP,
    about,
    accept,
    anonymous,
    message_id,
    sender,
    sent_campaign,
    suppressed,
    take,
)  # fmt: skip

GONE = corpus.postfix("5.1.1", f"550 5.1.1 <{corpus.ADA}>: User unknown")
FULL = corpus.postfix("5.2.2", f"552 5.2.2 <{corpus.ADA}>: mailbox full")
POLICY = corpus.postfix("5.7.1", "554 5.7.1 Client host blocked using zen.spamhaus.org")
BARE = corpus.dsn("5.1.1", "smtp; 550 5.1.1 User unknown", original="")


@pytest.fixture
def spring(tmp_path: Path) -> Campaign:
    return sent_campaign(tmp_path / "spring")


@pytest.fixture
def signed(tmp_path: Path) -> Campaign:
    return sent_campaign(tmp_path / "signed", more=VERP)


def kinds(campaign: Campaign) -> dict[str, int]:
    return count_events(*campaign.journal)


def test_a_hard_bounce_is_an_event_beside_the_state_and_suppresses(spring: Campaign) -> None:
    (outcome,), taking = take([spring], [about(GONE, spring, 2)])
    assert (outcome.what, outcome.address) == ("bounced", "person2@example.org")
    assert (outcome.class_, outcome.how) == ("recipient-gone", "Message-ID")
    (event,) = events(*spring.journal)
    assert (event.row, event.kind, event.message_id) == (2, "bounced", message_id(spring, 2))
    assert event.at == 1_794_302_100.0
    assert "User unknown" in event.evidence
    entry = suppressed(spring)["person2@example.org"]
    assert (entry.reason, entry.scope, entry.campaign) == (Reason.HARD, "*", "spring")
    with closing(Reader.open(*spring.journal)) as reader:
        assert reader.counts()[State.SENT] == 3
    assert taking.tally.suppressed == 1


def test_a_mail_that_is_read_twice_counts_once(spring: Campaign) -> None:
    mails = [about(GONE, spring, 1), about(FULL, spring, 2), about(GONE, spring, 1)]
    take([spring], mails)
    _, again = take([spring], [mail.replace(b"\n", b"\r\n") for mail in mails])
    assert kinds(spring) == {"bounced": 2}
    assert (again.tally.new_events, again.tally.known_events, again.tally.suppressed) == (0, 3, 0)


def test_what_is_about_the_sender_or_the_message_suppresses_nobody(spring: Campaign) -> None:
    harmless = [s.raw for s in corpus.BOUNCES if s.means not in ("hard", "complaint")]
    mails = [about(raw, spring, 1) for raw in harmless if corpus.ADA.encode() in raw]
    outcomes, _ = take([spring], mails)
    assert {outcome.address for outcome in outcomes} == {"person1@example.org"}
    assert all(entry.reason is Reason.SOFT for entry in suppressed(spring).values())


def test_policy_bounces_never_become_soft_ones(spring: Campaign) -> None:
    for day in range(12):
        raw = about(POLICY, spring, 1).replace(b"10 Nov", f"{10 + day} Nov".encode())
        take([spring], [raw])
    assert kinds(spring) == {"bounced": 12}
    assert suppressed(spring) == {}


def test_full_mailboxes_are_suppressed_by_the_policy(spring: Campaign) -> None:
    for day in range(5):
        assert suppressed(spring) == {}
        raw = about(FULL, spring, 1).replace(b"10 Nov", f"{10 + day} Nov".encode())
        take([spring], [raw])
        take([spring], [raw])
    assert suppressed(spring)["person1@example.org"].reason is Reason.SOFT


def test_a_signed_envelope_sender_is_believed_first(signed: Campaign) -> None:
    raw = BARE.replace(corpus.SENDER.encode(), sender(signed, 3).upper().encode())
    (outcome,), _ = take([signed], [raw])
    assert (outcome.address, outcome.how) == ("person3@example.org", "envelope sender")
    assert "person3@example.org" in suppressed(signed)


def test_a_forged_envelope_sender_is_not_ours(signed: Campaign) -> None:
    token = sender(signed, 3)
    forged = token.replace(token[10:14], "aaaa" if token[10:14] != "aaaa" else "bbbb")
    raw = BARE.replace(corpus.SENDER.encode(), forged.encode())
    raw = raw.replace(corpus.ADA.encode(), b"person3@example.org")
    (outcome,), _ = take([signed], [raw])
    assert outcome.what == "not ours"
    assert suppressed(signed) == {} == kinds(signed)


def test_where_senders_are_signed_an_address_alone_is_not_believed(signed: Campaign) -> None:
    (outcome,), _ = take([signed], [anonymous(BARE, signed, 1)])
    assert outcome.what == "not ours"


def test_where_a_relay_rewrites_the_sender_the_message_id_is_used_and_said(
    signed: Campaign,
) -> None:
    raw = about(GONE, signed, 1).replace(corpus.SENDER.encode(), b"relay@relay.example")
    (outcome,), taking = take([signed], [raw])
    assert outcome.how == "Message-ID"
    assert taking.tally.rewritten == 1


def test_without_traces_of_ours_address_and_time_are_believed(spring: Campaign) -> None:
    (outcome,), _ = take([spring], [anonymous(BARE, spring, 1)])
    assert outcome.how == "address and time"
    assert suppressed(spring)["person1@example.org"].reason is Reason.HARD


def test_long_after_the_letter_an_address_is_not_believed(spring: Campaign) -> None:
    late = anonymous(BARE, spring, 1).replace(b"10 Nov 2026", b"10 Dec 2026")
    (outcome,), _ = take([spring], [late])
    assert outcome.what == "not ours"


def test_somebody_elses_bounce_is_not_ours(spring: Campaign) -> None:
    raw = GONE.replace(corpus.ADA.encode(), b"person1@example.org")  # with another Message-ID
    (outcome,), _ = take([spring], [raw])
    assert outcome.what == "not ours"
    assert "0123456789abcdef" in outcome.why
    assert suppressed(spring) == {}


def test_an_address_in_prose_is_counted_and_does_not_suppress(spring: Campaign) -> None:
    raw = anonymous(corpus.qmail("Sorry, no mailbox here by that name. (#5.1.1)"), spring, 1)
    (outcome,), _ = take([spring], [raw])
    assert outcome.how == "address in the text"
    assert suppressed(spring) == {}
    assert kinds(spring) == {"bounced": 1}


NAMELESS = (
    b"From: Mail Delivery System <mailer-daemon@cs.yale.edu>\n"
    b"To: news@example.com\nSubject: Delivery Status Notification (Failure)\n"
    b"Date: Tue, 10 Nov 2026 09:15:00 +0000\n\n"
    b"Message not delivered to the following:\n\n    person1     No such user here\n\n"
    b"Error Detail (phquery):\n"
)


def test_where_nobody_is_named_another_finder_is_asked_for_the_address_alone(
    tmp_path: Path,
) -> None:
    rows = [("person1@yale.edu", "P", "gold"), ("person2@yale.edu", "P", "gold")]
    campaign = campaigns.planned(tmp_path, rows=rows)
    accept(campaign, [1, 2])
    (outcome,), _ = take([campaign], [NAMELESS])
    assert (outcome.what, outcome.address) == ("bounced", "person1@yale.edu")
    assert outcome.how == "address in the text"
    assert suppressed(campaign) == {}  # whatever it says: it suppresses nobody


def test_the_other_finder_is_not_asked_where_anything_of_ours_is_known(
    spring: Campaign, monkeypatch: pytest.MonkeyPatch
) -> None:
    def ask(raw: bytes) -> list[str]:
        raise AssertionError("it was asked")

    monkeypatch.setattr(reading, "last_found", ask)
    for each in corpus.BOUNCES:
        reading.read(about(each.raw, spring, 1))
    with pytest.raises(AssertionError):
        reading.read(NAMELESS)


@pytest.mark.parametrize(
    "raw", [b"", b"\xff" * 1000, b"From: mailer-daemon@yale.edu\n\n" + b"x " * 100_000]
)
def test_what_it_makes_of_a_hostile_mail_is_nobody(raw: bytes) -> None:
    assert last_found(raw) == []


def test_false_friends_change_nothing(spring: Campaign) -> None:
    quiet = [s for s in corpus.FALSE_FRIENDS if s.means != "reply"]
    outcomes, _ = take([spring], [about(sample.raw, spring, 1) for sample in quiet])
    assert [outcome.what for outcome in outcomes] == [sample.means for sample in quiet]
    assert suppressed(spring) == {} == kinds(spring)


def test_an_answer_of_a_person_is_an_event(spring: Campaign) -> None:
    (answer,) = [s.raw for s in corpus.FALSE_FRIENDS if s.name == "human answer"]
    (outcome,), _ = take([spring], [about(answer, spring, 2)])
    assert (outcome.what, outcome.address) == ("replied", "person2@example.org")
    assert kinds(spring) == {"replied": 1}


def test_a_complaint_suppresses_even_when_the_recipient_is_redacted(spring: Campaign) -> None:
    raw = corpus.arf("abuse", recipient="redacted@example.net")
    take([spring], [about(raw, spring, 1)])
    assert suppressed(spring)["person1@example.org"].reason is Reason.COMPLAINT


@pytest.mark.parametrize("type_", ["not-spam", "auth-failure"])
def test_reports_that_are_no_complaints_suppress_nobody(spring: Campaign, type_: str) -> None:
    take([spring], [about(corpus.arf(type_), spring, 1)])
    assert suppressed(spring) == {} == kinds(spring)


def test_a_delay_is_an_event_and_no_more(spring: Campaign) -> None:
    raw = corpus.dsn("4.4.1", "X-Postfix; connect to mx: Connection timed out", action="delayed")
    take([spring], [about(raw, spring, 1)])
    assert kinds(spring) == {"delayed": 1}
    assert suppressed(spring) == {}


def test_of_a_forwarded_letter_what_harms_least_is_believed(spring: Campaign) -> None:
    other = "\nFinal-Recipient: rfc822; second@example.net\nAction: failed\nStatus: 5.2.2\n"
    raw = corpus.dsn("5.1.1", f"smtp; 550 User unknown\n{other}", final="first@example.net")
    (outcome,), _ = take([spring], [about(raw, spring, 1)])
    assert (outcome.address, outcome.class_) == ("person1@example.org", "recipient-refuses")


def test_one_mailbox_serves_many_campaigns(tmp_path: Path) -> None:
    spring = sent_campaign(tmp_path / "spring")
    autumn = sent_campaign(tmp_path / "autumn", name="autumn")
    outcomes, _ = take([spring, autumn], [about(GONE, autumn, 1), about(FULL, spring, 2)])
    assert [outcome.campaign for outcome in outcomes] == ["autumn", "spring"]
    assert kinds(spring) == {"bounced": 1} == kinds(autumn)


class TestUnsubscribing:
    @pytest.fixture
    def monthly(self, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Campaign:
        monkeypatch.setenv("CAMPAIGN_SECRET", SECRET)
        ways = 'mailto = "out@example.com"\nlist = "monthly"\nsecret = { env = "CAMPAIGN_SECRET" }'
        return sent_campaign(tmp_path / "monthly", name="monthly", unsubscribe=ways)

    def test_the_token_in_the_subject_leaves_the_list(self, monthly: Campaign) -> None:
        token = UnsubscribeTokens([SECRET]).token("monthly", "person2@example.org", "monthly")
        raw = corpus.mail(f"unsubscribe {token}", "", sender="somebody@else.example",
                          to="out@example.com")  # fmt: skip
        (outcome,), _ = take([monthly], [raw])
        assert outcome.what == "unsubscribed"
        entry = suppressed(monthly)["person2@example.org"]
        assert (entry.reason, entry.scope) == (Reason.UNSUBSCRIBE, "monthly")
        assert kinds(monthly) == {"unsubscribed": 1}

    def test_a_token_works_when_its_campaign_is_gone(self, monthly: Campaign) -> None:
        token = UnsubscribeTokens([SECRET]).token("monthly", "old@example.org", "of-last-year")
        raw = corpus.mail(f"unsubscribe {token}", "", sender="x@y.example", to="out@example.com")
        take([monthly], [raw])
        assert suppressed(monthly)["old@example.org"].campaign == "of-last-year"
        assert kinds(monthly) == {}

    def test_a_forged_token_unsubscribes_nobody(self, monthly: Campaign) -> None:
        token = UnsubscribeTokens(["other " + SECRET]).token("monthly", "person2@example.org", "x")
        raw = corpus.mail(f"unsubscribe {token}", "", sender="x@y.example", to="out@example.com")
        take([monthly], [raw])
        assert suppressed(monthly) == {}

    def test_who_writes_unsubscribe_to_that_address_leaves(self, monthly: Campaign) -> None:
        mails = [
            corpus.mail("Unsubscribe", "", sender="P <person1@example.org>", to="out@example.com"),
            corpus.mail("Unsubscribe", "", sender="stranger@example.org", to="out@example.com"),
            corpus.mail("Unsubscribe", "", sender="person2@example.org", to="news@example.com"),
        ]
        outcomes, _ = take([monthly], mails)
        assert [outcome.what for outcome in outcomes] == ["unsubscribed", "other", "other"]
        assert set(suppressed(monthly)) == {"person1@example.org"}

    def test_a_token_in_a_bounce_does_not_unsubscribe(self, monthly: Campaign) -> None:
        token = UnsubscribeTokens([SECRET]).token("monthly", "person2@example.org", "monthly")
        raw = corpus.dsn(
            "5.2.2",
            "smtp; 552 full",
            original=f"List-Unsubscribe: <mailto:out@example.com?subject=unsubscribe%20{token}>\n",
        )
        (outcome,), _ = take([monthly], [raw])
        assert (outcome.what, outcome.how) == ("bounced", "unsubscribe token")
        assert suppressed(monthly) == {}


def test_a_date_that_cannot_be_right_is_not_believed(spring: Campaign) -> None:
    for when in (b"1 Jan 1990", b"1 Jan 2099"):
        take([spring], [about(GONE, spring, 1).replace(b"10 Nov 2026", when)])
    assert {event.at for event in events(*spring.journal)} == {SENT_AT}


def test_letters_with_the_same_eight_digits_are_told_apart(tmp_path: Path) -> None:
    many = sent_campaign(tmp_path / "many", people=30)
    ids = [message_id(many, row) for row in range(1, 31)]
    mails = [about(GONE, many, row) for row in range(1, 31)]
    outcomes, _ = take([many], mails)
    assert [outcome.address for outcome in outcomes] == [
        f"person{n}@example.org" for n in range(1, 31)
    ]
    assert len(set(ids)) == 30


@pytest.mark.parametrize(
    ("per", "key"), [("provider", "provider example.org"), ("relay", "relay relay")]
)
def test_bounces_and_complaints_stand_beside_what_was_sent_on_their_day(
    tmp_path: Path, per: str, key: str
) -> None:
    ramp = f'[limits."example.org"]\nrates = ["9/s"]\n[ramp]\nper = "{per}"\nladder = "daily"\n'
    campaign = sent_campaign(tmp_path / "spring", more=ramp)
    complaint = about(corpus.arf("abuse", recipient="redacted@example.net"), campaign, 3)
    for _ in range(2):  # read twice, and counted once
        take([campaign], [about(GONE, campaign, 1), about(GONE, campaign, 2), complaint])
    with open_counts(campaign) as counts:
        (noted,) = counts.all()[key]
    assert (noted.bounces, noted.complaints) == (2, 1)
