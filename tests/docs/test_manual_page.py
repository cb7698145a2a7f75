"""docs/campaign.1 is made from the commands, and a reader of manual pages understands it."""

from __future__ import annotations

import shutil
import subprocess
import tomllib
from pathlib import Path

import pytest

from campaign.cli.line.manual import manual
from campaign.cli.line.program import program

ROOT = Path(__file__).parents[2]
PAGE = ROOT / "docs/campaign.1"


def test_the_manual_page_is_that_of_the_program() -> None:
    assert PAGE.read_text(encoding="utf-8") == manual(), "make schema"


def test_it_has_every_command_with_an_example() -> None:
    groups = [group.typer_instance for group in program().registered_groups]
    commands = [program().registered_commands, *(group.registered_commands for group in groups)]
    assert manual().count("For example:") == sum(map(len, commands))
    assert manual().count('\n.SS "campaign ') == sum(map(len, commands))


def test_a_wheel_installs_it_where_man_looks() -> None:
    tables = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))
    assert tables["tool"]["setuptools"]["data-files"] == {"share/man/man1": ["docs/campaign.1"]}


@pytest.mark.skipif(not shutil.which("groff"), reason="needs groff")
def test_groff_has_nothing_against_it() -> None:
    done = subprocess.run(
        ["groff", "-man", "-ww", "-z", "-Kutf8", str(PAGE)],
        capture_output=True,
        text=True,
        check=True,
    )
    assert done.stderr == ""
