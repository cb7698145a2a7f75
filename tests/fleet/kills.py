"""`make fleet-kills`: three workers, their database and Dask's scheduler, killed and halted at
random, as a table.

In: `--faults N` for each line (default 250, of four lines), `--seed N`, `--line N ...` for some of
the lines.
Out: a table in Markdown on stdout; an AssertionError where the promise breaks.
Touches: a temporary folder, campaign processes, loopback ports, a PostgreSQL server of its own,
schedulers and workers of Dask.
"""

from __future__ import annotations

import argparse
import sys
import tempfile
import time
from pathlib import Path
from typing import NamedTuple

from fakes.processes.dask_cluster import dask_cluster
from fakes.processes.fleet_rounds import CrewIn, FleetTally, fleet_rounds, processes
from fakes.servers.postgresql import database_server


class Line(NamedTuple):
    """One kind of campaign."""

    policy: str
    started_by: str
    crew_in: CrewIn
    connections: int  # of each worker
    recipients: int


_LINES = (
    Line("hold", "hand", processes, 2, 1000),
    Line("hold", "Dask", dask_cluster, 8, 6000),
    Line("resend", "hand", processes, 8, 4000),
    Line("resend", "Dask", dask_cluster, 2, 1500),
)
_COLUMNS = ("policy", "started by", "connections", "faults", "killed", "halted")
_MORE = ("database restarts", "Dask killed", "takeovers", "in doubt", "most of one", "copies")
_LAST = ("held", "lost")


def main() -> None:
    asked = argparse.ArgumentParser()
    asked.add_argument("--faults", type=int, default=250)
    asked.add_argument("--seed", type=int, default=int(time.time()))
    asked.add_argument("--line", type=int, nargs="*", default=range(len(_LINES)))
    options = asked.parse_args()
    print(f"seed {options.seed}", file=sys.stderr)
    names = _COLUMNS + _MORE + _LAST
    print(_cells(names), _cells(["---"] * 2 + ["---:"] * (len(names) - 2)), sep="\n", flush=True)
    with (
        tempfile.TemporaryDirectory(prefix="campaign-fleet-") as name,
        database_server("") as server,
    ):
        for number in options.line:
            line = _LINES[number]
            tally = fleet_rounds(
                Path(name) / str(number),
                faults=options.faults,
                recipients=line.recipients,
                connections=line.connections,
                policy=line.policy,
                seed=options.seed + number,
                database=server,
                crew_in=line.crew_in,
            )
            _show(line, tally)


def _show(line: Line, tally: FleetTally) -> None:
    faults = (tally.rounds, tally.kills, tally.halts, tally.restarts, tally.others, tally.takeovers)
    came = (tally.in_doubt, tally.most_in_doubt, tally.copies, tally.held, tally.lost)
    print(_cells([line.policy, line.started_by, line.connections, *faults, *came]), flush=True)


def _cells(cells: object) -> str:
    return f"| {' | '.join(str(cell) for cell in cells)} |"  # type: ignore[attr-defined]


if __name__ == "__main__":
    main()
