"""What providers post to `campaign serve` reaches the journals of the campaigns it is about."""

from __future__ import annotations

import base64
import json
import os
from pathlib import Path
from typing import Any

import pytest

from campaign.cli.main import main
from campaign.config.loader import Campaign
from campaign.feedback.mailings import close_mailings, open_mailings
from campaign.feedback.sources.posted import read_posts
from campaign.journal.reading.returned.events import count_events, events
from campaign.planning.suppressed import open_store
from campaign.suppression.inbox import ProviderPost
from fakes.clock import FakeClock
from fakes.processes.serving import serving, write
from feedback import payloads
from feedback.mailbox import SENT_AT, message_id, sent_campaign, suppressed
from feedback.payloads import Letter

SHARED = '[suppression]\nurl = "sqlite:///../suppression.sqlite"\n'
SECRET = "0123456789abcdef0123456789"
GONE = "550 5.1.1 User unknown"


def letter(campaign: Campaign, row: int) -> Letter:
    return Letter(f"person{row}@example.org", message_id(campaign, row))


def put(campaign: Campaign, id_: str, events_: Any, provider: str = "sendgrid") -> None:
    with open_store(campaign, FakeClock(SENT_AT + 100_000)) as store:
        body = json.dumps(events_)
        store.inbox.put(ProviderPost(provider, id_, body, SENT_AT + 100_000, body))


@pytest.fixture
def both(tmp_path: Path) -> tuple[Campaign, Campaign]:
    return (
        sent_campaign(tmp_path / "spring", more=SHARED),
        sent_campaign(tmp_path / "summer", more=SHARED, name="summer"),
    )


def test_who_was_answered_200_is_read_after_the_server_was_killed(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("POSTMARK_SECRET", SECRET)
    monkeypatch.setitem(os.environ, "POSTMARK_SECRET", SECRET)
    spring = sent_campaign(tmp_path / "spring", more=SHARED)
    folder = write(tmp_path / "serve", "sqlite:///../suppression.sqlite")
    with (folder / "campaign.toml").open("a") as file:
        file.write('[bounces.postmark]\nsecret = { env = "POSTMARK_SECRET" }\n')
    told = payloads.postmark_bounce(letter(spring, 2), "HardBounce", GONE)
    with serving(folder) as running:
        connection = running.connection()
        word = base64.b64encode(f"postmark:{SECRET}".encode()).decode()
        headers = {"Authorization": f"Basic {word}"}
        connection.request("POST", "/events/postmark", json.dumps(told), headers)
        assert connection.getresponse().status == 200
        running.process.kill()
        connection.close()
    arguments = ["bounces", "--campaign", str(spring.folder)]
    assert main(arguments) == 0
    out = capsys.readouterr().out
    assert "events of providers: 1 event\n" in out
    assert "1 address suppressed" in out
    (event,) = events(*spring.journal)
    assert (event.row, event.kind, event.class_, event.source) == (
        2, "bounced", "recipient-gone", "postmark",
    )  # fmt: skip
    assert set(suppressed(spring)) == {"person2@example.org"}
    assert main([*arguments, "--json"]) == 0
    again = json.loads(capsys.readouterr().out)
    assert (again["told_by_providers"], again["new_events"]) == (0, 0)


def test_one_post_may_be_about_letters_of_several_campaigns(
    both: tuple[Campaign, Campaign],
) -> None:
    spring, summer = both
    put(spring, "a", [payloads.sendgrid(letter(spring, 1), "spamreport"),
                      payloads.sendgrid(letter(summer, 2), "bounce", reason=GONE)])  # fmt: skip
    assert main(["bounces", "--campaign", str(spring.folder)]) == 0
    assert count_events(*spring.journal) == {"complained": 1}
    assert count_events(*summer.journal) == {}
    assert main(["bounces", "--campaign", str(summer.folder)]) == 0
    assert count_events(*summer.journal) == {"bounced": 1}
    assert set(suppressed(spring)) == {"person1@example.org", "person2@example.org"}


def test_a_reader_that_dies_before_it_is_done_reads_again(both: tuple[Campaign, Campaign]) -> None:
    spring, _ = both
    put(spring, "a", [payloads.sendgrid(letter(spring, 1), "spamreport")])
    mailings = open_mailings([spring.file])
    for _ in range(2):
        reading = read_posts(mailings, FakeClock())
        assert len(next(reading)) == 1
        reading.close()  # killed before the batch was in the journal
    assert [len(batch) for batch in read_posts(mailings, FakeClock())] == [1]
    assert list(read_posts(mailings, FakeClock())) == []
    close_mailings(mailings)


def test_posts_are_read_beside_a_mailbox(
    both: tuple[Campaign, Campaign], tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    spring, _ = both
    put(spring, "a", [payloads.sendgrid(letter(spring, 1), "spamreport")])
    (tmp_path / "mails").mkdir()
    assert main(["bounces", str(tmp_path / "mails"), "--campaign", str(tmp_path)]) == 0
    assert "1 event" in capsys.readouterr().out
    assert count_events(*spring.journal) == {"complained": 1}


def test_a_post_of_a_provider_that_is_not_known_is_named(
    both: tuple[Campaign, Campaign], capsys: pytest.CaptureFixture[str]
) -> None:
    put(both[0], "a", {}, provider="of-a-later-version")
    assert main(["bounces", "--campaign", str(both[0].folder)]) == 0
    assert "does not know events of of-a-later-version" in capsys.readouterr().out


def test_without_a_mailbox_and_without_posts_the_command_asks_for_one(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    spring = sent_campaign(tmp_path / "spring")
    assert main(["bounces", "--campaign", str(spring.folder)]) == 64
    assert "nothing says where the mail is" in capsys.readouterr().err
    topics = '[bounces.ses]\ntopics = "arn:aws:sns:eu-west-1:123456789012:bounces"\n'
    named = sent_campaign(tmp_path / "named", more=topics)
    assert main(["bounces", "--campaign", str(named.folder)]) == 0
    assert "events of providers: 0 mails" in capsys.readouterr().out


@pytest.mark.parametrize(
    ("table", "said"),
    [
        ('ses]\ntopics = "bounces"', "is not the name of an SNS topic"),
        ('sendgrid]\npublic_key = "xyz"', "is not a public key"),
        ('sendgrid]\npublic_key = "MAo="', "public_key: it is no public"),
        ('mailgun]\nsigning_key = { env = "UNSET_X" }', "UNSET_X is not set"),
        ('postmark]\nsecret = { env = "SHORT_X" }', "has 5 bytes"),
        ("postmark]\nsecret = 5", "secret"),
        ("smtp2go]\nx = 5", "smtp2go"),
    ],
)
def test_what_is_wrong_with_a_provider_is_told_before_the_server_begins(
    tmp_path: Path,
    table: str,
    said: str,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    monkeypatch.setenv("SHORT_X", "short")
    monkeypatch.setenv("CAMPAIGN_SECRET", SECRET)
    folder = write(tmp_path, "sqlite:///suppression.sqlite")
    with (folder / "campaign.toml").open("a") as file:
        file.write(f"[bounces.{table}\n")
    assert main(["serve", str(folder)]) == 78
    assert said in capsys.readouterr().err
