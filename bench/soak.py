"""A million messages to the sink: memory, descriptors and rate, looked at each ten seconds.

    python -m bench.soak [--messages N]

The plan renders every row, as it does by default.  The series is kept in build/soak.json.
"""

from __future__ import annotations

import json
import statistics
from collections.abc import Sequence

from bench.corpus import write_campaign
from bench.machine import CAMPAIGN, ROOT
from bench.options import Options, main
from bench.rows import Row, tell
from bench.senders import counts, fresh, none_lost
from bench.servers import smtp_sink
from bench.watching import BenchError, Course, Sample, watch

MESSAGES = 1_000_000
SERIES = ROOT / "build" / "soak.json"
_EVERY_S = 10.0


def measure(options: Options) -> list[Row]:
    """How the last third of the run differs from the first."""
    count = options.messages or MESSAGES
    with smtp_sink() as sink:
        folder = write_campaign(fresh("soak"), count, sink.port)
        tell("  plan, every row rendered")
        planned = watch([CAMPAIGN, "plan"], lambda: 0, cwd=folder, memory_every_s=1.0)
        tell(f"  run, {count:,} messages")
        run = watch([CAMPAIGN, "run", "--yes"], sink.received, cwd=folder, memory_every_s=1.0)
        none_lost("campaign", run.received, count)
        none_lost("the journal", counts(folder)["sent"], count)
    points = _points(run)
    _write(points)
    first, last = _thirds(points)
    return [
        Row("soak", "rate while sending", [run.steady_rate], "/s", note=f"{count:,} messages"),
        Row("soak", "peak memory, plan with rendering", [planned.peak_pss_mb], "MB", at_most=300),
        Row("soak", "peak memory, run", [run.peak_pss_mb], "MB", at_most=300),
        Row("soak", "memory, last third / first third",
            [_mean(last, "pss_mb") / _mean(first, "pss_mb")], at_most=1.1),
        Row("soak", "descriptors, last third / first third",
            [_mean(last, "descriptors") / _mean(first, "descriptors")], at_most=1.01),
        Row("soak", "rate, last third / first third",
            [_mean(last, "rate") / _mean(first, "rate")], at_least=0.9),
    ]  # fmt: skip


def _points(run: Course) -> list[dict[str, float]]:
    """One point each ten seconds between the first and the last message."""
    seen = [
        sample for sample in run.samples if sample.pss_bytes and 0 < sample.received < run.received
    ]
    points: list[dict[str, float]] = []
    before: Sample | None = None
    for sample in seen:
        if before is None:
            before = sample
        elif sample.at_s - before.at_s >= _EVERY_S - 0.5:
            rate = (sample.received - before.received) / (sample.at_s - before.at_s)
            points.append(
                {
                    "at_s": round(sample.at_s, 1),
                    "sent": sample.received,
                    "rate": round(rate),
                    "pss_mb": round(sample.pss_bytes / 2**20, 1),
                    "descriptors": sample.descriptors,
                }
            )
            before = sample
    return points


def _thirds(
    points: Sequence[dict[str, float]],
) -> tuple[Sequence[dict[str, float]], Sequence[dict[str, float]]]:
    third = len(points) // 3
    if not third:
        raise BenchError("the soak was shorter than three looks: send more messages")
    return points[:third], points[-third:]


def _mean(points: Sequence[dict[str, float]], what: str) -> float:
    return statistics.mean(point[what] for point in points)


def _write(points: list[dict[str, float]]) -> None:
    SERIES.write_text(json.dumps(points, indent=1) + "\n", encoding="utf-8")
    for point in points:
        tell("  " + "  ".join(f"{name} {value:,}" for name, value in point.items()))


if __name__ == "__main__":
    main(measure)
