"""What changed in the messages since a revision."""

from __future__ import annotations

import subprocess
from pathlib import Path

import pytest

from campaign.cli.services.serving import press
from campaign.errors import CampaignError, ConfigErrors, UsageError
from campaign.preview.changes import difference
from fakes.prepared.campaigns import HTML, planned


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


def test_letters_that_changed_in_the_same_way_are_shown_by_one_of_them(folder: Path) -> None:
    from campaign.config.loader import load

    body = folder / "body.txt"
    body.write_text(body.read_text(encoding="utf-8") + "Bye.\n", encoding="utf-8")
    html = (folder / "body.html").read_text(encoding="utf-8")
    (folder / "body.html").write_text(html.replace("Try gold", "Have gold"), encoding="utf-8")
    lines = difference(load(folder), "HEAD", press)
    headings = [line for line in lines if line.endswith(":") and " letters, like row " in line]
    assert sum(line == "+Bye." for line in lines) == len(headings)
    counts = [int(heading.split(" of ")[0]) for heading in headings if " of " in heading]
    assert not counts or sum(counts) == int(headings[0].split(" of ")[1].split()[0])


def test_what_git_does_not_have_is_what_it_is_now(folder: Path) -> None:
    from campaign.config.loader import load

    config = (folder / "campaign.toml").read_text(encoding="utf-8")
    attached = config.replace("[message]", '[message]\nattachments = ["bills/{{ name }}.txt"]', 1)
    (folder / "campaign.toml").write_text(attached, encoding="utf-8")
    git(folder, "add", "campaign.toml")
    git(folder, "commit", "-m", "bills")
    (folder / "bills").mkdir()
    for name in ("Ada", "Bob", "Cy"):
        (folder / f"bills/{name}.txt").write_text("1")
    assert difference(load(folder), "HEAD", press) == []


def test_a_fault_of_before_names_the_revision_and_no_temporary_folder(folder: Path) -> None:
    from campaign.config.loader import load

    campaign = load(folder)
    config = (folder / "campaign.toml").read_text(encoding="utf-8")
    (folder / "campaign.toml").write_text(f"nmae = 1\n{config}", encoding="utf-8")
    git(folder, "commit", "-am", "a slip")
    with pytest.raises(CampaignError) as caught:
        difference(campaign, "HEAD", press)
    assert isinstance(caught.value, ConfigErrors)
    assert caught.value.errors[0].place == "HEAD:spring/campaign.toml:1"
