"""docs/troubleshooting.md quotes sentences that campaign says, and names options that it has."""

from __future__ import annotations

import re
from pathlib import Path
from typing import Any

from typer.main import get_command

from campaign.cli.program import program

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


def test_its_commands_have_these_options() -> None:
    commands: Any = get_command(program())
    named = re.findall(r"`campaign ((?:dkim |suppress )?[a-z]+)([^`]*)`", PAGE)
    assert len(named) > 5
    for words, rest in named:
        command = commands
        for word in words.split():
            command = command.commands[word]
        known = {option for parameter in command.params for option in parameter.opts}
        assert set(re.findall(r"--[a-z-]+", rest)) <= known, words
