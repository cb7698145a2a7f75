"""A plain `campaign status`: quick beside a run, and never an answer out of an unchecked file."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path

import pytest

from campaign.cli.main import main

HEAVY = {"sqlalchemy", "pandas", "jinja2", "asyncio"}
CONFIG = """
name = "spring"
[recipients]
files = ["list.csv"]
[message]
from = "a@example.com"
subject = "s"
text = "body.txt"
[relay]
host = "localhost"
"""


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    (tmp_path / "list.csv").write_text("email\nada@example.com\n")
    (tmp_path / "body.txt").write_text("Hello\n")
    (tmp_path / "campaign.toml").write_text(CONFIG)
    return tmp_path


def plan(folder: Path) -> None:
    assert main(["plan", "--no-render", str(folder)]) == 0


def imported_by(*arguments: str) -> tuple[str, str]:
    """What a command prints, and which heavy libraries it needed for it."""
    code = (
        f"import sys; from campaign.cli.main import main; main({list(arguments)!r});"
        f"print(sorted({HEAVY!r} & set(sys.modules)))"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    *shown, libraries = done.stdout.splitlines()
    return "\n".join(shown), libraries


@pytest.mark.parametrize("url", ["", "sqlite:///elsewhere/a b.sqlite"])
def test_the_status_of_an_unchanged_campaign_imports_no_heavy_library(
    folder: Path, url: str
) -> None:
    if url:
        with (folder / "campaign.toml").open("a") as file:
            file.write(f'[journal]\nurl = "{url}"\n')
    plan(folder)
    shown, libraries = imported_by("status", str(folder))
    assert shown.startswith("spring: 1 row, not finished")
    assert libraries == "[]"


def test_the_status_of_a_rehearsal_imports_no_heavy_library(folder: Path) -> None:
    assert main(["run", "--sandbox", "--yes", str(folder)]) == 0
    for arguments in (["status", "--sandbox"], ["status", "--sandbox", "--watch"]):
        shown, libraries = imported_by(*arguments, str(folder))
        assert shown.startswith("spring: 1 row, finished")
        assert libraries == "[]"


def test_a_file_that_changed_since_the_plan_is_checked_before_it_is_believed(
    folder: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    plan(folder)
    (folder / "campaign.toml").write_text(CONFIG + "[delivery]\nexpire_after = 24\n")
    capsys.readouterr()
    assert main(["status", str(folder)]) == 78
    out, err = capsys.readouterr()
    assert out == ""
    assert "campaign.toml:12: " in err
    (folder / "campaign.toml").write_text(CONFIG + "[delivery]\nexpire_after = '24h'\n")
    assert main(["status", str(folder)]) == 0
    assert "spring: 1 row" in capsys.readouterr().out


@pytest.mark.parametrize(
    "journal", ["journal = 3", "[journal]\nurl = 3", "[journal]\nurl = 'sqlite:///'", "journal ="]
)
def test_a_journal_that_the_file_names_wrongly_is_a_fault_of_the_file(
    folder: Path, journal: str, capsys: pytest.CaptureFixture[str]
) -> None:
    plan(folder)
    (folder / "campaign.toml").write_text(f"{journal}\n{CONFIG}")
    capsys.readouterr()
    assert main(["status", str(folder)]) == 78
    assert capsys.readouterr().out == ""


@pytest.mark.parametrize("command", [["status"], ["status", "--json"], ["results"]])
def test_a_plan_that_came_to_nothing_is_no_plan(
    folder: Path, command: list[str], capsys: pytest.CaptureFixture[str]
) -> None:
    (folder / "body.txt").write_text("{% if %}")
    assert main(["plan", str(folder)]) == 78
    capsys.readouterr()
    assert main([*command, str(folder)]) == 74
    assert "there is no plan" in capsys.readouterr().err


def test_whoever_has_run_is_looked_at_though_the_list_is_gone(
    folder: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    plan(folder)
    (folder / "list.csv").unlink()
    capsys.readouterr()
    assert main(["status", "--json", str(folder)]) == 0
    assert json.loads(capsys.readouterr().out)["counts"]["planned"] == 1
