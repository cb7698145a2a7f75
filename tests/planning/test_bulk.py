"""planning.bulk: what bulk mail should have is named with the setting that brings it."""

from __future__ import annotations

from pathlib import Path

import pytest

from campaign.config.loader import load
from campaign.planning.bulk import missing_for_bulk

TOML = """
name = "small"
[recipients]
files = ["list.csv"]
[message]
from = "ada@example.com"
subject = "Hello"
text = "body.txt"
"""
BY_MAIL = '[unsubscribe]\nmailto = "out@example.com"\n'
BY_CLICK = '[unsubscribe]\nurl = "https://example.com/u"\nsecret = { env = "S" }\n'
DKIM = '[dkim]\ndomain = "example.com"\nselector = "s1"\nkey = { file = "k.pem" }\n'


@pytest.mark.parametrize(
    ("tables", "missing"),
    [
        ("", ["[unsubscribe]", "[[dkim]]"]),
        (BY_MAIL, ["url in [unsubscribe]", "list in [unsubscribe]", "[[dkim]]"]),
        (BY_CLICK + 'list = "news"\n', ["[[dkim]]"]),
        (BY_CLICK + 'list = "news"\n' + DKIM, []),
    ],
)
def test_what_is_missing_is_named(tmp_path: Path, tables: str, missing: list[str]) -> None:
    (tmp_path / "campaign.toml").write_text(TOML + tables)
    (tmp_path / "list.csv").write_text("email\nada@example.com\n")
    (tmp_path / "body.txt").write_text("Hello\n")
    found = missing_for_bulk(load(tmp_path).settings)
    assert len(found) == len(missing)
    assert all(each in what for each, what in zip(missing, found, strict=True))
