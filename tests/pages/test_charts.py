"""Edges and times that people can read off a chart."""

from __future__ import annotations

from datetime import UTC, datetime

import pytest

from campaign.pages.charts import Point, draw_curve, round_up

NOON = datetime(2026, 12, 1, 12, 0, 7, tzinfo=UTC).timestamp()


@pytest.mark.parametrize(
    ("rate", "edge"), [(0, 1), (1, 1), (1.2, 1.5), (210, 250), (260, 300), (7001, 8000)]
)
def test_the_upper_edge_is_close_and_round(rate: float, edge: float) -> None:
    assert round_up(rate) == edge


@pytest.mark.parametrize("span_s", [3, 40, 600, 4_000, 50_000, 86_400 * 3, 86_400 * 60])
def test_times_at_the_axis_are_round_and_few(span_s: float) -> None:
    curve = draw_curve([Point(NOON, 1), Point(NOON + span_s, 2)], zone=UTC)
    assert curve
    assert 2 <= len(curve.ticks) <= 6
    assert all(0 <= tick.at <= 100 for tick in curve.ticks)


def test_a_day_that_changes_is_named() -> None:
    curve = draw_curve([Point(NOON, 1), Point(NOON + 50_000, 2)], zone=UTC)
    assert curve
    assert any("02 Dec" in tick.text for tick in curve.ticks)


def test_one_point_is_not_a_curve() -> None:
    assert draw_curve([Point(NOON, 1)]) is None
