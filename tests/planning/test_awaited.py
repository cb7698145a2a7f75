"""What planned recipients wait for: quotas of some lanes, the pace of a run, seldom asked."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import closing, contextmanager
from pathlib import Path

import pytest

from campaign.clock import SystemClock
from campaign.config.loader import load
from campaign.journal.reading.claiming import ClaimReader
from campaign.outcomes import NO_WAIT
from campaign.planning.timing.awaited import Waits
from fakes.mail.scripted_smtp import Script, ScriptedServer
from fakes.prepared.sending import Mailing, relay

NOW_S = SystemClock().now_s()
PACED = '[limits."qq.com"]\nrates = ["100/s"]\n'


class Ticking:
    """A clock whose ticks are two seconds apart: so long each look at the journal seems to take."""

    def __init__(self) -> None:
        self.at_s = 0.0

    def now_s(self) -> float:
        return NOW_S

    def tick_s(self) -> float:
        self.at_s += 2.0
        return self.at_s

    passed_s = tick_s


@contextmanager
def planned(folder: Path, way: str, *people: str) -> Iterator[tuple[Waits, ClaimReader]]:
    campaign = Mailing(folder, way, people=people).plan()
    with closing(ClaimReader.open(*campaign.journal)) as reader:
        yield Waits(campaign, SystemClock()), reader


@pytest.mark.parametrize(
    ("per_s", "people", "words"),
    [
        (3.0, ("a@qq.com", "b@qq.com"), "waits its turn: limits qq.com 100/s"),
        (3.0, ("a@qq.com", "b@example.com"), ""),  # somebody without a limit may go
        (0.0, ("a@qq.com", "b@qq.com"), ""),  # nobody sends: no pace holds it up
    ],
)
def test_a_pace_is_named_where_all_who_are_left_keep_to_it(
    tmp_path: Path, per_s: float, people: tuple[str, ...], words: str
) -> None:
    with planned(tmp_path, relay(1) + PACED, *people) as (waits, reader):
        assert waits.ask(reader, NOW_S, per_s) == (words, None)


@pytest.mark.parametrize(("per_s", "is_named"), [(47.0, True), (20.0, False)])
def test_the_pace_of_a_relay_is_named_where_the_run_is_as_quick_as_it_allows(
    tmp_path: Path, per_s: float, is_named: bool
) -> None:
    way = relay(1, more='rates = ["50/s"]\n')
    with planned(tmp_path, way, "a@example.com") as (waits, reader):
        words = waits.ask(reader, NOW_S, per_s).words
    assert words == ("waits its turn: relay 127.0.0.1 50/s" if is_named else "")


def test_a_lane_whose_quota_is_used_up_is_named_though_others_may_go(tmp_path: Path) -> None:
    people = ("a@example.com", "b@example.com", "c@example.net")
    way = '[limits."example.com"]\nrates = ["200/s", "1/day"]\n'
    with ScriptedServer(Script()) as server:
        mailing = Mailing(tmp_path, relay(server) + way, people=people)
        mailing.send(no_wait=True)
    campaign, now_s = load(tmp_path), SystemClock().now_s()
    with closing(ClaimReader.open(*campaign.journal)) as reader:
        awaited = Waits(campaign, SystemClock()).ask(reader, now_s, 0.0)
    assert awaited.words.startswith("waits its turn: limits example.com 1/day is used up, next at ")
    assert awaited.until_s is not None
    assert 86_000 < awaited.until_s - now_s < 87_000


def test_the_journal_is_asked_for_a_tenth_of_the_time_at_most(tmp_path: Path) -> None:
    campaign = Mailing(tmp_path, relay(1) + PACED, people=("a@qq.com",)).plan()
    waits = Waits(campaign, Ticking())
    with closing(ClaimReader.open(*campaign.journal)) as reader:
        assert waits.ask(reader, NOW_S, 0.0) == NO_WAIT  # from tick 2 to 4: kept until 24
        answers = [waits.ask(reader, NOW_S, 3.0).words for _ in range(10)]  # ticks 6 to 24
    assert answers[:9] == [""] * 9
    assert answers[9] == "waits its turn: limits qq.com 100/s"
