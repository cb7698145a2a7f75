"""Lists becoming plans."""

from __future__ import annotations

import json
import random
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path

import pytest

from campaign.errors import DataError, JournalError
from campaign.journal.planning import planning
from campaign.journal.reading.auditing.audit import audit
from campaign.journal.reading.claiming import ClaimReader
from campaign.journal.states import IN_DOUBT
from campaign.journal.store import Journal
from campaign.records import Entry, Source, State
from fakes.prepared.journals import (
    RECORD,
    SOURCE,
    URL,
    deferred,
    entry,
    open_journal,
    outcome,
    people,
    plan_into,
    run,
    sending,
    sent,
)


@pytest.fixture
def journal(tmp_path: Path) -> Iterator[Journal]:
    journal = open_journal(tmp_path, create=True)
    yield journal
    journal.close()


@pytest.fixture
def reader(tmp_path: Path, journal: Journal) -> Iterator[ClaimReader]:
    reader = ClaimReader.open(URL, tmp_path)
    yield reader
    reader.close()


def test_a_plan_is_read_back_as_it_was_made(journal: Journal, reader: ClaimReader) -> None:
    plan_into(journal, people(3))
    assert reader.plan_record() == RECORD
    assert reader.sources() == [SOURCE]
    assert reader.is_planned()
    assert reader.total() == 3
    assert reader.counts() == {state: 3 * (state is State.PLANNED) for state in State}
    assert [claim.row for claim in reader.claim_planned(0, 10)] == [1, 2, 3]
    first = reader.claim_planned(0, 1)[0]
    assert (first.address, first.key, first.domain) == (
        "person1@example.com",
        "person1@example.com",
        "example.com",
    )
    assert first.data == '["person1@example.com","person1"]'


def test_a_list_of_any_length_keeps_its_order(journal: Journal, reader: ClaimReader) -> None:
    plan = journal.plan(RECORD)
    plan.add_source(SOURCE)
    everybody = people(1603)
    for start, end in ((0, 1), (1, 1), (1, 251), (251, 752), (752, 1603)):
        plan.add_entries(everybody[start:end])
    plan.mark("first")
    plan.finish()
    claims = reader.claim_planned(0, 2000)
    assert [claim.row for claim in claims] == list(range(1, 1604))
    assert [claim.address for claim in claims] == [entry.address for entry in everybody]


def test_rejects_keep_their_row_number_file_line_and_reason(
    journal: Journal, reader: ClaimReader
) -> None:
    plan_into(journal, [entry("ada"), entry("no-at", 3, reason="address: no @"), entry("bob", 4)])
    skipped = list(reader.skipped())
    assert [tuple(each) for each in skipped] == [(2, "list.csv", 3, "no-at", "address: no @")]
    assert [claim.row for claim in reader.claim_planned(0, 10)] == [1, 3]
    assert reader.history(2)[0].reason == "address: no @"


def test_the_first_of_equal_keys_is_planned(journal: Journal, reader: ClaimReader) -> None:
    plan_into(journal, [entry("ada"), entry("bob", 3), entry("ada", 4), entry("ada", 5)])
    assert [(each.row, each.reason) for each in reader.skipped()] == [
        (3, "duplicate: same address as row 1"),
        (4, "duplicate: same address as row 1"),
    ]
    assert reader.skips() == {"duplicate": 2}
    assert reader.row_of("ada@example.com") == 1


def test_duplicates_can_be_allowed(journal: Journal, reader: ClaimReader) -> None:
    plan_into(journal, [entry("ada"), entry("ada", 3)], duplicates="allow")
    assert reader.counts()[State.PLANNED] == 2


def test_duplicates_as_an_error_name_the_first_pairs_by_file_and_line(journal: Journal) -> None:
    with pytest.raises(DataError, match=r"list\.csv:2 and list\.csv:4 \(ada@example\.com\)"):
        plan_into(journal, [entry("ada"), entry("bob", 3), entry("ada", 4)], duplicates="error")


def test_two_rejects_are_no_duplicates(journal: Journal) -> None:
    rejects = [entry("", line, reason="address: empty") for line in (2, 3)]
    plan_into(journal, rejects, duplicates="error")


