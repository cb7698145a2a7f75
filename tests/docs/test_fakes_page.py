"""tests/fakes/README.md names every fake with the first sentence of its module."""

from __future__ import annotations

import ast
from pathlib import Path

FAKES = Path(__file__).parents[1] / "fakes"


def test_the_page_lists_every_fake_as_it_introduces_itself() -> None:
    files = [file for file in FAKES.glob("*.py") if file.name != "__init__.py"]
    folders = list(FAKES.glob("*/__init__.py"))
    rows = sorted(
        [f"| `{file.name}` | {_first_sentence(file)} |" for file in files]
        + [f"| `{file.parent.name}/` | {_first_sentence(file)} |" for file in folders]
    )
    page = (FAKES / "README.md").read_text(encoding="utf-8").splitlines()
    listed = [line for line in page if line.startswith("| `")]
    assert listed == rows


def _first_sentence(file: Path) -> str:
    return (ast.get_docstring(ast.parse(file.read_text("utf-8"))) or "").splitlines()[0]
