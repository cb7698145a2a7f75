"""recipients.workbooks.sheets and displayed: a cell arrives as Excel shows it."""

from __future__ import annotations

import datetime
import gzip
import io
import json
from typing import Any

import openpyxl
import pytest
from hypothesis import given
from hypothesis import strategies as st

from campaign.errors import DataError
from campaign.recipients.workbooks.displayed import displayed
from fakes.prepared.lists import Read

DAY = datetime.datetime(2024, 1, 31)
TIME = datetime.datetime(2024, 1, 31, 15, 4, 7)


def workbook(rows: list[list[Any]], formats: dict[str, str] | None = None) -> bytes:
    book = openpyxl.Workbook()
    sheet = book.active
    for row in rows:
        sheet.append(row)
    for place, number_format in (formats or {}).items():
        sheet[place].number_format = number_format
    out = io.BytesIO()
    book.save(out)
    return out.getvalue()


def test_a_workbook_is_read_as_displayed(read: Read) -> None:
    raw = workbook(
        [
            ["email", " name ", "id", "amount", "date", "member"],
            ["a@b.com", "李雷", 7, 1234.5, DAY, True],
            [],
            ["c@d.com", "007", 12.0, None, None, False],
        ],
        {"C2": "00000", "D2": '#,##0.00 "€"', "E2": "d.m.yyyy"},
    )
    reading = read(raw, "list.xlsx")
    assert reading.source.columns == ("email", "name", "id", "amount", "date", "member")
    assert (reading.source.encoding, reading.source.confidence) == ("xlsx", None)
    assert reading.rows == [
        ("a@b.com", "李雷", "00007", "1,234.50 €", "31.1.2024", "TRUE"),
        ("c@d.com", "007", "12", "", "", "FALSE"),
    ]
    assert reading.lines == [2, 4]


def test_a_workbook_is_known_by_its_first_bytes_even_compressed(read: Read) -> None:
    raw = workbook([["email"], ["a@b.com"]])
    assert read(raw, "list.csv").rows == [("a@b.com",)]
    assert read(gzip.compress(raw), "list.xlsx.gz").rows == [("a@b.com",)]


def test_rows_that_do_not_fit_are_rejected_by_their_number(read: Read) -> None:
    raw = workbook(
        [
            ["email", "n", None],
            ["a@b.com", "x", "too much"],
            ["b@b.com", "#N/A"],
            ["c@b.com"],
            ["d@b.com", "y" * 101],
        ]
    )
    reading = read(raw, "list.xlsx", max_field=100)
    assert reading.refused == [
        (2, "row: 3 cells where the header has 2"),
        (3, "row: the error #N/A in cell B3"),
        (5, "row: 'n' is longer than 100 bytes"),
    ]
    assert reading.rows == [("c@b.com", "")]


def test_the_header_of_a_workbook_is_checked_like_any_other(read: Read) -> None:
    with pytest.raises(DataError, match=r"list\.xlsx:2: there is no column 'email'"):
        read(workbook([[], ["Email"], ["a@b.com"]]), "list.xlsx")
    with pytest.raises(DataError, match="two columns are named"):
        read(workbook([["email", "email"]]), "list.xlsx")
    with pytest.raises(DataError, match="the file is empty"):
        read(workbook([]), "list.xlsx")


def test_hidden_sheets_are_passed_over(read: Read) -> None:
    book = openpyxl.Workbook()
    book.active.sheet_state = "hidden"
    book.active.append(["nothing"])
    sheet = book.create_sheet("people")
    sheet.append(["email"])
    sheet.append(["a@b.com"])
    book.active = 1
    out = io.BytesIO()
    book.save(out)
    assert read(out.getvalue(), "list.xlsx").rows == [("a@b.com",)]


def test_a_zip_that_is_no_workbook_is_refused(read: Read) -> None:
    with pytest.raises(DataError, match=r"list\.xlsx: this is not a workbook that can be read"):
        read(b"PK\x03\x04" + bytes(100), "list.xlsx")


