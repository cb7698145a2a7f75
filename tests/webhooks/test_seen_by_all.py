"""Letters wait in the journal for endpoints that are not told of them yet, unless one is off."""

from __future__ import annotations

import sys
from collections.abc import Callable
from contextlib import closing
from pathlib import Path
from typing import Any

from campaign.journal.reading.reader import Reader
from campaign.journal.reading.since import changes_since
from campaign.records import State
from campaign.webhooks.outbox import Outbox
from campaign.webhooks.source import seen_by_all
from fakes.prepared.journals import URL, open_journal
from fakes.prepared.rotating import BEGIN_S, DAY_S, open_plan, rotate, settle


def test_the_last_change_is_that_of_the_endpoint_that_is_behind(
    hooked: Callable[..., Any],
) -> None:
    first, second = "https://one.example/h", "https://two.example/h"
    made = hooked(2, first, second)
    campaign = made.campaign
    with closing(Outbox.open(*campaign.journal)) as outbox:
        behind = outbox.register(first, "plan", 5, 0, 1.0)
        outbox.register(second, "plan", 9, 0, 1.0)
        outbox.register("https://of-another-time.example/h", "plan", 1, 0, 1.0)
        assert seen_by_all(campaign) == 5
        outbox.disable(behind.endpoint, "it was silent", 2.0)
        assert seen_by_all(campaign) == 9
        for each in outbox.standings():
            outbox.disable(each.endpoint, "it was silent", 2.0)
        assert seen_by_all(campaign) == sys.maxsize


def test_who_follows_passes_over_numbers_that_have_left_for_archives(tmp_path: Path) -> None:
    """An endpoint was off for longer than letters stay, and is told again."""
    with closing(open_plan(tmp_path)) as journal:
        settle(journal, [State.EXPIRED] * 50, at_s=BEGIN_S)
    rotate(tmp_path, before_s=BEGIN_S + DAY_S)
    with closing(open_journal(tmp_path)) as journal:
        settle(journal, [State.EXPIRED], first=51, at_s=BEGIN_S + 2 * DAY_S)
    with closing(Reader.open(URL, tmp_path)) as reader:
        page = changes_since(reader, 0, [State.EXPIRED], 1_000)
    assert [each.row for each in page.changes] == [50, 51]
    assert page.missing == ()
