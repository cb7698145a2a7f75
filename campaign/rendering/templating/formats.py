"""Numbers, money and dates as the recipient's language writes them: filters for templates.

In: cells, the recipient's locale.  Out: text.  Touches: nothing.  The only module that imports
babel, and only when a filter is used: `pip install campaign[locale]`.

    {{ amount | money("CNY") }}   {{ count | number }}   {{ share | percent }}
    {{ day | date }}   {{ day | date("full") }}   {{ day | date("d MMM") }}
"""

from __future__ import annotations

from collections.abc import Callable
from datetime import date, datetime
from decimal import Decimal, InvalidOperation
from functools import lru_cache
from typing import TYPE_CHECKING, Any

from campaign.errors import TemplateError
from campaign.rendering.templating.locales import fallback_chain

if TYPE_CHECKING:
    import babel

_DEFAULT = "en"


class FormatError(ValueError):
    """A cell is not what a filter formats."""


class Formats:
    """The filters of one campaign; `locale` is that of the recipient being rendered."""

    def __init__(self) -> None:
        self.locale = ""

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
        return format_currency(_decimal(value), currency, locale=_locale(self.locale))

    def number(self, value: Any) -> str:
        """1234567.8 -> "1.234.567,8" for de."""
        from babel.numbers import format_decimal

        return format_decimal(_decimal(value), locale=_locale(self.locale))

    def percent(self, value: Any) -> str:
        """0.25 -> "25 %" for de."""
        from babel.numbers import format_percent

        return format_percent(_decimal(value), locale=_locale(self.locale))

    def date(self, value: Any, form: str = "long") -> str:
        """2026-01-31 -> "2026年1月31日" for zh.

        `form` is short, medium, long, full or a pattern of Unicode (TR 35), as "d MMM".
        """
        from babel.dates import format_date

        return format_date(_date(value), form, locale=_locale(self.locale))


def _decimal(value: Any) -> Decimal:
    try:
        number = Decimal(str(value).strip())
    except InvalidOperation:
        raise FormatError(f"'{value}' is not a number: write it as 1234.5") from None
    if not number.is_finite():
        raise FormatError(f"'{value}' is not a number")
    return number


def _date(value: Any) -> date:
    if isinstance(value, date):
        return value
    try:
        return datetime.fromisoformat(str(value).strip())
    except ValueError:
        raise FormatError(f"'{value}' is not a date: write it as 2026-01-31") from None


@lru_cache(maxsize=256)
def _locale(tag: str) -> babel.Locale:
    """The nearest locale Babel knows; English where there is none."""
    try:
        import babel
    except ImportError:
        raise TemplateError(
            "money, number, percent and date need Babel", remedy="pip install 'campaign[locale]'"
        ) from None
    for candidate in fallback_chain(tag):
        try:
            return babel.Locale.parse(candidate, sep="-")
        except (babel.UnknownLocaleError, ValueError):
            continue
    return babel.Locale.parse(_DEFAULT)
