"""Skipped rows by their causes, and what an amendment takes in and changes."""

from __future__ import annotations

import json
from contextlib import closing
from pathlib import Path

import pytest

from campaign.cli.main import main
from campaign.clock import SystemClock
from campaign.config.loader import load
from campaign.errors import EmptyPlanError
from campaign.journal.reading.reader import Reader
from campaign.planning.plan import make_plan
from campaign.planning.skips import cause_of
from campaign.planning.summary import PlanSummary
from campaign.records import Change, State
from fakes.prepared.journals import open_journal

CONFIG = """
name = "spring"
[recipients]
files = ["list.csv"]
suppress = ["never.csv"]
[message]
from = "ada@example.com"
subject = "Hello {{ name }}"
text = "body.txt"
[relay]
host = "127.0.0.1"
port = 9
security = "none"
"""
HEAD = "email,name,amount\n"


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    (tmp_path / "campaign.toml").write_text(CONFIG)
    (tmp_path / "body.txt").write_text("Dear {{ name }}, {{ amount | number }}\n")
    (tmp_path / "never.csv").write_text("email\ngone@example.com\n")
    return tmp_path


def write(folder: Path, *rows: str) -> None:
    (folder / "list.csv").write_text(HEAD + "".join(f"{row}\n" for row in rows), encoding="utf-8")


def plan(folder: Path, *, amend: bool = False) -> PlanSummary:
    return make_plan(load(folder), clock=SystemClock(), amend=amend, workers=1)


def put(folder: Path, row: int, *states: State) -> None:
    """Take a row through these states."""
    with closing(open_journal(folder)) as journal:
        sendings = 0
        for at, state in enumerate(states, 1):
            sendings += state is State.SENDING
            code = 250 if state is State.SENT else 0
            journal.apply([Change(row, state, float(at), 1, sendings, 0, code=code)])


@pytest.mark.parametrize(
    ("one", "other"),
    [
        ("render: body.txt:1: '面议' is not a number", "render: body.txt:1: 'x' is not a number"),
        (
            "render: attachment 'bills/12.pdf': No such file or directory",
            "render: attachment 'bills/13.pdf': No such file or directory",
        ),
        ("render: bills/12.pdf is empty", "render: bills/ab.pdf is empty"),
        ("address: the part before the @ has 65", "address: the part before the @ has 70"),
    ],
)
def test_reasons_that_differ_in_their_row_only_have_the_same_cause(one: str, other: str) -> None:
    assert cause_of(one) == cause_of(other)


def test_reasons_of_other_places_of_a_template_are_other_causes() -> None:
    assert cause_of("render: body.txt:1: 'x' is bad") != cause_of("render: body.txt:2: 'x' is bad")


def test_causes_are_counted_with_an_example_each_and_letters_that_cannot_be_made_come_first(
    folder: Path,
) -> None:
    bad = [f"nobody{at},N,1" for at in range(30)]
    write(
        folder, "gone@example.com,Gone,1", *bad, "a@example.com,Ada,12", "a@example.com,Again,12",
        "b@example.com,Bob,面议", "c@example.com,Cy,negotiable",
    )  # fmt: skip
    summary = plan(folder)
    assert [(cause.kind, cause.rows, cause.line) for cause in summary.causes] == [
        ("render", 2, 35),
        ("address", 30, 3),
    ]
    assert "'面议'" in summary.causes[0].reason
    assert dict(summary.reasons) == {"address": 30, "render": 2, "suppressed": 1, "duplicate": 1}


def test_where_every_row_fails_the_reason_and_a_row_are_said(
    folder: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    write(folder, "a@example.com,Ada,x", "b@example.com,Bob,y")
    with pytest.raises(EmptyPlanError, match=r"for example list\.csv:2 a@example\.com: render: "):
        plan(folder)
    assert main(["plan", str(folder)]) == 65
    out, err = capsys.readouterr()
    assert "2 x  render: body.txt:1: 'x' is not a number" in out
    assert "for example list.csv:2" in err
    assert main(["plan", "--json", str(folder)]) == 65
    told = json.loads(capsys.readouterr().out)
    assert (told["exit_code"], told["planned"], told["causes"][0]["rows"]) == (65, 0, 2)


def test_an_amendment_renders_everybody_who_may_still_get_a_letter_the_deferred_too(
    folder: Path,
) -> None:
    write(folder, "a@example.com,Ada,1", "b@example.com,Bob,2", "c@example.com,Cy,3")
    plan(folder)
    put(folder, 1, State.SENDING, State.SENT)
    put(folder, 2, State.SENDING, State.DEFERRED)
    (folder / "body.txt").write_text("Dear {{ name }}, {{ 1 // (amount | int - 2) }}\n")
    summary = plan(folder, amend=True)
    assert summary.amendment
    assert summary.amendment.changed == ["body.txt"]
    assert (summary.amendment.changing, summary.amendment.dropped) == (1, 1)
    assert (summary.amendment.settled, summary.left, summary.planned) == (1, 1, 2)
    with closing(Reader.open("sqlite:///state/journal.sqlite", folder)) as reader:
        assert [row.row for row in reader.skipped()] == [2]


def test_an_amendment_counts_what_is_new_what_can_be_made_now_and_whom_it_skips(
    folder: Path,
) -> None:
    write(folder, "a@example.com,Ada,1", "b@example.com,Bob,x", "c@example.com,Cy,3", "d,Dee,4")
    assert plan(folder).planned == 2
    write(
        folder, "a@example.com,Ada,1", "b@example.com,Bob,2", "c@example.com,Cy,3",
        "d@example.com,Dee,4", "e@example.com,Eve,5",
    )  # fmt: skip
    (folder / "never.csv").write_text("email\nc@example.com\n")
    summary = plan(folder, amend=True)
    assert summary.amendment
    assert (summary.amendment.added, summary.amendment.dropped) == (3, 1)
    assert (summary.amendment.changing, summary.amendment.settled) == (0, 0)
    # The rows that were mended in their place count once.
    assert (summary.total, summary.planned, summary.skipped) == (5, 4, 1)
    assert dict(summary.reasons) == {"suppressed": 1}
    assert [source.name for source in summary.sources] == ["list.csv"]
    again = plan(folder, amend=True)
    assert again.amendment
    assert (again.amendment.added, again.amendment.dropped, again.total) == (0, 0, 5)


def test_an_amendment_counts_who_was_corrected_and_who_was_removed(folder: Path) -> None:
    write(folder, "a@example.com,Ada,1", "b@example.com,Bob,2", "c@example.com,Cy,3")
    plan(folder)
    write(folder, "a@example.com,Ada,7", "c@example.com,Cy,x")
    summary = plan(folder, amend=True)
    taken = summary.amendment
    assert taken
    assert (taken.added, taken.corrected, taken.removed, taken.dropped) == (0, 1, 1, 1)
    assert dict(summary.reasons) == {"render": 1, "removed": 1}
    assert (summary.total, summary.planned) == (3, 1)


def test_a_letter_that_can_be_made_since_its_template_was_mended_is_counted(folder: Path) -> None:
    write(folder, "a@example.com,Ada,1", "b@example.com,Bob,x")
    assert plan(folder).planned == 1
    (folder / "body.txt").write_text("Dear {{ name }}\n")
    summary = plan(folder, amend=True)
    assert summary.amendment
    assert (summary.amendment.restored, summary.amendment.added) == (1, 0)
    assert (summary.planned, summary.amendment.dropped) == (2, 0)
