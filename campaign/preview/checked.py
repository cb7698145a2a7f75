"""The last `campaign check`, for the page beside the overview.

In: the journal.  Out: `Checked`.  Touches: the journal, read-only.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from itertools import groupby
from pathlib import Path

from campaign.errors import JournalError
from campaign.journal.checking import LastCheck, last_check, plan_digest
from campaign.records import PlanRecord

TONES = {"ok": "good", "info": "info", "warn": "warn", "fail": "bad", "not-checked": ""}
WORDS = {"warn": "warning", "not-checked": "not checked"}  # other levels are words
_GRAVEST = ("fail", "warn", "info", "ok", "not-checked")


@dataclass(frozen=True)
class Checked:
    """A check as the page shows it."""

    last: LastCheck
    is_of_plan: bool
    groups: list[tuple[str, list[dict[str, str]]]]

    @property
    def counts(self) -> list[tuple[str, int]]:
        """How many findings of each level, gravest first."""
        return [(level, self.last.levels.get(level, 0)) for level in _GRAVEST]


def read_checked(url: str, folder: Path, plan: PlanRecord) -> Checked | None:
    """None where this plan, or another before it, was never checked."""
    try:
        last = last_check(url, folder)
    except JournalError:
        return None
    if last is None:
        return None
    groups = groupby(last.findings, lambda finding: finding.get("group", ""))
    return Checked(
        last,
        last.plan == plan_digest(plan.plan_id, plan.hashes),
        [(title, _gravest_first(findings)) for title, findings in groups],
    )


def _gravest_first(findings: Iterable[dict[str, str]]) -> list[dict[str, str]]:
    """What was not checked for one and the same reason is one line."""
    ordered = sorted(findings, key=lambda one: _GRAVEST.index(one["level"]))
    shown: list[dict[str, str]] = []
    for one in ordered:
        last = shown[-1] if shown else {}
        is_same = one["level"] == "not-checked" == last.get("level")
        if is_same and one["evidence"] == last["evidence"]:
            shown[-1] = {**last, "id": f"{last['id']}, {one['id']}", "rule": ""}
        else:
            shown.append(one)
    return shown
