"""Planning, with real lists, a real journal and real render workers."""

from __future__ import annotations

from contextlib import closing
from pathlib import Path

import pytest

from campaign.clock import SystemClock
from campaign.config.loader import load
from campaign.errors import DataError, DriftError, UsageError
from campaign.journal.reading.claiming import ClaimReader
from campaign.planning.inputs import refuse_drift
from campaign.planning.plan import make_plan
from campaign.planning.summary import PlanSummary
from campaign.records import Claim
from campaign.workers.list_ahead import clean_rows
from fakes.prepared.journals import open_journal, sending

CONFIG = """
name = "planned"
[recipients]
files = ["list*.csv"]
[message]
from = "ada@example.com"
subject = "Hello {{ name }}"
text = "body.txt"
"""


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    (tmp_path / "campaign.toml").write_text(CONFIG)
    (tmp_path / "body.txt").write_text("Dear {{ name }}")
    return tmp_path


def plan(folder: Path, *, amend: bool = False, render: bool = True) -> PlanSummary:
    return make_plan(load(folder), clock=SystemClock(), amend=amend, render=render, workers=1)


def planned(folder: Path) -> list[Claim]:
    with closing(ClaimReader.open("sqlite:///state/journal.sqlite", folder)) as reader:
        return reader.claim_planned(0, 1000)


def test_a_list_of_many_chunks_is_one_source(folder: Path) -> None:
    rows = "".join(f"p{n}@example.com,N{n}\n" for n in range(25_000))
    (folder / "list.csv").write_text(f"email,name\n{rows}")
    assert plan(folder, render=False).planned == 25_000
    with closing(ClaimReader.open("sqlite:///state/journal.sqlite", folder)) as reader:
        assert [source.name for source in reader.sources()] == ["list.csv"]
        assert {claim.source for claim in reader.claim_planned(0, 30_000)} == {0}


def test_each_file_keeps_its_own_columns(folder: Path) -> None:
    (folder / "list1.csv").write_text("email,name\na@example.com,Ada\n")
    (folder / "list2.csv").write_text("name,email\nBob,b@example.com\n")
    assert plan(folder).planned == 2
    assert [claim.source for claim in planned(folder)] == [0, 1]


def test_a_row_that_does_not_render_is_skipped_with_file_line_and_reason(folder: Path) -> None:
    (folder / "body.txt").write_text("{{ 1 // (name | length) }}")
    (folder / "list.csv").write_text("email,name\na@example.com,Ada\nb@example.com,\n")
    summary = plan(folder)
    assert summary.planned == 1
    (cause,) = summary.causes
    assert (cause.file, cause.line, cause.address) == ("list.csv", 3, "b@example.com")
    assert "body.txt:1" in cause.reason


def test_planning_again_before_anything_was_sent_begins_anew(folder: Path) -> None:
    (folder / "list.csv").write_text("email,name\na@example.com,Ada\nb@example.com,Bob\n")
    plan(folder)
    (folder / "list.csv").write_text("email,name\nb@example.com,Bob\nc@example.com,Cy\n")
    assert plan(folder).planned == 2
    assert [claim.address for claim in planned(folder)] == ["b@example.com", "c@example.com"]
    with closing(ClaimReader.open("sqlite:///state/journal.sqlite", folder)) as reader:
        assert len(reader.sources()) == 1


def test_an_amendment_adds_who_is_new_and_leaves_the_others(folder: Path) -> None:
    (folder / "list.csv").write_text("email,name\na@example.com,Ada\n")
    plan(folder)
    (folder / "list.csv").write_text("email,name\nc@example.com,Cy\na@example.com,Ada\n")
    summary = plan(folder, amend=True)
    assert summary.amendment
    assert summary.amendment.added == 1
    assert [claim.address for claim in planned(folder)] == ["a@example.com", "c@example.com"]


def test_a_plan_that_has_begun_shows_the_same_summary_again(folder: Path) -> None:
    (folder / "list.csv").write_text("email,name\na@example.com,Ada\nb@example.com,Bob\nc,Cy\n")
    first = plan(folder)
    assert first.size_bytes > 200
    with closing(open_journal(folder)) as journal:
        journal.apply([sending(1)])
    assert plan(folder) == first


