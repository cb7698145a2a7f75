"""Everything the report says, asked of the journal once.

In: a journal.  Out: `Figures`.  Touches: the journal, read-only.
"""

from __future__ import annotations

import re
from collections import Counter
from dataclasses import dataclass

from campaign.journal.reading.reader import Skipped
from campaign.journal.reading.tallies import Answer, Provider, RunRecord, Tallies
from campaign.pages.causes import Cause, cause_of
from campaign.pages.hourly import HourlyLetters, hourly_letters
from campaign.planning.skips import SKIP_WORDS
from campaign.records import Source, State

_PROVIDERS = 15
_SHOWN = 200  # lines of a list of people; the rest is in `campaign results`
_EXAMPLES = 5  # skipped rows shown for each reason
_REPLIES = 4  # kinds of reply shown for each class
_DAY_S = 86_400.0
_STRETCHES = 120  # points of a curve
_ADDRESS = re.compile(r"<?[^\s<>@]+@[^\s<>@]+>?")
_CHANGING = re.compile(r"\b(?=\w*\d)[\w-]{9,}\b|\[[\d.:a-f]+\]")  # queue ids, addresses of hosts
WAITS_S = (1.0, 5.0, 15.0, 60.0, 300.0, 900.0, 3600.0, 14400.0, 86400.0)


@dataclass(frozen=True)
class Series:
    """A curve: starts of stretches (Unix time), and how many in each."""

    bucket_s: float
    starts: list[float]
    sent: list[int]
    deferred: list[int]


@dataclass(frozen=True)
class Group:
    """Failures of one class."""

    cause: Cause
    class_: str
    states: list[tuple[str, int]]
    replies: list[tuple[str, int, str]]  # text, how many of those looked at, an address

    @property
    def recipients(self) -> int:
        return sum(count for _, count in self.states)

    @property
    def is_final(self) -> bool:
        return any(state != "deferred" for state, _ in self.states)


@dataclass(frozen=True)
class SkipGroup:
    """Rows of one reason."""

    reason: str  # what the reasons begin with
    rows: int
    examples: list[Skipped]

    @property
    def words(self) -> str:
        return SKIP_WORDS.get(self.reason, self.reason or "no reason given")


@dataclass(frozen=True)
class Figures:
    """The whole report."""

    campaign: str
    planned_s: float
    written_s: float
    counts: dict[State, int]
    sources: list[Source]
    runs: list[RunRecord]
    first_s: float
    last_s: float
    series: Series | None
    providers: list[Provider]
    groups: list[Group]
    waits: list[int]  # by WAITS_S, and beyond; [] where nobody knows
    retries: list[tuple[int, int]]
    in_doubt: list[Answer]
    skips: list[SkipGroup]
    hourly: HourlyLetters | None  # of an open campaign

    @property
    def total(self) -> int:
        return sum(self.counts.values())

    @property
    def recipients(self) -> int:
        return self.total - self.counts[State.SKIPPED]

    @property
    def sent(self) -> int:
        return self.counts[State.SENT]

    @property
    def tried(self) -> int:
        """Those a server has judged: what became of the others says nothing about the list."""
        return self.recipients - self.counts[State.PLANNED] - self.counts[State.CANCELLED]

    @property
    def per_s(self) -> float:
        """Mean rate from the first to the last acceptance."""
        span_s = self.last_s - self.first_s
        return self.sent / span_s if span_s > 0 else 0.0


def gather(tallies: Tallies, now_s: float, *, is_open: bool = False, day: str = "%d %b") -> Figures:
    """Ask everything; about 3 s for a million recipients.

    `is_open`: of an open campaign, whose letters are told by template and hour; `day`: as of
    `draw_curve`."""
    plan = tallies.plan_record()
    runs = tallies.runs()
    first_s, last_s = tallies.sending_span()
    started_s = runs[0].started_s if runs else first_s
    return Figures(
        campaign=plan.campaign,
        planned_s=plan.created_s,
        written_s=now_s,
        counts=tallies.counts(),
        sources=list(dict.fromkeys(tallies.sources())),
        runs=runs,
        first_s=first_s,
        last_s=last_s,
        series=_series(tallies, first_s, last_s) if first_s else None,
        providers=tallies.providers(_PROVIDERS),
        groups=_groups(tallies),
        # When a letter of an open campaign was accepted is forgotten, and a run says nothing of it.
        waits=[] if is_open else tallies.waits(started_s, list(WAITS_S)),
        retries=tallies.retries(),
        in_doubt=tallies.once_in_doubt(_SHOWN),
        skips=_skips(tallies),
        hourly=hourly_letters(tallies, _last_day_s(last_s, now_s), day=day) if is_open else None,
    )


def _last_day_s(last_s: float, now_s: float) -> float:
    """The end of the day that is told hour by hour: the last one in which anything was sent."""
    return now_s if now_s - last_s < _DAY_S or not last_s else last_s


def _skips(tallies: Tallies) -> list[SkipGroup]:
    """Each reason with its first rows."""
    examples: dict[str, list[Skipped]] = {}
    counts = dict(tallies.skips())
    missing = len(counts)
    for one in tallies.skipped():
        of_reason = examples.setdefault(one.reason.partition(":")[0], [])
        if len(of_reason) < _EXAMPLES:
            of_reason.append(one)
            missing -= len(of_reason) == _EXAMPLES
            if not missing:
                break
    return [SkipGroup(reason, rows, examples.get(reason, [])) for reason, rows in counts.items()]


def kinds_of_reply(answers: list[Answer]) -> list[tuple[str, int, str]]:
    """Replies that differ only in whom they name count as one; the commonest first."""
    kinds: Counter[str] = Counter()
    example: dict[str, Answer] = {}
    for answer in answers:
        text = f"{answer.code} {answer.text}" if answer.code else answer.reason
        kind = _CHANGING.sub("…", _ADDRESS.sub("…", text))
        kinds[kind] += 1
        example.setdefault(kind, answer)
    return [
        (
            f"{found.code} {found.text}" if (found := example[kind]).code else found.reason,
            count,
            found.address,
        )
        for kind, count in kinds.most_common(_REPLIES)
    ]


def _series(tallies: Tallies, first_s: float, last_s: float) -> Series:
    bucket_s = max(1.0, (last_s - first_s) / _STRETCHES)
    sent = dict(tallies.times(State.SENT, bucket_s))
    deferred = dict(tallies.times(State.DEFERRED, bucket_s))
    first, last = int(first_s / bucket_s), int(last_s / bucket_s)
    starts = [at * bucket_s for at in range(first, last + 1)]
    return Series(
        bucket_s,
        starts,
        [sent.get(start, 0) for start in starts],
        [deferred.get(start, 0) for start in starts],
    )


def _groups(tallies: Tallies) -> list[Group]:
    troubles = tallies.troubles()
    groups = [
        Group(
            cause=cause_of(class_),
            class_=class_,
            states=[(one.state, one.recipients) for one in troubles if one.class_ == class_],
            replies=kinds_of_reply(tallies.answers(class_)),
        )
        for class_ in dict.fromkeys(trouble.class_ for trouble in troubles)
    ]
    return sorted(groups, key=lambda group: (not group.is_final, -group.recipients))
