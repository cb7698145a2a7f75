"""Campaign, relay, refusal by the mail server behind it, a real bounce, suppression, next campaign.

A private Postfix relays to another, which knows nobody called "gone"; its bounce comes into the
Maildir of the first, as that of b.example.com would.  It is read from there, or by IMAP from a real
Dovecot that is watched while the campaign is sent, with journals and store in PostgreSQL.
"""

from __future__ import annotations

import json
import os
import shutil
import signal
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from threading import Timer

import pytest

from fakes.mail.imap_server import PASSWORD, USER, dovecot_imap
from fakes.mail.imap_server import can_run as has_dovecot
from fakes.mail.postfix import OPEN, Postfix, can_run, private_postfix
from fakes.ports import own_port
from fakes.prepared import campaigns
from fakes.servers.postgresql import PG_CTL, database_server
from feedback.mailbox import VERP

pytestmark = pytest.mark.skipif(not can_run(), reason="needs Postfix, and to be root")


def cli(*arguments: str) -> str:
    done = subprocess.run(
        [sys.executable, "-m", "campaign.cli.main", *arguments],
        capture_output=True, text=True, timeout=120, stdin=subprocess.DEVNULL, env=os.environ,
    )  # fmt: skip
    assert done.returncode in (0, 1), done.stderr
    return done.stdout


def objects(command: str, campaign: str) -> list[dict[str, str]]:
    lines = cli(command, campaign, "--format", "jsonl").splitlines()
    return [json.loads(line) for line in lines]


@contextmanager
def two_servers() -> Iterator[Postfix]:
    """The relay.  The far server refuses one local part; the near one sends all of example.org
    there, and keeps what comes back to b.example.com."""
    relay_port, far_port = own_port(), own_port()
    far = OPEN + "virtual_mailbox_domains = example.org\n"
    far += "smtpd_recipient_restrictions = check_recipient_access inline:{ "
    far += "{ gone@example.org = 550 5.1.1 User unknown } }, permit_mynetworks, reject\n"
    near = OPEN + "virtual_mailbox_domains = b.example.com\nsmtp_tls_security_level = none\n"
    near += f"transport_maps = inline:{{ {{ example.org = smtp:[127.0.0.1]:{far_port} }} }}\n"
    with private_postfix(far_port, far), private_postfix(relay_port, near) as relay:
        yield relay


def test_who_bounced_after_the_relay_had_accepted_is_left_out_of_the_next_campaign(
    tmp_path: Path,
) -> None:
    with two_servers() as relay:
        toml = campaigns.TOML.replace("port = 1", f"port = {relay.port}") + VERP
        toml += '[suppression]\nurl = "sqlite:///../suppression.sqlite"\n'
        rows = [("gone@example.org", "Gone", "gold"), ("here@example.org", "Here", "gold")]
        for name in ("spring", "autumn"):
            own = toml.replace('name = "spring"', f'name = "{name}"')
            campaigns.write(tmp_path / name, rows=rows, toml=own)
        spring, autumn = str(tmp_path / "spring"), str(tmp_path / "autumn")
        cli("run", spring, "--yes")
        cli("plan", autumn)
        relay.delivered(1, patience_s=40)
        box = str(relay.folder / "mail" / "box")
        told = json.loads(cli("bounces", box, "--campaign", spring, "--json"))
        assert told["known_by"] == {"envelope sender": 1}
        assert told["bounced"] == {"hard": 1}
        (event,) = objects("events", spring)
        assert (event["address"], event["class"]) == ("gone@example.org", "recipient-gone")
        cli("run", autumn, "--yes")
        results = objects("results", autumn)
        assert [one["state"] for one in results] == ["skipped", "sent"]
        assert "hard bounce in spring" in results[0]["reason"]
        cli("report", spring, "-o", str(tmp_path / "spring.html"))
        assert "What came back" in (tmp_path / "spring.html").read_text()


@pytest.mark.skipif(not has_dovecot() or not PG_CTL.is_file(), reason="needs Dovecot, PostgreSQL")
def test_a_watched_mailbox_feeds_the_store_that_the_next_campaign_asks(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("BOUNCE_PASSWORD", PASSWORD)
    with two_servers() as relay, database_server() as database:
        box = relay.folder / "mail" / "box"
        for part in (box, box / "new", box / "cur", box / "tmp"):
            part.mkdir()
            shutil.chown(part, "postfix", "postfix")
        with dovecot_imap(mail=box) as mailbox:
            store = database.new_database()
            user = USER.replace("@", "%40")
            rows = [("gone@example.org", "Gone", "gold"), ("here@example.org", "Here", "gold")]
            for name in ("spring", "autumn"):
                toml = campaigns.TOML.replace('name = "spring"', f'name = "{name}"')
                toml = toml.replace("port = 1", f"port = {relay.port}")
                toml += VERP + f'source = "imaps://{user}@127.0.0.1:{mailbox.tls_port}/INBOX"\n'
                toml += f'password = {{ env = "BOUNCE_PASSWORD" }}\nca_file = "{mailbox.ca_file}"\n'
                toml += f'[journal]\nurl = "{database.new_database()}"\n'
                toml += f'[suppression]\nurl = "{store}"\n'
                campaigns.write(tmp_path / name, rows=rows, toml=toml)
            spring, autumn = str(tmp_path / "spring"), str(tmp_path / "autumn")
            cli("plan", spring)
            cli("plan", autumn)
            with watched("bounces", "--watch", "-v", "--campaign", str(tmp_path)) as watching:
                cli("run", spring, "--yes")
                assert watching.stdout
                assert "bounced recipient-gone spring: gone@example.org" in (
                    watching.stdout.readline()
                )
            assert watching.returncode == 0
            (event,) = objects("events", spring)
            assert (event["address"], event["class"]) == ("gone@example.org", "recipient-gone")
            cli("run", autumn, "--yes")
            results = objects("results", autumn)
            assert [one["state"] for one in results] == ["skipped", "sent"]
            assert "hard bounce in spring" in results[0]["reason"]
            assert json.loads(cli("audit", spring, "--json"))["events"] == {"bounced": 1}
            told = json.loads(
                cli("report", str(tmp_path), "--json", "-o", str(tmp_path / "a.html"))
            )
            by_name = {one["campaign"]: one for one in told["campaigns"]}
            assert (by_name["spring"]["accepted"], by_name["spring"]["bounced_hard"]) == (2, 1)
            assert (by_name["autumn"]["accepted"], by_name["autumn"]["bounced_hard"]) == (1, 0)


@contextmanager
def watched(*arguments: str) -> Iterator[subprocess.Popen[str]]:
    """A command that goes on until Ctrl-C, or for three minutes where nothing comes."""
    process = subprocess.Popen(
        [sys.executable, "-m", "campaign.cli.main", *arguments],
        stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, text=True, env=os.environ,
    )  # fmt: skip
    enough = Timer(180, process.kill)
    enough.start()
    try:
        yield process
        process.send_signal(signal.SIGINT)
        process.communicate(timeout=30)
    finally:
        enough.cancel()
        process.kill()
        process.wait(10)
