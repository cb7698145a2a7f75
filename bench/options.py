"""What every benchmark is told on the command line, and what becomes of its rows.

In: arguments.  Out: an exit code: 0, or 1 when a row has no figure.
Touches: build/bench.json, stdout.
"""

from __future__ import annotations

import argparse
import signal
import sys
import time
from collections.abc import Callable
from dataclasses import dataclass

from bench.machine import describe, load, now, versions
from bench.rows import Row, keep, table, tell
from bench.watching import BenchError


@dataclass(frozen=True)
class Options:
    """How much to measure; `messages` 0 leaves it to the row."""

    messages: int = 0
    rounds: int = 3
    full: bool = False  # also what takes many minutes


Measure = Callable[[Options], list[Row]]


def parser(about: str | None) -> argparse.ArgumentParser:
    made = argparse.ArgumentParser(
        description=about, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    made.add_argument("--messages", type=int, default=0, metavar="N", help="instead of the default")
    made.add_argument("--rounds", type=int, default=3, metavar="N", help="default: 3")
    made.add_argument("--full", action="store_true", help="also what takes many minutes")
    return made


def stop_orderly() -> None:
    """SIGTERM unwinds as SIGINT does, so that no server of ours is left behind."""
    signal.signal(signal.SIGTERM, lambda number, frame: sys.exit(128 + number))


def heading() -> str:
    """Where and with what."""
    parts = [*describe().values(), *(f"{name} {text}" for name, text in versions().items())]
    return f"{now()}, load {load():.1f}\n" + ", ".join(parts)


def take(name: str, measure: Measure, options: Options) -> list[Row]:
    """Measure one program's rows and keep them.  Raises BenchError."""
    tell(f"{name}:")
    started_s = time.monotonic()
    rows = measure(options)
    keep(rows)
    tell(f"  {time.monotonic() - started_s:.0f} s")
    return rows


def main(measure: Measure) -> None:
    """A benchmark of its own: measure, print, keep."""
    stop_orderly()
    module = sys.modules["__main__"]
    given = parser(module.__doc__).parse_args()
    options = Options(given.messages, given.rounds, given.full)
    name = (module.__spec__.name if module.__spec__ else "").removeprefix("bench.")
    try:
        rows = take(name.removesuffix(".__main__"), measure, options)
    except BenchError as error:
        sys.exit(f"bench: {error}")
    print(heading())
    print(table(rows))
