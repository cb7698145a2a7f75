"""docs/templates.md says what is so."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

from fakes.prepared.letters import compiler_for

PAGE = Path(__file__).parents[2] / "docs" / "templates.md"
ROWS = re.findall(r"^\| `[a-z(A-Z)]+` \| `(\{\{.*?\}\})` \| (.*?) \| (.*?) \|$",
                  PAGE.read_text(encoding="utf-8"), re.MULTILINE)  # fmt: skip


@pytest.mark.parametrize(("source", "german", "chinese"), ROWS)
def test_the_filters_write_what_the_page_says(
    tmp_path: Path, source: str, german: str, chinese: str
) -> None:
    pytest.importorskip("babel")
    compiler = compiler_for(tmp_path)
    template = compiler.text(source.replace("\\|", "|"), "page")
    shown = [template.render(compiler.values(tag)).replace("\xa0", " ") for tag in ("de", "zh")]
    assert shown == [german, chinese]


def test_the_page_shows_every_filter() -> None:
    assert len(ROWS) == 5
