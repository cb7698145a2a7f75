"""All benchmarks, one table.

python -m bench [ROW ...] [--rounds N] [--full]
"""

from __future__ import annotations

import sys
from importlib import import_module

from bench.options import Measure, Options, heading, parser, stop_orderly, take
from bench.rows import Row, keep, table, tell
from bench.watching import BenchError

ROWS = {
    "headline": "bench.headline",
    "peers": "bench.peers.row",
    "compiled": "bench.compiled",
    "starttls": "bench.starttls",
    "dkim": "bench.dkim",
    "postfix": "bench.postfix",
    "distance": "bench.distance",
    "throttled": "bench.throttled",
    "attachment": "bench.attachment",
    "plan": "bench.plan",
    "lint": "bench.lint",
    "check": "bench.check",
    "suppression": "bench.suppression",
    "verify": "bench.verify",
    "schedule": "bench.schedule",
    "serve": "bench.serve",
    "intake": "bench.intake",
    "fleet": "bench.fleet",
    "scale": "bench.scale",
    "resume": "bench.resume",
    "soak": "bench.soak",
}
_BY_ITSELF = "soak"  # only where it is asked for


def main() -> None:
    """Measures what is named, or all; a row that fails is in the table, and in the exit code."""
    stop_orderly()
    made = parser(__doc__)
    made.add_argument("row", nargs="*", choices=[*ROWS, []], help="default: all but soak")
    given = made.parse_args()
    names = given.row or [name for name in ROWS if name != _BY_ITSELF]
    options = Options(given.messages, given.rounds, given.full)
    rows: list[Row] = []
    failed = False
    for name in names:
        measure: Measure = import_module(ROWS[name]).measure
        try:
            rows += take(name, measure, options)
        except BenchError as error:
            failed = True
            tell(f"  FAILED: {error}")
            rows.append(Row(name, name, [], note=f"FAILED: {error}"))
            keep(rows[-1:])
    print(heading())
    print(table(rows))
    sys.exit(failed)


if __name__ == "__main__":
    main()
