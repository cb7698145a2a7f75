"""What `campaign init` writes."""

from __future__ import annotations

import subprocess
from pathlib import Path

import pytest

from campaign.cli.files.scaffolding import write_campaign
from campaign.cli.main import main
from campaign.config.loader import load
from campaign.errors import UsageError


def test_a_new_campaign_is_good_as_it_is_and_named_after_its_folder(tmp_path: Path) -> None:
    folder = tmp_path / "new" / "Spring Sale 2026"
    written = write_campaign(folder)
    assert sorted(written) == sorted(folder.iterdir())
    settings = load(folder, need_secrets=True).settings
    assert settings.name == "spring-sale-2026"


@pytest.mark.parametrize("name", ["王", "春季促销", "春 2026", "...", "É"])
def test_a_folder_of_other_letters_gives_a_name_of_its_own(
    tmp_path: Path, name: str, capsys: pytest.CaptureFixture[str]
) -> None:
    assert main(["init", str(tmp_path / name)]) == 0
    given = load(tmp_path / name).settings.name
    if not name.isascii():
        assert f'Its name is "{given}"' in capsys.readouterr().out
    write_campaign(tmp_path / f"{name}王")
    assert load(tmp_path / f"{name}王").settings.name != given


def test_what_names_people_or_is_secret_is_not_committed(tmp_path: Path) -> None:
    folder = tmp_path / "spring"
    assert main(["init", str(folder)]) == 0
    assert main(["run", "--sandbox", "--yes", str(folder)]) == 0
    for name in ("dkim.pem", "spring-report.html", "rejects.csv", "results.xlsx", ".env"):
        (folder / name).write_text("x")
    subprocess.run(["git", "init", "-q", str(folder)], check=True)
    asked = ["git", "-C", str(folder), "ls-files", "--others", "--exclude-standard"]
    there = subprocess.run(asked, check=True, capture_output=True, text=True).stdout.split()
    assert sorted(there) == [
        ".gitignore",
        "body.html",
        "body.txt",
        "campaign.toml",
        "recipients.csv",
    ]


def test_an_empty_folder_is_filled(tmp_path: Path) -> None:
    write_campaign(tmp_path)
    assert (tmp_path / "recipients.csv").exists()


def test_nothing_is_ever_overwritten(tmp_path: Path) -> None:
    mine = tmp_path / "body.txt"
    mine.write_text("mine")
    with pytest.raises(UsageError, match="not an empty folder"):
        write_campaign(tmp_path)
    with pytest.raises(UsageError, match="not an empty folder"):
        write_campaign(mine)
    assert [file.read_text() for file in tmp_path.iterdir()] == ["mine"]
