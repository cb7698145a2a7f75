"""What this sender sent before: the campaigns in the folders beside this one, by their journals.

In: a campaign.  Out: `PastRun`s; findings about growth.  Touches: the files and journals beside it,
for reading.

Of the same sender is what has the same domain in From.  A campaign that cannot be read, and a
journal that is no file, are passed over.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterator, Sequence
from contextlib import closing
from datetime import UTC, datetime
from typing import NamedTuple

from campaign.config.loader import Campaign, load
from campaign.errors import CampaignError
from campaign.journal.reading.reader import Reader
from campaign.planning.inputs import sender_of
from campaign.preflight.rules import CheckFinding
from campaign.records import State

_MOST_FOLDERS = 100
_MOST_DOMAINS = 5_000
_LATELY_S = 90 * 86400.0
_GROWTH = 2.0  # times the most of before; Google asks to ramp what grows (81126, 2026-03)
_LEAST = 100  # letters to a provider before its growth says anything; ours
_SHOWN = 3


class PastRun(NamedTuple):
    """A campaign that was sent, in full or in part."""

    name: str
    ended_s: float
    sent: int
    domains: Counter[str]  # recipients

    @property
    def day(self) -> str:
        return datetime.fromtimestamp(self.ended_s, UTC).date().isoformat()


def past_runs(campaign: Campaign, now_s: float) -> list[PastRun]:
    """Those of the last 90 days, the newest first."""
    files = sorted(campaign.folder.resolve().parent.glob("*/campaign.toml"))[:_MOST_FOLDERS]
    author = sender_of(campaign).address.domain
    found = []
    for file in files:
        if file == campaign.file.resolve():
            continue
        try:
            run = _read(load(file), author)
        except CampaignError:
            continue
        if run and now_s - run.ended_s < _LATELY_S:
            found.append(run)
    return sorted(found, key=lambda run: -run.ended_s)


def _read(campaign: Campaign, author: str) -> PastRun | None:
    url, folder = campaign.journal
    if sender_of(campaign).address.domain != author or not url.startswith("sqlite:"):
        return None
    with closing(Reader.open(url, folder)) as reader:
        spans = reader.run_spans()
        sent = reader.counts().get(State.SENT, 0)
        domains = Counter(dict(reader.domains(_MOST_DOMAINS)))
    if not spans or not sent:
        return None
    return PastRun(campaign.settings.name, max(end for _, end in spans), sent, domains)


def growth_findings(
    domains: Counter[str], past: Sequence[PastRun], provider_of: Callable[[str], str]
) -> Iterator[CheckFinding]:
    """Volume by provider against the most of before, the list against the last campaign.

    `provider_of`: from a domain the title of its provider, or "".
    """
    if not past:
        why = "the folders beside this one hold no campaign of this sender that was sent lately"
        yield CheckFinding("volume-growth", "not-checked", why)
        yield CheckFinding("list-growth", "not-checked", why)
        return
    yield _volume(domains, past, provider_of)
    last, total = past[0], domains.total()
    before = last.domains.total()
    evidence = f"{total:,} now, {before:,} in {last.name} of {last.day}"
    if before and total >= _GROWTH * before and total >= _LEAST:
        remedy = "where do the new ones come from? Who did not ask for it complains, or bounces"
        yield CheckFinding("list-growth", "warn", evidence, remedy)
    else:
        yield CheckFinding("list-growth", "ok", evidence)


def _volume(
    domains: Counter[str], past: Sequence[PastRun], provider_of: Callable[[str], str]
) -> CheckFinding:
    now = _by_provider(domains, provider_of)
    most: dict[str, tuple[int, PastRun]] = {}
    for run in past:
        for title, count in _by_provider(run.domains, provider_of).items():
            if count > most.get(title, (0, run))[0]:
                most[title] = (count, run)
    grown = []
    for title, count in now.most_common():
        before, run = most.get(title, (0, past[0]))
        if count >= max(_LEAST, _GROWTH * before):
            when = f"{run.name} of {run.day}" if before else "any of them"
            grown.append(f"{title} {count:,}, {before:,} in {when}")
    if not grown:
        evidence = f"no provider gets {_GROWTH:g} times what it got in {len(past):,} campaigns"
        return CheckFinding("volume-growth", "ok", evidence)
    shown = "; ".join(grown[:_SHOWN]) + (" ..." if len(grown) > _SHOWN else "")
    remedy = "[ramp], or rates in [limits]: what grows at once is slowed down or put into spam"
    return CheckFinding("volume-growth", "warn", shown, remedy)


def _by_provider(domains: Counter[str], provider_of: Callable[[str], str]) -> Counter[str]:
    totals: Counter[str] = Counter()
    for domain, count in domains.items():
        if title := provider_of(domain):
            totals[title] += count
    return totals
