"""What a run says to a log at INFO: no address of anybody, and no secret."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

from fakes.mail.sink import smtp_sink

CONFIG = """
name = "quiet"
[recipients]
files = ["list.csv"]
[message]
from = "sender@kestrel.example"
subject = "Hello"
text = "body.txt"
[unsubscribe]
url = "https://example.com/u"
secret = {{ env = "CAMPAIGN_SECRET" }}
[relay]
host = "127.0.0.1"
port = {port}
security = "none"
"""
PROGRAM = """
import logging, sys
logging.basicConfig(level=logging.INFO, stream=sys.stderr)
from campaign.cli.main import main
sys.exit(main(sys.argv[1:]))
"""


@pytest.mark.skipif(
    not (shutil.which("smtp-sink") or shutil.which("/usr/sbin/smtp-sink")),
    reason="smtp-sink is not installed (Debian: postfix)",
)
def test_a_log_at_info_has_no_address_and_no_secret(tmp_path: Path) -> None:
    (tmp_path / "body.txt").write_text("{{ unsubscribe_url }}\n")
    (tmp_path / "list.csv").write_text("email\nada@one.example\nwang@two.example\n")
    with smtp_sink() as sink:
        (tmp_path / "campaign.toml").write_text(CONFIG.format(port=sink.port))
        done = subprocess.run(
            [sys.executable, "-c", PROGRAM, "run", "--yes", str(tmp_path)],
            env=os.environ | {"CAMPAIGN_SECRET": "hunter2-hunter2-hunter2"},
            capture_output=True,
            text=True,
        )
    assert done.returncode == 0, done.stderr
    for word in ("ada@", "wang@", "one.example", "sender@", "hunter2"):
        assert word not in done.stderr
