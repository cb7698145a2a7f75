"""tests/fakes/README.md names every fake in its folder, with the first sentence of its module."""

from __future__ import annotations

import ast
from pathlib import Path

FAKES = Path(__file__).parents[1] / "fakes"


def test_the_page_lists_every_fake_as_it_introduces_itself() -> None:
    page = (FAKES / "README.md").read_text(encoding="utf-8").splitlines()
    listed = [line for line in page if line.startswith(("## ", "| `"))]
    assert listed == [
        *_rows(FAKES),
        *(row for room in sorted(FAKES.glob("*/__init__.py")) for row in _section(room)),
    ]


def _section(room: Path) -> list[str]:
    return [f"## `{room.parent.name}/`: {_first_sentence(room)}", *_rows(room.parent)]


def _rows(folder: Path) -> list[str]:
    files = sorted(file for file in folder.glob("*.py") if file.name != "__init__.py")
    return [f"| `{file.name}` | {_first_sentence(file)} |" for file in files]


def _first_sentence(file: Path) -> str:
    return (ast.get_docstring(ast.parse(file.read_text("utf-8"))) or "").splitlines()[0]
