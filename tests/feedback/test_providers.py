"""What sending services tell becomes the same events as what comes by mail."""

from __future__ import annotations

import io
import json
from collections.abc import Callable, Sequence
from contextlib import closing
from pathlib import Path
from typing import Any

import pytest

from campaign.addresses.tokens import UnsubscribeTokens
from campaign.cli.main import main
from campaign.config.loader import Campaign
from campaign.feedback.mailings import close_mailings, open_mailings
from campaign.feedback.parsing.meaning import class_of
from campaign.feedback.parsing.notices import Notice, Sort
from campaign.feedback.providers.payloads import moment
from campaign.feedback.providers.reading import PROVIDERS, read_events, read_file
from campaign.feedback.taking import MailOutcome, ReadMail, Taking
from campaign.journal.reading.returned.events import count_events, events
from campaign.suppression.entries import Reason
from fakes.clock import FakeClock
from feedback import payloads
from feedback.mailbox import SECRET, SENT_AT, VERP, message_id, sender, sent_campaign, suppressed
from feedback.payloads import Json, Letter

GONE = "550 5.1.1 <person1@example.org>: User unknown"
FULL = "552 5.2.2 mailbox full"


@pytest.fixture
def spring(tmp_path: Path) -> Campaign:
    return sent_campaign(tmp_path / "spring")


def letter(campaign: Campaign, row: int = 1) -> Letter:
    return Letter(f"person{row}@example.org", message_id(campaign, row))


def take(
    campaigns: Sequence[Campaign], provider: str, *payloads_: Any
) -> tuple[list[MailOutcome], Taking]:
    mailings = open_mailings([each.file for each in campaigns])
    taking = Taking(mailings, FakeClock(SENT_AT + 200_000))
    try:
        told = [
            ReadMail("x", each) for payload in payloads_ for each in read_events(provider, payload)
        ]
        return taking.take(told), taking
    finally:
        taking.close()
        close_mailings(mailings)


def one(campaign: Campaign, provider: str, payload: Any) -> MailOutcome:
    (outcome,), _ = take([campaign], provider, payload)
    return outcome


# -- what they mean ------------------------------------------------------------------------------

L = Letter("person1@example.org", "<00000000000000000000000000000000@example.com>")
MEANINGS = [
    ("ses", payloads.ses_bounce(L, "Permanent", "General", GONE, "5.1.1"), "recipient-gone"),
    ("ses", payloads.ses_bounce(L, "Permanent", "NoEmail"), "recipient-gone"),
    ("ses", payloads.ses_bounce(L, "Transient", "MailboxFull"), "recipient-refuses"),
    ("ses", payloads.ses_bounce(L, "Transient", "MessageTooLarge"), "message"),
    ("ses", payloads.ses_bounce(L, "Transient", "ContentRejected"), "message"),
    ("ses", payloads.ses_bounce(L, "Transient", "General"), "unknown"),
    ("ses", payloads.ses_bounce(L, "Undetermined", "Undetermined"), "unknown"),
    ("ses", payloads.ses_bounce(L, "Permanent", "General", "550 5.7.1 blocked using spamhaus",
                                "5.7.1"), "policy"),
    ("ses", payloads.ses_bounce(L, "Permanent", "OnAccountSuppressionList",
                                "not sent, see docs", "5.1.1"), "unknown"),
    ("sendgrid", payloads.sendgrid(L, "bounce", reason=GONE, status="5.1.1", type="bounce"),
     "recipient-gone"),
    ("sendgrid", payloads.sendgrid(L, "bounce", bounce_classification="Invalid Address"),
     "recipient-gone"),
    ("sendgrid", payloads.sendgrid(L, "bounce", type="blocked", status="5.7.1",
                                   reason="550 5.7.1 Message blocked"), "policy"),
    ("sendgrid", payloads.sendgrid(L, "bounce", bounce_classification="Reputation"), "policy"),
    ("sendgrid", payloads.sendgrid(L, "bounce", reason=FULL), "recipient-refuses"),
    ("sendgrid", payloads.sendgrid(L, "dropped", reason="Bounced Address"), "unknown"),
    ("sendgrid", payloads.sendgrid(L, "dropped", reason="Spam Reporting Address"), "unknown"),
    ("mailgun", payloads.mailgun_failed(L, "permanent", "bounce", code=550, message="User unknown",
                                        **{"enhanced-code": "5.1.1"}), "recipient-gone"),
    ("mailgun", payloads.mailgun_failed(L, "permanent", "suppress-bounce", code=605,
                                        message="Not delivering to previously bounced address"),
     "unknown"),
    ("mailgun", payloads.mailgun_failed(L, "permanent", "old", code=602, message="Too old"),
     "unknown"),
    ("mailgun", payloads.mailgun_failed(L, "permanent", "old", message="Too old"),
     "recipient-transient"),
    ("mailgun", payloads.mailgun_failed(L, "permanent", "generic", code=550,
                                        message="5.7.26 unauthenticated"), "policy"),
    ("postmark", payloads.postmark_bounce(L, "HardBounce", f"smtp;{GONE}"), "recipient-gone"),
    ("postmark", payloads.postmark_bounce(L, "HardBounce", "smtp;550 5.7.1 blocked by policy"),
     "policy"),
    ("postmark", payloads.postmark_bounce(L, "HardBounce", ""), "unknown"),
    ("postmark", payloads.postmark_bounce(L, "SoftBounce", f"smtp;{FULL}"), "recipient-refuses"),
    ("postmark", payloads.postmark_bounce(L, "SpamNotification", "looks like spam"), "message"),
    ("postmark", payloads.postmark_bounce(L, "Blocked", ""), "policy"),
]  # fmt: skip


