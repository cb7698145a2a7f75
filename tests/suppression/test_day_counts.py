"""How many were sent on each day, kept for all campaigns of a sender."""

from __future__ import annotations

import subprocess
import sys
from concurrent.futures import ThreadPoolExecutor
from datetime import date
from pathlib import Path

from campaign.schedule.ramp import DayCount
from campaign.suppression.day_counts import DayCounts

KEY, DAY = "provider google", date(2026, 12, 1)


def made(url: str, folder: Path) -> DayCounts:
    counts = DayCounts.open(url, folder)
    counts.make()
    return counts


def test_of_a_day_s_cap_nobody_gets_more_than_is_left(url: str, tmp_path: Path) -> None:
    with made(url, tmp_path) as one, made(url, tmp_path) as other:
        assert one.take(KEY, DAY, 30, 50) == (30, DayCount(DAY, 30))
        assert other.take(KEY, DAY, 30, 50) == (20, DayCount(DAY, 50))
        assert one.take(KEY, DAY, 1, 50) == (0, DayCount(DAY, 50))


def test_campaigns_at_once_share_one_cap(url: str, tmp_path: Path) -> None:
    def campaign(_: int) -> int:
        with made(url, tmp_path) as counts:
            return sum(counts.take(KEY, DAY, 3, 100)[0] for _ in range(15))

    with ThreadPoolExecutor(4) as campaigns:
        assert sum(campaigns.map(campaign, range(4))) == 100


def test_what_was_not_used_can_be_taken_again(url: str, tmp_path: Path) -> None:
    with made(url, tmp_path) as counts:
        counts.take(KEY, DAY, 50, 50)
        counts.give_back(KEY, DAY, 2)
        assert counts.take(KEY, DAY, 50, 50)[0] == 2


def test_above_the_ladder_everything_is_counted_and_nothing_refused(
    url: str, tmp_path: Path
) -> None:
    with made(url, tmp_path) as counts:
        assert counts.take(KEY, DAY, 1_000_000, None)[0] == 1_000_000


def test_what_came_of_letters_stands_beside_their_number(url: str, tmp_path: Path) -> None:
    with made(url, tmp_path) as counts:
        counts.take(KEY, DAY, 10, 50)
        counts.note(KEY, DAY, throttles=1, bounces=2)
        counts.note(KEY, DAY, complaints=3)
        assert counts.all() == {KEY: [DayCount(DAY, 10, 1, 3, 2)]}


def test_where_nothing_was_counted_nothing_is_made_to_read_it(url: str, tmp_path: Path) -> None:
    with DayCounts.open(url, tmp_path) as counts:
        assert counts.all() == {}


# Takes one part after the other, and says each once it is counted.
TAKER = """
import sys
from datetime import date
from pathlib import Path
from campaign.suppression.day_counts import DayCounts

with DayCounts.open(sys.argv[1], Path(sys.argv[2])) as counts:
    counts.make()
    while counts.take("provider google", date(2026, 12, 1), 1, 60)[0]:
        print("one", flush=True)
"""


def test_who_is_killed_while_taking_has_counted_all_that_it_took(url: str, tmp_path: Path) -> None:
    taken = 0
    for heard in (7, 19, 60):  # the last one ends by itself
        with subprocess.Popen(
            [sys.executable, "-c", TAKER, url, str(tmp_path)], stdout=subprocess.PIPE, text=True
        ) as taker:
            assert taker.stdout
            for _ in zip(range(heard), taker.stdout, strict=False):
                taken += 1
            taker.kill()
            taken += len(taker.stdout.readlines())
    with DayCounts.open(url, tmp_path) as counts:
        ((count,),) = counts.all().values()
    assert taken <= count.sent == 60
    assert count.sent - taken <= 2  # taken by those that were killed, and not said any more
