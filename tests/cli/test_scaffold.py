"""What `campaign init` writes."""

from __future__ import annotations

from pathlib import Path

import pytest

from campaign.cli.files.scaffolding import write_campaign
from campaign.config.loader import load
from campaign.errors import UsageError


def test_a_new_campaign_is_good_as_it_is_and_named_after_its_folder(tmp_path: Path) -> None:
    folder = tmp_path / "new" / "Spring Sale 2026"
    written = write_campaign(folder)
    assert sorted(written) == sorted(folder.iterdir())
    settings = load(folder, need_secrets=True).settings
    assert settings.name == "spring-sale-2026"


@pytest.mark.parametrize("name", ["王", "..."])
def test_a_folder_without_latin_letters_still_gives_a_name(tmp_path: Path, name: str) -> None:
    write_campaign(tmp_path / name)
    assert load(tmp_path / name).settings.name == "campaign"


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
