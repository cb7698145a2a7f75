"""docs/faults.md is what the tests say."""

from __future__ import annotations

import importlib.util
from pathlib import Path
from types import ModuleType

TESTS = Path(__file__).parent.parent


def table() -> ModuleType:
    spec = importlib.util.spec_from_file_location("faults_table", TESTS / "faults_table.py")
    assert spec
    assert spec.loader
    made = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(made)
    return made


def test_the_page_of_faults_is_made_from_the_tests() -> None:
    page = table().page()
    there = (TESTS.parent / "docs" / "faults.md").read_text(encoding="utf-8")
    assert there == page, "run `make faults-table`"
