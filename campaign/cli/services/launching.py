"""A run by many workers that are started from here, for `run --fleet`.

In: a planned campaign.  Out: progress on stderr as of one run, a summary, an exit code.
Touches: a Dask cluster, the journal for reading.
"""

from __future__ import annotations

import json
import sys
import time
from contextlib import closing
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING

from campaign.cli.summary import as_object, next_steps, summary
from campaign.cli.terminal.paint import Paint
from campaign.cli.terminal.streams import tell
from campaign.records import State, settled_of

if TYPE_CHECKING:
    from campaign.clock import Clock
    from campaign.config.loader import Campaign
    from campaign.delivery.run_records import RunResult, RunView
    from campaign.journal.reading.reader import Reader

_LOOK_S = 0.5
_ANSWER_S = 60.0  # of the journal's server


def send_by_fleet(
    campaign: Campaign, path: Path, *, count: int, workers: int | None, as_json: bool
) -> int:
    """Start workers, watch them until everybody is settled; the exit code.

    `count`: workers, 0: one at each place of the cluster, or one for each core here.
    `workers`: render processes of each.
    """
    result = _watch(campaign, count, workers)
    if as_json:
        tell(json.dumps(as_object(result, campaign.settings.name, False), ensure_ascii=False))
        return result.exit_code
    tell("\n".join(summary(result, Paint.on(sys.stdout))))
    tell("\n".join(next_steps(result, path, False, again=f"run --fleet {count}")))
    return result.exit_code


def _watch(campaign: Campaign, count: int, workers: int | None) -> RunResult:
    from campaign.cli.services.working import refuse_what_is_not_shared
    from campaign.cli.terminal.progress import RunProgress
    from campaign.clock import SystemClock
    from campaign.delivery.ending import result_of
    from campaign.fleet.bundle import pack
    from campaign.fleet.cluster import Cluster, connected
    from campaign.fleet.launch import Launcher
    from campaign.workers.start import worker_count

    refuse_what_is_not_shared(campaign)
    clock, address = SystemClock(), campaign.settings.fleet.dask
    began_s = clock.tick_s()
    with closing(_Looks(campaign)) as looks:
        bundle = pack(campaign.folder.resolve(), _files(campaign, looks.reader))
        local = count or worker_count()
        with (
            RunProgress(sys.stderr, clock) as progress,
            connected(address, local) as connection,
        ):
            launcher = Launcher(
                Cluster(connection, bundle, workers),
                partial(looks.counts, clock),
                progress.say,
                count or None,
                passed_s=clock.passed_s,
            )
            while True:
                counts = launcher.look()
                progress.update(_view(counts, looks.rate_s))
                if launcher.is_over:
                    break
                time.sleep(_LOOK_S)
            launcher.refuse_unfinished()
        reader = looks.reader
        counts, finished = reader.counts(), reader.is_finished()
        doubtful = [doubt.address for doubt in reader.in_doubt()]
        seconds = clock.tick_s() - began_s
        return result_of(counts, doubtful, seconds, None, finished=finished, unmade=reader.unmade())


def _files(campaign: Campaign, reader: Reader) -> list[str]:
    """All that a worker needs, by names relative to the folder."""
    from campaign.planning.inputs import render_spec
    from campaign.planning.letter_files import letter_files, refuse_outside

    planned = [name for name in reader.hashes() if not name.startswith("[")]
    refuse_outside(campaign, planned)
    spec = render_spec(campaign, reader.plan_record(), reader.sources())
    return [*planned, campaign.file.name, *letter_files(campaign, spec)]


class _Looks:
    """At a journal whose server may be started again meanwhile."""

    def __init__(self, campaign: Campaign) -> None:
        from campaign.journal.reading.reader import Reader

        self._open = partial(Reader.open, *campaign.journal)
        self._reader: Reader | None = self._open()
        self.rate_s = 0.0  # recipients settled each second

    @property
    def reader(self) -> Reader:
        if self._reader is None:
            self._reader = self._open()
            self._reader.limit_waits(_ANSWER_S)
        return self._reader

    def counts(self, clock: Clock) -> dict[State, int]:
        """How many stand where; notes the rate.  Raises JournalGone, and may be asked again."""
        from campaign.errors import JournalGone

        try:
            counts = self.reader.counts()
            self.rate_s = self.reader.rate_s(clock.now_s())
        except JournalGone:
            self.close()
            raise
        return counts

    def close(self) -> None:
        if self._reader is not None:
            self._reader.close()
            self._reader = None


def _view(counts: dict[State, int], rate_s: float) -> RunView:
    from campaign.delivery.run_records import RunView

    total = sum(counts.values())
    left = total - settled_of(counts) - counts[State.DEFERRED]
    return RunView(
        counts=counts,
        total=total,
        rate_s=rate_s,
        left_s=left / rate_s if left > 0 and rate_s > 0 else None,
        waiting_for="",
        connections=0,
        stopping=False,
    )
