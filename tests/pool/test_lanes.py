"""Which letter goes next."""

import pytest

from campaign.pool.lanes import Lanes
from campaign.records import Claim, Letter
from campaign.units import Rate


def letter(row: int, domain: str) -> Letter:
    address = f"p{row}@{domain}"
    claim = Claim(row, 0, address, address, domain, "[]", 0, 0, 0, 0.0)
    return Letter(row, "me@example.com", address, b"Hi\r\n", 4, False, claim)


def lanes_with(**limits) -> Lanes:
    return Lanes(lambda name: limits.get(name.split(".")[0], ((), 100)))


def take_all(lanes: Lanes, now_s: float) -> list[int]:
    """Each letter over a connection of its own."""
    rows = []
    while (taken := lanes.take(now_s, object())) is not None:
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


def test_a_provider_never_has_more_connections_than_its_limit():
    lanes = lanes_with(a=((), 2))
    letters = [letter(n, "a.test") for n in range(5)]
    lanes.put(letters)
    assert [lanes.take(0.0, "first"), lanes.take(0.0, "second")] == letters[:2]
    assert lanes.take(0.0, "third") is None
    lanes.done(letters[0], "first")
    assert lanes.take(0.0, "third") == letters[2]
    assert lanes.take(0.0, "first") is None


def test_the_next_envelope_behind_the_dot_takes_no_further_connection():
    lanes = lanes_with(a=((), 1))
    letters = [letter(n, "a.test") for n in range(4)]
    lanes.put(letters)
    assert lanes.take(0.0, "first") == letters[0]
    assert lanes.take(0.0, "first", behind=letters[0]) == letters[1]
    assert lanes.take(0.0, "second") is None
    lanes.done(letters[0], "first")
    assert lanes.take(0.0, "second") is None
    assert lanes.take(0.0, "first", behind=letters[1]) == letters[2]
    lanes.done(letters[1], "first")
    lanes.done(letters[2], "first")
    assert lanes.take(0.0, "second") == letters[3]


def test_a_full_provider_lets_the_others_ride_first():
    lanes = lanes_with(a=((), 1))
    letters = [letter(0, "a.test"), letter(1, "a.test"), letter(2, "b.test")]
    lanes.put(letters)
    assert lanes.take(0.0, "first") == letters[0]
    assert lanes.take(0.0, "first", behind=letters[0]) == letters[2]


def test_a_provider_holds_three_quarters_of_the_places_while_others_have_letters():
    lanes = lanes_with()
    lanes.places = 8
    slow = [letter(n, "slow.test") for n in range(20)]
    lanes.put(slow)
    connections = list(range(8))
    for connection in connections:
        assert lanes.take(0.0, connection) == slow[connection]
    quick = [letter(n, "quick.test") for n in range(100, 120)]
    lanes.put(quick)
    for connection in (0, 1):  # places over its share go to the others as they become free
        lanes.done(slow[connection], connection)
        assert lanes.take(0.0, connection) == quick[connection]
    for turn in range(2, 10):
        lanes.done(quick[turn - 2], turn % 2)
        assert lanes.take(0.0, turn % 2) == quick[turn]
    lanes.done(slow[2], 2)  # below its share again: it takes its turn
    assert lanes.take(0.0, 2) == slow[8]


def test_a_connection_of_a_provider_with_its_share_takes_no_other_letter_behind():
    lanes = lanes_with()
    lanes.places = 4
    slow = [letter(n, "slow.test") for n in range(10)]
    quick = [letter(n, "quick.test") for n in range(100, 110)]
    lanes.put(slow)
    for connection in range(3):
        lanes.take(0.0, connection)
    lanes.put(quick)
    assert lanes.take(0.0, 0, behind=slow[0]) == slow[3]
    assert lanes.take(0.0, 3) == quick[0]
    assert lanes.take(0.0, 3, behind=quick[0]) == quick[1]


def test_a_provider_alone_holds_every_place():
    lanes = lanes_with()
    lanes.places = 4
    slow = [letter(n, "slow.test") for n in range(4)]
    lanes.put(slow)
    assert [lanes.take(0.0, connection) for connection in range(4)] == slow


def test_one_place_is_shared_in_turns():
    lanes = lanes_with()
    lanes.places = 1
    lanes.put([letter(n, f"{'ab'[n % 2]}.test") for n in range(6)])
    rows = []
    for _ in range(6):
        taken = lanes.take(0.0, "only")
        rows.append(taken.row)
        lanes.done(taken, "only")
    assert sorted(row % 2 for row in rows[:4]) == [0, 0, 1, 1]


def test_a_resting_provider_gets_no_more_letters_into_memory():
    lanes = lanes_with()
    lanes.lane("a.test").governor.throttled(0.0, 600.0)
    assert lanes.lane("a.test").room(0.0, 1000) == 0
    assert lanes.lane("a.test").look_s(0.0) == 60.0
    assert lanes.lane("a.test").look_s(590.0) == 9.0
    assert lanes.lane("b.test").room(0.0, 1000) > 1000


def test_a_provider_with_a_rate_has_what_it_can_send_in_two_seconds_in_memory():
    lanes = lanes_with(a=((Rate(100, 1.0),), 100))
    lane = lanes.lane("a.test")
    assert lane.room(0.0, 1000) == 201
    for _ in range(201):
        lanes.expect(lane)
    assert lane.room(0.0, 1000) == 0
    assert 0.9 < lane.look_s(0.0) <= 1.0
    assert lanes.lane("a.test").room(0.0, 50) == 0


