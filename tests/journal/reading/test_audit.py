"""Every kind of fault that is planted is found, and nothing else."""

from __future__ import annotations

import json
import sqlite3
from contextlib import closing
from pathlib import Path

import pytest

from campaign.errors import JournalError
from campaign.journal import schema
from campaign.journal.reading.auditing.audit import audit
from campaign.journal.writing.events import add_events
from campaign.outcomes import Event
from campaign.records import State
from fakes.prepared.journals import (
    RECORD,
    URL,
    deferred,
    entry,
    open_journal,
    outcome,
    people,
    plan_into,
    planned,
    run,
    sending,
    sent,
)

UNGUARDED = ";".join(schema.without_guards("sqlite")) + ";"
GUARDED = ";".join(schema.guards("sqlite")) + ";"

SOUND = "the file is sound"
GUARDS = "the guards of the journal are in place"
STATES = "every recipient of the plan has exactly one state"
OUTSIDE = "nobody outside the plan, and nobody twice"
LEGAL = "every change is one the table of states allows, every sent has a 2xx"
SUM = "the states are the sum of the history"
DOUBT = "nobody's doubt is forgotten"
EPOCHS = "every change of a fleet is by an epoch that held its shard"
ARCHIVES = "archives hold what has left the journal, as it was"
KEPT = "what was kept in an emergency goes on from the journal"
EVENTS = "what came back is about letters of this plan"
COPIES = "nobody got more copies than were sent again knowingly"


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """Six people: sent, deferred and sent, failed, resent in doubt and sent, skipped, planned."""
    journal = open_journal(tmp_path, create=True)
    plan_into(journal, [*people(4), entry("bad", 6, reason="address: no @"), entry("eve", 7)])
    journal.apply([sending(row) for row in (1, 2, 3, 4)])
    journal.apply(
        [
            sent(1),
            deferred(2),
            outcome(3, State.FAILED, 1, code=550, class_="recipient-gone"),
            sending(2, 2),
            sent(2, 2),
        ]
    )
    journal.recover_in_doubt("resend", 5.0)
    journal.apply([sending(4, 2, resends=1), sent(4, 2, resends=1)])
    journal.close()
    return tmp_path


def _plant(folder: Path, statement: str, *, guarded: bool = False) -> None:
    """As somebody with another tool could: without the guards, which are put back after."""
    with closing(sqlite3.connect(folder / "state/journal.sqlite")) as other:
        other.executescript(statement if guarded else f"{UNGUARDED}{statement};{GUARDED}")
        other.commit()


def _broken(folder: Path) -> dict[str, list[tuple[int, str]]]:
    checks = audit(URL, folder).checks
    return {each.claim: [tuple(f) for f in each.findings] for each in checks if each.findings}


def test_a_sound_journal_is_clean_and_adds_up(folder: Path) -> None:
    result = audit(URL, folder)
    assert result.is_clean
    assert result.total == 6
    assert result.counts == {"sent": 3, "failed": 1, "skipped": 1, "planned": 1}
    assert [check.claim for check in result.checks] == [
        SOUND,
        GUARDS,
        STATES,
        OUTSIDE,
        LEGAL,
        SUM,
        DOUBT,
        COPIES,
        EPOCHS,
        KEPT,
        ARCHIVES,
        EVENTS,
    ]
    assert result.unknown == [
        "whether 1 sent to again have two copies: only the relay's log can tell",
        "what became of a message after a server had accepted it: see its bounces",
    ]


_LINE = "INSERT INTO history (row, state, at, attempts, sendings, resends, code, class) VALUES"


