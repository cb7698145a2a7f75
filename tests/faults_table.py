"""Writes docs/faults.md from the tests of tests/faults: what may go wrong, and what then happens.

    python -m tests.faults_table > docs/faults.md

In: the docstrings of the tests.  Out: the page on stdout.  Touches: the test files, for reading.
"""

from __future__ import annotations

import ast
import re
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import NamedTuple

FOLDER = Path(__file__).parent / "faults"
PAGE = Path(__file__).parent.parent / "docs" / "faults.md"
_SHAPE = re.compile(
    r"Fault (?P<numbers>[\d, ]+): (?P<fault>.*?) By: (?P<by>.*?) Then: (?P<then>.*)"
)
_HEAD = """\
# What may go wrong, and what then happens

Made from the tests in `tests/faults` by `make faults-table`; a test holds this page against them.
Each runs a whole campaign against real servers on loopback and reads every recipient's state from
the journal afterwards.
"""


class Row(NamedTuple):
    """One test, which may run in several forms."""

    module: str
    name: str
    numbers: str
    fault: str
    by: str
    then: str


def rows() -> Iterator[Row]:
    """Every test in the order of the files.  ValueError for a docstring of another shape."""
    for path in sorted(FOLDER.glob("test_*.py")):
        for node in ast.parse(path.read_text(encoding="utf-8")).body:
            if isinstance(node, ast.FunctionDef) and node.name.startswith("test_"):
                told = _SHAPE.fullmatch(" ".join((ast.get_docstring(node) or "").split()))
                if told is None:
                    raise ValueError(f"{path.name}: {node.name} does not say Fault, By and Then")
                yield Row(path.stem, node.name, *told.groups())


def title(module: str) -> str:
    """The first line of a test file."""
    doc = ast.get_docstring(ast.parse((FOLDER / f"{module}.py").read_text(encoding="utf-8")))
    return (doc or module).splitlines()[0].rstrip(".")


def page() -> str:
    """The whole page."""
    lines = [_HEAD]
    module = ""
    for row in rows():
        if row.module != module:
            module = row.module
            lines += [
                f"\n## {title(module)}\n",
                "| what goes wrong | made by | what then happens | test |",
                "|---|---|---|---|",
            ]
        cells = (row.fault, row.by, row.then, f"`{row.name}`")
        lines.append("| " + " | ".join(cell.replace("|", "\\|") for cell in cells) + " |")
    return "\n".join(lines) + "\n"


if __name__ == "__main__":
    sys.stdout.write(page())
