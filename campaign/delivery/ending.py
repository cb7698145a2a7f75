"""How a run ends: the last replies, its result, and the note of it in the journal.

In: what is left, why it stopped.  Out: `RunResult`.  Touches: connections; the journal, which it
closes.
Fails: JournalError.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Iterator
from contextlib import contextmanager

from campaign.delivery.run_records import RunResult
from campaign.errors import EXIT_DONE, EXIT_INTERRUPTED, EXIT_SOME_FAILED, Interrupted
from campaign.journal.states import NOT_REACHED
from campaign.journal.store import Journal
from campaign.pool.outlet import Outlet
from campaign.records import State
from campaign.units import show_duration

_GRACE_S = 660.0  # a drain waits for replies to dots as long as RFC 5321 4.5.3.2.6 asks, and a bit


async def drained(outlet: Outlet, is_in_vain: Callable[[], bool]) -> None:
    """No new letters; replies on the way are waited for, unless told that it is in vain."""
    waiting = asyncio.create_task(outlet.drain(_GRACE_S))
    while not waiting.done() and not is_in_vain():
        await asyncio.wait({waiting}, timeout=0.05)
    waiting.cancel()
    await outlet.close("stopped")


@contextmanager
def ending(journal: Journal) -> Iterator[tuple[Journal, list[str]]]:
    """Close the journal, with a note of how the run ended: whatever was put into `how`."""
    how: list[str] = []
    try:
        yield journal, how
    finally:
        journal.close(*how)


def result_of(
    counts: dict[State, int],
    doubtful: list[str],
    seconds: float,
    why: Interrupted | None,
    *,
    finished: bool,
    unmade: int,
) -> RunResult:
    """`why` somebody stopped it; `unmade`: rows of which no letter could be made."""
    left_over = unmade + sum(counts.get(state, 0) for state in NOT_REACHED)
    if not finished:
        code = EXIT_INTERRUPTED
        sentence = str(why) if why else _unfinished(counts)
    else:
        code = EXIT_SOME_FAILED if left_over else EXIT_DONE
        sentence = f"every recipient is settled after {show_duration(seconds)}"
        if unmade:
            sentence += f"; {unmade:,} {'letter' if unmade == 1 else 'letters'} could not be made"
    return RunResult(
        code, counts, sum(counts.values()), doubtful, seconds, finished, sentence, unmade
    )


def _unfinished(counts: dict[State, int]) -> str:
    left = counts.get(State.PLANNED, 0)
    deferred = counts.get(State.DEFERRED, 0)
    return f"not finished: {left} not tried yet, {deferred} deferred; `campaign resume` goes on"
