"""`make fleet-kills`: three workers and their database, killed and halted at random, as a table.

In: `--faults N` for each line (default 250, of four lines), `--seed N`.
Out: a table in Markdown on stdout; an AssertionError where the promise breaks.
Touches: a temporary folder, campaign processes, loopback ports, a PostgreSQL server of its own.
"""

from __future__ import annotations

import argparse
import sys
import tempfile
import time
from pathlib import Path

from fakes.fleet import FleetTally, fleet_rounds
from fakes.postgresql import database_server

SIZES = ((2, 1000), (8, 4000))  # connections of each worker, recipients
_COLUMNS = ("policy", "connections", "faults", "killed", "halted", "database restarts", "takeovers")
_MORE = ("in doubt", "most of one", "copies", "held", "lost")


def main() -> None:
    asked = argparse.ArgumentParser()
    asked.add_argument("--faults", type=int, default=250)
    asked.add_argument("--seed", type=int, default=int(time.time()))
    options = asked.parse_args()
    print(f"seed {options.seed}", file=sys.stderr)
    print(_line(_COLUMNS + _MORE), _line(["---"] + ["---:"] * 11), sep="\n", flush=True)
    with (
        tempfile.TemporaryDirectory(prefix="campaign-fleet-") as name,
        database_server("") as server,
    ):
        for policy in ("hold", "resend"):
            for number, (connections, recipients) in enumerate(SIZES):
                tally = fleet_rounds(
                    Path(name) / f"{policy}-{number}",
                    faults=options.faults,
                    recipients=recipients,
                    connections=connections,
                    policy=policy,
                    seed=options.seed + number,
                    database=server,
                )
                _show(policy, connections, tally)


def _show(policy: str, connections: int, tally: FleetTally) -> None:
    faults = (tally.rounds, tally.kills, tally.halts, tally.restarts, tally.takeovers)
    came = (tally.in_doubt, tally.most_in_doubt, tally.copies, tally.held, tally.lost)
    print(_line([policy, connections, *faults, *came]), flush=True)


def _line(cells: object) -> str:
    return f"| {' | '.join(str(cell) for cell in cells)} |"  # type: ignore[attr-defined]


if __name__ == "__main__":
    main()