@pytest.mark.parametrize(
    ("value", "number_format", "shown"),
    [
        (None, "General", ""),
        ("text", "0.00", "text"),
        (3, "General", "3"),
        (3.0, "General", "3"),
        (-2.5, "General", "-2.5"),
        (0.1 + 0.2, "General", "0.3"),
        (8613800138000, "General", "8613800138000"),
        (5, "@", "5"),
        (7, "00000", "00007"),
        (2.5, "0", "3"),
        (1.5, "0.##", "1.5"),
        (1.25, "0.0?", "1.25"),
        (0, "#", ""),
        (1234567.891, "#,##0.00", "1,234,567.89"),
        (1000, "#,##0", "1,000"),
        (0.5, "#,##0.00", "0.50"),
        (-5, "0.0", "-5.0"),
        (-5, "0;(0)", "(5)"),
        (0, '0;-0;"nil"', "nil"),
        (-1234, "#,##0_);(#,##0)", "(1,234)"),
        (0.256, "0%", "26%"),
        (0.256, "0.0%", "25.6%"),
        (19.9, '"€"0.00', "€19.90"),
        (19.9, "0.00 [$€-407]", "19.90 €"),
        (19.9, "[$￥-804]#,##0.00", "￥19.90"),
        (-3, "[Red]-0.0", "--3.0"),
        (13800138000, "000-0000-0000", "138-0013-8000"),
        (5551234567, "(###) ###-####", "(555) 123-4567"),
        (1500000, '0.0,,"M"', "1.5M"),
        (12345, "0.00E+00", "1.23E+04"),
        (0.00012, "0.0E-0", "1.2E-4"),
        (12, 'General" pcs"', "12 pcs"),
        (1e30, "0.0", "1" + "0" * 30 + ".0"),
        (0.5, "# ?/?", "0.5"),
        (DAY.date(), "yyyy-mm-dd", "2024-01-31"),
        (DAY, "mm-dd-yy", "2024-01-31"),
        (TIME, "m/d/yy h:mm", "2024-01-31 15:04"),
        (TIME, "yyyy-mm-dd h:mm:ss", "2024-01-31 15:04:07"),
        (DAY, "d mmmm yyyy", "31 January 2024"),
        (DAY, "[$-409]ddd, mmm d, yy", "Wed, Jan 31, 24"),
        (DAY, "dddd mmmmm", "Wednesday J"),
        (TIME, "h:mm AM/PM", "3:04 PM"),
        (DAY, "hh:mm AM/PM", "12:00 AM"),
        (TIME, "上午/下午h:mm", "下午3:04"),
        (DAY, 'yyyy"年"m"月"d"日"', "2024年1月31日"),
        (DAY, r"dd\/mm\/yyyy;@", "31/01/2024"),
        (TIME.replace(microsecond=450_000), "mm:ss.00", "04:07.45"),
        (TIME.replace(microsecond=999_600), "h:mm:ss", "15:04:08"),
        (datetime.time(9, 5), "h:mm", "9:05"),
        (datetime.timedelta(hours=30, minutes=5), "[h]:mm:ss", "30:05:00"),
        (datetime.timedelta(minutes=-90), "[mm]:ss", "-90:00"),
    ],
)
def test_a_value_is_shown_by_its_number_format(value: Any, number_format: str, shown: str) -> None:
    assert displayed(value, number_format) == shown


@given(
    st.one_of(
        st.integers(),
        st.floats(allow_nan=False, allow_infinity=False),
        st.datetimes(datetime.datetime(1900, 1, 1), datetime.datetime(9999, 1, 1)),
        st.times(),
        st.timedeltas(datetime.timedelta(days=-999), datetime.timedelta(days=999)),
    ),
    st.text('0#?.,%;@E+-yymdhs[]"\\_*/ $AMPG€', max_size=12),
)
def test_no_format_is_too_odd_to_be_shown(value: Any, number_format: str) -> None:
    assert isinstance(displayed(value, number_format), str)


def test_a_parquet_file_is_read_as_text(read: Read) -> None:
    import pyarrow as pa
    import pyarrow.parquet

    table = pa.table(
        {
            "email": ["a@b.com", "c@d.com"],
            "id": pa.array(["007", None]),
            "n": pa.array([1.0, 2.5]),
            "big": pa.array([2**62, None]),
            "ok": pa.array([True, False]),
            "at": pa.array([TIME, None]),
            "on": pa.array([DAY.date(), None]),
            "kind": pa.array(["x", "y"]).dictionary_encode(),
            "raw": pa.array([b"caf\xc3\xa9", None]),
        }
    )
    out = io.BytesIO()
    pyarrow.parquet.write_table(table, out)
    reading = read(out.getvalue(), "list.parquet")
    assert reading.rows == [
        (
            "a@b.com", "007", "1", str(2**62), "true", "2024-01-31 15:04:07", "2024-01-31", "x",
            "café",
        ),
        ("c@d.com", "", "2.5", "", "false", "", "", "y", ""),
    ]  # fmt: skip
    assert reading.lines == [1, 2]
    assert json.loads(reading.entries[0].data)[1] == "007"


def test_a_parquet_file_of_lists_or_of_nothing_is_refused(read: Read) -> None:
    import pyarrow as pa
    import pyarrow.parquet

    out = io.BytesIO()
    pyarrow.parquet.write_table(pa.table({"email": [["a@b.com"]]}), out)
    with pytest.raises(DataError, match="column 'email' holds list"):
        read(out.getvalue(), "list.parquet")
    with pytest.raises(DataError, match="this Parquet file cannot be read"):
        read(b"PAR1" + bytes(100), "list.parquet")
