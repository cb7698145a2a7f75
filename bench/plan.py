"""What planning costs a row when rows are not rendered: read, clean, freeze into the journal.

python -m bench.plan [--messages N] [--rounds N]
"""

from __future__ import annotations

import shutil

from bench.corpus import write_campaign
from bench.machine import CAMPAIGN
from bench.options import Options, main
from bench.rows import Row, by_turns
from bench.senders import counts, fresh, none_lost
from bench.watching import Course, watch

ROWS = 500_000


def measure(options: Options) -> list[Row]:
    """Time a row, start of the program included."""
    count = options.messages or ROWS
    folder = write_campaign(fresh("plan"), count, 1)  # nothing is sent

    def plan() -> Course:
        shutil.rmtree(folder / "state", ignore_errors=True)
        command = [str(CAMPAIGN), "plan", "--no-render"]
        return watch(command, lambda: 0, cwd=folder, memory_every_s=0.5)

    found = by_turns(options.rounds, {"plan --no-render": plan})["plan --no-render"]
    none_lost("plan", counts(folder)["planned"], count)
    return [
        Row("plan", "plan, a row, rendering left out", [one.seconds / count * 1e6 for one in found],
            "µs", at_most=15, note=f"{count:,} rows, start included"),
        Row("plan", "plan, peak memory (PSS)", [one.peak_pss_mb for one in found], "MB",
            at_most=300),
    ]  # fmt: skip


if __name__ == "__main__":
    main(measure)
