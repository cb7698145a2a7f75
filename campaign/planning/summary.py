"""What is in a plan: how many, who is left out and why, how long it will take.

In: a planned campaign.  Out: `PlanSummary`, rows to mend.  Touches: the journal, for reading.
"""

from __future__ import annotations

import json
from collections.abc import Iterator
from contextlib import closing
from dataclasses import dataclass, field
from itertools import islice

from campaign.addresses.typos import likely_typo
from campaign.config.loader import Campaign
from campaign.errors import EmptyPlanError
from campaign.journal.reading.reader import Reader, Skipped
from campaign.journal.schema import LISTED_DOMAINS
from campaign.pool.pacing import Pacing
from campaign.recipients.rejects import RejectedRow
from campaign.records import Source, State

_SHOWN_REJECTS = 20
_NOTHING_TO_MEND = frozenset({"duplicate", "grouped", "suppressed"})
# Messages per second and connection through a relay of ordinary distance (50 ms), for the
# forecast only; configured rates come first.
_ORDINARY_RATE = 18.0


@dataclass(frozen=True)
class PlanSummary:
    """What `campaign plan` prints."""

    campaign: str
    plan_id: str
    hashes: dict[str, str]  # of what it was made from
    total: int
    planned: int
    skipped: int
    reasons: list[tuple[str, int]]
    rejects: list[tuple[str, int, str, str]]  # file, line, address, reason; the first 20
    domains: list[tuple[str, int]]
    sources: list[Source]
    added: int
    forecast_s: float | None
    size_bytes: int  # mean of a message; 0 where nothing was rendered
    typos: list[tuple[str, int, str]] = field(default_factory=list)  # domain, how many, meant


def read_summary(campaign: Campaign) -> PlanSummary:
    """The existing plan.  Raises JournalError where there is none."""
    with closing(Reader.open(campaign.settings.journal.url, campaign.folder)) as reader:
        record = reader.plan_record()
        counts = reader.counts()
        total = sum(counts.values())
        skipped = counts.get(State.SKIPPED, 0)
        planned = total - skipped
        domains = reader.domains(LISTED_DOMAINS)
        return PlanSummary(
            campaign=record.campaign,
            plan_id=record.plan_id,
            hashes=record.hashes,
            total=total,
            planned=planned,
            skipped=skipped,
            reasons=list(reader.skips().items()) if skipped else [],
            rejects=_first_rejects(reader) if skipped else [],
            domains=domains[:10],
            typos=_typos(domains),
            sources=reader.sources(),
            added=total,
            forecast_s=forecast_s(campaign, planned, domains[:1000]),
            size_bytes=reader.mean_size_bytes(),
        )


def _first_rejects(reader: Reader) -> list[tuple[str, int, str, str]]:
    return [
        (skipped.file, skipped.line, skipped.address, skipped.reason)
        for skipped in islice(_to_look_at(reader), _SHOWN_REJECTS)
    ]


def rejected_rows(reader: Reader) -> Iterator[RejectedRow]:
    """The skipped rows that can be mended: neither duplicates, nor in another row's message, nor
    suppressed."""
    sources = reader.sources()
    for row in reader.unusable():
        if row.reason.partition(":")[0] in _NOTHING_TO_MEND:
            continue
        source, cells = sources[row.source], json.loads(row.data)
        members = [[row.source, cells]]
        if cells and isinstance(cells[-1], list):  # a group: all of its rows
            members = cells.pop()
        for at, own in members:
            source = sources[at]
            yield RejectedRow(source.name, row.line, source.columns, tuple(own), row.reason)


def _to_look_at(reader: Reader) -> Iterator[Skipped]:
    """Skipped rows, without those that are in somebody's message as they should be."""
    return (row for row in reader.skipped() if not row.reason.startswith("grouped:"))


def _typos(domains: list[tuple[str, int]]) -> list[tuple[str, int, str]]:
    found = ((domain, count, likely_typo(domain)) for domain, count in domains)
    return [(domain, count, meant) for domain, count, meant in found if meant]


def forecast_s(campaign: Campaign, planned: int, domains: list[tuple[str, int]]) -> float | None:
    """Seconds a run will take at the configured rates; None without a way out.

    The slowest of: the relays' rates, each provider's rate, and an ordinary link.
    """
    settings = campaign.settings
    if not settings.relay:
        return None
    pacings = [Pacing(relay.rates) for relay in settings.relay]
    rates = [  # each relay takes its share of the letters
        1 / max(pacing.interval_s, 1 / (relay.connections * _ORDINARY_RATE))
        for relay, pacing in zip(settings.relay, pacings, strict=True)
    ]
    spans_s = [planned / sum(rates)]
    for pacing, rate in zip(pacings, rates, strict=True):
        spans_s.append(pacing.span_s(round(planned * rate / sum(rates))))
    for domain, count in domains:
        if limit := settings.limits.get(domain):
            spans_s.append(Pacing(limit.rates).span_s(count))
    return max(spans_s)


def refuse_empty(summary: PlanSummary) -> None:
    """Raise EmptyPlanError where nobody is left to send to."""
    if summary.planned:
        return
    reasons = ", ".join(f"{count} {reason}" for reason, count in summary.reasons[:3])
    raise EmptyPlanError(
        f"no recipient is left to send to: {summary.total} rows, {reasons or 'none usable'}",
        remedy="mend the list or the templates, then `campaign plan`",
    )
