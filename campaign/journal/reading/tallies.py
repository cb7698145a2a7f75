"""The journal in numbers: over time, by provider, by reason.

In: questions about the whole.  Out: short lists.  Touches: the database, read-only.

Each question reads a table once; a million recipients cost from 0.1 to 1 s.  Who asks again and
again (the live page) waits ten times as long as the answer took.  Of an open campaign archives are
read, too; a letter that a run is just moving there may be counted in both for a moment.
"""

from __future__ import annotations

from collections import Counter, defaultdict
from itertools import accumulate, chain
from typing import NamedTuple

from campaign.journal.reading.claiming import ClaimReader
from campaign.records import ReplyClass, State

_ALL = 2**60  # domains
_EXAMPLES = 300  # replies looked at for each class
_LATEST = 20_000  # changes looked back for them
_TROUBLED = "'failed', 'deferred', 'held', 'expired'"
_RESTING = (ReplyClass.THROTTLE, ReplyClass.QUOTA)


class Provider(NamedTuple):
    """One domain and where its recipients stand."""

    domain: str
    counts: dict[str, int]
    rests_until_s: float  # Unix time; 0.0 where it does not

    @property
    def total(self) -> int:
        return sum(self.counts.values())

    def among(self, *states: str) -> int:
        return sum(self.counts.get(state, 0) for state in states)


class Trouble(NamedTuple):
    """A class of replies in one state."""

    class_: str
    state: str
    recipients: int


class Answer(NamedTuple):
    """What a server said to whom."""

    row: int
    address: str
    state: str
    at_s: float
    class_: str
    code: int
    text: str
    relay: str
    reason: str


class RunRecord(NamedTuple):
    """One run on this journal."""

    started_s: float
    ended_s: float  # 0.0: it still runs, or was killed
    host: str
    pid: int
    how: str


