"""The promise of the README, in its short form; `make crash` is the long one."""

import pytest

from fakes.processes.crashing import crash_rounds


@pytest.mark.parametrize("policy", ["resend", "hold"])
def test_killed_at_random_nobody_is_lost_and_doubt_stays_within_the_connections(tmp_path, policy):
    tally = crash_rounds(
        tmp_path, rounds=5, recipients=800, connections=8, policy=policy, seed=len(policy)
    )
    assert tally.kills >= 3
    assert tally.lost == 0
