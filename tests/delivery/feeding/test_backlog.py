"""What is left behind in the journal until its lane has room."""

from __future__ import annotations

from campaign.delivery.feeding.backlog import Backlog
from campaign.records import Claim, State


def claim(row: int, domain: str = "a.test", state: State = State.PLANNED) -> Claim:
    return Claim(row, 0, f"p@{domain}", f"p@{domain}", domain, "[]", 0, 0, 0, 0.0, state)


def test_rows_of_a_lane_come_back_in_order_and_deferred_ones_first() -> None:
    backlog = Backlog()
    for row in (1, 2, 3):
        backlog.leave("a", claim(row), 5.0)
    backlog.leave("a", claim(9, state=State.DEFERRED), 7.0)
    assert backlog.to_look_at(4.9) is None
    queue = backlog.to_look_at(5.0)
    assert queue is not None
    assert backlog.take(queue, 10) == ([9], True)
    assert backlog.take(queue, 2) == ([1, 2], False)
    assert "a" in backlog
    assert backlog.take(queue, 2) == ([3], False)
    assert not backlog
    assert backlog.next_look_s is None


def test_the_lane_that_may_go_first_is_looked_at_first() -> None:
    backlog = Backlog()
    backlog.leave("slow", claim(1, "slow.test"), 9.0)
    backlog.leave("soon", claim(2, "soon.test"), 1.0)
    queue = backlog.to_look_at(1.0)
    assert queue is not None
    assert queue.domain == "soon.test"
    backlog.look_again(queue, 20.0)
    assert backlog.next_look_s == 9.0


def test_letters_that_come_back_stand_before_those_that_were_never_tried() -> None:
    backlog = Backlog()
    backlog.leave("a", claim(5), 0.0)
    backlog.put_back("a", [claim(1), claim(2)], 3.0)
    queue = backlog.to_look_at(0.0)
    assert queue is not None
    assert backlog.take(queue, 10) == ([1, 2, 5], False)


def test_beyond_its_bound_a_lane_remembers_only_where_the_rest_begins() -> None:
    backlog = Backlog(most=3)
    for row in range(1, 100):
        backlog.leave("a", claim(row), 0.0)
    queue = backlog.to_look_at(0.0)
    assert queue is not None
    assert (len(queue.planned), queue.more_from) == (3, 4)
    assert backlog.take(queue, 10) == ([1, 2, 3], False)
    assert "a" in backlog
    assert backlog.planned_room == 3
    backlog.refill(queue, [4, 5, 6], 7)
    assert backlog.take(queue, 10) == ([4, 5, 6], False)
    backlog.refill(queue, [], 0)
    assert backlog.take(queue, 10) == ([], False)
    assert not backlog


def test_so_many_deferred_rows_are_kept_and_no_more() -> None:
    backlog = Backlog(most_due=2)
    backlog.leave("a", claim(1, state=State.DEFERRED), 0.0)
    assert backlog.takes_due
    backlog.leave("a", claim(2, state=State.DEFERRED), 0.0)
    assert not backlog.takes_due
