"""Proof that the journal adds up: every recipient accounted for, every change legal.

In: a journal, also one a run is writing to.  Out: what was checked, what is wrong, what cannot be
known.  Touches: the database, read-only, in one snapshot.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import closing
from pathlib import Path
from typing import NamedTuple

from campaign.database.engines import open_for_reading
from campaign.database.failures import told
from campaign.database.places import Place, locate
from campaign.database.sql import Connection, text
from campaign.journal.reading.auditing.checks import CHECKS, Finding, Findings, rotated
from campaign.journal.reading.glance import glance
from campaign.journal.reading.questions import no_plan
from campaign.journal.reading.returned.events import count_events, plan_of_events, strangers
from campaign.journal.sharing.holders import Holder, holders
from campaign.journal.writing.emergency import emergency_files, written

_SHOWN = 20  # findings named for each check


class Check(NamedTuple):
    """One claim about the journal, and what speaks against it."""

    claim: str
    findings: list[Finding]  # the first _SHOWN
    is_more: bool


class Audit(NamedTuple):
    """The whole."""

    counts: dict[str, int]
    total: int
    checks: list[Check]
    unknown: list[str]  # what no journal can tell, as sentences
    members: list[Holder]  # of fleets, by their epochs
    events: dict[str, int]  # what came back, by kind

    @property
    def is_clean(self) -> bool:
        return not any(check.findings for check in self.checks)


def audit(url: str, folder: Path) -> Audit:
    """Check everything.  Raises JournalError where there is no plan, or it cannot be read."""
    place = locate(url, folder)
    with closing(glance(url, folder)) as seen:  # carries an older journal forward
        if not seen.is_planned():
            raise no_plan(place)
        plan_id = seen.plan_id()
    engine = open_for_reading(place)
    if place.dialect == "postgresql":
        engine = engine.execution_options(isolation_level="REPEATABLE READ")
    with told(place), engine.connect() as connection:
        if place.path:
            connection.exec_driver_sql("BEGIN")  # one snapshot for all questions
        checks = [_check(claim, ask, connection, place) for claim, ask in CHECKS]
        counts = connection.execute(text("SELECT state, count(*) FROM standings GROUP BY state"))
        by_state = {str(state): int(count) for state, count in counts}
        unknown = list(_unknown(connection, place, by_state))
        archived = rotated(connection, "letters")
        for state, left in archived.items():
            by_state[state] = by_state.get(state, 0) + left
        total = int(connection.execute(text("SELECT count(*) FROM recipients")).scalar_one())
        total += sum(archived.values())
        last = int(connection.execute(text("SELECT max(row) FROM recipients")).scalar() or 0)
        ask = connection.exec_driver_sql
        members = [] if place.path else holders(lambda asked: ask(asked).all())
    engine.dispose()
    checks.append(_events_are_of_the_plan(url, folder, plan_id, last))
    return Audit(by_state, total, checks, unknown, members, count_events(url, folder))


def _events_are_of_the_plan(url: str, folder: Path, plan_id: str, last: int) -> Check:
    """What came back stands beside the states, and is about this plan's letters."""
    claim = "what came back is about letters of this plan"
    if (other := plan_of_events(url, folder)) and other != plan_id:
        return Check(claim, [Finding(0, f"the file of events is of another plan, {other}")], False)
    found = [
        Finding(row, f"{kind}, and there is no such row")
        for row, kind in strangers(url, folder, last, _SHOWN + 1)
    ]
    return Check(claim, found[:_SHOWN], len(found) > _SHOWN)


def _check(
    claim: str,
    ask: Callable[[Connection, Place], Findings],
    connection: Connection,
    place: Place,
) -> Check:
    findings: list[Finding] = []
    for finding in ask(connection, place):
        if len(findings) == _SHOWN:
            return Check(claim, findings, True)
        findings.append(finding)
    return Check(claim, findings, False)


def _unknown(connection: Connection, place: Place, counts: dict[str, int]) -> Iterator[str]:
    if sending := counts.get("sending", 0):
        yield (
            f"{sending} are in `sending`: a run is waiting for the answer, or it was killed and"
            " they are in doubt"
        )
    doubtful = connection.execute(
        text("SELECT count(*) FROM standings WHERE doubts > 0 AND state NOT IN ('sent', 'sending')")
    ).scalar_one()
    if doubtful:
        yield f"whether {doubtful} in doubt have a copy already: only the relay's log can tell"
    again = connection.execute(
        text("SELECT count(*) FROM standings WHERE doubts > 0 AND state = 'sent'")
    ).scalar_one()
    if again:
        yield f"whether {again} sent to again have two copies: only the relay's log can tell"
    if any(written(path) for path in emergency_files(place)):  # the next run takes them in
        yield "outcomes kept in the emergency file beside the journal are not in it yet"
    yield "what became of a message after a server had accepted it: see its bounces"
