"""An open campaign has no list: options that are about one are refused, and none is ignored."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from campaign.cli.main import main
from campaign.cli.sending import next_steps
from campaign.delivery.run_records import RunResult
from campaign.records import State
from fakes.prepared.open_campaigns import open_campaign


@pytest.mark.parametrize(
    ("command", "option"),
    [
        ("plan", ["--rejects", "rejects.csv"]),
        ("plan", ["--amend"]),
        ("plan", ["--no-render"]),
        ("run", ["--expect", "0"]),
        ("run", ["--no-render"]),
    ],
)
def test_an_option_that_is_about_a_list_is_refused(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], command: str, option: list[str]
) -> None:
    open_campaign(tmp_path, port=1)
    assert main([command, str(tmp_path), *option]) == 64
    said = capsys.readouterr().err
    assert f"shop is an open campaign and has no list for {option[0]} to act on" in said


def test_explain_of_a_campaign_that_nobody_has_asked_for_a_letter_says_that_nobody_runs(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    open_campaign(tmp_path, port=1)
    assert main(["plan", str(tmp_path)]) == 0
    capsys.readouterr()
    assert main(["explain", str(tmp_path)]) == 0
    assert capsys.readouterr().out.splitlines()[:2] == ["shop: 0 rows", "  no run is under way"]


def test_a_check_without_letters_says_that_it_saw_none(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    open_campaign(tmp_path, port=1)
    main(["check", str(tmp_path), "--offline", "--json"])
    found = json.loads(capsys.readouterr().out)
    letters = {each["level"] for each in found if each["id"] in ("letter-from", "letter-head")}
    assert letters == {"not-checked"}


def test_letters_that_could_not_be_made_are_shown_by_results(tmp_path: Path) -> None:
    result = RunResult(1, {State.SKIPPED: 1}, 1, [], 1.0, True, "", unmade=1)
    steps = "\n".join(next_steps(result, tmp_path, False, is_open=True))
    assert "--rejects" not in steps
    assert "--state skipped" in steps
