"""The claims about a journal that an audit proves, each with what speaks against it.

In: a snapshot of a journal, and where it is.  Out: findings, claim by claim.
Touches: the database, read-only; archives and emergency files beside it.

The checks ask the log itself and not the triggers that guard it: a journal that was changed with
other tools is found out.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import closing
from typing import NamedTuple

from campaign.database.places import Place
from campaign.database.sql import Connection, DBAPIError, text
from campaign.errors import JournalError
from campaign.journal import schema
from campaign.journal.archiving.auditing import faults_of_archives
from campaign.journal.archiving.files import archives_of, open_archive
from campaign.journal.notes import recall
from campaign.journal.recovery import unknown_of
from campaign.journal.sharing.tables import GUARD_NAMES, is_shared
from campaign.journal.states import IN_DOUBT, NOT_TAKEN, is_legal
from campaign.journal.taken import TAKEN_NOTE, Taken
from campaign.journal.writing.emergency import emergency_files, read_kept
from campaign.journal.writing.totals import totals_of
from campaign.records import State


class Finding(NamedTuple):
    """Something that must not be."""

    row: int  # 0: not about one recipient
    what: str


Findings = Iterator[Finding]


def _rows(connection: Connection, statement: str, what: str) -> Findings:
    """A finding for each row of a query; its columns after the first fill the sentence."""
    for row, *values in connection.execute(text(statement)):
        yield Finding(int(row or 0), what.format(*values))


def _file_is_sound(connection: Connection, place: Place) -> Findings:
    if place.path is None:
        return
    try:
        for (said,) in connection.exec_driver_sql("PRAGMA quick_check(5)"):
            if said != "ok":
                yield Finding(0, f"SQLite says: {said}")
    except DBAPIError as error:
        yield Finding(0, f"SQLite says: {error.orig}")


def _guards_stand(connection: Connection, place: Place) -> Findings:
    if place.path:
        asked = "SELECT name, sql FROM sqlite_master WHERE type = 'trigger'"
        there = {str(sql): str(name) for name, sql in connection.exec_driver_sql(asked)}
        for wanted in schema.guards("sqlite"):
            if wanted not in there:
                name = wanted.split()[2]
                yield Finding(0, f"the trigger {name} was taken away or changed")
    else:
        asked = "SELECT tgname FROM pg_trigger WHERE NOT tgisinternal AND tgenabled <> 'D'"
        names = {str(name) for (name,) in connection.exec_driver_sql(asked)}
        fences = GUARD_NAMES if is_shared(connection) else frozenset()
        for name in sorted((schema.guard_names() | fences) - names):
            yield Finding(0, f"the trigger {name} was taken away")


def _everybody_has_a_state(connection: Connection, place: Place) -> Findings:
    yield from _each_has_a_state(connection, place)
    yield from _nobody_is_gone(connection)


def _each_has_a_state(connection: Connection, _place: Place) -> Findings:
    yield from _rows(
        connection,
        "SELECT r.row FROM recipients r LEFT JOIN standings s ON s.row = r.row"
        " WHERE s.row IS NULL ORDER BY r.row",
        "a recipient of the plan without a state",
    )
    known = ", ".join(f"'{state}'" for state in State)
    yield from _rows(
        connection,
        f"SELECT row, state FROM standings WHERE state NOT IN ({known}) ORDER BY row",
        "'{}' is not a state",
    )


def _nobody_is_gone(connection: Connection) -> Findings:
    count, first, last = connection.execute(
        text("SELECT count(*), min(row), max(row) FROM recipients")
    ).one()
    left = sum(rotated(connection, "letters").values())
    also = f", and {left} are in archives" if left else ""
    if note := recall(connection, TAKEN_NOTE):
        taken = Taken.read(note)
        whole = connection.execute(
            text("SELECT count(*) FROM recipients WHERE row <= :whole"), {"whole": taken.whole}
        ).scalar_one()
        # Letters that go first are taken before others: there are gaps until those are taken too,
        # but none where the note says that there is none.
        is_whole = (count + left, last or 0) == (taken.letters, taken.last)
        if not is_whole or whole + left < taken.whole:
            yield Finding(
                0,
                f"{count} recipients are numbered up to {last}{also}, and {taken.letters} were"
                f" taken, up to {taken.last}: some are gone",
            )
    elif count and (count + left != last or (not left and first != 1)):
        yield Finding(0, f"{count} recipients are numbered {first} to {last}{also}: some are gone")


def rotated(connection: Connection, what: str) -> dict[str, int]:
    """How many letters, or changes, have left for archives, by state."""
    found = connection.execute(text(f"SELECT state, sum({what}) FROM rotated GROUP BY state"))
    return {str(state): int(count) for state, count in found}


def _nobody_outside_the_plan(connection: Connection, _place: Place) -> Findings:
    for table in ("standings", "history"):
        yield from _rows(
            connection,
            f"SELECT DISTINCT t.row FROM {table} t LEFT JOIN recipients r ON r.row = t.row"
            " WHERE r.row IS NULL ORDER BY t.row",
            f"{table} knows a recipient the plan does not",
        )
    yield from _rows(
        connection,
        "SELECT r.row, s.state, r.reason FROM recipients r JOIN standings s ON s.row = r.row"
        " WHERE r.reason <> '' AND s.state <> 'skipped' ORDER BY r.row",
        "is {}, although the list's cleaning rejected it: {}",
    )
    if recall(connection, "duplicates") != "allow":
        yield from _rows(
            connection,
            "SELECT min(r.row), count(*) FROM recipients r JOIN standings s ON s.row = r.row"
            " WHERE r.reason = '' AND s.state <> 'skipped' GROUP BY r.key HAVING count(*) > 1"
            " ORDER BY 1",
            "{} rows of one person are not skipped",
        )


# Of each change whether its recipient was in doubt before: the number of doubts since the last
# change that settled them.
_SETTLES = f"(class = '{NOT_TAKEN}' OR (state = 'sent' AND before <> 'sending'))"
_STEPS = f"""SELECT *, COALESCE(SUM(CASE WHEN class = '{IN_DOUBT}' THEN 1 ELSE 0 END) OVER
    (PARTITION BY row, era ORDER BY change ROWS BETWEEN UNBOUNDED PRECEDING AND 1 PRECEDING), 0)
    AS doubts
    FROM (SELECT *, SUM(settles) OVER (PARTITION BY row ORDER BY change) - settles AS era FROM
    (SELECT *, CASE WHEN {_SETTLES} THEN 1 ELSE 0 END AS settles FROM
    (SELECT *, LAG(state, 1, 'planned') OVER (PARTITION BY row ORDER BY change) AS before
    FROM history) a) b) c"""


def _every_change_is_legal(connection: Connection, _place: Place) -> Findings:
    """All changes by kind: few kinds, however many changes."""
    kinds = connection.execute(
        text(
            "SELECT before, state, doubt, sent, resent, bad, min(row), count(*) FROM (SELECT row,"
            " state, before, CASE WHEN doubts > 0 THEN 1 ELSE 0 END AS doubt,"
            " sendings - LAG(sendings, 1, 0) OVER w AS sent,"
            " resends - LAG(resends, 1, 0) OVER w AS resent,"
            " CASE WHEN state = 'sent' AND (code < 200 OR code > 299) THEN 1 ELSE 0 END AS bad"
            f" FROM ({_STEPS}) t WINDOW w AS (PARTITION BY row ORDER BY change)) c"
            " GROUP BY before, state, doubt, sent, resent, bad ORDER BY 7"
        )
    )
    for before, after, doubt, sent, resent, bad, row, count in kinds:
        times = f", {count} times" if count > 1 else ""
        try:
            legal = is_legal(State(before), State(after), in_doubt=bool(doubt))
        except ValueError:  # no such state; another check names it
            legal = False
        if not legal:
            yield Finding(row, f"went from {before} to {after}, which the table forbids{times}")
        if sent != (after == State.SENDING) or resent not in (0, 1):
            yield Finding(row, f"was counted wrongly when it became {after}{times}")
        if bad:
            yield Finding(row, f"was sent without a 2xx reply{times}")


def _no_doubt_is_forgotten(connection: Connection, _place: Place) -> Findings:
    """Those in doubt by their history are those in doubt where they stand."""
    yield from _rows(
        connection,
        "SELECT s.row, COALESCE(d.doubts, 0), s.doubts FROM standings s LEFT JOIN (SELECT row,"
        f" CASE WHEN settles = 1 THEN 0 WHEN class = '{IN_DOUBT}' THEN doubts + 1 ELSE doubts END"
        f" AS doubts, ROW_NUMBER() OVER (PARTITION BY row ORDER BY change DESC) AS nth"
        f" FROM ({_STEPS}) t) d ON d.row = s.row AND d.nth = 1"
        " WHERE COALESCE(d.doubts, 0) <> s.doubts ORDER BY s.row",
        "has {} copies in doubt by its history, and {} where it stands",
    )


def _standings_are_the_sum(connection: Connection, place: Place) -> Findings:
    yield from _rows(
        connection,
        "SELECT s.row, s.state, h.state FROM standings s JOIN (SELECT row, max(change) AS last"
        " FROM history GROUP BY row) m ON m.row = s.row JOIN history h ON h.change = m.last"
        " WHERE s.change <> m.last OR s.state <> h.state OR s.attempts <> h.attempts"
        " OR s.sendings <> h.sendings OR s.resends <> h.resends OR s.due <> h.due ORDER BY s.row",
        "stands as {}, but its history ends with {}, or with other counts",
    )
    yield from _rows(
        connection,
        "SELECT s.row, s.state FROM standings s LEFT JOIN history h ON h.change = s.change"
        " WHERE h.change IS NULL AND (s.state <> 'planned' OR s.change <> 0 OR s.attempts <> 0"
        " OR s.sendings <> 0 OR s.resends <> 0) ORDER BY s.row",
        "stands as {} without a history",
    )
    kept = totals_of(connection)
    counted = connection.execute(text("SELECT state, count(*) FROM standings GROUP BY state"))
    found = {str(state): int(count) for state, count in counted}
    left = rotated(connection, "letters")
    for state, added_up in kept.items():
        there = found.get(state, 0) + left.get(state, 0)
        if added_up != there:
            yield Finding(0, f"{there} are {state}, but {added_up} were added up")
    count, last = connection.execute(text("SELECT count(*), max(change) FROM history")).one()
    gone = sum(rotated(connection, "changes").values())
    if place.path and count + gone != (last or 0):  # PostgreSQL leaves numbers out
        also = f", and {gone} are in archives" if gone else ""
        lines = f"the history has {count} lines, numbered up to {last}{also}"
        yield Finding(0, f"{lines}: some are gone")


def _no_copy_too_many(connection: Connection, _place: Place) -> Findings:
    """A copy may have arrived where a dot was answered by 2xx, or by nothing we know, unless a log
    has shown since that it was not taken."""
    yield from _rows(
        connection,
        "SELECT c.row, c.copies, s.resends FROM (SELECT n.row AS row, count(*) AS copies FROM"
        " (SELECT row, change, state, LEAD(state) OVER w AS next, LEAD(class) OVER w AS class"
        " FROM history WINDOW w AS (PARTITION BY row ORDER BY change)) n LEFT JOIN"
        f" (SELECT row, max(change) AS last FROM history WHERE class = '{NOT_TAKEN}'"
        " GROUP BY row) t ON t.row = n.row WHERE n.state = 'sending'"
        " AND n.change > COALESCE(t.last, 0)"
        f" AND (n.next IS NULL OR n.next = 'sent' OR n.class = '{IN_DOUBT}') GROUP BY n.row"
        " HAVING count(*) > 1) c JOIN standings s ON s.row = c.row"
        " WHERE c.copies > 1 + s.resends ORDER BY c.row",
        "up to {} copies, but only {} were sent again knowingly",
    )


def _kept_fits(connection: Connection, place: Place) -> Findings:
    """An outcome whose `sending` the journal does not have shows that it has forgotten commits: a
    failover to a standby that was behind, or an older copy put back."""
    plan_id = str(connection.execute(text("SELECT plan_id FROM plan")).scalar_one())
    for path in emergency_files(place):
        try:
            for change, why in unknown_of(connection, read_kept(path, plan_id)):
                if why:
                    yield Finding(
                        change.row,
                        f"became {change.state} by sending {change.sendings} as {path.name} knows,"
                        f" but in the journal {why}: it has forgotten what came between",
                    )
        except JournalError as error:
            yield Finding(0, str(error))


def _every_epoch_is_known(connection: Connection, _place: Place) -> Findings:
    """No change of a fleet is by an epoch that was never given, nor from before it was."""
    if not is_shared(connection):
        return
    yield from _rows(
        connection,
        "SELECT min(h.row), h.epoch, count(*) FROM history h LEFT JOIN fleet_members m"
        " ON m.epoch = h.epoch WHERE h.epoch <> 0 AND m.epoch IS NULL GROUP BY h.epoch ORDER BY 2",
        "was changed by the epoch {}, which no worker had, {} times",
    )
    # A letter in doubt was permitted by one epoch and settled by another, which took it over.
    yield from _rows(
        connection,
        "SELECT n.row, n.epoch, n.next_epoch FROM (SELECT row, state, epoch,"
        " LEAD(epoch) OVER w AS next_epoch, LEAD(class) OVER w AS next_class FROM history"
        " WINDOW w AS (PARTITION BY row ORDER BY change)) n WHERE n.state = 'sending'"
        f" AND n.next_epoch <> n.epoch AND n.next_class NOT IN ('{IN_DOUBT}', '{NOT_TAKEN}')"
        " AND NOT EXISTS (SELECT 1 FROM fleet_members m WHERE m.epoch = n.epoch AND m.ended_s > 0)"
        " ORDER BY n.row",
        "was permitted by the epoch {} and settled by {}, although the first had not ended",
    )


def _archives_hold(connection: Connection, place: Place) -> Findings:
    """Archives add up with the journal, and what they say is said of journals."""
    faults = [Finding(row, what) for row, what in faults_of_archives(connection, place)]
    yield from faults
    for archive in () if faults else archives_of(place):
        with closing(open_archive(archive)) as there:
            for ask in _OF_ARCHIVES:
                for finding in ask(there, archive):
                    yield finding._replace(what=f"{finding.what} ({archive.shown})")


_OF_ARCHIVES = (
    _file_is_sound,
    _each_has_a_state,
    _nobody_outside_the_plan,
    _every_change_is_legal,
    _no_doubt_is_forgotten,
    _no_copy_too_many,
)

CHECKS: tuple[tuple[str, Callable[[Connection, Place], Findings]], ...] = (
    ("the file is sound", _file_is_sound),
    ("the guards of the journal are in place", _guards_stand),
    ("every recipient of the plan has exactly one state", _everybody_has_a_state),
    ("nobody outside the plan, and nobody twice", _nobody_outside_the_plan),
    (
        "every change is one the table of states allows, every sent has a 2xx",
        _every_change_is_legal,
    ),
    ("the states are the sum of the history", _standings_are_the_sum),
    ("nobody's doubt is forgotten", _no_doubt_is_forgotten),
    ("nobody got more copies than were sent again knowingly", _no_copy_too_many),
    ("every change of a fleet is by an epoch that held its shard", _every_epoch_is_known),
    ("what was kept in an emergency goes on from the journal", _kept_fits),
    ("archives hold what has left the journal, as it was", _archives_hold),
)
