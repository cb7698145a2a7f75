"""The map of the house names places that are there."""

from __future__ import annotations

import re
from pathlib import Path

HOUSE = Path(__file__).resolve().parents[2]
PATH = re.compile(r"`([a-z_.]+(?:/[a-z_.]+)*(?:/|\.py|\.md|\.tsv))`")


def test_every_path_in_the_architecture_page_exists() -> None:
    page = (HOUSE / "docs" / "architecture.md").read_text(encoding="utf-8")
    named = set(PATH.findall(page))
    assert len(named) > 60  # it is read as it is written
    assert [path for path in sorted(named) if not _is_there(path)] == []


def test_every_room_has_its_place_in_the_drawing() -> None:
    page = (HOUSE / "docs" / "architecture.md").read_text(encoding="utf-8")
    drawing = page.split("```")[1]
    drawn = set(re.findall(r"[a-z]+", drawing))
    rooms = {at.parent.name for at in (HOUSE / "campaign").glob("*/__init__.py")}
    rooms |= {at.stem for at in (HOUSE / "campaign").glob("[a-z]*.py")}
    assert rooms - drawn == set()


def _is_there(path: str) -> bool:
    """Below the house or the program; a bare name stands behind the folder that it is in."""
    roots = (HOUSE, HOUSE / "campaign")
    return any((at / path).exists() for at in roots) or (
        "/" not in path and any((HOUSE / "campaign").rglob(path))
    )