def test_a_provider_whose_quota_is_nearly_used_up_has_no_more_than_that_in_memory():
    lanes = lanes_with(a=((Rate(100, 1.0), Rate(4, 86400.0)), 100))
    lanes.put([letter(1, "a.test")])
    assert lanes.lane("a.test").room(0.0, 1000) == 3


def test_a_provider_whose_places_are_all_taken_keeps_to_its_share_of_the_memory():
    lanes = lanes_with(a=((), 1))
    lanes.put([letter(n, "a.test") for n in range(5)])
    assert lanes.lane("a.test").room(0.0, 50) > 50
    lanes.take(0.0, "first")
    assert lanes.lane("a.test").room(0.0, 50) == 46


def test_a_long_rest_gives_the_letters_back_and_a_short_one_does_not():
    given = []
    lanes = Lanes(lambda name: ((), 10), give_back=given.extend)
    lanes.put([letter(1, "a.test")])
    lanes.rest(lanes.lane("a.test"), 10.0)
    assert (lanes.ready, given) == (1, [])
    lanes.rest(lanes.lane("a.test"), 11.0)
    assert (lanes.ready, [each.row for each in given]) == (0, [1])


def test_lanes_that_hold_nothing_are_forgotten():
    lanes = lanes_with()
    for n in range(100):
        lanes.put([letter(n, f"d{n}.test")])
        lanes.done(lanes.take(0.0, 0), 0)
    assert lanes.take(0.0, 0) is None
    lanes.forget_plain(0.0)
    assert not lanes._lanes


def test_a_lane_that_rests_is_not_forgotten_where_one_connection_is_its_limit():
    lanes = Lanes(lambda name: ((), 1))
    lanes.put([letter(1, "x.test")])
    taken = lanes.take(0.0, "a")
    assert taken is not None
    lanes.done(taken, "a").governor.throttled(0.0, 3600.0)
    assert lanes.take(1.0, "a") is None
    lanes.forget_plain(1.0)
    assert lanes.lane("x.test").wait_s(1.0) > 0


def test_a_provider_with_a_rate_keeps_its_share_of_a_full_relay():
    lanes = lanes_with(paced=((Rate(100, 1.0),), 1000))
    many = [letter(n, f"d{n % 300}.test") for n in range(3000)]
    lanes.put(many)
    lanes.put([letter(n, "paced.test") for n in range(5000, 5500)])
    paced = 0
    for n in range(900):  # three seconds of a relay that takes 300/s
        taken = lanes.take(n / 300, n)
        assert taken is not None
        paced += taken.row >= 5000
    assert 290 <= paced <= 310


def test_providers_with_rates_leave_the_others_a_turn_of_three():
    lanes = lanes_with(paced=((Rate(10_000, 1.0),), 1000))
    lanes.put([letter(n, f"d{n % 10}.test") for n in range(300)])
    lanes.put([letter(n, "paced.test") for n in range(1000, 1300)])
    rows = [taken.row for n in range(90) if (taken := lanes.take(n / 10, n)) is not None]
    assert 55 <= sum(row >= 1000 for row in rows) <= 65


def lanes_of_two_kinds() -> Lanes:
    """Letters of rows below 1000 go first."""
    return Lanes(lambda name: ((), 10_000), is_first=lambda letter: letter.row < 1000)


def test_a_letter_that_goes_first_passes_all_that_are_ready():
    lanes = lanes_of_two_kinds()
    lanes.put([letter(n, f"d{n % 7}.test") for n in range(1000, 1500)])
    lanes.put([letter(1, "d3.test"), letter(2, "other.test")])
    assert [lanes.take(0.0, object()).row for _ in range(2)] == [1, 2]


@pytest.mark.parametrize("domains", [1, 2, 30])
def test_the_others_have_one_turn_of_ten_however_many_go_first(domains: int):
    lanes = lanes_of_two_kinds()
    lanes.put([letter(n, f"d{n % domains}.test") for n in range(900)])
    lanes.put([letter(n, f"d{n % domains}.test") for n in range(1000, 1900)])
    taken = [lanes.take(0.0, object()).row for _ in range(500)]
    assert sum(row >= 1000 for row in taken) == 50
    assert len(set(taken) | set(take_all(lanes, 0.0))) == 1800


def test_letters_that_go_first_keep_to_the_rate_of_their_provider():
    lanes = Lanes(lambda name: ((Rate(1, 10.0),), 100), is_first=lambda letter: letter.row < 1000)
    lanes.put([letter(1000, "a.test"), letter(1, "a.test"), letter(2, "a.test")])
    assert take_all(lanes, 0.0) == [1]
    assert take_all(lanes, 10.0) == [2]
    assert take_all(lanes, 20.0) == [1000]


@pytest.mark.parametrize("places", [1, 2, 4])
def test_over_few_connections_the_shares_are_the_same(places: int):
    lanes = lanes_of_two_kinds()
    lanes.places = places
    lanes.put([letter(n, "a.test") for n in range(400)])
    lanes.put([letter(n, "a.test") for n in range(1000, 1400)])
    taken = []
    for number in range(300):
        given = lanes.take(0.0, number % places)
        taken.append(given.row)
        lanes.done(given, number % places)
    assert sum(row >= 1000 for row in taken) == 30
