"""How many a sender may write to in a day while its name is being made.

In: a ladder, what was sent on earlier days.  Out: the cap of today.  Touches: nothing.
`ladder_named` and `ladder_by_factor` raise ValueError with a sentence for people.

A step of the ladder is climbed by a day that used at least half of its cap and went well.  A day
on which the provider throttled, or complaints or bounces were above their thresholds, holds the
step.  Providers remember a sender for about 30 days (Twilio SendGrid, "Email warm-up"): after a
longer pause half of the steps are climbed anew, after twice as long all of them.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import date

PAUSE_DAYS = 30
MOST_COMPLAINTS = 0.003  # of what was delivered in a day: Google's and Yahoo's line, 0.3 %
MOST_BOUNCES = 0.05

# Messages an hour by day of SendGrid's automatic warm-up, here as messages a day.
_SENDGRID_HOURLY = (
    *(20, 28, 39, 55, 77, 108, 151, 211, 295, 413, 579, 810, 1_000, 1_587, 2_222, 3_111),
    *(4_356, 6_098, 8_583, 11_953, 16_734),
)
LADDERS: dict[str, tuple[int, ...]] = {
    "sendgrid": tuple(24 * hourly for hourly in _SENDGRID_HOURLY),
    # The common daily table of senders' handbooks.
    "daily": (
        50,
        100,
        500,
        1_000,
        5_000,
        10_000,
        20_000,
        40_000,
        75_000,
        100_000,
        150_000,
        200_000,
    ),
}


@dataclass(frozen=True)
class RampDay:
    """What one key (a provider, a relay, a source address) was sent on one day, UTC."""

    day: date
    sent: int
    is_frozen: bool = False  # throttled, or too many complaints or bounces


@dataclass(frozen=True)
class Rung:
    """Where a key stands today."""

    step: int  # from 1
    cap: int | None  # messages today; None: the ladder is climbed, nothing limits any more


def ladder_named(name: str) -> tuple[int, ...]:
    """Raises ValueError with the names there are."""
    try:
        return LADDERS[name]
    except KeyError:
        raise ValueError(
            f"'{name}' is not a ladder; the names are {', '.join(sorted(LADDERS))}, or write the "
            "messages of each day: [50, 100, 500, 1000]"
        ) from None


def ladder_by_factor(first: int, factor: float, until: int) -> tuple[int, ...]:
    """`first` messages on the first day, each next day `factor` times as many, up to `until`.

    Raises ValueError where that does not grow.
    """
    if first < 1 or factor <= 1 or until < first:
        raise ValueError(
            "a ramp that grows has first, at least 1, factor, above 1, and until, at least first;"
            " write { first = 50, factor = 1.4, until = 100000 }"
        )
    caps, cap = [], float(first)
    while cap < until:
        caps.append(int(cap))
        cap *= factor
    return (*caps, until)


def rung(ladder: Sequence[int], history: Iterable[RampDay], today: date) -> Rung:
    """The step and the cap of `today`, from the days before it, in any order."""
    step, last = 0, None
    for past in sorted(history, key=lambda past: past.day):
        if past.day >= today or not past.sent:
            continue
        step = _after_pause(step, last, past.day)
        last = past.day
        if step < len(ladder) and not past.is_frozen and 2 * past.sent >= ladder[step]:
            step += 1
    step = _after_pause(step, last, today)
    if step >= len(ladder):
        return Rung(len(ladder), None)
    return Rung(step + 1, ladder[step])


@dataclass(frozen=True)
class DayCount:
    """What became on one day, UTC, of what one key was sent."""

    day: date
    sent: int = 0  # taken for sending: a letter that is tried twice counts twice
    throttles: int = 0
    complaints: int = 0
    bounces: int = 0


@dataclass(frozen=True)
class RampRule:
    """A ladder, and what holds a step of it: shares of what was sent on the day."""

    ladder: tuple[int, ...]
    most_complaints: float = MOST_COMPLAINTS
    most_bounces: float = MOST_BOUNCES

    def is_frozen(self, count: DayCount) -> bool:
        """Does a day's record hold the step?"""
        return (
            count.throttles > 0
            or count.complaints > self.most_complaints * count.sent
            or count.bounces > self.most_bounces * count.sent
        )

    def rung(self, counts: Iterable[DayCount], today: date) -> Rung:
        """The step and the cap of `today`, from the days before it."""
        days = (RampDay(each.day, each.sent, self.is_frozen(each)) for each in counts)
        return rung(self.ladder, days, today)


def _after_pause(step: int, last: date | None, now: date) -> int:
    if last is None:
        return step
    pause = (now - last).days
    if pause > 2 * PAUSE_DAYS:
        return 0
    return step // 2 if pause > PAUSE_DAYS else step
