"""Which letter goes next."""

from itertools import pairwise

from campaign.records import Claim, Letter
from campaign.smtp.lanes import Lanes
from campaign.units import Rate


def letter(row: int, domain: str) -> Letter:
    address = f"p{row}@{domain}"
    claim = Claim(row, 0, address, address, domain, "[]", 0, 0, 0, 0.0)
    return Letter(row, "me@example.com", address, b"Hi\r\n", 4, False, claim)


def lanes_with(**limits) -> Lanes:
    return Lanes(lambda name: limits.get(name.split(".")[0], ((), 100)))


def take_all(lanes: Lanes, now_s: float) -> list[int]:
    rows = []
    while (taken := lanes.take(now_s)) is not None:
        rows.append(taken.row)
    return rows


def test_providers_take_turns():
    lanes = lanes_with()
    lanes.put([letter(n, "a.test") for n in range(3)] + [letter(n, "b.test") for n in range(3, 6)])
    assert take_all(lanes, 0.0) == [0, 3, 1, 4, 2, 5]


def test_a_paced_provider_does_not_hold_up_the_others():
    lanes = lanes_with(a=((Rate(1, 10.0),), 100))
    lanes.put([letter(n, "a.test") for n in range(3)] + [letter(n, "b.test") for n in range(3, 6)])
    assert sorted(take_all(lanes, 0.0)) == [0, 3, 4, 5]
    assert lanes.next_wait_s(0.0) is not None
    assert take_all(lanes, 10.0) == [1]


def test_a_resting_provider_does_not_hold_up_the_others():
    lanes = lanes_with()
    lanes.put([letter(0, "a.test"), letter(1, "b.test")])
    lanes.lane("a.test").governor.throttled(0.0, 600.0)
    assert take_all(lanes, 1.0) == [1]
    assert take_all(lanes, 600.0) == [0]
    assert lanes.ready == 0


def test_a_provider_never_has_more_letters_on_the_wire_than_its_connections():
    lanes = lanes_with(a=((), 2))
    letters = [letter(n, "a.test") for n in range(5)]
    lanes.put(letters)
    assert take_all(lanes, 0.0) == [0, 1]
    lanes.done(letters[0])
    assert take_all(lanes, 0.0) == [2]


def test_a_resting_provider_gets_no_more_letters_into_memory():
    lanes = lanes_with()
    lanes.lane("a.test").governor.throttled(0.0, 600.0)
    assert lanes.admit("a.test", 0.0, 1000) >= 600
    assert lanes.admit("b.test", 0.0, 1000) == 0.0


def test_letters_a_rate_has_no_room_for_get_each_a_time_of_their_own():
    lanes = lanes_with(a=((Rate(1, 1.0),), 100))
    waits = [lanes.admit("a.test", 0.0, 1000) for _ in range(40)]
    put_off = [wait_s for wait_s in waits if wait_s]
    assert len(put_off) == 9
    assert [round(b - a, 6) for a, b in pairwise(put_off)] == [1.0] * 8


def test_lanes_that_hold_nothing_are_forgotten():
    lanes = lanes_with()
    for n in range(100):
        lanes.put([letter(n, f"d{n}.test")])
        lanes.done(lanes.take(0.0))
    assert lanes.take(0.0) is None
    lanes.forget_plain()
    assert not lanes._lanes
