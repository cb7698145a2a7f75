"""What changed in the messages since a revision."""

from __future__ import annotations

import subprocess
from pathlib import Path

import pytest

from campaign.cli.serving import press
from campaign.errors import UsageError
from campaign.preview.changes import difference
from fakes.campaigns import HTML, planned


def git(folder: Path, *arguments: str) -> None:
    who = ["-c", "user.name=Ada", "-c", "user.email=ada@example.com"]
    subprocess.run(["git", "-C", str(folder), *who, *arguments], check=True, capture_output=True)


def status(folder: Path) -> bytes:
    asked = ["git", "-C", str(folder), "status", "--porcelain"]
    return subprocess.run(asked, check=True, capture_output=True).stdout


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    planned(tmp_path / "spring")
    git(tmp_path, "init")
    git(tmp_path, "add", "spring/campaign.toml", "spring/body.html", "spring/body.txt")
    git(tmp_path, "add", "spring/list.csv")
    git(tmp_path, "commit", "-m", "spring")
    return tmp_path / "spring"


def test_only_the_lines_that_changed_are_shown_for_each_row(folder: Path) -> None:
    from campaign.config.loader import load

    campaign = load(folder)
    assert difference(campaign, "HEAD", press) == []
    (folder / "body.html").write_text(HTML.replace("Try gold", "Have gold"), encoding="utf-8")
    lines = difference(campaign, "HEAD", press)
    assert "-" + "<p>Try gold.</p>" in lines
    assert "+<p>Have gold.</p>" in lines
    assert "--- row 2 bob@example.com (HEAD)" in lines
    assert not any("ada@example.com (now)" in line for line in lines)  # she has gold


def test_the_repository_is_left_as_it_is(folder: Path) -> None:
    from campaign.config.loader import load

    (folder / "body.txt").write_text("staged", encoding="utf-8")
    git(folder, "add", "body.txt")
    (folder / "body.html").write_text("not staged", encoding="utf-8")
    before = status(folder)
    difference(load(folder), "HEAD", press)
    assert status(folder) == before


def test_a_revision_nobody_knows_is_refused_and_never_an_option(folder: Path) -> None:
    from campaign.config.loader import load

    campaign = load(folder)
    for revision in ("nothing-like-this", "--output=/tmp/x"):
        with pytest.raises(UsageError, match="git: "):
            difference(campaign, revision, press)
