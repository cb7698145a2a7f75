"""Campaign, relay, refusal by the mail server behind it, a real bounce, suppression, next campaign.

A private Postfix relays to another, which knows nobody called "gone"; its bounce comes into the
Maildir of the first, as that of b.example.com would.
"""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path

import pytest

from fakes import campaigns
from fakes.ports import own_port
from fakes.postfix import OPEN, can_run, private_postfix
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


def test_who_bounced_after_the_relay_had_accepted_is_left_out_of_the_next_campaign(
    tmp_path: Path,
) -> None:
    relay_port, far_port = own_port(), own_port()
    # The far server refuses one local part; the near one sends all of example.org there, and keeps
    # what comes back to b.example.com.
    far = OPEN + "virtual_mailbox_domains = example.org\n"
    far += "smtpd_recipient_restrictions = check_recipient_access inline:{ "
    far += "{ gone@example.org = 550 5.1.1 User unknown } }, permit_mynetworks, reject\n"
    near = OPEN + "virtual_mailbox_domains = b.example.com\nsmtp_tls_security_level = none\n"
    near += f"transport_maps = inline:{{ {{ example.org = smtp:[127.0.0.1]:{far_port} }} }}\n"
    with private_postfix(far_port, far), private_postfix(relay_port, near) as relay:
        toml = campaigns.TOML.replace("port = 1", f"port = {relay_port}") + VERP
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
