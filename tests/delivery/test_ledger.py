"""What the ledger knows of letters on the wire."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from campaign.clock import SystemClock
from campaign.config.settings import Delivery
from campaign.delivery.beginning.staleness import RunClock
from campaign.delivery.ledger import JournalLedger
from campaign.delivery.policies import SendingPolicies, SendingPolicy
from campaign.delivery.retry import RetrySchedule
from campaign.planning.timing.times import ZoneColumn
from campaign.planning.timing.turns import Turns
from campaign.records import Change, Stage, State
from campaign.schedule.timetable import Timetable
from fakes.mail.postman import letter


class Queue:
    """The journal's queue, whose changes become durable on cue."""

    def __init__(self) -> None:
        self.changes: list[Change] = []
        self._dones: list[Callable[[], None]] = []

    def write(self, change: Change, done: Callable[[], None]) -> None:
        self.changes.append(change)
        self._dones.append(done)

    def commit(self) -> None:
        dones, self._dones = self._dones, []
        for done in dones:
            done()


def ledger_over(queue: Queue) -> JournalLedger:
    return JournalLedger(
        queue.write,
        SendingPolicies(SendingPolicy("hold", RetrySchedule(Delivery(), lambda: 0.0))),
        RunClock(SystemClock(), 0.0),
        Turns(Timetable(), ZoneColumn(None)),
        counts=dict.fromkeys(State, 0),
        on_outcome=lambda: None,
        on_due=lambda due_s: None,
    )


def test_a_letter_lost_before_its_sending_was_durable_is_not_on_the_wire_afterwards() -> None:
    queue = Queue()
    ledger = ledger_over(queue)
    one = letter(1)
    went: list[int] = []
    ledger.claim([one.claim])
    ledger.permit(one, "relay", lambda: went.append(1))
    ledger.lost(one, "relay", Stage.DATA, dot_written=False, why="reset")
    queue.commit()
    assert [change.state for change in queue.changes] == [State.SENDING, State.DEFERRED]
    assert went == [1]
    assert not ledger.is_awaiting_replies


def test_a_letter_is_on_the_wire_from_its_permission_to_its_reply() -> None:
    queue = Queue()
    ledger = ledger_over(queue)
    one = letter(1)
    seen: list[Any] = []
    ledger.claim([one.claim])
    ledger.permit(one, "relay", lambda: seen.append(ledger.is_awaiting_replies))
    seen.append(ledger.is_awaiting_replies)
    queue.commit()
    ledger.lost(one, "relay", Stage.DOT, dot_written=True, why="reset")
    seen.append(ledger.is_awaiting_replies)
    assert seen == [False, True, False]