def read(provider: str, payload: Json) -> list[Notice]:
    return [notice for each in read_events(provider, payload) for notice in each.notices]


@pytest.mark.parametrize(("provider", "payload", "class_"), MEANINGS)
def test_a_bounce_means_what_the_refusing_server_said(
    provider: str, payload: Json, class_: str
) -> None:
    (notice,) = read(provider, payload)
    assert (notice.kind, notice.address) == ("bounced", "person1@example.org")
    assert class_of(notice) == class_


KINDS = [
    ("ses", lambda of: payloads.ses_complaint(of), "complained"),
    ("ses", lambda of: payloads.ses_complaint(of, "not-spam"), "provider"),
    ("ses", lambda of: payloads.ses_complaint(of, "auth-failure"), "provider"),
    ("ses", lambda of: payloads.ses_complaint(of, subtype="OnAccountSuppressionList"), "bounced"),
    ("ses", lambda of: payloads.ses(of, "Delivery", {"recipients": [of.address],
                                                   "smtpResponse": "250 ok"}), "delivered"),
    ("ses", lambda of: payloads.ses(of, "DeliveryDelay", {"delayType": "MailboxFull",
              "delayedRecipients": [{"emailAddress": of.address}]}), "delayed"),
    ("ses", lambda of: payloads.ses(of, "Reject", {"reason": "Bad content"}), "bounced"),
    ("ses", lambda of: payloads.ses(of, "Send", {}), "provider"),
    ("ses", lambda of: payloads.ses(of, "Subscription", {"source": "UnsubscribeHeader",
              "newTopicPreferences": {"unsubscribeAll": True, "topicSubscriptionStatus": []},
              "oldTopicPreferences": {"unsubscribeAll": False}}), "unsubscribed"),
    ("ses", lambda of: payloads.ses(of, "Subscription", {
              "newTopicPreferences": {"unsubscribeAll": False},
              "oldTopicPreferences": {"unsubscribeAll": True}}), "provider"),
    ("ses", lambda of: payloads.ses(of, "Open", {"timestamp": "2026-11-09T12:30:00Z"}), "opened"),
    ("sendgrid", lambda of: payloads.sendgrid(of, "processed"), "provider"),
    ("sendgrid", lambda of: payloads.sendgrid(of, "deferred", response="450 later"), "delayed"),
    ("sendgrid", lambda of: payloads.sendgrid(of, "delivered", response="250 ok"), "delivered"),
    ("sendgrid", lambda of: payloads.sendgrid(of, "spamreport"), "complained"),
    ("sendgrid", lambda of: payloads.sendgrid(of, "unsubscribe"), "unsubscribed"),
    ("sendgrid", lambda of: payloads.sendgrid(of, "group_unsubscribe"), "unsubscribed"),
    ("sendgrid", lambda of: payloads.sendgrid(of, "group_resubscribe"), "provider"),
    ("sendgrid", lambda of: payloads.sendgrid(of, "click", url="https://example.com/"), "clicked"),
    ("mailgun", lambda of: payloads.mailgun(of, "accepted"), "provider"),
    ("mailgun", lambda of: payloads.mailgun(of, "delivered"), "delivered"),
    ("mailgun", lambda of: payloads.mailgun(of, "complained"), "complained"),
    ("mailgun", lambda of: payloads.mailgun(of, "unsubscribed"), "unsubscribed"),
    ("mailgun", lambda of: payloads.mailgun_failed(of, "temporary", "generic", code=451,
                                                  message="later"), "delayed"),
    ("postmark", lambda of: payloads.postmark(of, "SpamComplaint", ID=7), "complained"),
    ("postmark", lambda of: payloads.postmark_bounce(of, "SpamComplaint", ""), "complained"),
    ("postmark", lambda of: payloads.postmark_bounce(of, "AutoResponder", "away"), "provider"),
    ("postmark", lambda of: payloads.postmark_bounce(of, "Unsubscribe", ""), "unsubscribed"),
    ("postmark", lambda of: payloads.postmark(of, "Delivery", Recipient=of.address,
                                             DeliveredAt="2026-11-09T12:00:09Z"), "delivered"),
    ("postmark", lambda of: payloads.postmark(of, "SubscriptionChange", SuppressSending=True,
              SuppressionReason="ManualSuppression", Recipient=of.address), "unsubscribed"),
    ("postmark", lambda of: payloads.postmark(of, "SubscriptionChange", SuppressSending=True,
              SuppressionReason="HardBounce", Recipient=of.address), "provider"),
    ("postmark", lambda of: payloads.postmark(of, "SubscriptionChange", SuppressSending=False),
     "provider"),
]  # fmt: skip


