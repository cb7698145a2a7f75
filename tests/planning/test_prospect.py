"""What was planned, what happened and what is foreseen, side by side."""

from __future__ import annotations

from contextlib import closing
from pathlib import Path

import pytest

from campaign.cli.terminal.course import course_lines, gone_at
from campaign.clock import SystemClock
from campaign.config.loader import load
from campaign.journal.reading.tallies import Tallies
from campaign.pages.charts import draw_courses
from campaign.planning.timing.forecast import Forecast, ForecastMark, thinned
from campaign.planning.timing.prospect import Prospect, Prospects, prospect
from fakes.clock import FakeClock
from fakes.mail.scripted_smtp import Script, ScriptedServer
from fakes.prepared.sending import Mailing, relay

NOW_S = 1_800_000_000.0
RATE = 'rates = ["50/s"]\n'
ZONED = """\
[schedule]
timezone = { column = "number", default = "UTC" }
windows = ["00:00-23:00"]
"""


def prospect_of(folder: Path, now_s: float) -> Prospect:
    campaign = load(folder)
    with closing(Tallies.open(*campaign.journal)) as reader:
        return prospect(campaign, reader, now_s)


def test_a_plan_keeps_the_course_that_it_foresaw(tmp_path: Path) -> None:
    clock = FakeClock()
    Mailing(tmp_path, relay(1, more='rates = ["1/s"]\n'), people=60, clock=clock).plan()
    seen = prospect_of(tmp_path, clock.wall + 3600)
    assert seen.planned[0] == (clock.wall, 0)
    assert seen.planned[-1].gone == 60
    assert seen.planned[-1].at_s == pytest.approx(clock.wall + 60, abs=1)
    assert seen.happened == ()
    assert seen.finish_s == pytest.approx(clock.wall + 3660, abs=1)  # nobody has gone yet


def test_a_plan_without_times_of_its_own_begins_with_its_run(tmp_path: Path) -> None:
    clock = SystemClock()
    with ScriptedServer(Script()) as server:
        mailing = Mailing(tmp_path, relay(server, more=RATE), people=10)
        mailing.plan()
        before_s = clock.now_s()
        mailing.send()
    seen = prospect_of(tmp_path, clock.now_s())
    assert seen.planned[0].at_s >= before_s
    assert seen.forecast is None  # nobody is left
    assert seen.happened[0].gone == 0
    assert seen.happened[-1].gone == 10


def test_of_a_long_list_with_zones_a_part_is_looked_at(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    way = relay(1, more='rates = ["1/s"]\n')
    clock = FakeClock()
    mailing = Mailing(tmp_path, way, people=300, clock=clock, more=ZONED)
    mailing.write()
    rows = "".join(f"r{n}@example.com,{'Asia/Tokyo' if n % 3 else 'UTC'}\n" for n in range(300))
    (tmp_path / "list.csv").write_text("email,number\n" + rows)
    from campaign.planning.plan import make_plan

    campaign = load(tmp_path)
    make_plan(campaign, clock=clock, render=False)
    whole = prospect_of(tmp_path, clock.wall).forecast
    monkeypatch.setattr("campaign.planning.timing.prospect.LOOKED_AT", 100)
    monkeypatch.setattr("campaign.planning.timing.outlook._PARTS", 20)
    part = prospect_of(tmp_path, clock.wall).forecast
    assert whole
    assert part
    assert part.sent == pytest.approx(whole.sent, abs=2)
    assert part.finish_s == pytest.approx(whole.finish_s, abs=3)


def test_who_is_left_is_counted_and_not_who_was_planned(tmp_path: Path) -> None:
    people = [f"r{n}@{'gmail.com' if n % 2 else 'example.com'}" for n in range(40)]
    with ScriptedServer(Script()) as server:
        way = relay(server) + '[limits."gmail.com"]\nrates = ["200/s", "5/day"]\n'
        Mailing(tmp_path, way, people=people).send(no_wait=True)
    now_s = SystemClock().now_s()
    seen = prospect_of(tmp_path, now_s)
    assert seen.happened[-1].gone == 25
    assert seen.forecast
    assert seen.forecast.sent == 15  # of gmail.com, five a day
    assert seen.forecast.finish_s - now_s == pytest.approx(3 * 86400, rel=0.02)


def test_it_is_asked_seldom(tmp_path: Path) -> None:
    clock = FakeClock()
    campaign = Mailing(tmp_path, relay(1), people=3, clock=clock).plan()
    prospects = Prospects(campaign, clock)
    with closing(Tallies.open(*campaign.journal)) as reader:
        first = prospects.ask(reader, clock.wall)
        assert prospects.ask(reader, clock.wall + 1) is first
        clock.sleep(6.0)
        assert prospects.ask(reader, clock.wall) is not first


def test_a_course_is_thinned_to_what_a_small_chart_shows() -> None:
    marks = [ForecastMark(NOW_S + second, second) for second in range(3601)]
    marks += [ForecastMark(NOW_S + 90_000 + second, 3600 + second) for second in range(100)]
    few = thinned(marks)
    assert len(few) < 110
    assert few[0] == marks[0]
    assert few[-1] == marks[-1]
    for mark in marks:  # within a hundredth of the whole
        assert gone_at(few, mark.at_s) == pytest.approx(mark.gone, abs=0.3 * 3600)
    assert gone_at(few, NOW_S + 50_000) == pytest.approx(3600, abs=1)  # the rest is a flat line


def test_a_terminal_shows_both_as_rows_of_blocks_and_the_forecast_as_a_sentence() -> None:
    planned = (ForecastMark(NOW_S, 0), ForecastMark(NOW_S + 4800, 100))
    happened = (ForecastMark(NOW_S, 0), ForecastMark(NOW_S + 2400, 25))
    last = {"": NOW_S + 3600, "gmail.com": NOW_S + 9600}
    seen = Forecast(NOW_S + 9600, 75, 3, last, ("windows", "ramp gmail.com"))
    said, of_each, expires, first, second, _ = course_lines(
        Prospect(planned, happened, seen), NOW_S + 2400
    )
    assert said.startswith("  forecast: done at ")
    assert ", planned for " in said
    assert said.endswith(", held up by windows; then ramp gmail.com")
    assert of_each.startswith("  the last of each: gmail.com ")
    assert expires == "  3 of those left will not go in time, and will expire"
    plan, sent = first.removeprefix("  planned "), second.removeprefix("  sent    ")
    assert (len(plan), plan[-1], plan[0]) == (48, "█", "▁")
    assert len(sent) == 13  # a quarter of the time is over
    assert sent[-1] == "▂"


def test_a_chart_of_plan_and_course_keeps_within_its_box() -> None:
    drawn = draw_courses(
        [(NOW_S, 0), (NOW_S + 100, 80)], [(NOW_S + 10, 0), (NOW_S + 60, 40)],
        [(NOW_S + 60, 40), (NOW_S + 200, 80)],
    )  # fmt: skip
    assert drawn
    assert drawn.planned == "M0.0 200.0 L500.0 0.0"
    assert drawn.happened == "M50.0 200.0 L300.0 100.0"
    assert drawn.foreseen == "M300.0 100.0 L1000.0 0.0"
    assert (drawn.top, drawn.half) == ("80", "40")
    assert draw_courses([], [(NOW_S, 1)], []) is None
