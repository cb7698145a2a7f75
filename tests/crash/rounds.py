"""`make crash`: hundreds of kills, random and at every system call, as a table.

In: `--rounds N` for each size (default 20), `--seed N`, `--only random|calls`.
Out: a table in Markdown on stdout; exit code 1 where the promise breaks.
Touches: a temporary folder, campaign processes, loopback ports.
"""

from __future__ import annotations

import argparse
import sys
import tempfile
import time
from pathlib import Path

from fakes.processes.calls import SWEEPS, kill_at_every_call
from fakes.processes.crashing import Tally, crash_rounds

# connections, recipients in the batch
SIZES = ((1, 1), (1, 30), (2, 60), (5, 300), (10, 1000), (20, 2000), (50, 5000))
POLICIES = ("resend", "hold")
_COLUMNS = (
    "kills",
    "policy",
    "connections",
    "recipients",
    "rounds",
    "killed",
    "in doubt",
    "most at once",
    "copies",
    "held",
    "lost",
)


def main() -> None:
    asked = argparse.ArgumentParser()
    asked.add_argument("--rounds", type=int, default=20)
    asked.add_argument("--seed", type=int, default=int(time.time()))
    asked.add_argument("--only", choices=("random", "calls"))
    options = asked.parse_args()
    print(f"seed {options.seed}", file=sys.stderr)
    print(_line(_COLUMNS), _line(["---"] * 3 + ["---:"] * 8), sep="\n", flush=True)
    total = Tally()
    with tempfile.TemporaryDirectory(prefix="campaign-crash-") as name:
        if options.only != "calls":
            _random(Path(name), options.rounds, options.seed, total)
        if options.only != "random":
            _calls(Path(name), total)
    _show("all", "", "", total.recipients, total)


def _random(folder: Path, rounds: int, seed: int, total: Tally) -> None:
    for policy in POLICIES:
        for number, (connections, recipients) in enumerate(SIZES):
            tally = crash_rounds(
                folder / f"{policy}-{number}",
                rounds=rounds,
                recipients=recipients,
                connections=connections,
                policy=policy,
                seed=seed + number,
                # so that a small batch lasts long enough to be killed in the middle
                hesitates_s=min(0.5, max(0.01, connections / recipients)),
            )
            _show("random", policy, connections, recipients, tally)
            total.add(tally)


def _calls(folder: Path, total: Tally) -> None:
    for policy in POLICIES:
        for sweep in SWEEPS:
            tally = kill_at_every_call(folder / f"{policy}-{sweep.name}", sweep, policy=policy)
            _show(f"every `{sweep.call}` of the {sweep.thread}", policy, 2, 5, tally)
            total.add(tally)


def _show(kills: str, policy: str, connections: object, recipients: int, tally: Tally) -> None:
    cells = (
        kills,
        policy,
        connections,
        f"{recipients:,}",
        tally.rounds,
        tally.kills,
        tally.in_doubt,
        tally.most_in_doubt,
        tally.copies,
        tally.held,
        tally.lost,
    )
    print(_line(cells), flush=True)


def _line(cells: object) -> str:
    return "| " + " | ".join(str(cell) for cell in cells) + " |"  # type: ignore[attr-defined]


if __name__ == "__main__":
    main()
