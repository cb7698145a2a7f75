"""Every command that a page names is there, with the options it is named with."""

from __future__ import annotations

import re
from pathlib import Path
from typing import Any

import pytest
from typer.main import get_command

from campaign.cli.line.program import program

ROOT = Path(__file__).parents[2]
PAGES = [ROOT / "README.md", ROOT / "README.zh.md", *sorted((ROOT / "docs").glob("*.md"))]
_NAMED = re.compile(r"(?:^|`|&& |exec |/bin/|\$ )campaign ([a-z]+)([^\n`#|&]*)", re.MULTILINE)
_NO_WORDS = {"sends", "goes", "is", "has", "and", "itself"}  # of a sentence


def named(page: Path) -> list[tuple[str, str]]:
    text = page.read_text(encoding="utf-8")
    code = "\n".join(re.findall(r"^```(?:sh|console|bash)?\n(.*?)^```", text, re.M | re.S))
    inline = "\n".join(f"`{one}`" for one in re.findall(r"`(campaign [^`]*)`", text))
    return [pair for pair in _NAMED.findall(f"{code}\n{inline}") if pair[0] not in _NO_WORDS]


@pytest.mark.parametrize("page", PAGES, ids=lambda page: page.name)
def test_the_commands_of_a_page_have_these_options(page: Path) -> None:
    commands: Any = get_command(program())
    for word, rest in named(page):
        assert word in commands.commands, f"campaign {word}{rest}"
        command = commands.commands[word]
        if second := getattr(command, "commands", None):
            inner = rest.split()[:1]
            if not inner or inner[0] not in second:
                continue  # `campaign dkim`: the group itself
            command = second[inner[0]]
        known = {option for parameter in command.params for option in parameter.opts}
        asked = set(re.findall(r"(?<![\w-])--?[a-z][a-z-]*", rest)) - {"--help", "-h"}
        assert asked <= known, f"campaign {word}{rest}: {sorted(asked - known)}"


def test_the_first_page_names_every_step_of_the_tour() -> None:
    words = [word for word, _ in named(ROOT / "README.md")]
    assert words.index("plan") < words.index("run") < words.index("resume") < words.index("audit")
    assert len(words) > 20