@pytest.mark.parametrize(
    ("statement", "claim", "row", "what"),
    [
        ("DELETE FROM standings WHERE row = 6", STATES, 6, "without a state"),
        ("UPDATE standings SET state = 'lost' WHERE row = 6", STATES, 6, "'lost' is not a state"),
        ("DELETE FROM recipients WHERE row = 3", STATES, 0, "numbered 1 to 6: some are gone"),
        ("DELETE FROM recipients WHERE row = 1", OUTSIDE, 1, "the plan does not"),
        (f"{_LINE} (99, 'skipped', 1, 0, 0, 0, 0, '')", OUTSIDE, 99, "the plan does not"),
        (
            f"UPDATE standings SET state = 'planned' WHERE row = 5;{_LINE}"
            " (5, 'planned', 1, 0, 0, 0, 0, '')",
            OUTSIDE,
            5,
            "although the list's cleaning rejected it",
        ),
        (
            "UPDATE recipients SET key = 'person1@example.com' WHERE row = 6",
            OUTSIDE,
            1,
            "2 rows of one person",
        ),
        (f"{_LINE} (1, 'failed', 9, 1, 1, 0, 550, '')", LEGAL, 1, "from sent to failed"),
        (f"{_LINE} (6, 'sent', 9, 0, 0, 0, 250, '')", LEGAL, 6, "from planned to sent"),
        (f"{_LINE} (6, 'sending', 9, 0, 2, 0, 0, '')", LEGAL, 6, "counted wrongly"),
        (f"{_LINE} (6, 'deferred', 9, 0, 0, 2, 0, '')", LEGAL, 6, "counted wrongly"),
        ("UPDATE history SET code = 451 WHERE row = 1", LEGAL, 1, "sent without a 2xx"),
        ("UPDATE standings SET state = 'sent' WHERE row = 6", SUM, 6, "without a history"),
        ("UPDATE standings SET state = 'sent' WHERE row = 3", SUM, 3, "ends with failed"),
        ("UPDATE standings SET sendings = 5 WHERE row = 1", SUM, 1, "other counts"),
        ("DELETE FROM history WHERE row = 1 AND state = 'sent'", SUM, 1, "ends with sending"),
        (
            f"{_LINE} (4, 'deferred', 8, 0, 2, 1, 0, 'in-doubt');"
            f"{_LINE} (4, 'sending', 9, 0, 3, 1, 0, '')",
            COPIES,
            4,
            "up to 3 copies, but only 1",
        ),
    ],
)
def test_a_planted_fault_is_found(
    folder: Path, statement: str, claim: str, row: int, what: str
) -> None:
    _plant(folder, statement)
    broken = _broken(folder)
    assert any(found == row and what in text for found, text in broken.get(claim, [])), broken


@pytest.mark.parametrize("totals", ["sending = 3", "held = 2, sent = sent - 2", "planned = 0"])
def test_sums_that_are_not_those_of_the_standings_are_found(folder: Path, totals: str) -> None:
    _plant(folder, f"UPDATE totals SET {totals}")
    assert any("were added up" in text for _, text in _broken(folder)[SUM])


def test_sums_cannot_be_negative(folder: Path) -> None:
    with pytest.raises(sqlite3.IntegrityError, match="totals_sending"):
        _plant(folder, "UPDATE totals SET sending = -1")


def test_a_doubt_that_was_taken_away_is_found(folder: Path) -> None:
    _plant(folder, "UPDATE standings SET doubts = 0 WHERE row = 4")
    assert _broken(folder)[DOUBT] == [
        (4, "has 1 copies in doubt by its history, and 0 where it stands")
    ]


def test_a_missing_guard_is_found(folder: Path) -> None:
    _plant(folder, "DROP TRIGGER history_death", guarded=True)
    assert _broken(folder) == {GUARDS: [(0, "the trigger history_death was taken away or changed")]}


def test_a_line_taken_out_of_the_history_is_found_even_if_all_else_agrees(folder: Path) -> None:
    with closing(sqlite3.connect(folder / "state/journal.sqlite")) as other:
        gone = other.execute("SELECT min(change) FROM history WHERE state = 'deferred'").fetchone()
    _plant(folder, f"DELETE FROM history WHERE change = {gone[0]}")
    assert any("some are gone" in text for _, text in _broken(folder)[SUM])


