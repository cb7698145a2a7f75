"""What judging every planned letter costs beside rendering it: `check` does both at once.

python -m bench.lint [--messages N] [--rounds N]
"""

from __future__ import annotations

import asyncio
import resource
from collections.abc import Callable
from contextlib import closing
from pathlib import Path

from bench.corpus import write_campaign
from bench.options import Options, main
from bench.rows import Row, by_turns
from bench.senders import fresh, plan
from bench.watching import BenchError
from campaign.config.loader import Campaign, load
from campaign.journal.reading.claiming import ClaimReader
from campaign.planning.inputs import render_spec
from campaign.preflight.letters.census import take_census
from campaign.records import Message
from campaign.workers.pool import RenderPool

ROWS = 50_000
_BATCH = 100


def measure(options: Options) -> list[Row]:
    """Processor time of all processes together: rendering is of several."""
    count = options.messages or ROWS
    folder = write_campaign(fresh("lint"), count, 1)  # nothing is sent
    plan(folder)
    campaign = load(folder, need_letters=True)

    def judged() -> float:
        return _processor_s(lambda: take_census(campaign, workers=1).letters, count)

    def rendered() -> float:
        return _processor_s(lambda: asyncio.run(_render(campaign)), count)

    found = by_turns(options.rounds, {"rendered": rendered, "judged": judged})
    ratios = [
        judged_s / rendered_s
        for judged_s, rendered_s in zip(found["judged"], found["rendered"], strict=True)
    ]
    note = f"{count:,} letters; rendered for sending: {_microseconds(found['rendered'], count)}"
    return [
        Row("lint", "check: all letters rendered and judged / rendered", ratios, at_most=1.15,
            note=f"{note}, judged: {_microseconds(found['judged'], count)} µs of processor each"),
    ]  # fmt: skip


def _microseconds(seconds: list[float], count: int) -> str:
    return f"{min(seconds) / count * 1e6:.1f}"


def _processor_s(work: Callable[[], int], count: int) -> float:
    before = _used_s()
    if (done := work()) != count:
        raise BenchError(f"{done} of {count} letters")
    return _used_s() - before


def _used_s() -> float:
    used = (resource.getrusage(who) for who in (resource.RUSAGE_SELF, resource.RUSAGE_CHILDREN))
    return sum(each.ru_utime + each.ru_stime for each in used)


async def _render(campaign: Campaign) -> int:
    """All letters, as a run has them before it sends them."""
    done = 0
    with closing(ClaimReader.open(campaign.settings.journal.url, Path(campaign.folder))) as reader:
        spec = render_spec(campaign, reader.plan_record(), reader.sources())
        async with RenderPool(spec, workers=1) as pool:
            under_way: list[asyncio.Task[list[Message]]] = []
            for batch in reader.open_jobs(0, _BATCH):
                under_way.append(asyncio.create_task(pool.render(batch)))
                if len(under_way) > 2:
                    done += len(await under_way.pop(0))
            for task in under_way:
                done += len(await task)
    return done


if __name__ == "__main__":
    main(measure)
