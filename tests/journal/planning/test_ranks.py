"""A list that goes by rank has its rows numbered in that order, in either database."""

from __future__ import annotations

from collections.abc import Sequence
from contextlib import closing
from pathlib import Path

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from campaign.journal.reading.auditing.audit import audit
from campaign.journal.reading.claiming import ClaimReader
from campaign.records import Entry
from fakes.prepared.journals import RECORD, SOURCE, URL, entry, open_journal, people
from fakes.servers.postgresql import DatabaseServer


@pytest.fixture(params=["sqlite", "postgresql"])
def url(request: pytest.FixtureRequest) -> str:
    if request.param == "sqlite":
        return URL
    database: DatabaseServer = request.getfixturevalue("database")
    return database.new_database()


def plan_ranked(
    folder: Path, url: str, entries: Sequence[Entry], ranks: Sequence[float | None]
) -> list[str]:
    """A plan, or an amendment; the names of those who are planned, in the order of their turns."""
    with closing(open_journal(folder, url=url, create=True)) as journal:
        planning = journal.plan(RECORD, are_ranked=True)
        planning.add_source(SOURCE)
        planning.add_entries(entries, ranks)
        planning.add_suppressed(())
        planning.mark("first")
        planning.finish()
    assert audit(url, folder).is_clean
    with closing(ClaimReader.open(url, folder)) as reader:
        return [claim.address.partition("@")[0] for claim in reader.claim_planned(0, 1000)]


def test_the_highest_goes_first_and_who_has_no_number_last(url: str, tmp_path: Path) -> None:
    going = plan_ranked(tmp_path, url, people(5), [1.5, None, 20, -3, 20])
    assert going == ["person3", "person5", "person1", "person4", "person2"]
    with closing(ClaimReader.open(url, tmp_path)) as reader:
        assert reader.unranked() == 1
        assert reader.list_rows([1])[1].line == 4  # of the file, as before


def test_rejects_keep_their_reason_and_stand_last(url: str, tmp_path: Path) -> None:
    entries = [entry("broken", 2, reason="no @"), *people(2)]
    assert plan_ranked(tmp_path, url, entries, [None, 1, 2]) == ["person2", "person1"]
    with closing(ClaimReader.open(url, tmp_path)) as reader:
        assert [skipped.reason for skipped in reader.skipped()] == ["no @"]
        assert reader.unranked() == 0


def test_the_rows_of_one_message_go_with_the_highest_of_them(url: str, tmp_path: Path) -> None:
    entries = [
        person._replace(group="g" if number in (1, 3) else "")
        for number, person in enumerate(people(4))
    ]
    assert plan_ranked(tmp_path, url, entries, [3, 1, 2, 9]) == ["person2", "person1", "person3"]
    with closing(ClaimReader.open(url, tmp_path)) as reader:
        assert '"person4"' in reader.claim_planned(0, 1)[0].data  # in the message of the first


def test_who_is_added_goes_after_those_planned_before_by_rank(url: str, tmp_path: Path) -> None:
    plan_ranked(tmp_path, url, people(2), [1, 2])
    going = plan_ranked(tmp_path, url, people(4), [1, 2, 7, 9])
    assert going == ["person2", "person1", "person4", "person3"]


@settings(max_examples=30, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(st.lists(st.one_of(st.none(), st.floats(-1e9, 1e9)), min_size=1, max_size=400))
def test_the_order_is_that_of_a_stable_sort(
    tmp_path_factory: pytest.TempPathFactory, ranks: list[float | None]
) -> None:
    entries = people(len(ranks))
    going = plan_ranked(tmp_path_factory.mktemp("ranked"), URL, entries, ranks)
    order = sorted(
        range(len(ranks)),
        key=lambda at: (ranks[at] is None, -(ranks[at] or 0.0)),
    )
    assert going == [f"person{at + 1}" for at in order]