@pytest.mark.parametrize(("provider", "made", "kind"), KINDS)
def test_each_kind_of_event_is_one_of_ours_or_is_counted(
    provider: str, made: Callable[[Letter], Json], kind: str
) -> None:
    (told,) = read_events(provider, made(L))
    assert [notice.kind for notice in told.notices] == ([kind] if kind != "provider" else [])
    assert told.notices or told.why


def test_events_of_all_kinds_are_taken_in_and_suppress_whom_they_must(tmp_path: Path) -> None:
    spring = sent_campaign(tmp_path / "spring", people=len(KINDS))
    told = [
        ReadMail("x", each)
        for row, (provider, made, _) in enumerate(KINDS, start=1)
        for each in read_events(provider, made(letter(spring, row)))
    ]
    mailings = open_mailings([spring.file])
    with closing(Taking(mailings, FakeClock(SENT_AT + 200_000))) as taking:
        outcomes = taking.take(told)
    close_mailings(mailings)
    assert [outcome.what for outcome in outcomes] == [kind for _, _, kind in KINDS]
    by_row = {each.row: each for each in events(*spring.journal)}
    reasons = {"complained": Reason.COMPLAINT, "unsubscribed": Reason.UNSUBSCRIBE}
    entries = suppressed(spring)
    for row, (provider, _, kind) in enumerate(KINDS, start=1):
        if kind != "provider":
            assert (by_row[row].kind, by_row[row].source) == (kind, provider)
        entry = entries.get(f"person{row}@example.org")
        assert (entry.reason if entry else None) == reasons.get(kind)
        assert entry is None or entry.source == provider


def test_only_an_address_that_is_gone_is_suppressed_at_once(tmp_path: Path) -> None:
    spring = sent_campaign(tmp_path / "spring", people=len(MEANINGS))
    made = [
        (provider, json.loads(json.dumps(payload)
         .replace(L.message_id.strip("<>"), message_id(spring, row).strip("<>"))
         .replace(L.address, f"person{row}@example.org")))
        for row, (provider, payload, _) in enumerate(MEANINGS, start=1)
    ]  # fmt: skip
    mailings = open_mailings([spring.file])
    with closing(Taking(mailings, FakeClock(SENT_AT + 200_000))) as taking:
        taking.take(
            [ReadMail("x", each) for provider, one_ in made for each in read_events(provider, one_)]
        )
    close_mailings(mailings)
    gone = {f"person{row}@example.org" for row, case in enumerate(MEANINGS, start=1)
            if case[2] == "recipient-gone"}  # fmt: skip
    assert set(suppressed(spring)) == gone
    assert len(gone) == 6


