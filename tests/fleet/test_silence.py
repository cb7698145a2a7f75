"""Who is taken for dead: by beats that were seen, and by nobody's wall clock."""

from __future__ import annotations

from campaign.fleet.portions import surplus, wanted
from campaign.fleet.silence import Silence
from campaign.journal.sharing.leases import LeaseStanding, Member, Shard


def of(epoch: int, beat: int) -> Member:
    return Member(epoch, f"w{epoch}", "host", beat, 15.0)


def test_a_member_whose_beat_stands_still_for_a_lease_is_overdue() -> None:
    silence = Silence(6.0)
    for second in range(0, 15, 3):
        assert silence.overdue([of(1, 7)], float(second)) == []
    assert silence.overdue([of(1, 7)], 15.0) == [of(1, 7)]


def test_a_beat_begins_the_lease_anew() -> None:
    silence = Silence(6.0)
    for second in range(0, 60, 3):
        assert silence.overdue([of(1, second // 12)], float(second)) == []


def test_time_in_which_nobody_looked_says_nothing_of_others() -> None:
    silence = Silence(6.0)
    assert silence.overdue([of(1, 7)], 0.0) == []
    # halted for an hour, or the database was gone
    assert silence.overdue([of(1, 7)], 3600.0) == []
    assert silence.overdue([of(1, 7)], 3603.0) == []
    assert silence.overdue([of(1, 7)], 3609.0) == [of(1, 7)]


def standing(members: int, held: int, free: int, shards: int, *, slices: bool) -> LeaseStanding:
    return LeaseStanding(
        tuple(of(n, 0) for n in range(1, members + 1)),
        tuple(Shard(n, n if slices else 0, n if slices else 0) for n in range(1, held + 1)),
        free,
        shards,
        slices,
        False,
    )


def test_slices_are_taken_fewer_as_fewer_are_left_and_only_by_who_has_read_his() -> None:
    assert wanted(standing(3, 0, 240, 256, slices=True), 0) == 20
    assert wanted(standing(3, 5, 8, 256, slices=True), 1) == 1
    assert wanted(standing(3, 5, 8, 256, slices=True), 2) == 0
    assert wanted(standing(3, 5, 0, 256, slices=True), 0) == 0


def test_domains_are_shared_out_and_given_back_to_who_joins() -> None:
    assert wanted(standing(1, 0, 128, 128, slices=False), 0) == 128
    assert wanted(standing(3, 0, 128, 128, slices=False), 0) == 43
    assert len(surplus(standing(2, 128, 0, 128, slices=False))) == 64
    assert surplus(standing(2, 64, 64, 128, slices=False)) == []
    assert surplus(standing(2, 5, 0, 256, slices=True)) == []
