"""Which journal may be gone on with, and by which time."""

from __future__ import annotations

import pytest

from campaign.delivery.beginning.staleness import RunClock, clock_for, refuse_stale
from campaign.errors import EXIT_INTERRUPTED, StaleError
from campaign.journal.holding.lock import Runner
from campaign.journal.store import LastRun
from fakes.clock import FakeClock

DAY = 86_400.0
NOW = 1_800_000_000.0


def last_run(**also: object) -> LastRun:
    known = {
        "host": "here",
        "boot_id": "",
        "pid": 1,
        "started_s": NOW - 900,
        "ended_s": 0.0,
        "how": "",
        "inode": "7",
        "last_change_s": NOW - 600,
    }
    return LastRun(**{**known, **also})


class _Journal:
    """A journal of which only the last run is asked."""

    inode = "7"

    def __init__(self, last: LastRun | None) -> None:
        self._last = last

    def last_run(self) -> LastRun | None:
        return self._last


def test_a_journal_used_minutes_ago_on_this_host_is_gone_on_with():
    refuse_stale(last_run(), NOW, "here")


def test_a_journal_from_another_host_is_refused_and_both_are_named():
    with pytest.raises(StaleError, match=r"last used on there, this is here.*--resume-stale"):
        refuse_stale(last_run(host="there"), NOW, "here")


def test_another_file_than_the_last_run_wrote_to_is_refused():
    with pytest.raises(StaleError, match=r"is a copy.*--resume-stale"):
        refuse_stale(last_run(), NOW, "here", "8")
    refuse_stale(last_run(inode=""), NOW, "here", "8")  # a run of a version that kept none


@pytest.mark.parametrize("silent_s", [DAY + 601, 8 * DAY, 3650 * DAY])
def test_a_journal_silent_for_more_than_a_day_is_refused(silent_s):
    with pytest.raises(StaleError, match="--resume-stale") as raised:
        refuse_stale(last_run(), NOW + silent_s, "here")
    assert raised.value.exit_code == EXIT_INTERRUPTED


def test_any_sign_of_life_counts():
    old = {"started_s": NOW - 9 * DAY, "last_change_s": NOW - 9 * DAY}
    refuse_stale(last_run(**old, ended_s=NOW - DAY + 1), NOW, "here")


def test_a_first_run_goes_by_the_wall_clock():
    clock = FakeClock(wall=NOW)
    assert clock_for(_Journal(None), clock, may_be_stale=False).now_s() == NOW


def test_a_finished_or_allowed_journal_may_be_as_old_as_it_likes():
    clock = FakeClock(wall=NOW + 3650 * DAY)
    assert clock_for(_Journal(last_run()), clock, may_be_stale=True).now_s() == clock.wall


def test_with_the_clock_back_a_day_the_journals_time_goes_on():
    clock = FakeClock(wall=NOW - DAY)
    last = last_run(host=Runner.this_process(NOW).host, last_change_s=NOW)
    run_clock = clock_for(_Journal(last), clock, may_be_stale=False)
    assert run_clock.was_set_back
    assert run_clock.behind_s == DAY
    clock.sleep(300)
    # A retry that was due in five minutes is due in five minutes, not in a day and five minutes.
    assert run_clock.now_s() == NOW + 300


def test_a_clock_behind_by_seconds_is_no_matter():
    clock = FakeClock(wall=NOW - 2)
    run_clock = RunClock(clock, NOW)
    assert not run_clock.was_set_back
    assert run_clock.now_s() == NOW


@pytest.mark.parametrize("jump_s", [-DAY, 10 * 365 * DAY, 3600, -3600])
def test_a_wall_clock_that_is_set_during_a_run_changes_nothing(jump_s):
    clock = FakeClock(wall=NOW)
    run_clock = RunClock(clock, 0.0)
    clock.sleep(10)
    clock.wall += jump_s
    clock.sleep(10)
    assert run_clock.now_s() == NOW + 20
    assert run_clock.asleep_s == 0


def test_a_wall_clock_that_stands_still_does_not_stop_the_retries():
    clock = FakeClock(wall=NOW)
    run_clock = RunClock(clock, 0.0)
    clock.tick += 300
    assert run_clock.now_s() == NOW + 300


def test_sleep_passes_for_stamps_and_retries_but_is_told_apart():
    clock = FakeClock(wall=NOW)
    run_clock = RunClock(clock, 0.0)
    clock.sleep(60)
    clock.doze(9 * 3600)
    clock.sleep(60)
    assert run_clock.now_s() == NOW + 9 * 3600 + 120
    assert run_clock.asleep_s == 9 * 3600


def test_the_system_clock_counts_on():
    from campaign.clock import SystemClock

    clock = SystemClock()
    first = clock.passed_s()
    assert clock.passed_s() >= first
    assert clock.passed_s() >= clock.tick_s() - 1  # sleep only adds