# -- whose letter --------------------------------------------------------------------------------


def test_ses_is_understood_in_every_wrapping(spring: Campaign) -> None:
    bare = payloads.ses_bounce(letter(spring), "Permanent", "General", GONE, "5.1.1")
    queued = {"Messages": [{"Body": json.dumps(payloads.sns(bare))}]}
    for wrapped in (bare, payloads.sns(bare), {"Body": json.dumps(bare)}, queued):
        assert one(spring, "ses", wrapped).how == "Message-ID"
    assert count_events(*spring.journal) == {"bounced": 1}


def test_without_the_headers_ses_is_understood_by_the_signed_envelope_sender(
    tmp_path: Path,
) -> None:
    signed = sent_campaign(tmp_path / "signed", more=VERP)
    told = Letter("person2@example.org", "", sender(signed, 2))
    outcome = one(signed, "ses", payloads.ses_bounce(
        told, "Permanent", "General", GONE, "5.1.1", headers=False))  # fmt: skip
    assert (outcome.how, outcome.address) == ("envelope sender", "person2@example.org")


def test_arguments_given_along_name_the_letter(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("X_SECRET", SECRET)
    link = 'mailto = "out@example.com"\nsecret = { env = "X_SECRET" }\nlist = "newsletter"'
    spring = sent_campaign(tmp_path / "with-tokens", unsubscribe=link)
    token = UnsubscribeTokens([SECRET]).token("newsletter", "person3@example.org", "spring")
    strange = Letter("forwarded@example.net", "<x@ismtpd-555>")
    told = one(spring, "sendgrid", payloads.sendgrid(strange, "spamreport", token=token))
    assert (told.what, told.address, told.how) == (
        "complained", "person3@example.org", "unsubscribe token",
    )  # fmt: skip
    told = one(spring, "postmark", payloads.postmark_bounce(
        strange, "HardBounce", GONE, Metadata={"u": token}))  # fmt: skip
    assert told.address == "person3@example.org"


def test_without_any_of_these_address_and_time_are_believed_of_a_provider(
    tmp_path: Path,
) -> None:
    signed = sent_campaign(tmp_path / "signed", more=VERP)
    nameless = Letter("person1@example.org", "")
    outcome = one(signed, "postmark", payloads.postmark_bounce(nameless, "HardBounce", GONE))
    assert (outcome.address, outcome.how) == (
        "person1@example.org", "address told by the provider",
    )  # fmt: skip
    late = payloads.postmark_bounce(nameless, "HardBounce", GONE) | {
        "BouncedAt": "2027-01-01T00:00:00Z"
    }
    assert one(signed, "postmark", late).what == "not ours"


def test_what_is_about_another_programs_letter_is_not_ours(spring: Campaign) -> None:
    foreign = Letter("person1@example.org", "<order-17@shop.example.com>")
    for provider, payload in (
        ("ses", payloads.ses_bounce(foreign, "Permanent", "General", GONE, "5.1.1")),
        ("sendgrid", payloads.sendgrid(foreign, "bounce", reason=GONE)),
        ("mailgun", payloads.mailgun(foreign, "complained")),
    ):
        outcome = one(spring, provider, payload)
        assert (outcome.what, "order-17" in outcome.why) == ("not ours", True)
    assert suppressed(spring) == {}


def test_an_event_that_is_told_twice_counts_once(spring: Campaign) -> None:
    told = letter(spring)
    once = payloads.sendgrid(told, "bounce", reason=GONE)
    take([spring], "sendgrid", [once, once])
    _, again = take([spring], "sendgrid", [once | {"attempt": "2"}])
    assert (again.tally.new_events, again.tally.known_events) == (0, 1)
    assert count_events(*spring.journal) == {"bounced": 1}


# -- files ---------------------------------------------------------------------------------------


def read_bytes(provider: str, raw: bytes) -> list[tuple[int, Sort]]:
    return [(line, returned.sort) for line, returned in read_file(provider, io.BytesIO(raw))]


def test_a_file_may_hold_an_array_or_lines_or_one_document_after_the_other() -> None:
    made = [payloads.sendgrid(L, "spamreport"), payloads.sendgrid(L, "unsubscribe")]
    line = b"\n".join(json.dumps(each).encode() for each in made)
    pretty = b"\n".join(json.dumps(each, indent=2).encode() for each in made)
    event = Sort.PROVIDER
    assert read_bytes("sendgrid", line) == [(1, event), (2, event)]
    assert read_bytes("sendgrid", json.dumps(made).encode()) == [(1, event), (1, event)]
    assert read_bytes("sendgrid", json.dumps(made, indent=1).encode()) == [(1, event), (1, event)]
    assert [sort for _, sort in read_bytes("sendgrid", pretty)] == [event, event]
    assert read_bytes("sendgrid", b"") == read_bytes("sendgrid", b"\n \n") == []


@pytest.mark.parametrize("provider", PROVIDERS)
@pytest.mark.parametrize(
    "raw",
    [b"no JSON", b"[" * 100_000, b'{"event":', b"\xff\xfe", b"7", b"null", b'"x"', b"[[[]]]",
     b'{"mail": 5, "eventType": [], "bounce": 1}', b'{"event-data": {"event": "failed"}}',
     b'{"event": "bounce", "timestamp": 1e400}', b'{"RecordType": "Bounce", "BouncedAt": "x"}',
     b'{"Message": "{}"}', b'{"Body": "[]", "Messages": [[1]]}', b'{"Bounces": 5}',
     b'{"eventType": "Bounce", "mail": {}, "bounce": {"bouncedRecipients": [{}, 5]}}'],
)  # fmt: skip
def test_what_is_not_of_the_format_is_counted_and_never_raises(provider: str, raw: bytes) -> None:
    told = [returned for _, returned in read_file(provider, io.BytesIO(raw))]
    assert told
    for each in told:
        assert not each.notices or not any(notice.address for notice in each.notices)
        assert each.sort in (Sort.PROVIDER, Sort.UNREADABLE)
        assert each.notices or each.why


def test_a_bad_line_is_named_and_those_after_it_are_read(
    spring: Campaign, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    file = tmp_path / "events.jsonl"
    good = [json.dumps(payloads.mailgun(letter(spring, row), "complained")) for row in (1, 2)]
    file.write_text("\n".join([good[0], '{"event":', good[1]]))
    arguments = ["bounces", str(file), "--format", "mailgun", "--campaign", str(spring.folder)]
    assert main(arguments) == 0
    out = capsys.readouterr().out
    assert "3 events" in out
    assert f"{file}:2: unreadable" in out
    assert count_events(*spring.journal) == {"complained": 2}
    assert main([*arguments, "--json"]) == 0
    told = json.loads(capsys.readouterr().out)
    assert (told["new_events"], told["known_events"]) == (0, 2)


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (["x", "--format", "smtp2go"], "'smtp2go' is not a provider"),
        (["--format", "ses"], "none is named"),
        (["x", "--format", "ses", "--watch"], "reads a file once"),
        (["missing.json", "--format", "ses"], "cannot be read"),
    ],
)
def test_what_is_wrong_with_the_options_is_told(
    spring: Campaign, arguments: list[str], said: str, capsys: pytest.CaptureFixture[str]
) -> None:
    assert main(["bounces", *arguments, "--campaign", str(spring.folder)]) == 64
    assert said in capsys.readouterr().err


@pytest.mark.parametrize(
    ("told", "at"),
    [
        (1_794_225_662, 1_794_225_662.0), ("1794225662", 1_794_225_662.0),
        (1_794_225_662_000, 1_794_225_662.0), ("2026-11-09T12:01:02.5Z", 1_794_225_662.5),
        ("2026-11-09T12:01:02.1234567-04:00", 1_794_240_062.123456),
        ("Mon, 9 Nov 2026 12:01:02 +0000", 1_794_225_662.0), ("2026-11-09", 1_794_182_400.0),
        ("yesterday", 0.0), (None, 0.0), (True, 0.0), (-5, 0.0), ([], 0.0), (1e400, 0.0),
    ],
)  # fmt: skip
def test_times_are_read_in_each_form_that_providers_use(told: Any, at: float) -> None:
    assert moment(told) == pytest.approx(at)