def test_an_amendment_counts_into_the_mean_size(folder: Path) -> None:
    (folder / "list.csv").write_text("email,name\na@example.com,Ada\n")
    first = plan(folder)
    (folder / "list.csv").write_text(f"email,name\na@example.com,Ada\nb@example.com,{'B' * 600}\n")
    amended = plan(folder, amend=True)
    assert first.size_bytes + 300 <= amended.size_bytes <= first.size_bytes + 1300
    assert plan(folder, amend=True, render=False).size_bytes == amended.size_bytes


def test_amending_what_was_never_planned_is_refused(folder: Path) -> None:
    (folder / "list.csv").write_text("email,name\na@example.com,Ada\n")
    with pytest.raises(UsageError, match="no plan to amend"):
        plan(folder, amend=True)


def test_a_list_that_leaves_nobody_to_send_to_is_an_error(folder: Path) -> None:
    (folder / "list.csv").write_text("email,name\nnobody,Ada\n")
    with pytest.raises(DataError, match="no recipient is left"):
        plan(folder)


@pytest.mark.parametrize(("change", "people"), [("replaced", 2), ("added", 3), ("removed", 1)])
def test_a_list_that_changes_after_it_was_read_makes_no_plan(
    folder: Path, change: str, people: int
) -> None:
    (folder / "list1.csv").write_text("email,name\na@example.com,Ada\n")
    (folder / "list2.csv").write_text("email,name\nb@example.com,Bob\n")
    campaign = load(folder)
    rows = list(clean_rows(folder, campaign.settings.recipients))
    changed = folder / ("list3.csv" if change == "added" else "list2.csv")
    if change == "removed":
        changed.unlink()
    else:
        changed.write_text("email,name\nc@example.com,Cy\n")
    with pytest.raises(DataError, match=rf"changed while the plan was made: {changed.name}"):
        make_plan(campaign, clock=SystemClock(), rows=rows, render=False)
    assert plan(folder, render=False).planned == people


def test_settings_that_were_read_before_the_plan_was_made_anew_have_drifted(folder: Path) -> None:
    (folder / "list.csv").write_text("email,name\na@example.com,Ada\n")
    plan(folder, render=False)
    before = load(folder)
    (folder / "campaign.toml").write_text(CONFIG.replace("Hello", "Good evening"))
    plan(folder, render=False)
    with closing(ClaimReader.open("sqlite:///state/journal.sqlite", folder)) as reader:
        record = reader.plan_record()
    refuse_drift(load(folder), record)
    with pytest.raises(DriftError, match=r"subject: \"Good evening.* → \"Hello"):
        refuse_drift(before, record)


def test_a_day_s_quota_does_not_slow_the_forecast_of_a_list_that_fits_into_it(folder: Path) -> None:
    relay = '[relay]\nhost = "127.0.0.1"\nport = 9\nsecurity = "none"\nconnections = 10\n'
    (folder / "campaign.toml").write_text(CONFIG + relay + 'rates = ["50/s", "300/day"]\n')
    rows = "".join(f"p{n}@example.com,N{n}\n" for n in range(300))
    (folder / "list.csv").write_text(f"email,name\n{rows}")
    assert plan(folder, render=False).forecast_s == 6.0
    (folder / "list.csv").write_text(f"email,name\n{rows}q@example.com,Q\n")
    assert plan(folder, render=False).forecast_s == 86400.0


def test_a_limit_of_a_provider_slows_the_forecast_for_all_its_domains(folder: Path) -> None:
    relay = '[relay]\nhost = "127.0.0.1"\nport = 9\nsecurity = "none"\nconnections = 10\n'
    (folder / "campaign.toml").write_text(
        CONFIG + relay + '[limits."gmail.com"]\nrates = ["10/h"]\n'
    )
    rows = "".join(f"p{n}@googlemail.com,N{n}\n" for n in range(100))
    (folder / "list.csv").write_text(f"email,name\n{rows}")
    assert plan(folder, render=False).forecast_s == 36_000.0
