"""Where the figures come from: this process, a journal, what a command counts.

In: the url of [journal].  Out: `Sample`s.  Touches: the journal, read-only; /proc.
"""

from __future__ import annotations

import os
import threading
import time
from collections import Counter
from collections.abc import Iterable, Iterator
from contextlib import closing
from pathlib import Path

from campaign import __version__
from campaign.errors import CampaignError
from campaign.journal.holding.pausing import PauseMark
from campaign.journal.reading.glance import glance
from campaign.journal.reading.questions import Glance
from campaign.journal.reading.returned.events import count_events
from campaign.metrics.exposition import Sample

_STARTED_S = time.time()  # of this module, which is loaded in a command's first moments


class Counts:
    """What a command counts while it runs; any thread may add."""

    def __init__(self, name: str) -> None:
        self._name = name
        self._counts: Counter[tuple[str, ...]] = Counter()
        self._lock = threading.Lock()

    def add(self, *labels: str, by: int = 1) -> None:
        with self._lock:
            self._counts[labels] += by

    def __call__(self) -> Iterable[Sample]:
        with self._lock:
            return [Sample(self._name, count, labels) for labels, count in self._counts.items()]


def process_figures() -> Iterator[Sample]:
    """Of this process; what the system does not tell is left out."""
    yield Sample("campaign_build_info", 1, (__version__,))
    times = os.times()
    yield Sample("process_cpu_seconds_total", times.user + times.system)
    yield Sample("process_start_time_seconds", _STARTED_S)
    try:
        pages = int(Path("/proc/self/statm").read_text("ascii").split()[1])
        yield Sample("process_resident_memory_bytes", pages * os.sysconf("SC_PAGE_SIZE"))
        yield Sample("process_open_fds", len(os.listdir("/proc/self/fd")))
    except OSError:
        return


class JournalFigures:
    """Of one campaign; a journal that cannot be read is a figure too."""

    def __init__(self, campaign: str, url: str, folder: Path) -> None:
        self._campaign = campaign
        self._url = url
        self._folder = folder

    def __call__(self) -> Iterable[Sample]:
        named = (self._campaign,)
        try:
            with closing(glance(self._url, self._folder)) as seen:
                found = list(self._ask(seen))
            for kind, count in count_events(self._url, self._folder).items():
                found.append(Sample("campaign_events_total", count, (*named, kind)))
            paused = PauseMark(self._url, self._folder).read() is not None
        except CampaignError:
            return [Sample("campaign_journal_up", 0, named)]
        return [
            Sample("campaign_journal_up", 1, named),
            Sample("campaign_paused", paused, named),
            *found,
        ]

    def _ask(self, seen: Glance) -> Iterator[Sample]:
        named = (self._campaign,)
        for state, count in seen.counts().items():
            yield Sample("campaign_recipients", count, (*named, str(state)))
        number, at_s = seen.latest_change()
        yield Sample("campaign_changes_total", number, named)
        yield Sample("campaign_last_change_timestamp_seconds", at_s, named)
        due_s = seen.next_due()
        if due_s is not None:
            yield Sample("campaign_next_due_timestamp_seconds", due_s, named)
        is_running = seen.is_running()
        if is_running is not None:
            yield Sample("campaign_run_active", is_running, named)
