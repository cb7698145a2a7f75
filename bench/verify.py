"""What verifying a list costs a row: fifty rows a domain, each domain 20 ms away.

python -m bench.verify [--messages N] [--rounds N] [--full]
"""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

from bench.machine import CAMPAIGN, ROOT
from bench.options import Options, main
from bench.rows import Row, by_turns
from bench.senders import fresh
from bench.servers import free_port
from bench.watching import BenchError, Course, watch

ROWS, ALL_ROWS = 100_000, 1_000_000
_ROWS_PER_DOMAIN = 50
_DELAY_MS = 20


def measure(options: Options) -> list[Row]:
    """Microseconds a row, start of the program included; a million in a minute are 60."""
    count = options.messages or (ALL_ROWS if options.full else ROWS)
    domains = count // _ROWS_PER_DOMAIN
    folder = fresh("verify")
    with (folder / "list.csv").open("w") as file:
        file.write("name,email\n")
        file.writelines(f"User {at},user{at}@d{at % domains}.example\n" for at in range(count))
    port = free_port()
    nameserver = subprocess.Popen(
        [sys.executable, "-m", "bench.nameserver", str(port), str(_DELAY_MS)], cwd=ROOT
    )

    def verify() -> Course:
        (folder / "checked.csv").unlink(missing_ok=True)
        command = [
            *(str(CAMPAIGN), "verify", "list.csv", "-o", "checked.csv"),
            *("--nameserver", f"127.0.0.1:{port}", "--dns-rate", "100000/s"),
        ]
        return watch(command, lambda: 0, cwd=folder, memory_every_s=0.5)

    try:
        found = by_turns(options.rounds, {"verify": verify})["verify"]
    finally:
        nameserver.kill()
        nameserver.wait()
    _none_lost(folder / "checked.csv", count)
    return [
        Row("verify", "verify, a row", [one.seconds / count * 1e6 for one in found], "µs",
            at_most=60, note=f"{count:,} rows of {domains:,} domains at {_DELAY_MS} ms a question"),
        Row("verify", "verify, peak memory (PSS)", [one.peak_pss_mb for one in found], "MB",
            at_most=300),
    ]  # fmt: skip


def _none_lost(checked: Path, count: int) -> None:
    with checked.open() as file:
        good = sum(",good," in line for line in file)
    if good != count:
        raise BenchError(f"{good} of {count} rows are good")


if __name__ == "__main__":
    main(measure)
