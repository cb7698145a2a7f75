"""The report names the lists that its letters come from."""

from __future__ import annotations

import hashlib
import re
from pathlib import Path

from campaign.clock import SystemClock
from campaign.config.loader import load
from campaign.planning.plan import make_plan
from campaign.report.page import report

CONFIG = """
name = "spring"
[recipients]
files = ["*.csv"]
[message]
from = "ada@example.com"
subject = "Hello {{ name }}"
text = "body.txt"
"""
ADA = b"email,name\na@example.com,Ada\n"
BOB = b"email,name\nb@example.com,Bob\n"


def listed(folder: Path) -> list[tuple[str, str]]:
    """Each list of the report, with the start of its digest."""
    (table,) = re.findall('<table class="sources">.*?</table>', report(load(folder), SystemClock()))
    return re.findall('<td class="wrap">(.*?)</td>.*?<code>(.*?)</code>', table)


def digest(content: bytes) -> str:
    return hashlib.sha256(content).hexdigest()[:16]


def test_a_list_that_was_read_again_stands_once_for_each_content(tmp_path: Path) -> None:
    (tmp_path / "campaign.toml").write_text(CONFIG)
    (tmp_path / "body.txt").write_text("Dear {{ name }}")

    def take_in(name: str, content: bytes, *, amend: bool = True) -> None:
        (tmp_path / name).write_bytes(content)
        make_plan(load(tmp_path), clock=SystemClock(), amend=amend, render=False)

    take_in("a.csv", ADA, amend=False)
    take_in("b.csv", BOB)  # a.csv is read again and is what it was
    assert listed(tmp_path) == [("a.csv", digest(ADA)), ("b.csv", digest(BOB))]
    longer = ADA + b"c@example.com,Cy\n"
    take_in("a.csv", longer)
    take_in("a.csv", longer)
    assert listed(tmp_path) == [
        ("a.csv", digest(ADA)),
        ("b.csv", digest(BOB)),
        ("a.csv", digest(longer)),
    ]
