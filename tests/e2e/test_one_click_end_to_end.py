"""From the letter's own header to the next campaign of the list."""

from __future__ import annotations

import json
import re
from email import message_from_bytes, policy
from pathlib import Path
from urllib.parse import urlsplit

import pytest

from campaign.cli.main import main
from fakes.prepared.campaigns import TEXT, TOML, write
from fakes.processes.serving import serving
from fakes.web.serve_site import ONE_CLICK, SECRET

UNSUBSCRIBE = """\
[unsubscribe]
url = "https://example.com/u"
secret = { env = "CAMPAIGN_SECRET" }
list = "newsletter"

[suppression]
url = "sqlite:///../suppression.sqlite"

[serve]
listen = "127.0.0.1:0"
"""


def written(folder: Path, name: str) -> Path:
    toml = TOML.replace('[unsubscribe]\nmailto = "out@example.com"\n', UNSUBSCRIBE)
    toml = toml.replace('name = "spring"', f'name = "{name}"')
    text = TEXT + "Or: {{ unsubscribe_url }}\n"
    write(folder / name, toml=toml, text=text)
    return folder / name


def test_who_posts_the_link_of_a_letter_is_skipped_by_the_next_campaign_of_the_list(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setenv("CAMPAIGN_SECRET", SECRET)
    spring, summer = written(tmp_path, "spring"), written(tmp_path, "summer")
    assert main(["run", str(spring), "--sandbox", "--yes"]) in (0, 1)
    letters = {
        message["To"].addresses[0].addr_spec: message
        for file in (spring / "state/sandbox/new").iterdir()
        for message in [message_from_bytes(file.read_bytes(), policy=policy.default)]
    }
    letter = letters["bob@example.com"]
    assert letter["List-Unsubscribe-Post"] == "List-Unsubscribe=One-Click"
    found = re.fullmatch(r"<(https://example\.com/u\?t=[\w-]+)>", letter["List-Unsubscribe"])
    assert found
    body = letter.get_body(("plain",))
    assert body is not None
    assert found[1] in body.get_content()
    url = urlsplit(found[1])
    with serving(spring) as running:
        connection = running.connection()
        form = {"Content-Type": "application/x-www-form-urlencoded"}
        connection.request("POST", f"{url.path}?{url.query}", ONE_CLICK, form)
        assert connection.getresponse().status == 200
        connection.close()
    capsys.readouterr()
    assert main(["run", str(summer), "--sandbox", "--yes"]) in (0, 1)
    capsys.readouterr()
    assert main(["results", str(summer), "--sandbox", "--format", "jsonl"]) == 0
    rows = [json.loads(line) for line in capsys.readouterr().out.splitlines()]
    reasons = {row["address"]: row["reason"] for row in rows if row["state"] == "skipped"}
    assert reasons["bob@example.com"].startswith(
        "suppressed: unsubscribed from newsletter in spring"
    )
    arrived = b"".join(file.read_bytes() for file in (summer / "state/sandbox/new").iterdir())
    assert b"ada@example.com" in arrived
    assert b"bob@example.com" not in arrived
