"""After any runs, rotations and kills, journal and archives together hold each letter once."""

from __future__ import annotations

import tempfile
from collections import Counter
from contextlib import closing
from pathlib import Path

from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from campaign.journal.archiving import archivist as archiving
from campaign.journal.archiving.archivist import Archivist
from campaign.journal.reading.auditing.audit import audit
from campaign.journal.reading.glance import glance
from campaign.journal.writing.writer import Writer
from campaign.records import State
from fakes.prepared.journals import URL, open_journal
from fakes.prepared.rotating import (
    BEGIN_S,
    DAY_S,
    EVERYBODY,
    everything,
    in_journal,
    open_plan,
    rotate,
    settle,
    write,
)

OUTCOMES = st.lists(
    st.sampled_from(
        [State.SENT, State.FAILED, State.EXPIRED, State.HELD, State.SENDING, State.PLANNED]
    ),
    min_size=1,
    max_size=6,
)
STEPS = st.lists(
    st.one_of(
        st.tuples(st.just("arrive"), OUTCOMES),
        st.tuples(st.just("rotate"), st.integers(0, 90)),
        st.tuples(st.just("killed before the journal"), st.integers(1, 3)),
        st.tuples(st.just("killed after the journal"), st.integers(1, 3)),
        st.tuples(st.just("put back"), st.sampled_from([State.FAILED, State.EXPIRED, State.HELD])),
        st.tuples(st.just("the next month"), st.just(0)),
    ),
    min_size=2,
    max_size=9,
)


class _Campaign:
    """An open campaign by its journal, and how many of its letters stand where."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.arrived = 0
        self.now_s = BEGIN_S
        open_plan(folder).close()

    def arrive(self, states: list[State]) -> None:
        with closing(open_journal(self.folder)) as journal:
            settle(journal, states, first=self.arrived + 1, at_s=self.now_s)
        self.arrived += len(states)

    def put_back(self, state: State) -> None:
        with closing(open_journal(self.folder)) as journal:
            journal.put_back([state], self.now_s)

    def rotate(self, days: int) -> None:
        before = everything(self.folder)
        rotate(self.folder, before_s=self.now_s - days * DAY_S + 1)
        assert everything(self.folder) == before

    def rotate_and_die(self, batches: int, *, after_the_journal: bool) -> None:
        before = everything(self.folder)

        async def work(writer: Writer) -> None:
            archivist = Archivist.open(URL, self.folder)
            archivist.begin()
            for nth in range(1, batches + 1):
                departure = archivist.next(self.now_s + 1, EVERYBODY)
                if departure is None:
                    break
                if nth < batches or after_the_journal:
                    await writer.let_go(departure)
                if nth < batches:
                    archivist.done()
            archivist.close()

        with closing(open_journal(self.folder)) as journal:
            journal.make_ready_to_rotate()
            write(journal, work)
        assert everything(self.folder) == before

    def check(self) -> None:
        letters = everything(self.folder)
        assert sorted(letters) == list(range(1, self.arrived + 1))
        standing = Counter(letter.state for letter in letters.values())
        with closing(glance(URL, self.folder)) as seen:
            counts = {str(state): count for state, count in seen.counts().items() if count}
        assert counts == standing
        found = audit(URL, self.folder)
        assert found.is_clean, [check for check in found.checks if check.findings]
        assert found.total == self.arrived


@given(steps=STEPS)
@settings(
    max_examples=12, deadline=None, suppress_health_check=[HealthCheck.too_slow], derandomize=True
)
def test_each_letter_is_there_once_after_any_steps(steps: list[tuple[str, object]]) -> None:
    batch, archiving.BATCH = archiving.BATCH, 2
    try:
        with tempfile.TemporaryDirectory() as folder:
            campaign = _Campaign(Path(folder))
            for step, given_ in steps:
                if step == "arrive":
                    campaign.arrive(given_)  # type: ignore[arg-type]
                elif step == "rotate":
                    campaign.rotate(given_)  # type: ignore[arg-type]
                elif step == "put back":
                    campaign.put_back(given_)  # type: ignore[arg-type]
                elif step == "the next month":
                    campaign.now_s += 31 * DAY_S
                else:
                    after = step == "killed after the journal"
                    campaign.rotate_and_die(given_, after_the_journal=after)  # type: ignore[arg-type]
                campaign.check()
            campaign.rotate(0)
            campaign.check()
            assert len(in_journal(campaign.folder)) >= min(1, campaign.arrived)
    finally:
        archiving.BATCH = batch
