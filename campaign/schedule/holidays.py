"""Days on which nothing goes, by country or by date.

In: "CN", "US-CA", "2026-12-24".  Out: local days.
Touches: the `holidays` package (extra `schedule`), where a country is named.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from datetime import date

from campaign.errors import ConfigError
from campaign.extras import pip_line

IsHoliday = Callable[[date], bool]


def days_off(names: Sequence[str]) -> IsHoliday:
    """Whether a local day is one of the dates, or a public holiday of one of the countries.

    Raises ValueError for an unknown country, ConfigError where the extra is not installed.
    """
    dates: set[date] = set()
    countries: list[IsHoliday] = []
    for name in names:
        try:
            dates.add(date.fromisoformat(name))
        except ValueError:
            countries.append(_country(name))
    return lambda day: day in dates or any(is_one(day) for is_one in countries)


def _country(name: str) -> IsHoliday:
    try:
        import holidays
    except ImportError:
        raise ConfigError(
            f"holidays = '{name}' needs the package `holidays`",
            remedy=f'{pip_line("schedule")}, or write the dates: ["2026-12-24"]',
        ) from None
    code, _, part = name.upper().partition("-")
    try:
        days = holidays.country_holidays(code, subdiv=part or None)
    except NotImplementedError:
        raise ValueError(
            f"'{name}' is not a country with known holidays; write an ISO 3166 code such as CN, "
            "DE-BY, US-CA, or a date such as 2026-12-24"
        ) from None
    return lambda day: day in days
