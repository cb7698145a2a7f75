"""The sample list as a spreadsheet writes it in China, from the file to the letters."""

from __future__ import annotations

import csv
import json
import shutil
from pathlib import Path

import pytest

from campaign.cli.main import main

ROOT = Path(__file__).parents[2]


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    for name in ("sample_data", "templates"):
        shutil.copytree(ROOT / name, tmp_path / name, ignore=shutil.ignore_patterns("state"))
    config = tmp_path / "sample_data" / "campaign.toml"
    text = config.read_text(encoding="utf-8")
    config.write_text(
        text.replace('files = ["recipients.csv"]', 'files = ["recipients-gb18030.csv"]', 1),
        encoding="utf-8",
    )
    return tmp_path / "sample_data"


def test_a_gb18030_list_is_found_out_and_its_names_stand_in_the_preview(
    folder: Path, capfd: pytest.CaptureFixture[str]
) -> None:
    assert main(["plan", str(folder), "--no-render", "--json"]) == 0
    plan = json.loads(capfd.readouterr().out)
    assert [source["encoding"] for source in plan["sources"]] == ["gb18030"]
    with (folder / "recipients-gb18030.csv").open(encoding="gb18030", newline="") as file:
        rows = [row for row in csv.DictReader(file, delimiter=";") if row["email"]]
    chinese = next(row for row in rows if any(char >= "\u4e00" for char in row["first_name"]))
    latin = next(row for row in rows if "ç" in row["first_name"])
    for row in (chinese, latin):
        assert main(["preview", str(folder), "--to", row["email"]]) == 0
        shown = capfd.readouterr().out
        assert f"{row['first_name']} {row['last_name']}" in shown
        assert f"{row['first_name']}, your {row['plan']} plan renews" in shown
