"""Memory and time a message from 10,000 to 1,000,000 recipients, with --full to 5,000,000.

    python -m bench.scale [--messages N] [--rounds N] [--full]

Memory is the peak of all processes together (PSS), looked at each second of plan and run.
`--messages` is the long list; it is sent once, with --full `--rounds` times.
"""

from __future__ import annotations

import shutil
import statistics
from dataclasses import dataclass

from bench.corpus import write_campaign
from bench.machine import CAMPAIGN
from bench.options import Options, main
from bench.rows import Row, tell
from bench.senders import counts, fresh, none_lost
from bench.servers import Server, smtp_sink
from bench.watching import watch

SHORT = 10_000
LONG = 1_000_000
LONGEST = 5_000_000
SHORT_ROUNDS = 5  # under a second each


@dataclass(frozen=True)
class Point:
    """One campaign of a given length."""

    peak_mb: float
    message_us: float  # while sending
    whole_us: float  # of the whole run, its start included


def measure(options: Options) -> list[Row]:
    """Figures of each length, and how they grow."""
    long = options.messages or LONG
    lengths = [SHORT, long, *([LONGEST] if options.full else [])]
    points: dict[int, list[Point]] = {}
    with smtp_sink() as sink:
        for count in lengths:
            rounds = SHORT_ROUNDS if count == SHORT else options.rounds if options.full else 1
            points[count] = _campaigns(sink, count, rounds)
    rows = []
    short_mb = statistics.median(one.peak_mb for one in points[SHORT])
    short_us = statistics.median(one.message_us for one in points[SHORT])
    for count, found in points.items():
        name = f"{count:,} recipients"
        peaks, times = [one.peak_mb for one in found], [one.message_us for one in found]
        rows.append(Row("scale", f"peak memory, {name}", peaks, "MB", at_most=300))
        rows.append(Row("scale", f"time a message while sending, {name}", times, "µs"))
        whole = [one.whole_us for one in found]
        rows.append(Row("scale", f"time a message, whole run, {name}", whole, "µs"))
        if count != SHORT:
            rows.append(Row("scale", f"memory, {name} / {SHORT:,}",
                            [peak / short_mb for peak in peaks], at_most=1.1))  # fmt: skip
            rows.append(Row("scale", f"time a message, {name} / {SHORT:,}",
                            [time / short_us for time in times], at_most=1.1))  # fmt: skip
    return rows


def _campaigns(sink: Server, count: int, rounds: int) -> list[Point]:
    folder = write_campaign(fresh("scale"), count, sink.port)
    found = []
    for turn in range(rounds):
        tell(f"  {count:,} recipients, {turn + 1} of {rounds}")
        shutil.rmtree(folder / "state", ignore_errors=True)
        planned = watch(
            [CAMPAIGN, "plan", "--no-render"], lambda: 0, cwd=folder, memory_every_s=0.5
        )
        every_s = 1.0 if count > SHORT else 0.2
        run = watch([CAMPAIGN, "run", "--yes"], sink.received, cwd=folder, memory_every_s=every_s)
        none_lost("campaign", run.received, count)
        none_lost("the journal", counts(folder)["sent"], count)
        peak_mb = max(planned.peak_pss_mb, run.peak_pss_mb)
        found.append(Point(peak_mb, 1e6 / run.steady_rate, 1e6 * run.seconds / count))
    shutil.rmtree(folder)
    return found


if __name__ == "__main__":
    main(measure)
