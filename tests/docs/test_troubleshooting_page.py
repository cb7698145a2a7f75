"""docs/troubleshooting.md quotes sentences that campaign says."""

from __future__ import annotations

import re
from pathlib import Path

ROOT = Path(__file__).parents[2]
TEXT = (ROOT / "docs" / "troubleshooting.md").read_text(encoding="utf-8")
PAGE = " ".join(TEXT.split())


def test_what_it_quotes_stands_in_the_program() -> None:
    sources = [file.read_text(encoding="utf-8") for file in (ROOT / "campaign").rglob("*.py")]
    titles = re.findall(r"^## (.*)$", TEXT, re.MULTILINE)
    bold = PAGE.split("**")[1::2]
    quoted = [one for title in titles + bold for one in re.findall('"([^"]+)"', title)]
    assert len(quoted) >= 5
    assert [one for one in quoted if not any(one in source for source in sources)] == []
