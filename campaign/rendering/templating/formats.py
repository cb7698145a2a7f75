"""Numbers, money and dates as the recipient's language writes them: filters for templates.

In: cells, the recipient's locale.  Out: text.  Touches: nothing.  The only module that imports
babel, and only when a filter is used: `pip install campaign[locale]`.

    {{ amount | money("CNY") }}   {{ count | number }}   {{ share | percent }}
    {{ day | date }}   {{ day | date("full") }}   {{ day | date("d MMM") }}
"""

from __future__ import annotations

import datetime
from collections.abc import Callable
from decimal import Decimal
from functools import lru_cache
from typing import TYPE_CHECKING, Any

from campaign.errors import TemplateError
from campaign.extras import pip_line
from campaign.figures import CURRENCIES, PLAIN, Amount, Habits, read_amount, read_date
from campaign.languages import fallback_chain

if TYPE_CHECKING:
    import babel

_DEFAULT = "en"


class FormatError(ValueError):
    """A cell is not what a filter formats."""


class Formats:
    """The filters of one campaign.

    `locale` is that of the recipient being rendered: how values are written.  How cells are read
    is for `list_locale` to say, the language of whoever wrote the list.
    """

    def __init__(self, list_locale: str = "") -> None:
        self.locale = list_locale
        self._list_locale = list_locale
        self._known_habits: Habits | None = None

    @property
    def filters(self) -> dict[str, Callable[..., str]]:
        """By the names templates use."""
        return {
            "money": self.money,
            "number": self.number,
            "percent": self.percent,
            "date": self.date,
        }

    def money(self, value: Any, currency: str) -> str:
        """1234.5 -> "¥1,234.50" for "CNY" and zh; `currency` is a code of ISO 4217."""
        from babel.numbers import UnknownCurrencyError, format_currency, validate_currency

        try:
            validate_currency(currency)
        except UnknownCurrencyError:
            raise FormatError(f"'{currency}' is not a currency: write its code, as EUR") from None
        amount = self._amount(value)
        if amount.sign and currency not in CURRENCIES[amount.sign]:
            raise FormatError(f"'{value}' is not an amount in {currency}")
        return format_currency(amount.number, currency, locale=_locale(self.locale))

    def number(self, value: Any) -> str:
        """1234567.8 -> "1.234.567,8" for de."""
        from babel.numbers import format_decimal

        return format_decimal(self._amount(value).number, locale=_locale(self.locale))

    def percent(self, value: Any) -> str:
        """0.25 -> "25 %" for de."""
        from babel.numbers import format_percent

        return format_percent(self._amount(value).number, locale=_locale(self.locale))

    def date(self, value: Any, form: str = "long") -> str:
        """2026-01-31 -> "2026年1月31日" for zh.

        `form` is short, medium, long, full or a pattern of Unicode (TR 35), as "d MMM".
        """
        from babel.dates import format_date

        return format_date(self._day(value), form, locale=_locale(self.locale))

    @property
    def _habits(self) -> Habits:
        if self._known_habits is None:
            self._known_habits = _habits(self._list_locale) if self._list_locale else PLAIN
        return self._known_habits

    def _amount(self, value: Any) -> Amount:
        if isinstance(value, int | float | Decimal) and not isinstance(value, bool):
            number = Decimal(str(value))
            if not number.is_finite():
                raise FormatError(f"'{value}' is not a number")
            return Amount(number, "")
        try:
            return read_amount(str(value), self._habits)
        except ValueError as error:
            raise FormatError(str(error)) from None

    def _day(self, value: Any) -> datetime.date:
        if isinstance(value, datetime.date):
            return value
        try:
            return read_date(str(value), self._habits)
        except ValueError as error:
            raise FormatError(str(error)) from None


def _habits(tag: str) -> Habits:
    """How numbers and dates are written in a language, by Unicode's data (CLDR)."""
    from babel.numbers import get_decimal_symbol

    locale = _locale(tag)
    pattern = locale.date_formats["short"].pattern.lower()
    order = "".join(sorted("dmy", key=pattern.find))
    months: dict[str, int] = {}
    for context in locale.months.values():
        for width in ("wide", "abbreviated"):
            months |= {name.rstrip(".").lower(): at for at, name in context[width].items()}
    decimal = "," if get_decimal_symbol(locale) == "," else "."
    return Habits(decimal, order, months)


@lru_cache(maxsize=256)
def _locale(tag: str) -> babel.Locale:
    """The nearest locale Babel knows; English where there is none."""
    try:
        import babel
    except ImportError:
        raise TemplateError(
            "money, number, percent and date need Babel", remedy=pip_line("locale")
        ) from None
    for candidate in fallback_chain(tag):
        try:
            return babel.Locale.parse(candidate, sep="-")
        except (babel.UnknownLocaleError, ValueError):
            continue
    return babel.Locale.parse(_DEFAULT)
