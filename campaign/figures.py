"""Numbers, amounts and dates as spreadsheets and customer databases write them.

In: the text of a cell, the `Habits` of whoever wrote the list.  Out: Decimal, date.
Touches: nothing.  Raises ValueError with a sentence that shows how to write it instead.

One text has one meaning or none: `1.234,50` can be read in one way only, `03/04/2026` is two days
until the list says by whose habits it was written.
"""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Mapping
from datetime import date, datetime
from decimal import Decimal
from typing import NamedTuple

_ENGLISH_MONTHS = (
    "january", "february", "march", "april", "may", "june", "july", "august", "september",
    "october", "november", "december",
)  # fmt: skip
_MONTHS = {name[:size]: at for at, name in enumerate(_ENGLISH_MONTHS, 1) for size in (3, 4, 9)}


class Habits(NamedTuple):
    """How numbers and dates are written where a list comes from."""

    decimal: str = "."  # "." or ","
    date_order: str = ""  # "dmy", "mdy", "ymd"; "" where it is not known
    months: Mapping[str, int] = {}  # names in small letters, without a dot at the end, 1..12


class Amount(NamedTuple):
    """A number, and the sign of its currency as it stood there; "" without one."""

    number: Decimal
    sign: str


PLAIN = Habits()
_DOLLARS = frozenset({
    "USD", "AUD", "CAD", "HKD", "NZD", "SGD", "TWD", "MXN", "BRL", "CLP", "COP", "ARS",
})  # fmt: skip
# ISO 4217 codes that a sign may mean.
CURRENCIES: dict[str, frozenset[str]] = {
    "$": _DOLLARS, "¥": frozenset({"CNY", "JPY"}), "€": frozenset({"EUR"}),
    "£": frozenset({"GBP", "EGP"}), "元": frozenset({"CNY", "TWD", "HKD"}),
    "RMB": frozenset({"CNY"}), "CN¥": frozenset({"CNY"}), "JP¥": frozenset({"JPY"}),
    "US$": frozenset({"USD"}), "HK$": frozenset({"HKD"}), "NT$": frozenset({"TWD"}),
    "A$": frozenset({"AUD"}), "C$": frozenset({"CAD"}), "S$": frozenset({"SGD"}),
    "R$": frozenset({"BRL"}), "円": frozenset({"JPY"}), "圓": frozenset({"TWD", "HKD"}),
    "원": frozenset({"KRW"}), "₩": frozenset({"KRW"}), "₹": frozenset({"INR"}),
    "₽": frozenset({"RUB"}), "₺": frozenset({"TRY"}), "฿": frozenset({"THB"}),
    "₫": frozenset({"VND"}), "₴": frozenset({"UAH"}), "₪": frozenset({"ILS"}),
    "zł": frozenset({"PLN"}), "Kč": frozenset({"CZK"}), "Ft": frozenset({"HUF"}),
    "kr": frozenset({"SEK", "NOK", "DKK", "ISK"}), "Fr.": frozenset({"CHF"}),
}  # fmt: skip
_CODES = (
    "CNY", "JPY", "EUR", "USD", "GBP", "HKD", "TWD", "KRW", "INR", "RUB", "TRY", "THB", "VND",
    "UAH", "ILS", "PLN", "CZK", "HUF", "SEK", "NOK", "DKK", "ISK", "CHF", "AUD", "CAD", "NZD",
    "SGD", "MXN", "BRL", "CLP", "COP", "ARS", "ZAR", "AED", "SAR", "IDR", "MYR", "PHP", "EGP",
    "RON", "BGN",
)  # fmt: skip
CURRENCIES |= {code: frozenset({code}) for code in _CODES}
_SIGN = "|".join(map(re.escape, sorted(CURRENCIES, key=len, reverse=True)))
_NUMBER = re.compile(
    rf"(?P<open>\()?\s*(?P<minus>[-+])?\s*(?P<before>{_SIGN})?\s*(?P<inner>[-+])?\s*"
    rf"(?P<digits>\d(?:[\d.,'\u2019 ]*\d)?|\.\d+)(?P<power>[eE][-+]?\d{{1,3}})?"
    rf"\s*(?P<percent>%)?\s*(?P<after>{_SIGN})?(?P<behind>-)?\s*(?P<close>\))?"
)
_TIME = (
    r"(?:(?:\s+|T)(?:上午|下午|[AP]M)?\s*\d{1,2}:\d{2}(?::\d{2}(?:[.,]\d+)?)?"
    r"\s*(?:[AaPp]\.?[Mm]\.?)?\s*(?:Z|[-+]\d{2}:?\d{2})?)?"
)
_WEEKDAY = r"\s*(?:\(?(?:星期|周|週)?[一二三四五六日天月火水木金土]\)?)?"
_YEAR_FIRST = re.compile(
    rf"(\d{{4}})\s*(?:([-/.])\s*(\d{{1,2}})\s*\2\s*(\d{{1,2}})\.?"
    rf"|[年년]\s*(\d{{1,2}})\s*[月월]\s*(\d{{1,2}})\s*[日号號일]?){_WEEKDAY}{_TIME}"
)
_YEAR_LAST = re.compile(r"(\d{1,2})\s*([-/.])\s*(\d{1,2})\s*\2\s*(\d{4}|\d{1,2})\.?" + _TIME)
_WORD = r"[^\W\d]+\.?"
_DAY_FIRST = re.compile(
    rf"(?:{_WORD},?\s+)?(\d{{1,2}})(?:\.|st|nd|rd|th)?[\s-]*(?:de\s+)?({_WORD})"
    rf"[\s,-]*(?:de\s+)?(\d{{4}}|\d{{2}}){_TIME}"
)
_MONTH_FIRST = re.compile(
    rf"(?:{_WORD},?\s+)?({_WORD})[\s-]+(\d{{1,2}})(?:st|nd|rd|th)?,?[\s-]+(\d{{4}}){_TIME}"
)
_DAY_NUMBER = re.compile(r"[2-6]\d{4}(?:\.\d+)?")  # 1954..2091, as Excel counts days


