"""What is in a plan: how many, who is left out and why, how long it will take.

In: a planned campaign.  Out: `PlanSummary`, rows to mend.  Touches: the journal, for reading.
"""

from __future__ import annotations

import math
from contextlib import closing
from dataclasses import dataclass, field

from campaign.addresses.typos import likely_typo
from campaign.clock import Clock, SystemClock
from campaign.config.loader import Campaign
from campaign.errors import EmptyPlanError
from campaign.journal.reading.claiming import ClaimReader
from campaign.journal.schema import LISTED_DOMAINS
from campaign.planning.bulk import missing_for_bulk
from campaign.planning.skips import SKIP_WORDS, SkipKind, Skips, read_skips
from campaign.planning.timing.forecast import Forecast
from campaign.planning.timing.outlook import (
    LOOKED_AT,
    ORDINARY_RATE,
    outlook,
    sources_of,
)
from campaign.pool.limits import Limits
from campaign.pool.pacing.rates import Pacing
from campaign.records import Source, State, unsettled_of

_SHOWN_CAUSES = 20
_CLOCK = SystemClock()


@dataclass(frozen=True)
class PlanSummary:
    """What `campaign plan` prints."""

    campaign: str
    plan_id: str
    hashes: dict[str, str]  # of what it was made from
    total: int  # rows of the list; one that was mended and added anew counts once
    planned: int  # recipients, the settled among them
    left: int  # of those, who is not settled
    skipped: int
    reasons: list[tuple[str, int]]
    causes: list[SkipKind]  # of rows that could be mended, letters that cannot be made first
    domains: list[tuple[str, int]]
    sources: list[Source]  # each file once, as it was read last
    forecast_s: float | None  # seconds that a run takes by the limits; with [schedule], from now
    size_bytes: int  # mean of a message; 0 where nothing was rendered
    typos: list[tuple[str, int, str]] = field(default_factory=list)  # domain, how many, meant
    amendment: Amendment | None = None
    missing: list[str] = field(default_factory=list)  # what bulk mail should have
    outlook: Forecast | None = None  # None without a way out
    order: str = ""  # the column by which the list goes, the highest number first
    unranked: int = 0  # rows without a number there, which go last


@dataclass(frozen=True)
class Amendment:
    """What an amended plan takes in."""

    changed: list[str]  # files and settings, as Difference says them
    added: int  # recipients who are new
    restored: int  # who could get no letter before
    corrected: int  # not sent yet, with other cells in the list than before
    changing: int  # letters not sent yet that are made with what changed
    removed: int  # not sent yet, and no longer on the list: they get none
    dropped: int  # not sent yet, and they get none for another reason
    settled: int  # stay as they are


def read_summary(campaign: Campaign, clock: Clock = _CLOCK) -> PlanSummary:
    """The existing plan, and its forecast from now on.  Raises JournalError without a plan."""
    with closing(ClaimReader.open(campaign.settings.journal.url, campaign.folder)) as reader:
        record = reader.plan_record()
        counts = reader.counts()
        rows = sum(counts.values())
        skipped = counts.get(State.SKIPPED, 0)
        planned, left = rows - skipped, unsettled_of(counts)
        skips = read_skips(reader) if skipped else Skips([], [], 0)
        domains = reader.domains(LISTED_DOMAINS)
        to_go = [(domain, round(count * left / planned)) for domain, count in domains]
        now_s = clock.now_s()
        looks_at = LOOKED_AT if left < planned else None
        seen = outlook(campaign, reader, to_go, left, now_s, looks_at=looks_at)
        by_limits_s = forecast_s(campaign, left, to_go)
        if seen and campaign.settings.schedule:
            by_limits_s = seen.finish_s - now_s if math.isfinite(seen.finish_s) else None
        return PlanSummary(
            campaign=record.campaign,
            plan_id=record.plan_id,
            hashes=record.hashes,
            total=rows - skips.mended,
            planned=planned,
            left=left,
            skipped=skipped - skips.mended,
            reasons=skips.kinds,
            causes=skips.causes[:_SHOWN_CAUSES],
            domains=domains[:10],
            typos=_typos(domains),
            sources=list({source.name: source for source in reader.sources()}.values()),
            forecast_s=by_limits_s,
            outlook=seen,
            size_bytes=reader.mean_size_bytes(),
            missing=missing_for_bulk(campaign.settings),
            order=campaign.settings.schedule.order if campaign.settings.schedule else "",
            unranked=reader.unranked() or 0,
        )


def _typos(domains: list[tuple[str, int]]) -> list[tuple[str, int, str]]:
    found = ((domain, count, likely_typo(domain)) for domain, count in domains)
    return [(domain, count, meant) for domain, count, meant in found if meant]


def forecast_s(campaign: Campaign, planned: int, domains: list[tuple[str, int]]) -> float | None:
    """Seconds a run will take at the configured rates; None without a way out.

    The slowest of: the relays' rates, each provider's rate, and an ordinary link.
    """
    settings = campaign.settings
    limits = Limits(settings.limits)
    limits_s = limits.span_s(domains)
    if settings.direct:
        sources = len(sources_of(settings))  # each has the limits for itself
        limits_s = limits.span_of(limits.count(domains), sources)
        each = -(-planned // sources)
        return max(limits_s, Pacing(settings.direct.rates).span_s(each)) or None
    if not settings.relay:
        return None
    pacings = [Pacing(relay.rates) for relay in settings.relay]
    rates = [  # each relay takes its share of the letters
        1 / max(pacing.interval_s, 1 / (relay.connections * ORDINARY_RATE))
        for relay, pacing in zip(settings.relay, pacings, strict=True)
    ]
    spans_s = [planned / sum(rates)]
    for pacing, rate in zip(pacings, rates, strict=True):
        spans_s.append(pacing.span_s(round(planned * rate / sum(rates))))
    return max(*spans_s, limits_s)


def refuse_empty(summary: PlanSummary) -> None:
    """Raise EmptyPlanError, which names the first cause, where nobody is left to send to."""
    if summary.planned:
        return
    reasons = ", ".join(
        f"{count:,} skipped ({SKIP_WORDS.get(reason, reason)})"
        for reason, count in summary.reasons[:3]
    )
    example = ""
    if summary.causes:
        first = summary.causes[0]
        example = f"; for example {first.file}:{first.line} {first.address}: {first.reason}"
    raise EmptyPlanError(
        f"no recipient is left to send to: of {summary.total:,} row{'s' * (summary.total != 1)}"
        f" {reasons or 'none can be used'}{example}",
        remedy="mend the list or the templates, then `campaign plan`",
    )
