"""Many campaigns side by side: what was accepted of each, and what came back.

In: folders of campaigns.  Out: `CampaignLine`s in the order in which they were sent; a page.
Touches: their journals and events, read-only.

Of a campaign.toml only its name and its journal are read, so old campaigns whose lists and
templates are gone are in it too.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any, NamedTuple

from campaign.clock import iso
from campaign.config.loader import load_tables
from campaign.config.reading import read_config
from campaign.errors import NoPlanError
from campaign.journal.reading.returned.events import came_back, count_events, harm_since
from campaign.journal.reading.tallies import Tallies
from campaign.pages.charts import HEIGHT, WIDTH, round_up
from campaign.pages.look import Look
from campaign.records import State, unsettled_of
from campaign.report.returned import COMPLAINTS_ASKED, COMPLAINTS_MOST
from campaign.report.wording import ReportWords

# Of hard bounces: what senders are blocked for by the large services (docs/bounces.md), and half.
BOUNCES_ASKED, BOUNCES_MOST = 0.02, 0.05
_BARS = 48  # campaigns in a chart: the latest
_GAP = 0.25  # of a bar's place that stays empty


@dataclass(frozen=True)
class CampaignLine:
    """One campaign; counts of recipients, of deliveries and answers counts of events."""

    campaign: str
    folder: str
    first_s: float  # Unix time of the first acceptance; 0.0 where there is none
    recipients: int  # that are not skipped
    accepted: int
    failed: int
    left: int  # not settled
    delivered: int
    bounced: int
    bounced_hard: int
    complained: int
    unsubscribed: int
    replied: int

    def share(self, count: int) -> float:
        """Of what was accepted."""
        return count / self.accepted if self.accepted else 0.0


class ReportLimits(NamedTuple):
    """Shares from which a count is worth a look, and from which it harms a reputation."""

    asked: float = 0.0
    most: float = 0.0

    def tone(self, share: float) -> str:
        if self.most and share >= self.most:
            return "bad"
        return "warn" if self.asked and share >= self.asked else ""


class Bar(NamedTuple):
    """One campaign in a chart, in the box of 1000 by 200."""

    x: float
    width: float
    y: float
    height: float
    tone: str
    words: str


class TrendChart(NamedTuple):
    """One kind of what came back, by campaign."""

    title: str
    words: str  # for those who do not see it
    top: str
    half: str
    bars: list[Bar]
    lines: list[tuple[float, str]]  # y of each limit, and its tone
    first: str
    last: str


COMPLAINTS = ReportLimits(COMPLAINTS_ASKED, COMPLAINTS_MOST)
HARD_BOUNCES = ReportLimits(BOUNCES_ASKED, BOUNCES_MOST)


def gather_lines(folders: Iterable[Path]) -> list[CampaignLine]:
    """Those that have a plan; raises ConfigErrors, JournalError, NoPlanError where none has."""
    lines = []
    for folder in folders:
        try:
            lines.append(_line(folder))
        except NoPlanError:
            continue
    if not lines:
        raise NoPlanError("none of these campaigns has a plan", remedy="`campaign plan` makes one")
    return sorted(lines, key=lambda line: (line.first_s or float("inf"), line.campaign))


def _line(folder: Path) -> CampaignLine:
    campaign = load_tables(folder, {"journal"})
    journal = campaign.journal
    tallies = Tallies.open(*journal)
    try:
        counts = tallies.counts()
        first_s, _ = tallies.sending_span()
    finally:
        tallies.close()
    kinds = count_events(*journal)
    back = came_back(*journal).values() if kinds else ()
    hard, complained = harm_since(*journal, 0.0) if kinds else (set(), set())
    return CampaignLine(
        campaign=str(read_config(folder).tables.get("name", folder.name)),
        folder=campaign.folder.name,
        first_s=first_s,
        recipients=sum(counts.values()) - counts[State.SKIPPED],
        accepted=counts[State.SENT],
        failed=counts[State.FAILED] + counts[State.EXPIRED] + counts[State.HELD],
        left=unsettled_of(counts),
        delivered=kinds.get("delivered", 0),
        bounced=sum(bool(one.bounced_at) for one in back),
        bounced_hard=len(hard),
        complained=len(complained),
        unsubscribed=sum(bool(one.unsubscribed_at) for one in back),
        replied=kinds.get("replied", 0),
    )


def as_objects(lines: Sequence[CampaignLine]) -> list[dict[str, Any]]:
    """As --json prints them."""
    return [
        {"first_sent_at": iso(line.first_s) or None, **{
            name: value for name, value in asdict(line).items() if name != "first_s"}}
        for line in lines
    ]  # fmt: skip


def draw_lines(lines: Sequence[CampaignLine], written_s: float, language: ReportWords) -> str:
    """The page."""
    sent = [line for line in lines if line.accepted]
    look = Look(Path(__file__).parent / "look", room="report", charts=True)
    return look.plain(
        "several.html",
        lines=list(reversed(lines)),  # the latest is what one came for
        charts=_charts(sent[-_BARS:], language) if len(sent) > 1 else [],
        accepted=sum(line.accepted for line in lines),
        written=language.moment(written_s),
        complaints=COMPLAINTS,
        bounces=HARD_BOUNCES,
        language=language.tag,
        _=language.say,
        of_count=language.say_of,
        day=language.day,
    )


def _charts(lines: Sequence[CampaignLine], language: ReportWords) -> list[TrendChart]:
    return [
        _chart(language.say("No such mailbox"), lines,
               [line.bounced_hard for line in lines], HARD_BOUNCES, language),
        _chart(language.say("Marked as spam"), lines,
               [line.complained for line in lines], COMPLAINTS, language),
        _chart(language.say("Unsubscribed"), lines,
               [line.unsubscribed for line in lines], ReportLimits(), language),
    ]  # fmt: skip


def _chart(
    title: str,
    lines: Sequence[CampaignLine],
    counts: Sequence[int],
    limits: ReportLimits,
    language: ReportWords,
) -> TrendChart:
    shares = [line.share(count) for line, count in zip(lines, counts, strict=True)]
    top = round_up(max(*shares, limits.most, 0.001) * 100_000) / 100_000  # of thousandths of 1 %
    place = WIDTH / len(lines)
    bars = [
        Bar(
            round((at + _GAP / 2) * place, 1),
            round((1 - _GAP) * place, 1),
            round(HEIGHT * (1 - share / top), 1),
            round(HEIGHT * share / top, 1),
            limits.tone(share),
            f"{line.campaign}: {_percent(share)}",
        )
        for at, (line, share) in enumerate(zip(lines, shares, strict=True))
    ]
    drawn = [(limits.asked, "warn"), (limits.most, "bad")]
    return TrendChart(
        title,
        f"{title}: {', '.join(bar.words for bar in bars)}",
        _percent(top),
        _percent(top / 2),
        bars,
        [(round(HEIGHT * (1 - limit / top), 1), tone) for limit, tone in drawn if limit],
        lines[0].campaign,
        lines[-1].campaign,
    )


def _percent(share: float) -> str:
    """ "0.25 %": no more digits than say something."""
    return f"{100 * share:.2f}".rstrip("0").rstrip(".") + " %"
