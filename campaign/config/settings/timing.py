"""[schedule]: when letters may go.

In: plain dicts from TOML.  Out: frozen pydantic models.  Touches: nothing; windows, zones and
holidays are read by `checks`.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Annotated, Literal

from pydantic import BeforeValidator, Field

from campaign.config.settings.section import RuleError, Section
from campaign.config.values import ColumnName, Moment, Strings, as_default


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
    late: Literal["send", "expire"] = "send"
    """What becomes of those whose first window after the plan passed while nothing ran: they are
    sent to in a later one, or expire."""

    def rules(self) -> Iterator[RuleError]:
        """Times of day need a zone, and what ends comes after what begins."""
        named = next((key for key in ("windows", "quiet", "holidays") if getattr(self, key)), "")
        if named and self.timezone is None:
            yield RuleError(
                f"{named} need a time zone",
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