class Tallies(ClaimReader):
    """A ClaimReader that counts."""

    def runs(self) -> list[RunRecord]:
        found = self._all("SELECT started_s, ended_s, host, pid, how FROM runs ORDER BY run")
        return [RunRecord(*row) for row in found]

    def providers(self, limit: int) -> list[Provider]:
        """The largest domains with their states; skipped recipients are left out."""
        found = self._all(
            "SELECT r.domain, l.state, count(*) FROM standings l JOIN recipients r ON r.row = l.row"
            " WHERE l.state <> 'skipped' GROUP BY r.domain, l.state"
        )
        counts: dict[str, dict[str, int]] = defaultdict(dict)
        for domain, state, count in found:
            counts[domain][state] = count
        for archive in self.archives():
            for other in archive.providers(_ALL):
                for state, count in other.counts.items():
                    counts[other.domain][state] = counts[other.domain].get(state, 0) + count
        resting = self._resting()
        each = [Provider(name, states, resting.get(name, 0.0)) for name, states in counts.items()]
        return sorted(each, key=lambda one: (-one.total, one.domain))[:limit]

    def troubles(self) -> list[Trouble]:
        """How many are not sent, by class and state, most first."""
        found = self._all(
            "SELECT h.class, l.state, count(*) AS n FROM standings l"
            f" LEFT JOIN history h ON h.change = l.change WHERE l.state IN ({_TROUBLED})"
            " GROUP BY h.class, l.state ORDER BY n DESC"
        )
        several: Counter[tuple[str, str]] = Counter()
        for class_, state, count in found:
            several[class_, state] += count
        for archive in self.archives():
            several.update(
                {(each.class_, each.state): each.recipients for each in archive.troubles()}
            )
        return [Trouble(*kind, count) for kind, count in several.most_common()]

    def answers(self, class_: str) -> list[Answer]:
        """Some of the answers of one class among those not sent."""
        return self._answers(
            f"h.class = :class AND l.state IN ({_TROUBLED}) ORDER BY l.row LIMIT :limit",
            {"class": class_, "limit": _EXAMPLES},
        )

    def latest(self, limit: int) -> list[Answer]:
        """The last answers that were no plain acceptance, of the last changes there were."""
        found = self._all(
            "SELECT h.row, r.address, h.state, h.at, h.class, h.code, h.reply, h.relay, h.reason"
            f" FROM history h JOIN recipients r ON r.row = h.row WHERE h.state IN ({_TROUBLED})"
            f" AND h.change > (SELECT max(change) FROM history) - {_LATEST}"
            " ORDER BY h.change DESC LIMIT :limit",
            limit=limit,
        )
        return [Answer(*row) for row in found]

    def once_in_doubt(self, limit: int) -> list[Answer]:
        """Recipients of whom nobody knew, at some time, whether the message had arrived."""
        return self._answers(
            "l.row IN (SELECT row FROM history WHERE class = 'in-doubt')"
            " ORDER BY l.row LIMIT :limit",
            {"limit": limit},
        )

    def times(self, state: State, bucket_s: float) -> list[tuple[float, int]]:
        """When recipients came into a state: start of each stretch (Unix time) and how many."""
        found = self._all(
            f"SELECT {self._floor('at')} AS k, count(*) FROM history"
            f" WHERE state = '{state}' GROUP BY 1 ORDER BY 1",
            bucket=float(bucket_s),
        )
        several = Counter({float(start) * bucket_s: int(count) for start, count in found})
        for archive in self.archives():
            several.update(dict(archive.times(state, bucket_s)))
        return sorted(several.items())

    def sending_span(self) -> tuple[float, float]:
        """Unix time of the first and the last acceptance; zeros where nothing was sent."""
        first, last = self._all("SELECT min(at), max(at) FROM history WHERE state = 'sent'")[0]
        spans = [(float(first or 0), float(last or 0))]
        spans += [archive.sending_span() for archive in self.archives()]
        sent = [span for span in spans if span[0]]
        return (min(sent)[0], max(span[1] for span in sent)) if sent else (0.0, 0.0)

    def waits(self, since_s: float, bounds_s: list[float]) -> list[int]:
        """How many were accepted within each bound after `since_s`; the last is everybody else."""
        each = ", ".join(
            f"count(*) FILTER (WHERE at - :since <= {float(bound)!r})" for bound in bounds_s
        )
        found = self._all(
            f"SELECT {each}, count(*) FROM history WHERE state = 'sent'", since=since_s
        )[0]
        upto = [int(count) for count in found]
        for archive in self.archives():
            for place, count in enumerate(accumulate(archive.waits(since_s, bounds_s))):
                upto[place] += count
        return [count - before for count, before in zip(upto, [0, *upto], strict=False)]

    def retries(self) -> list[tuple[int, int]]:
        """How often recipients were deferred, and how many were so often."""
        found = self._all(
            "SELECT times, count(*) FROM (SELECT row, count(*) AS times FROM history"
            " WHERE state = 'deferred' GROUP BY row) t GROUP BY times ORDER BY times"
        )
        several = Counter({int(times): int(count) for times, count in found})
        for archive in self.archives():
            several.update(dict(archive.retries()))
        return sorted(several.items())

    def by_hour(self, since_s: float) -> list[tuple[str, float, State, int]]:
        """As that of a Glance, which looks no further back than letters stay in a journal."""
        several: Counter[tuple[str, float, State]] = Counter()
        found = [super().by_hour(since_s), *(each.by_hour(since_s) for each in self.archives())]
        for name, hour_s, state, count in chain.from_iterable(found):
            several[name, hour_s, state] += count
        return [
            (*kind, count)
            for kind, count in sorted(several.items(), key=lambda each: (each[0][1], each[0]))
        ]

    def _resting(self) -> dict[str, float]:
        classes = ", ".join(f"'{class_}'" for class_ in _RESTING)
        found = self._all(
            "SELECT r.domain, min(l.due) FROM standings l JOIN recipients r ON r.row = l.row"
            " JOIN history h ON h.change = l.change"
            f" WHERE l.state = 'deferred' AND h.class IN ({classes}) GROUP BY r.domain"
        )
        return {domain: float(due) for domain, due in found}

    def _answers(self, where: str, values: dict[str, object]) -> list[Answer]:
        """Where recipients stand, with what a server said last."""
        found = self._all(
            "SELECT l.row, r.address, l.state, h.at, h.class, coalesce(a.code, 0),"
            " coalesce(a.reply, ''), coalesce(a.relay, ''), h.reason FROM standings l"
            " JOIN recipients r ON r.row = l.row JOIN history h ON h.change = l.change"
            f" LEFT JOIN history a ON a.change = l.answer WHERE {where}",
            **values,
        )
        answers = [Answer(*row) for row in found]
        for archive in self.archives():
            if (left := int(str(values["limit"])) - len(answers)) <= 0:
                break
            answers += archive._answers(where, {**values, "limit": left})
        return answers

    def _floor(self, stamp: str) -> str:
        if self._place.dialect == "postgresql":
            return f"floor({stamp} / :bucket)"
        return f"CAST({stamp} / :bucket AS INTEGER)"
