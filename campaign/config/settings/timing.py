"""[schedule] and [ramp]: when letters may go, and how many in a day.

In: plain dicts from TOML.  Out: frozen pydantic models.  Touches: nothing; windows, zones,
holidays and ladders are read by `checks`.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Annotated, Literal

from pydantic import BeforeValidator, Field

from campaign.config.settings.section import RuleError, Section
from campaign.config.values import (
    ColumnName,
    Moment,
    Percent,
    Strings,
    Whole,
    as_default,
    as_ladder,
)


class TimeZone(Section):
    """The time zone of each recipient, from a column of the list."""

    column: ColumnName = ""
    """Column that names the zone of each recipient; an empty cell means the default."""
    default: str = Field(min_length=1, examples=["Asia/Shanghai"])
    """Zone of everybody who has none of their own."""


class Schedule(Section):
    """When letters may go. Whoever may not go yet stays planned."""

    start: Moment | None = None
    """Nobody is written to before; a date with a time and an offset."""
    windows: Strings = Field(default=(), examples=[["Mon-Fri 09:00-17:30"]])
    """Hours of the week in which letters may go, in the time zone of the recipient; empty: all."""
    timezone: Annotated[
        TimeZone | None,
        BeforeValidator(as_default, json_schema_input_type=str | TimeZone),
    ] = None
    """Zone of the windows: "Asia/Shanghai", or { column = "tz", default = "Asia/Shanghai" }."""
    quiet: Strings = Field(default=(), examples=[["12:00-13:30", "Sat,Sun 00:00-24:00"]])
    """Hours that are taken out of the windows."""
    holidays: Strings = Field(default=(), examples=["CN"])
    """Days on which nothing goes: countries, as CN or DE-BY, and dates, as 2026-12-24."""
    expire_at: Moment | None = None
    """Nobody is written to from then on: who is left then expires."""
    order: ColumnName = Field(default="", examples=["engagement"])
    """Column of a number by which the list goes, the highest first; who has none goes last."""
    late: Literal["send", "expire"] = "send"
    """What becomes of those whose first window after the plan passed while nothing ran: they are
    sent to in a later one, or expire."""

    def rules(self) -> Iterator[RuleError]:
        """Times of day need a zone, and what ends comes after what begins."""
        named = next((key for key in ("windows", "quiet", "holidays") if getattr(self, key)), "")
        if named and self.timezone is None:
            yield RuleError(
                f"{'quiet hours' if named == 'quiet' else named} need a time zone",
                'add timezone = "Asia/Shanghai", or { column = "tz", default = "Asia/Shanghai" }',
                named,
                "timezone",
            )
        if self.start and self.expire_at and self.expire_at <= self.start:
            yield RuleError(
                "expire_at does not come after start", "give it a later time", "expire_at", "start"
            )
        if self.late == "expire" and not self.windows:
            yield RuleError(
                'late = "expire" needs windows, for without them nobody is late',
                'add windows = ["Mon-Fri 09:00-17:30"], or leave late out',
                "late",
                "windows",
            )


class Ladder(Section):
    """The messages of each day, from the first on."""

    name: str = ""
    """A published one: "sendgrid" or "daily"."""
    days: tuple[Whole, ...] = ()
    """The messages of each day."""
    first: Whole = 0
    """Messages of the first day."""
    factor: float = 0.0
    """How many times as many each next day has."""
    until: Whole = 0
    """Messages of the last day; above it nothing limits."""


class Ramp(Section):
    """How many a young sender writes to in a day, while its name is being made. A day is one of
    UTC, counted over all campaigns that share the suppression store."""

    per: Literal["provider", "relay"] = "provider"
    """What climbs: each mailbox provider that is known and each domain of [limits], all others
    being free; or each relay, which is each source address of [direct]."""
    ladder: Annotated[
        Ladder,
        BeforeValidator(as_ladder, json_schema_input_type=str | list[int] | Ladder),
    ] = Field(examples=["sendgrid"])
    """ "sendgrid", "daily", or the messages of each day, as [50, 100, 500], or { first = 50,
    factor = 1.4, until = 100000 }. A day that used half of its cap climbs a step."""
    complaints: Percent = Field(default="0.3%", validate_default=True)
    """Complaints of a day, of what was sent on it, above which the step is held."""
    bounces: Percent = Field(default="5%", validate_default=True)
    """Bounces of a day, of what was sent on it, above which the step is held. A throttling reply
    holds it too."""