def test_the_suppressed_are_skipped(journal: Journal, reader: ClaimReader) -> None:
    keys = ["person2@example.com", "stranger@example.com", "person2@example.com"]
    plan_into(journal, people(3), suppressed=keys)
    assert [(each.row, each.reason) for each in reader.skipped()] == [(2, "suppressed")]
    assert reader.suppressed(["person2@example.com", "person3@example.com"]) == {
        "person2@example.com"
    }
    assert reader.suppressed([]) == set()


def test_a_suppressed_person_who_comes_twice_is_not_sent_by_the_second_row(
    journal: Journal, reader: ClaimReader
) -> None:
    plan_into(journal, [entry("ada"), entry("ada", 3)], suppressed=["ada@example.com"])
    assert reader.counts()[State.SKIPPED] == 2


def test_rows_that_do_not_render_are_skipped_before_the_plan_stands(
    journal: Journal, reader: ClaimReader
) -> None:
    plan = journal.plan(RECORD)
    plan.add_source(SOURCE)
    plan.add_entries(people(3))
    plan.mark("first")
    assert not reader.is_planned()
    assert len(reader.claim_planned(0, 10)) == 3  # readable: this is what is rendered
    plan.skip_rows([(2, "render: body.txt line 3: 'plan' is undefined")])
    plan.finish()
    assert reader.skips() == {"render": 1}


def test_domains_are_counted_without_the_skipped(journal: Journal, reader: ClaimReader) -> None:
    others = [
        entry(f"eve{n}", 9 + n)._replace(domain=domain)
        for n, domain in enumerate(["b.example", "a.example", "例子.example", "gone.example", ""])
    ]
    skipped = [others[3].key, others[4].key, "person1@example.com"]
    plan_into(journal, [*people(3), *others, *people(1)], suppressed=skipped)
    assert reader.domains(10) == [
        ("example.com", 2),
        ("a.example", 1),
        ("b.example", 1),
        ("例子.example", 1),
    ]
    assert reader.domains(1) == [("example.com", 2)]


