"""[ramp] as the ladders it means.

In: settings.  Out: `Mistake`s; rules.  Touches: nothing.
"""

from __future__ import annotations

from collections.abc import Iterator

from campaign.config.settings import Ladder, Ramp
from campaign.config.wording import Mistake
from campaign.schedule.ramp import RampRule, ladder_by_factor, ladder_named

_FORM = '"sendgrid", "daily", [50, 100, 500] or { first = 50, factor = 1.4, until = 100000 }'


def check_ladder(ramp: Ramp, index: int) -> Iterator[Mistake]:
    """What of a ladder cannot be read."""
    try:
        _steps(ramp.ladder)
    except ValueError as trouble:
        what, _, remedy = str(trouble).partition("; ")
        yield Mistake(("ramp", index, "ladder"), f"ladder: {what}", remedy)


def rule_of(ramp: Ramp) -> RampRule:
    """The rule of a ramp that was found good."""
    return RampRule(_steps(ramp.ladder), ramp.complaints, ramp.bounces)


def _steps(ladder: Ladder) -> tuple[int, ...]:
    """Raises ValueError("what is wrong; what to write")."""
    forms = [bool(ladder.name), bool(ladder.days), bool(ladder.model_fields_set & _GROWTH)]
    if sum(forms) != 1:
        raise ValueError(f"this is not a ladder; write {_FORM}")
    if ladder.name:
        return ladder_named(ladder.name)
    if ladder.days:
        if list(ladder.days) != sorted(set(ladder.days)) or ladder.days[0] < 1:
            raise ValueError(
                "a ladder goes up, from at least 1; write the messages of each day: [50, 100, 500]"
            )
        return ladder.days
    return ladder_by_factor(ladder.first, ladder.factor, ladder.until)


_GROWTH = {"first", "factor", "until"}
