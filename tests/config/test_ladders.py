"""[ramp] is read whole, and each fault of it is told with its line."""

from __future__ import annotations

from pathlib import Path

import pytest

from campaign.config.checking.ladders import rule_of
from campaign.errors import ConfigErrors
from campaign.schedule.ramp import LADDERS
from fakes.prepared.campaigns import LEAST, settings_of

FIRST_LINE = LEAST.count("\n") + 2


@pytest.mark.parametrize(
    ("line", "what", "remedy"),
    [
        ('ladder = "mailchimp"', "'mailchimp' is not a ladder", "daily, sendgrid"),
        ("ladder = [50, 20]", "a ladder goes up", "[50, 100, 500]"),
        ("ladder = [0, 20]", "a ladder goes up", "[50, 100, 500]"),
        ("ladder = []", "this is not a ladder", "first = 50"),
        ("ladder = { first = 50, factor = 1.0, until = 90 }", "factor, above 1", "factor = 1.4"),
        ('ladder = { name = "daily", first = 3 }', "this is not a ladder", "first = 50"),
        ('ladder = "daily"\ncomplaints = 3', "'3' is not a percentage", "0.3%"),
        ('ladder = "daily"\nbounces = "500%"', "more than all", "100%"),
        ('ladder = "daily"\nper = "domain"', 'per is "domain"', "'provider'"),
    ],
)
def test_a_fault_of_a_ramp_is_told_with_its_line_and_a_remedy(
    tmp_path: Path, line: str, what: str, remedy: str
) -> None:
    with pytest.raises(ConfigErrors) as told:
        settings_of(tmp_path, f"[ramp]\n{line}\n")
    (error,) = told.value.errors
    assert error.line == FIRST_LINE + line.count("\n")
    assert what in error.what
    assert remedy in error.remedy


def test_two_ramps_limit_different_things(tmp_path: Path) -> None:
    one = '[[ramp]]\nladder = "daily"\n'
    with pytest.raises(ConfigErrors, match=r"two .*ramp.* limit the same"):
        settings_of(tmp_path, one + one)
    both = settings_of(tmp_path, one + one + 'per = "relay"\n')
    assert [ramp.per for ramp in both.ramp] == ["provider", "relay"]


@pytest.mark.parametrize(
    ("ladder", "steps"),
    [
        ('"sendgrid"', LADDERS["sendgrid"]),
        ("[50, 100]", (50, 100)),
        ("{ first = 50, factor = 1.4, until = 120 }", (50, 70, 98, 120)),
    ],
)
def test_a_ladder_is_written_in_three_ways(
    tmp_path: Path, ladder: str, steps: tuple[int, ...]
) -> None:
    (ramp,) = settings_of(tmp_path, f"[ramp]\nladder = {ladder}\n").ramp
    assert rule_of(ramp).ladder == steps


def test_thresholds_are_shares_of_a_day(tmp_path: Path) -> None:
    (ramp,) = settings_of(tmp_path, '[ramp]\nladder = "daily"\nbounces = "2.5%"\n').ramp
    assert (rule_of(ramp).most_complaints, rule_of(ramp).most_bounces) == (0.003, 0.025)
