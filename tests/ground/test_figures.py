"""figures: numbers and dates as people type them have one meaning, or none."""

from __future__ import annotations

import datetime
from decimal import Decimal

import pytest
from hypothesis import given
from hypothesis import strategies as st

from campaign.figures import PLAIN, Habits, read_amount, read_date, read_number

GERMAN = Habits(",", "dmy", {"märz": 3, "mär": 3})
CHINESE = Habits(".", "ymd")
AMERICAN = Habits(".", "mdy")
BRITISH = Habits(".", "dmy")


@pytest.mark.parametrize(
    ("text", "number"),
    [
        ("1234.5", "1234.5"),
        ("-1234.5", "-1234.5"),
        ("1,234.50", "1234.50"),
        ("1.234,50", "1234.50"),
        ("1\u202f234,5", "1234.5"),
        ("1 234 567", "1234567"),
        ("1'234'567.80", "1234567.80"),
        ("12,34,567.00", "1234567.00"),
        ("1.234.567", "1234567"),
        ("1,234", "1234"),
        ("1234,5", "1234.5"),
        ("1234,567", "1234.567"),
        ("0,250", "0.250"),
        ("0.125", "0.125"),
        (".5", "0.5"),
        ("1.2E+05", "120000"),
        ("１，２３４．５", "1234.5"),  # noqa: RUF001
        ("¥1,234", "1234"),
        ("￥ 1,234.00", "1234"),
        ("-$5", "-5"),
        ("$-5", "-5"),
        ("(1,234)", "-1234"),
        ("5-", "-5"),
        ("1,234.50 元", "1234.5"),
        ("USD 12", "12"),
        ("12 EUR", "12"),
        ("25%", "0.25"),
        ("25 %", "0.25"),
        ("\u221212", "-12"),
        ("+7", "7"),
        (" 007 ", "7"),
    ],
)
def test_a_number_is_read_as_spreadsheets_write_it(text: str, number: str) -> None:
    assert read_number(text) == Decimal(number)


@pytest.mark.parametrize(
    ("text", "plain", "german"), [("1.234", "1.234", "1234"), ("1,234", "1234", "1.234")]
)
def test_thousands_or_decimals_are_told_by_the_habits(text: str, plain: str, german: str) -> None:
    assert read_number(text) == Decimal(plain)
    assert read_number(text, GERMAN) == Decimal(german)


@pytest.mark.parametrize(
    "text",
    ["", "面议", "n/a", "NaN", "inf", "1,23,4", "1.2.3", "1,2,3.4", "12,345,67", "--5", "-5-", "(5",
     "$5 EUR", "12 kg", "1.234,50.6", "1_000", "0x10", "1,234.5.6", "5 6", "1,,234"],
)  # fmt: skip
def test_anything_else_is_not_a_number(text: str) -> None:
    with pytest.raises(ValueError, match="is not a number: write it as 1234"):
        read_number(text)


def test_the_sign_of_a_currency_is_kept() -> None:
    assert read_amount("US$ 5").sign == "US$"
    assert read_amount("￥5").sign == "¥"
    assert read_amount("5").sign == ""


@given(
    st.decimals(-(10**9), 10**9, places=2),
    st.sampled_from([(",", "."), (".", ","), (" ", ","), ("'", "."), ("", ".")]),
)
def test_what_is_written_with_thousands_is_read_back(
    number: Decimal, marks: tuple[str, str]
) -> None:
    group, point = marks
    text = f"{number:,.2f}".replace(",", "g").replace(".", point).replace("g", group)
    assert read_number(text) == number
    assert read_number(text, GERMAN) == number


@pytest.mark.parametrize(
    "text",
    [
        "2026-12-14", "2026-12-14T08:00:00+08:00", "2026/12/14", "2026.12.14", "2026. 12. 14.",
        "20261214", "2026年12月14日", "2026年12月14日星期一", "2026年12月14日 星期一",
        "2026년 12월 14일",
        "2026/12/14 9:30", "2026/12/14 下午 9:30:00", "14.12.2026", "14.12.2026 08:15",
        "14/12/2026", "12/14/2026", "12/14/2026 2:30 PM", "14-12-2026", "14 Dec 2026",
        "14-Dec-2026", "14. December 2026", "Dec 14, 2026", "December 14th, 2026",
        "Monday, December 14, 2026", "Mon, 14 Dec 2026", " 2026-12-14 ",
        "\uff12026\uff0f12\uff0f14",
    ],
)  # fmt: skip
def test_a_date_is_read_as_spreadsheets_write_it(text: str) -> None:
    assert read_date(text) == datetime.date(2026, 12, 14)


@pytest.mark.parametrize(
    ("text", "habits", "day"),
    [
        ("3/4/2026", BRITISH, "2026-04-03"),
        ("3/4/2026", AMERICAN, "2026-03-04"),
        ("3.4.2026", AMERICAN, "2026-04-03"),
        ("4/4/2026", PLAIN, "2026-04-04"),
        ("14.12.26", GERMAN, "2026-12-14"),
        ("12/14/26", AMERICAN, "2026-12-14"),
        ("26/12/14", CHINESE, "2026-12-14"),
        ("14-Dec-26", PLAIN, "2026-12-14"),
        ("1/1/31", AMERICAN, "1931-01-01"),
        ("3. März 2026", GERMAN, "2026-03-03"),
        ("3. Mär. 2026", GERMAN, "2026-03-03"),
    ],
)
def test_day_and_month_are_told_by_the_habits(text: str, habits: Habits, day: str) -> None:
    assert read_date(text, habits) == datetime.date.fromisoformat(day)


@pytest.mark.parametrize(
    ("text", "reason"),
    [
        ("3/4/2026", "may be two different days"),
        ("14.12.26", "has two digits"),
        ("46370", "looks like a day number of Excel"),
        ("46370.5", "looks like a day number of Excel"),
        ("", "is not a date"),
        ("2026-02-30", "is not a date"),
        ("13/13/2026", "is not a date"),
        ("14 Foo 2026", "is not a date"),
        ("2026/12", "is not a date"),
        ("2026/12-14", "is not a date"),
        ("待定", "is not a date"),
    ],
)
def test_what_is_two_days_or_none_is_refused(text: str, reason: str) -> None:
    with pytest.raises(ValueError, match=reason):
        read_date(text)


@given(st.dates(datetime.date(1930, 1, 1), datetime.date(2029, 12, 31)))
def test_every_day_is_read_back_in_every_order(day: datetime.date) -> None:
    assert read_date(f"{day:%Y/%m/%d}") == day
    assert read_date(f"{day:%d.%m.%Y}") == day
    assert read_date(f"{day.month}/{day.day}/{day:%y}", AMERICAN) == day
    assert read_date(f"{day.day}/{day.month}/{day:%Y}", BRITISH) == day
