"""Bounces are read from a real Dovecot, over TLS."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path

import pytest

from campaign.cli.main import main
from campaign.config.loader import Campaign
from campaign.feedback.sources.files import Afterwards
from campaign.feedback.sources.imap import ImapInbox, read_url
from campaign.journal.reading.returned.events import count_events
from fakes.mail.imap_server import PASSWORD, USER, ImapServer, can_run, dovecot_imap, token
from feedback import corpus
from feedback.mailbox import about, sent_campaign, suppressed

pytestmark = pytest.mark.skipif(not can_run(), reason="needs Dovecot, and to be root")
GONE = corpus.postfix("5.1.1", f"550 5.1.1 <{corpus.ADA}>: User unknown")


@pytest.fixture
def server() -> Iterator[ImapServer]:
    with dovecot_imap() as server:
        yield server


@pytest.fixture
def spring(tmp_path: Path, server: ImapServer, monkeypatch: pytest.MonkeyPatch) -> Campaign:
    monkeypatch.setenv("BOUNCE_PASSWORD", PASSWORD)
    user = USER.replace("@", "%40")
    return sent_campaign(
        tmp_path / "spring",
        more=f'[bounces]\nsource = "imaps://{user}@127.0.0.1:{server.tls_port}/INBOX"\n'
        f'password = {{ env = "BOUNCE_PASSWORD" }}\nca_file = "{server.ca_file}"\n',
    )


def take_in(campaign: Campaign, *more: str) -> int:
    return main(["bounces", "--campaign", str(campaign.folder), *more])


def test_mails_are_read_once_and_stay(
    server: ImapServer, spring: Campaign, capsys: pytest.CaptureFixture[str]
) -> None:
    server.deliver("1", about(GONE, spring, 1))
    assert take_in(spring) == 0
    assert "1 bounced" in capsys.readouterr().out
    assert take_in(spring) == 0
    assert "0 mails" in capsys.readouterr().out
    server.deliver("2", about(GONE, spring, 2))
    assert take_in(spring) == 0
    assert "1 new event" in capsys.readouterr().out
    assert set(suppressed(spring)) == {"person1@example.org", "person2@example.org"}


def test_another_uidvalidity_is_read_anew_and_counts_nothing_twice(
    server: ImapServer, spring: Campaign, capsys: pytest.CaptureFixture[str]
) -> None:
    server.deliver("1", about(GONE, spring, 1))
    take_in(spring)
    (memory,) = (spring.folder / "state").glob("mailbox-*.json")
    memory.write_text(json.dumps({**json.loads(memory.read_text()), "uidvalidity": 7}))
    capsys.readouterr()
    take_in(spring)
    said = capsys.readouterr().out
    assert "1 mail" in said
    assert "0 new events, 1 known before" in said


def test_mails_are_moved_or_deleted_after_they_were_taken_in(
    server: ImapServer, spring: Campaign
) -> None:
    server.deliver("1", about(GONE, spring, 1))
    assert take_in(spring, "--move-to", "Read") == 0
    assert len(list((server.mail / ".Read").rglob("*1*S=*"))) + len(
        [p for p in (server.mail / ".Read").rglob("*") if p.parent.name in ("new", "cur")]
    ) >= 1  # fmt: skip
    server.deliver("2", about(GONE, spring, 2))
    assert take_in(spring, "--delete") == 0
    assert [p for p in server.mail.glob("*/*") if p.parent.name in ("new", "cur")] == []
    assert count_events(*spring.journal) == {"bounced": 2}


def test_starttls_is_used_where_the_first_byte_is_clear(
    server: ImapServer, spring: Campaign
) -> None:
    server.deliver("1", about(GONE, spring, 1))
    url = f"imap://{USER.replace('@', '%40')}@127.0.0.1:{server.port}/INBOX"
    assert take_in(spring, url) == 0
    assert "TLS" in server.log.read_text()
    assert count_events(*spring.journal) == {"bounced": 1}


def test_a_token_of_a_command_logs_in(tmp_path: Path, server: ImapServer, spring: Campaign) -> None:
    (tmp_path / "token").write_text(token())
    toml = spring.file.read_text().replace(
        'password = { env = "BOUNCE_PASSWORD" }', f'token = {{ command = "cat {tmp_path}/token" }}'
    )
    spring.file.write_text(toml)
    server.deliver("1", about(GONE, spring, 1))
    assert take_in(spring) == 0
    assert count_events(*spring.journal) == {"bounced": 1}
    (tmp_path / "token").write_text("nonsense")
    assert take_in(spring) == 77


def test_what_goes_wrong_is_one_sentence(
    server: ImapServer, spring: Campaign, monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:  # fmt: skip
    monkeypatch.setenv("BOUNCE_PASSWORD", "wrong")
    assert take_in(spring) == 77
    assert "refused the login of bounces@example.com" in capsys.readouterr().err
    assert take_in(spring, f"imaps://u@127.0.0.1:{server.port}/INBOX") == 69
    assert "cannot be read" in capsys.readouterr().err
    monkeypatch.setenv("BOUNCE_PASSWORD", PASSWORD)
    spring.file.write_text(spring.file.read_text().replace("ca_file =", "# ca_file ="))
    assert take_in(spring) == 69
    assert "certificate" in capsys.readouterr().err


def test_a_watched_mailbox_is_heard_at_once(server: ImapServer, spring: Campaign) -> None:
    arguments = ["bounces", "--campaign", str(spring.folder), "--watch", "-v"]
    watching = subprocess.Popen(
        [sys.executable, "-m", "campaign.cli.main", *arguments],
        stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True,
        env={**os.environ, "BOUNCE_PASSWORD": PASSWORD},
    )  # fmt: skip
    assert watching.stdout
    try:
        server.deliver("1", about(GONE, spring, 1))
        assert "person1@example.org" in watching.stdout.readline()
        began = time.monotonic()
        server.deliver("2", about(GONE, spring, 2))
        assert "person2@example.org" in watching.stdout.readline()
        assert time.monotonic() - began < 40  # a poll would come after a minute
    finally:
        watching.send_signal(signal.SIGINT)
        rest, said = watching.communicate(timeout=30)
    assert (watching.returncode, said) == (0, "")
    assert "2 bounced" in rest
    assert count_events(*spring.journal) == {"bounced": 2}


def test_a_server_that_cannot_say_when_mail_comes_is_asked_again(tmp_path: Path) -> None:
    with dovecot_imap("imap_capability = IMAP4rev1 LITERAL+ UIDPLUS NAMESPACE") as server:
        box = read_url(f"imaps://{USER.replace('@', '%40')}@127.0.0.1:{server.tls_port}/INBOX")
        inbox = ImapInbox(
            box, Afterwards(), password=lambda: PASSWORD, token=None, ca_file=server.ca_file,
            memory=tmp_path / "memory.json",
        )  # fmt: skip
        with closing(inbox):
            assert list(inbox.batches()) == []
            assert not inbox._client.has_capability("IDLE")
            server.deliver("1", GONE)
            began = time.monotonic()
            inbox.wait(0.2)
            assert 0.2 <= time.monotonic() - began < 20
            (batch,) = inbox.batches()
            assert len(batch) == 1
            inbox.done(batch)
            inbox.wait(0.01)
            assert list(inbox.batches()) == []


def test_an_address_of_a_mailbox_is_taken_apart() -> None:
    box = read_url("imaps://me%40example.com@mail.example.com/Bounces/2026")
    assert (box.user, box.host, box.port) == ("me@example.com", "mail.example.com", 993)
    assert (box.folder, box.is_tls) == ("Bounces/2026", True)
    assert read_url("imap://u@h.example").port == 143
    assert read_url("imap://u@h.example").folder == "INBOX"
