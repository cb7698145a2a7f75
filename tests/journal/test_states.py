"""The table of states, in Python and in the schema."""

from __future__ import annotations

import itertools
from pathlib import Path

import pytest
from sqlalchemy import Connection, create_engine
from sqlalchemy.exc import IntegrityError

from campaign.errors import JournalError
from campaign.journal import schema
from campaign.journal.planning.tables import make_tables
from campaign.journal.states import (
    IN_DOUBT,
    LEGAL,
    NOT_REACHED,
    ONLY_FROM_DOUBT,
    PARTS,
    SHOWN,
    UNSETTLED,
    is_legal,
)
from campaign.journal.writing.changes import ChangeWriter
from campaign.journal.writing.totals import count_totals, totals_of
from campaign.records import SETTLED, Change, State

# A legal way to each state, so that every change can be tried from everywhere.
_WAYS = {
    State.PLANNED: (),
    State.DEFERRED: (State.DEFERRED,),
    State.SENDING: (State.SENDING,),
    State.SENT: (State.SENDING, State.SENT),
    State.FAILED: (State.FAILED,),
    State.SKIPPED: (State.SKIPPED,),
    State.EXPIRED: (State.EXPIRED,),
    State.CANCELLED: (State.CANCELLED,),
    State.HELD: (State.SENDING, State.HELD),
}


def _write(connection: Connection, state: State, *, sendings: int, class_: str = "") -> int:
    sendings += state is State.SENDING
    connection.exec_driver_sql(
        'INSERT INTO history ("row", state, at, sendings, code, class) VALUES (1, ?, 1, ?, ?, ?)',
        (str(state), sendings, 250 if state is State.SENT else 0, class_),
    )
    return sendings


@pytest.fixture
def connection() -> Connection:
    connection = create_engine("sqlite://").connect()
    make_tables(connection)
    connection.exec_driver_sql("INSERT INTO standings (\"row\", state) VALUES (1, 'planned')")
    connection.commit()
    return connection


@pytest.mark.parametrize("in_doubt", [False, True])
@pytest.mark.parametrize(("before", "after"), list(itertools.product(State, State)))
def test_the_schema_allows_exactly_what_the_table_allows(
    connection: Connection, before: State, after: State, in_doubt: bool
) -> None:
    sendings = 0
    for state in _WAYS[before]:
        sendings = _write(connection, state, sendings=sendings, class_=IN_DOUBT if in_doubt else "")
    if is_legal(before, after, in_doubt=in_doubt and before is not State.PLANNED):
        _write(connection, after, sendings=sendings)
    else:
        with pytest.raises(IntegrityError, match=schema.REFUSED):
            _write(connection, after, sendings=sendings)
    connection.close()


@pytest.mark.parametrize(
    "statement",
    [
        "UPDATE standings SET state = 'sent'",
        "UPDATE standings SET state = 'skipped', change = change + 1",
        "UPDATE standings SET resends = 1",
        "UPDATE standings SET due = 5",
        "DELETE FROM standings",
        "INSERT INTO standings (row, state) VALUES (2, 'sent')",
        "INSERT INTO standings (row, state, sendings) VALUES (2, 'planned', 1)",
        "UPDATE history SET reply = 'forged'",
        "DELETE FROM history",
        "INSERT INTO history (row, state, at) VALUES (99, 'skipped', 1)",
        "UPDATE recipients SET address = 'other@example.com'",
        "DELETE FROM recipients",
        # counted wrongly, or not accepted at all
        "INSERT INTO history (row, state, at, sendings) VALUES (1, 'sending', 1, 1)",
        "INSERT INTO history (row, state, at, sendings) VALUES (1, 'failed', 1, 0)",
        "INSERT INTO history (row, state, at, sendings, code) VALUES (1, 'sent', 1, 1, 0)",
        "INSERT INTO history (row, state, at, sendings, code) VALUES (1, 'sent', 1, 1, 550)",
        "INSERT INTO history (row, state, at, sendings, resends) VALUES (1, 'held', 1, 1, 2)",
    ],
)
def test_no_statement_goes_around_the_table(connection: Connection, statement: str) -> None:
    connection.exec_driver_sql(
        "INSERT INTO recipients (row, address) VALUES (1, 'ada@example.com')"
    )
    connection.exec_driver_sql("INSERT INTO meta (name, value) VALUES ('finished', 'yes')")
    _write(connection, State.SENDING, sendings=0)
    with pytest.raises(IntegrityError):
        connection.exec_driver_sql(statement)
    connection.close()


