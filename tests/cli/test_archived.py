"""`cancel` and `retry` say of letters that have left for archives where they are."""

from __future__ import annotations

import json
from collections.abc import Callable
from contextlib import closing
from pathlib import Path

import pytest

from campaign.cli.main import main
from campaign.records import State
from fakes.prepared.journals import open_journal
from fakes.prepared.open_campaigns import open_campaign
from fakes.prepared.rotating import BEGIN_S, DAY_S, in_archives, open_plan, rotate, settle

MONTH_S = 31 * DAY_S
JANUARY, FEBRUARY, MARCH = (f"journal.sqlite.2027-0{month}" for month in (1, 2, 3))
STATES = [State.SENT, State.FAILED, State.EXPIRED, State.FAILED]
Ask = Callable[..., tuple[int, str, str]]


@pytest.fixture
def ask(tmp_path: Path, capfd: pytest.CaptureFixture[str]) -> Ask:
    """Of letters 1 to 4 in one archive, 5 to 8 in another, and 9 to 12 in the journal."""
    open_campaign(tmp_path)
    open_plan(tmp_path).close()
    for month in range(3):
        with closing(open_journal(tmp_path)) as journal:
            settle(journal, STATES, first=1 + 4 * month, at_s=BEGIN_S + month * MONTH_S)
    assert rotate(tmp_path, before_s=BEGIN_S + 2 * MONTH_S) == 8
    assert sorted(in_archives(tmp_path)) == [JANUARY, FEBRUARY]

    def ask_(command: str, *arguments: str) -> tuple[int, str, str]:
        code = main([command, str(tmp_path), *arguments])
        shown = capfd.readouterr()
        return code, shown.out, shown.err

    return ask_


def test_cancel_names_the_archive_of_a_letter_that_is_settled(ask: Ask) -> None:
    wanted = ("--where", "address == 'p2@example.com'", "--because", "x", "--yes")
    code, out, err = ask("cancel", *wanted)
    assert (code, out) == (0, "0 recipients cancelled\n")
    assert err == (
        f"1 letter is in the archive {JANUARY}, settled for good: nothing is left to cancel\n"
    )
    assert json.loads(ask("cancel", *wanted, "--json")[1]) == {
        "campaign": "shop",
        "cancelled": 0,
        "archived": {JANUARY: 1},
        "sandbox": False,
    }


def test_cancel_counts_the_letters_of_each_archive_of_which_the_condition_holds(ask: Ask) -> None:
    _, _, err = ask("cancel", "--where", "state == 'failed'", "--because", "x", "--yes")
    assert f"4 letters are in archives (2 in {FEBRUARY}, 2 in {JANUARY})" in err
    assert ask("cancel", "--where", "row > 8", "--because", "x", "--yes")[2] == ""
    assert ask("cancel", "--because", "x", "--yes")[2] == ""


@pytest.mark.parametrize(
    ("which", "here", "there"),
    [
        (("--failed",), 1, 1),  # the failed ones do not exist by their server's word
        (("--failed", "--dead"), 3, 3),
        (("--code", "550", "--dead"), 2, 2),
        (("--code", "451"), 0, 0),
        (("--held",), 0, 0),
    ],
)
def test_retry_counts_what_is_in_archives_and_puts_back_what_is_in_the_journal(
    ask: Ask, which: tuple[str, ...], here: int, there: int
) -> None:
    code, _, err = ask("retry", *which, "--expect", "99")
    assert code == (64 if here else 0)  # the number is not the expected one
    assert f"{here} recipient{'s' * (here != 1)} to put back\n" in err
    said = f"({there} in {FEBRUARY}, {there} in {JANUARY}), settled for good: ask for new ones"
    assert (said in err) == bool(there)
    assert ("archive" in err) == bool(there)


def test_retry_that_finds_its_letters_in_archives_only_says_so_to_programs_too(
    ask: Ask, tmp_path: Path
) -> None:
    with closing(open_journal(tmp_path)) as journal:
        settle(journal, [State.SENT], first=13, at_s=BEGIN_S + 3 * MONTH_S)
    assert rotate(tmp_path, before_s=BEGIN_S + 3 * MONTH_S) == 4
    code, out, err = ask("retry", "--failed", "--yes", "--json")
    assert (code, json.loads(out)["put_back"]) == (0, 0)
    assert json.loads(out)["archived"] == dict.fromkeys(
        ("journal.sqlite.2027-03", FEBRUARY, JANUARY), 1
    )
    assert "0 recipients to put back" in err


def test_a_letter_that_was_copied_before_a_kill_is_the_journals(ask: Ask, tmp_path: Path) -> None:
    """It is in both, and may be put back; `archives` are not to speak of it."""
    import sqlite3

    with closing(sqlite3.connect(tmp_path / "state" / JANUARY)) as archive:
        archive.execute("ATTACH ? AS journal", (str(tmp_path / "state/journal.sqlite"),))
        for table in ("recipients", "standings", "history"):
            archive.execute(
                f"INSERT INTO main.{table} SELECT * FROM journal.{table} WHERE row = 11"
            )
        archive.commit()
    assert f"(1 in {FEBRUARY}, 1 in {JANUARY})" in ask("retry", "--failed", "--expect", "99")[2]