def read_number(text: str, habits: Habits = PLAIN) -> Decimal:
    """`1,234.50`, `1.234,50`, `1 234,5`, `¥1,234`, `(12)`, `25%` (as 0.25).

    `1,234` and `1.234` alone are thousands or not by `habits.decimal`.  Raises ValueError.
    """
    return read_amount(text, habits).number


def read_amount(text: str, habits: Habits = PLAIN) -> Amount:
    """The same with the sign of the currency.  Raises ValueError."""
    plain = unicodedata.normalize("NFKC", text).replace("\u2212", "-").strip()
    found = _NUMBER.fullmatch(plain)
    digits = _ungrouped(found["digits"], habits.decimal) if found else ""
    if not found or not digits or bool(found["open"]) != bool(found["close"]):
        raise ValueError(f"'{text}' is not a number: write it as 1234.5")
    marks = (found["minus"], found["inner"], found["behind"], found["open"] and "-")
    signs = [mark for mark in marks if mark]
    if len(signs) > 1 or (found["before"] and found["after"]):
        raise ValueError(f"'{text}' is not a number: write it as 1234.5")
    number = Decimal(digits + (found["power"] or ""))
    if signs == ["-"]:
        number = -number
    if found["percent"]:
        number = number.scaleb(-2)
    return Amount(number, found["before"] or found["after"] or "")


def read_date(text: str, habits: Habits = PLAIN) -> date:
    """`2026-12-14`, `2026/12/14`, `2026年12月14日`, `14.12.2026`, `14 Dec 2026`, a time behind it.

    Where day and month may change places, and where the year has two digits, `habits.date_order`
    decides.  Raises ValueError.
    """
    plain = unicodedata.normalize("NFKC", text).strip()
    if _DAY_NUMBER.fullmatch(plain):
        raise ValueError(
            f"'{text}' is not a date but looks like a day number of Excel:"
            " give its column the format of a date"
        )
    try:
        return _read_date(plain, text, habits)
    except _NotADayError:
        pass
    raise ValueError(f"'{text}' is not a date: write it as 2026-01-31")