def test_a_damaged_page_is_found_or_told(folder: Path) -> None:
    file = folder / "state/journal.sqlite"
    with file.open("r+b") as damaged:
        for page in range(4, file.stat().st_size // 4096):
            damaged.seek(page * 4096)
            damaged.write(b"\xff" * 2000)
    try:
        assert SOUND in _broken(folder)
    except JournalError as error:
        assert error.exit_code == 74  # noqa: PT017


def test_many_faults_are_cut_short(tmp_path: Path) -> None:
    planned(tmp_path, 30).close()
    _plant(tmp_path, "DELETE FROM standings")
    [check] = [check for check in audit(URL, tmp_path).checks if check.claim == STATES]
    assert (len(check.findings), check.is_more) == (20, True)


def test_duplicates_that_were_allowed_are_no_fault(tmp_path: Path) -> None:
    journal = open_journal(tmp_path, create=True)
    plan_into(journal, [entry("ada"), entry("ada", 3)], duplicates="allow")
    journal.close()
    assert audit(URL, tmp_path).is_clean


def test_the_audit_says_what_it_cannot_know(tmp_path: Path) -> None:
    journal = planned(tmp_path, 3)
    journal.apply([sending(1), sending(2)])
    journal.recover_in_doubt("hold", 5.0)
    journal.apply([sending(3)])
    journal.close()
    result = audit(URL, tmp_path)
    assert result.is_clean
    assert result.unknown[0].startswith("1 are in `sending`")
    assert "whether 2 in doubt" in result.unknown[1]


def test_what_came_back_is_counted_beside_the_states(folder: Path) -> None:
    told = [event(1, "bounced"), event(1, "delivered"), event(3, "bounced")]
    add_events(URL, folder, told)
    result = audit(URL, folder)
    assert result.is_clean
    assert result.events == {"bounced": 2, "delivered": 1}
    assert sum(result.counts.values()) == result.total  # a bounce is no state


def test_an_event_about_a_row_that_is_not_there_is_found(folder: Path) -> None:
    add_events(URL, folder, [event(row, "bounced") for row in range(1, 40)])
    (check,) = [check for check in audit(URL, folder).checks if check.claim == EVENTS]
    assert (check.findings[0].row, check.findings[0].what) == (
        7,
        "bounced, and there is no such row",
    )
    assert (len(check.findings), check.is_more) == (20, True)


def test_a_file_of_events_of_another_plan_is_found(folder: Path) -> None:
    add_events(URL, folder, [event(1, "bounced")])
    with closing(sqlite3.connect(folder / "state/journal.sqlite.events")) as connection, connection:
        connection.execute("UPDATE about SET plan_id = 'another'")
    (check,) = [check for check in audit(URL, folder).checks if check.claim == EVENTS]
    assert "is of another plan, another" in check.findings[0].what


def event(row: int, kind: str) -> Event:
    return Event(f"{kind} {row}", row, 5.0, kind, "", "", "test", "")


def test_the_audit_works_beside_a_run(tmp_path: Path) -> None:
    seen: list[bool] = []
    run(
        planned(tmp_path, 50),
        map(sending, range(1, 51)),
        meanwhile=lambda: seen.append(audit(URL, tmp_path).is_clean),
        then=map(sent, range(1, 51)),
    )
    assert seen == [True]


def test_without_a_finished_plan_there_is_nothing_to_audit(tmp_path: Path) -> None:
    journal = open_journal(tmp_path, create=True)
    journal.plan(RECORD)
    with pytest.raises(JournalError, match="no plan"):
        audit(URL, tmp_path)
    journal.close()


def _kept(folder: Path, row: int, sendings: int) -> None:
    """A run could not write down that this was sent."""
    line = {"plan_id": "plan-1", "row": row, "state": "sent", "at": 9.0, "attempts": 1}
    line |= {"sendings": sendings, "resends": 0, "code": 250}
    (folder / "state/journal.sqlite.emergency").write_text(json.dumps(line) + "\n")


def test_a_journal_that_forgot_what_an_emergency_file_knows_is_found(folder: Path) -> None:
    _kept(folder, 6, 1)  # its journal has it as planned: the commit of its sending is gone
    assert _broken(folder) == {
        KEPT: [
            (
                6,
                "became sent by sending 1 as journal.sqlite.emergency knows, but in the journal it"
                " is planned after 0 sendings: it has forgotten what came between",
            )
        ]
    }


def test_an_outcome_that_only_an_emergency_file_has_fits(folder: Path) -> None:
    journal = open_journal(folder)
    journal.apply([sending(6)])
    journal.close()
    _kept(folder, 6, 1)
    result = audit(URL, folder)
    assert result.is_clean
    assert any("emergency" in each for each in result.unknown)


def test_an_emergency_file_of_another_plan_is_found(folder: Path) -> None:
    (folder / "state/journal.sqlite.emergency").write_text('{"plan_id": "other"}\n')
    ((claim, findings),) = _broken(folder).items()
    assert claim == KEPT
    assert "another plan" in findings[0][1]