def test_rows_that_were_loaded_in_bulk_but_never_marked_are_no_plan(
    journal: Journal, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(planning, "BULK_ROWS", 3)
    plan = journal.plan(RECORD)
    plan.add_source(SOURCE)
    plan.add_entries([entry("ada"), entry("ada", 3), entry("bob", 4)])
    with pytest.raises(JournalError, match="before its rows had a state"):
        plan.finish()
    plan.mark("first")
    plan.finish()


def test_an_unfinished_plan_is_thrown_away(tmp_path: Path) -> None:
    journal = open_journal(tmp_path, create=True)
    plan = journal.plan(RECORD)
    plan.add_source(SOURCE)
    plan.add_entries(people(3))
    plan.mark("first")
    journal.close()
    again = open_journal(tmp_path)
    assert not again.is_planned
    plan_into(again, people(2))
    again.close()
    reader = ClaimReader.open(URL, tmp_path)
    assert reader.total() == 2
    reader.close()


def test_a_finished_plan_is_never_thrown_away(tmp_path: Path) -> None:
    journal = open_journal(tmp_path, create=True)
    plan_into(journal, people(3))
    journal.close()
    again = open_journal(tmp_path, create=True)
    assert again.is_planned
    again.close()


def test_a_plan_cannot_be_finished_before_its_rows_have_a_state(journal: Journal) -> None:
    plan = journal.plan(RECORD)
    plan.add_source(SOURCE)
    plan.add_entries(people(1))
    with pytest.raises(JournalError, match="before its rows had a state"):
        plan.finish()


def test_an_amendment_adds_only_new_people_and_leaves_the_settled_alone(tmp_path: Path) -> None:
    journal = open_journal(tmp_path, create=True)
    plan_into(journal, [*people(2), entry("bad", 9, reason="address: no @")])
    run(journal, [sending(1), sent(1)])
    journal = open_journal(tmp_path)
    other = Source("more.csv", ("email", "name"), "utf-8", None, ";", "def")
    plan = journal.plan(RECORD._replace(plan_id="other", hashes={"list.csv": "new"}))
    assert plan.add_source(other) == 1
    plan.add_entries(
        [
            *people(2),
            entry("bad", 9, reason="address: no @"),
            entry("new", 4),
            entry("worse", 5, reason="address: no @"),
            entry("new", 6),
        ]
    )
    plan.mark("first")
    plan.finish()
    journal.close()
    reader = ClaimReader.open(URL, tmp_path)
    assert reader.plan_record() == RECORD._replace(hashes={"list.csv": "new"})
    assert [(claim.row, claim.key, claim.source) for claim in reader.claim_planned(0, 9)] == [
        (2, "person2@example.com", 0),
        (4, "new@example.com", 1),
    ]
    assert [(each.row, each.file, each.reason) for each in reader.skipped()] == [
        (3, "list.csv", "address: no @"),
        (5, "more.csv", "address: no @"),
        (6, "more.csv", "duplicate: same address as row 4"),
    ]
    assert reader.counts()[State.SENT] == 1
    reader.close()


def test_an_amendment_suppresses_those_who_wait(tmp_path: Path) -> None:
    journal = open_journal(tmp_path, create=True)
    plan_into(journal, people(3))
    run(journal, [sending(1), sent(1)])
    journal = open_journal(tmp_path)
    plan_into(journal, people(3), suppressed=["person1@example.com", "person2@example.com"])
    journal.close()
    reader = ClaimReader.open(URL, tmp_path)
    counts = reader.counts()
    assert (counts[State.SENT], counts[State.SKIPPED], counts[State.PLANNED]) == (1, 1, 1)
    reader.close()


def test_who_waits_and_is_no_longer_on_the_list_is_skipped(tmp_path: Path) -> None:
    journal = open_journal(tmp_path, create=True)
    plan_into(journal, [*people(4), entry("bad", 9, reason="address: no @")])
    run(journal, [sending(1), sent(1)])
    run(open_journal(tmp_path), [sending(3), deferred(3)])
    journal = open_journal(tmp_path)
    plan_into(journal, people(2))
    journal.close()
    reader = ClaimReader.open(URL, tmp_path)
    assert [claim.row for claim in reader.claim_planned(0, 9)] == [2]
    assert [(each.row, each.reason) for each in reader.skipped()] == [
        (3, "removed: no longer on the list"),
        (4, "removed: no longer on the list"),
        (5, "address: no @"),
    ]
    assert reader.counts()[State.SENT] == 1
    reader.close()
    assert audit(URL, tmp_path).is_clean


def test_who_comes_back_onto_the_list_is_planned_once_more(tmp_path: Path) -> None:
    journal = open_journal(tmp_path, create=True)
    plan_into(journal, people(2))
    for listed in (people(1), people(2), people(2)):
        plan_into(journal, listed)
    journal.close()
    reader = ClaimReader.open(URL, tmp_path)
    assert [(c.row, c.address) for c in reader.claim_planned(0, 9)] == [
        (1, "person1@example.com"),
        (3, "person2@example.com"),
    ]
    assert [(each.row, each.reason) for each in reader.skipped()] == [(2, "mended: as row 3")]
    reader.close()
    assert audit(URL, tmp_path).is_clean


def test_an_amendment_takes_the_cells_that_a_list_has_now(tmp_path: Path) -> None:
    journal = open_journal(tmp_path, create=True)
    plan_into(journal, people(3))
    run(journal, [sending(1), sent(1)])
    run(open_journal(tmp_path), [sending(2), deferred(2)])
    journal = open_journal(tmp_path)
    corrected = [row._replace(data=row.data.replace('"person', '"New ')) for row in people(3)]
    for _ in range(2):
        plan_into(journal, [*corrected, *people(3)[:1]])
    journal.close()
    reader = ClaimReader.open(URL, tmp_path)
    assert [(c.row, json.loads(c.data)[1]) for c in reader.claim_planned(0, 9)] == [
        (4, "New 2"),
        (5, "New 3"),
    ]
    assert [(each.row, each.reason) for each in reader.skipped()] == [
        (2, "mended: as row 4"),
        (3, "mended: as row 5"),
    ]
    reader.close()
    assert audit(URL, tmp_path).is_clean


def test_whose_message_somebody_may_have_keeps_it_as_it_is(tmp_path: Path) -> None:
    journal = open_journal(tmp_path, create=True)
    plan_into(journal, people(1))
    run(
        journal,
        [
            sending(1),
            outcome(1, State.DEFERRED, 1, resends=1, class_=IN_DOUBT, reason="in doubt: no reply"),
        ],
    )
    journal = open_journal(tmp_path)
    plan_into(journal, [people(1)[0]._replace(data='["person1@example.com","other"]')])
    journal.close()
    reader = ClaimReader.open(URL, tmp_path)
    assert reader.total() == 1
    reader.close()


def test_an_amendment_that_is_thrown_away_has_changed_nobody(tmp_path: Path) -> None:
    """A row that another one takes the place of is told so in the commit that finishes it."""
    journal = open_journal(tmp_path, create=True)
    plan = journal.plan(RECORD)
    plan.add_source(SOURCE)
    plan.add_entries(people(3))
    plan.mark("first")
    plan.skip_rows([(1, "render: no plan")])
    plan.finish()
    mended = [row._replace(data=row.data.replace('"person', '"New ')) for row in people(2)]
    unfinished = journal.plan(RECORD)
    unfinished.add_source(SOURCE)
    unfinished.add_entries(mended)
    unfinished.mark("first")
    journal.close()
    journal = open_journal(tmp_path)
    with closing(ClaimReader.open(URL, tmp_path)) as reader:
        assert [claim.row for claim in reader.claim_planned(0, 9)] == [2, 3]
        assert [(each.row, each.reason) for each in reader.skipped()] == [(1, "render: no plan")]
    plan_into(journal, mended)
    journal.close()
    with closing(ClaimReader.open(URL, tmp_path)) as reader:
        assert [claim.row for claim in reader.claim_planned(0, 9)] == [4, 5]


def test_an_unfinished_amendment_is_thrown_away_and_the_plan_stays(tmp_path: Path) -> None:
    journal = open_journal(tmp_path, create=True)
    plan_into(journal, people(2))
    run(journal, [sending(1), sent(1)])
    journal = open_journal(tmp_path)
    plan = journal.plan(RECORD._replace(hashes={}))
    plan.add_source(SOURCE)
    plan.add_entries([entry("new"), entry("newer", 3), entry("new", 4)])
    plan.mark("first")
    journal.close()
    journal = open_journal(tmp_path)
    journal.apply([sending(2)])  # the guards are back, and allow what they should
    with pytest.raises(JournalError):
        journal.apply([sending(1, 2)])
    journal.close()
    reader = ClaimReader.open(URL, tmp_path)
    assert reader.total() == 2
    assert len(reader.sources()) == 1
    assert reader.plan_record() == RECORD
    reader.close()


def test_a_mended_template_puts_back_its_rows_but_never_a_reject(tmp_path: Path) -> None:
    journal = open_journal(tmp_path, create=True)
    plan = journal.plan(RECORD)
    plan.add_source(SOURCE)
    plan.add_entries([*people(2), entry("bad", 4, reason="render: not an address")])
    plan.mark("first")
    plan.skip_rows([(2, "render: no such column")])
    plan.finish()
    assert journal.put_back({State.SKIPPED}, 5.0) == 1
    journal.close()
    reader = ClaimReader.open(URL, tmp_path)
    assert [claim.row for claim in reader.claim_planned(0, 9)] == [1, 2]
    reader.close()


def test_a_row_is_not_put_back_where_another_row_of_the_person_took_its_place(
    tmp_path: Path,
) -> None:
    journal = open_journal(tmp_path, create=True)
    plan = journal.plan(RECORD)
    plan.add_source(SOURCE)
    plan.add_entries([entry("ada"), entry("bob", 3)])
    plan.mark("first")
    plan.skip_rows([(1, "render: no plan"), (2, "render: no plan")])
    plan.finish()
    plan_into(journal, [entry("ada")._replace(data='["mended"]'), entry("bob", 3)])
    assert journal.put_back({State.SKIPPED}, 5.0) == 1
    journal.close()
    reader = ClaimReader.open(URL, tmp_path)
    assert [claim.row for claim in reader.claim_planned(0, 9)] == [2, 3]
    reader.close()
    assert audit(URL, tmp_path).is_clean


def _orders(name: str, lines: list[int], group: str = "") -> list[Entry]:
    return [
        entry(name, line)._replace(data=json.dumps([name, str(line)]), group=group or name)
        for line in lines
    ]


def test_rows_of_a_group_become_one_message_with_all_of_them(
    journal: Journal, reader: ClaimReader
) -> None:
    plan_into(journal, [*_orders("ada", [2, 3]), *_orders("bob", [4]), *_orders("ada", [5])])
    ada, bob = reader.claim_planned(0, 9)
    assert (ada.row, bob.row) == (1, 3)
    assert json.loads(ada.data) == [
        "ada",
        "2",
        [[0, ["ada", "2"]], [0, ["ada", "3"]], [0, ["ada", "5"]]],
    ]
    assert json.loads(bob.data) == ["bob", "4"]  # alone: as if there were no groups
    assert reader.skips() == {"grouped": 2}
    assert [each.reason for each in reader.skipped()] == ["grouped: in the message of row 1"] * 2


def test_the_rows_of_a_large_group_keep_their_order(journal: Journal, reader: ClaimReader) -> None:
    lines = list(range(2, 3002))
    names = ["ada" if line % 3 else "bob" for line in lines]
    random.Random(1).shuffle(names)
    entries = [_orders(name, [line])[0] for name, line in zip(names, lines, strict=True)]
    plan_into(journal, entries)
    for claim in reader.claim_planned(0, 9):
        rows = [int(cells[1]) for _, cells in json.loads(claim.data)[-1]]
        assert rows == sorted(rows)
        assert len(rows) == names.count(claim.key.partition("@")[0])


def test_a_second_group_of_a_person_is_a_duplicate_unless_that_is_allowed(
    tmp_path: Path,
) -> None:
    for duplicates, planned in (("first", 1), ("allow", 2)):
        journal = open_journal(tmp_path / duplicates, create=True)
        entries = [*_orders("ada", [2, 3], "order 1"), *_orders("ada", [4, 5], "order 2")]
        plan_into(journal, entries, duplicates=duplicates)
        journal.close()
        reader = ClaimReader.open(URL, tmp_path / duplicates)
        assert len(reader.claim_planned(0, 9)) == planned
        reader.close()


def test_a_group_is_no_duplicate_where_duplicates_are_an_error(journal: Journal) -> None:
    plan_into(journal, _orders("ada", [2, 3]), duplicates="error")


def test_groups_of_an_amendment_name_their_own_sources(tmp_path: Path) -> None:
    journal = open_journal(tmp_path, create=True)
    plan_into(journal, _orders("ada", [2, 3]))
    plan_into(journal, [*_orders("ada", [2, 3, 4]), *_orders("eve", [5, 6])])
    journal.close()
    reader = ClaimReader.open(URL, tmp_path)
    assert [(claim.row, claim.source) for claim in reader.claim_planned(0, 9)] == [(1, 0), (3, 1)]
    eve = reader.claim_planned(1, 1)[0]
    assert json.loads(eve.data)[-1] == [[1, ["eve", "5"]], [1, ["eve", "6"]]]
    assert reader.total() == 4
    reader.close()


def test_what_attachments_were_when_planned_comes_back_with_each_claim(
    journal: Journal, reader: ClaimReader
) -> None:
    plan = journal.plan(RECORD)
    plan.add_source(SOURCE)
    plan.add_entries(people(3))
    plan.mark("first")
    plan.keep_snapshots([(1, "aa"), (2, "bb")])
    plan.keep_snapshots([(2, "cc")])
    assert [claim.snapshot for claim in reader.claim_planned(0, 9)] == ["", "", ""]
    plan.finish()
    assert [claim.snapshot for claim in reader.claim_planned(0, 9)] == ["aa", "cc", ""]


def test_snapshots_of_an_unfinished_amendment_do_not_count(tmp_path: Path) -> None:
    journal = open_journal(tmp_path, create=True)
    plan_into(journal, people(1))
    plan = journal.plan(RECORD)
    plan.mark("first")
    plan.keep_snapshots([(1, "new")])
    journal.close()
    open_journal(tmp_path).close()
    reader = ClaimReader.open(URL, tmp_path)
    assert reader.claim_planned(0, 9)[0].snapshot == ""
    reader.close()