class _NotADayError(Exception):
    """No date can be made of it."""


def _read_date(plain: str, text: str, habits: Habits) -> date:
    try:
        return datetime.fromisoformat(plain).date()
    except ValueError:
        pass
    if found := _YEAR_FIRST.fullmatch(plain):
        return _day(found[1], found[3] or found[5], found[4] or found[6])
    if found := _YEAR_LAST.fullmatch(plain):
        return _year_last(found[1], found[3], found[4], found[2], text, habits)
    if found := _MONTH_FIRST.fullmatch(plain):
        return _day(found[3], _month(found[1], habits), found[2])
    if found := _DAY_FIRST.fullmatch(plain):
        return _day(_year(found[3]), _month(found[2], habits), found[1])
    raise _NotADayError


def _year_last(first: str, second: str, year: str, mark: str, text: str, habits: Habits) -> date:
    if len(year) < 4:
        if not habits.date_order:
            raise ValueError(
                f"the year in '{text}' has two digits: write it as 2026-01-31,"
                " or say default_locale in [recipients]"
            )
        if habits.date_order == "ymd":
            return _day(_year(first), second, year)
        year = _year(year)
    order = habits.date_order
    if mark == ".":
        order = "dmy"  # with dots the day comes first everywhere
    elif int(first) > 12 or first == second:
        order = "dmy"
    elif int(second) > 12:
        order = "mdy"
    if order not in ("dmy", "mdy"):
        raise ValueError(
            f"'{text}' may be two different days: write it as 2026-01-31,"
            " or say default_locale in [recipients]"
        )
    return _day(year, second, first) if order == "dmy" else _day(year, first, second)


def _year(text: str) -> str:
    """Two digits are 1930..2029, as in Excel."""
    if len(text) == 4:
        return text
    if len(text) == 1:
        raise _NotADayError
    return f"20{text}" if int(text) < 30 else f"19{text}"


def _month(text: str, habits: Habits) -> str:
    name = text.rstrip(".").lower()
    month = habits.months.get(name) or _MONTHS.get(name)
    if month is None:
        raise _NotADayError
    return str(month)


def _day(year: str, month: str, day: str) -> date:
    try:
        return date(int(year), int(month), int(day))
    except ValueError:
        raise _NotADayError from None


def _ungrouped(digits: str, decimal: str) -> str:
    """Digits with "." before the decimals and nothing between thousands; "" where it cannot be."""
    digits = digits.replace("\u2019", "'")
    dot, comma = digits.rfind("."), digits.rfind(",")
    mark = "." if dot > comma else "," if comma >= 0 else ""
    if mark and digits.count(mark) > 1:
        mark = ""  # 1.234.567: there are no decimals
    elif mark and "." in digits and "," in digits:
        pass  # 1.234,50: the last one is the decimal mark
    elif mark and mark != decimal and _is_grouped(digits, mark):
        mark = ""  # 1,234 where the comma is for thousands
    whole, _, part = digits.partition(mark) if mark else (digits, "", "")
    groups = re.split(r"([.,' ])", whole)
    if len(groups) > 1 and (len(set(groups[1::2])) > 1 or not _are_groups(groups[0::2])):
        return ""
    if not part.isdigit() and part:
        return ""
    return "".join(groups[0::2]) + (f".{part}" if part else "")


def _is_grouped(digits: str, mark: str) -> bool:
    whole, _, part = digits.rpartition(mark)
    return len(part) == 3 and 1 <= len(whole) <= 3 and whole != "0"


def _are_groups(groups: list[str]) -> bool:
    """1 234 567 as nearly everywhere, 12,34,567 as in India."""
    first, *middle, last = groups
    sizes = {len(group) for group in middle}
    return 1 <= len(first) <= 3 and len(last) == 3 and (sizes <= {3} or sizes <= {2})