def test_a_third_copy_beyond_the_first_is_never_sent_without_asking(
    connection: Connection,
) -> None:
    sendings = 0
    for resends in (1, 2):
        sendings = _write_resent(connection, sendings, resends)
    with pytest.raises(IntegrityError):
        _write_resent(connection, sendings, 3)
    connection.close()


def _write_resent(connection: Connection, sendings: int, resends: int) -> int:
    for state, resent, nth in (
        ("sending", resends - 1, sendings + 1),
        ("deferred", resends, sendings + 1),
    ):
        connection.exec_driver_sql(
            "INSERT INTO history (row, state, at, sendings, resends) VALUES (1, ?, 1, ?, ?)",
            (state, nth, resent),
        )
    return sendings + 1


def test_every_state_is_in_the_table_and_what_was_accepted_stays() -> None:
    assert set(LEGAL) == set(State)
    assert not LEGAL[State.SENT]


def test_settled_states_are_left_only_by_order_of_a_person_or_a_log() -> None:
    for state in SETTLED - {State.HELD}:
        assert LEGAL[state] <= {State.PLANNED}
    assert {after for before, after in ONLY_FROM_DOUBT if after is not before} == {State.SENT}
    assert set(UNSETTLED) | SETTLED == set(State)


def test_the_page_on_resuming_has_the_table_as_it_is() -> None:
    page = Path(__file__).parents[2] / "docs/resume.md"
    rows = [
        [cell.strip() for cell in line.strip("|\n ").split("|")] + [""] * 2
        for line in page.read_text().splitlines()
        if line.startswith(tuple(f"| {state} |" for state in State))
    ]
    order = list(SHOWN).index
    told = {
        State(name): (words, _states(always), _states(doubtful))
        for name, words, always, doubtful, *_ in rows
    }
    assert list(told) == list(SHOWN)
    assert told == {
        state: (
            SHOWN[state].words,
            sorted(LEGAL[state], key=order),
            sorted((after for before, after in ONLY_FROM_DOUBT if before is state), key=order),
        )
        for state in State
    }


def _states(cell: str) -> list[State]:
    return [State(name.strip()) for name in cell.split(",") if name.strip()]


def test_every_state_is_shown_in_words_and_a_tone() -> None:
    assert set(SHOWN) == set(State)
    assert {shown.tone for shown in SHOWN.values()} <= {"good", "bad", "warn", "info", "soft"}
    assert set(PARTS) <= set(State)
    assert set(NOT_REACHED) <= SETTLED


def test_an_impossible_change_is_refused_where_it_is_written(connection: Connection) -> None:
    cursor = connection.connection.cursor()
    change = Change(1, State.FAILED, 1.0, 0, 0, 0, before=State.SENT)
    with pytest.raises(JournalError, match="row 1 cannot go from sent to failed"):
        ChangeWriter(connection.dialect).write(cursor, [change])
    connection.close()


def test_a_tenth_state_could_not_be_counted_wrongly(connection: Connection) -> None:
    """Rows are counted in the states that they leave and in those that they come to."""
    connection.exec_driver_sql(
        'INSERT INTO standings ("row", state) VALUES '
        + ", ".join(f"({row}, 'planned')" for row in range(2, 1300))
    )
    count_totals(connection)
    writer = ChangeWriter(connection.dialect)
    changes = [Change(row, State.SKIPPED, 1.0, 0, 0, 0) for row in range(1, 1300)]
    writer.write(connection.connection.cursor(), changes)
    kept = {state: count for state, count in totals_of(connection).items() if count}
    assert kept == {State.SKIPPED: 1299}
    connection.close()
