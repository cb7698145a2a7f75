"""Which files no cell of a list may have sent to anybody."""

from __future__ import annotations

from pathlib import Path

from campaign.config.loader import load
from campaign.planning.private_files import private_files
from fakes.prepared.letters import write

CONFIG = """
name = "spring"
[recipients]
files = ["lists/*.csv"]
address = "email"
suppress = ["gone.csv"]
[message]
from = "ada@example.com"
subject = "Hello"
text = "body.txt"
attachments = ["own/{{ file }}"]
[relay]
host = "smtp.example.com"
username = "ada"
password = { file = "password" }
client_certificate = { cert = "c.pem", key = "k.pem" }
"""


def test_the_campaigns_own_files_are_private_and_its_letters_are_not(tmp_path: Path) -> None:
    for name in ("lists/a.csv", "gone.csv", "body.txt", "password", "c.pem", "k.pem"):
        (write(tmp_path, name, "email\na@b.example\n")).chmod(0o600)
    file = write(tmp_path, "campaign.toml", CONFIG)
    found = private_files(load(file))

    def is_private(name: str) -> bool:
        return str(tmp_path.resolve() / name).startswith(found)

    for name in (
        "campaign.toml", "lists/a.csv", "gone.csv", "password", "c.pem", "k.pem",
        "state/journal.sqlite", "state/journal.sqlite-wal", "state/sandbox.sqlite",
    ):  # fmt: skip
        assert is_private(name), name
    for name in ("body.txt", "own/a.pdf", "lists/a.pdf"):
        assert not is_private(name), name
