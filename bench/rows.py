"""A row of the table: candidates measured by turns, median and spread, target, load.

In: callables that measure.  Out: `Row`s, printed and kept in build/bench.json.
Touches: that file, stdout, stderr.
"""

from __future__ import annotations

import json
import statistics
import sys
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import TypeVar

from bench import machine

RESULTS = machine.ROOT / "build" / "bench.json"
Measured = TypeVar("Measured")


@dataclass(frozen=True)
class Row:
    """One line of the table.  `values` holds one figure per round, in order."""

    row: str  # the program that measured it: bench/ROW.py
    what: str
    values: Sequence[float]
    unit: str = ""  # "" = a ratio
    at_least: float | None = None
    at_most: float | None = None
    note: str = ""
    load: float = field(default_factory=machine.load)
    date: str = field(default_factory=machine.now)
    commit: str = field(default_factory=machine.commit)

    @property
    def median(self) -> float | None:
        return statistics.median(self.values) if self.values else None

    @property
    def verdict(self) -> str:
        """ "yes", "NO", or "" where nothing is asked or nothing was measured."""
        if self.median is None:
            return ""
        if self.at_least is not None:
            return "yes" if self.median >= self.at_least else "NO"
        if self.at_most is not None:
            return "yes" if self.median <= self.at_most else "NO"
        return ""

    @property
    def target(self) -> str:
        if self.at_least is not None:
            return f"≥ {show(self.at_least)} {self.unit}".strip()
        if self.at_most is not None:
            return f"≤ {show(self.at_most)} {self.unit}".strip()
        return ""


def show(value: float) -> str:
    """A figure with three digits that say something."""
    if abs(value) >= 1000:
        return f"{value:,.0f}"
    return f"{value:.1f}" if abs(value) >= 20 else f"{value:.2f}"


def by_turns(
    rounds: int, candidates: Mapping[str, Callable[[], Measured]]
) -> dict[str, list[Measured]]:
    """Every candidate once a round, in turn, so that what disturbs one disturbs all."""
    results: dict[str, list[Measured]] = {name: [] for name in candidates}
    for turn in range(rounds):
        for name, measure in candidates.items():
            tell(f"  round {turn + 1} of {rounds}: {name} (load {machine.load():.1f})")
            results[name].append(measure())
    return results


def tell(line: str) -> None:
    """What is going on, beside the table."""
    print(line, file=sys.stderr, flush=True)


def table(rows: Iterable[Row]) -> str:
    """The rows as aligned text."""
    head = ("row", "what", "median", "min..max", "unit", "target", "met", "runs", "load")
    lines = [head]
    for row in rows:
        median = row.median
        figures = ("-", "-") if median is None else (show(median), _spread(row))
        unit = row.unit or ("ratio" if median is not None else "")
        counted = (str(len(row.values)), f"{row.load:.1f}")
        lines.append((row.row, row.what, *figures, unit, row.target, row.verdict, *counted))
    widths = [max(len(line[n]) for line in lines) for n in range(len(head))]
    numeric = {2, 7, 8}
    text = []
    for line in lines:
        cells = (
            cell.rjust(width) if n in numeric else cell.ljust(width)
            for n, (cell, width) in enumerate(zip(line, widths, strict=True))
        )
        text.append("  ".join(cells).rstrip())
    notes = [f"  {row.what}: {row.note}" for row in rows if row.note]
    return "\n".join([*text, *(["", *notes] if notes else [])])


def _spread(row: Row) -> str:
    return f"{show(min(row.values))}..{show(max(row.values))}"


def keep(rows: Sequence[Row], path: Path = RESULTS) -> None:
    """Put rows into the file; rows of the same program that stood there before go."""
    kept = [row for row in read(path) if row.row not in {new.row for new in rows}]
    path.parent.mkdir(parents=True, exist_ok=True)
    document = {
        "machine": machine.describe(),
        "versions": machine.versions(),
        "date": machine.now(),
        "rows": [
            {**asdict(row), "median": row.median, "target": row.target, "met": row.verdict}
            for row in (*kept, *rows)
        ],
    }
    path.write_text(json.dumps(document, indent=1, ensure_ascii=False) + "\n", encoding="utf-8")


def read(path: Path = RESULTS) -> list[Row]:
    """The rows of an earlier run."""
    if not path.exists():
        return []
    names = Row.__dataclass_fields__
    found = json.loads(path.read_text(encoding="utf-8"))["rows"]
    return [Row(**{key: value for key, value in row.items() if key in names}) for row in found]
