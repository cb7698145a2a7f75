"""recipients.text.framing: every record found, every damaged one named, none swallowed."""

from __future__ import annotations

import csv
import io
import re

import pytest
from hypothesis import given
from hypothesis import strategies as st

from campaign.recipients.text.framing import (
    OPEN_LINES_MAX,
    Form,
    Quote,
    frames,
    quote_after,
    split_record,
)

DELIMITERS = st.sampled_from([",", ";", "\t", "|"])
# What hurts CSV, and a few others.
CELLS = st.text(st.sampled_from("ab,;\t|\" '\r\n\x0b\x85\u2028\ufeffé李"), max_size=6)


def framed(
    text: str,
    columns: int = 2,
    delimiter: str = ",",
    line_end: str = "\n",
    max_field: int = 1000,
    cut: int | None = None,
) -> tuple[list[tuple[int, list[str]]], list[tuple[int, str]]]:
    """(line, cells) of every record, as the standard library reads it, and (line, reason)."""
    names = tuple(f"c{at}" for at in range(columns))
    form = Form(delimiter, names, line_end, max_field)
    blocks = [text] if cut is None else re.findall(rf"(?s).{{1,{cut}}}", text)
    records, rejects = [], []
    for frame in frames(blocks, form, first_line=2):
        rows = csv.reader(io.StringIO(frame.text, newline=""), delimiter=delimiter, strict=True)
        records += list(zip(frame.lines, rows, strict=True))
        rejects += [(reject.line, reject.reason) for reject in frame.rejects]
    return records, rejects


def test_records_carry_the_line_they_start_on() -> None:
    records, rejects = framed('a,b\n\nc,"d\nd"\n\n\ne,f')
    assert records == [(2, ["a", "b"]), (4, ["c", "d\nd"]), (8, ["e", "f"])]
    assert rejects == []


@pytest.mark.parametrize("cut", [1, 2, 3, 5, 8, None])
def test_it_does_not_matter_where_the_text_is_cut(cut: int | None) -> None:
    text = 'a,b\r\n"c ""x""","d\r\n\r\nd"\r\nragged\r\n"open,1\r\ne,f\r\n"g"x,h\r\ni,j'
    assert framed(text, cut=cut) == framed(text)
    records, rejects = framed(text)
    assert [line for line, _ in records] == [2, 3, 8, 10]
    assert [line for line, _ in rejects] == [6, 7, 9]


@pytest.mark.parametrize(
    ("line", "says"),
    [
        ("a", "row: 1 cell where the header has 2"),
        ("a,b,c", "row: 3 cells where the header has 2"),
        ("a,b,", "row: 3 cells where the header has 2"),
        ('"a,x",b,c', "row: 3 cells where the header has 2"),
        ('"a"b,c', "row: text after a closing quote"),
        ('"a" ,c', "row: text after a closing quote"),
        ('a,"b', "row: a quote is opened and not closed"),
        ("a\0,b", "row: NUL in 'c0'"),
        ('a,"\0"', "row: NUL in 'c1'"),
        ("a\rx,b", "row: a stray line break outside quotes"),
        ("a," + "x" * 1001, "row: 'c1' is longer than 1000 bytes"),
        ("李" * 334 + ",x", "row: 'c0' is longer than 1000 bytes"),
    ],
)
def test_a_damaged_record_is_rejected_with_its_reason_and_no_other(line: str, says: str) -> None:
    records, rejects = framed(f"x,1\n{line}\ny,2\n")
    assert records == [(2, ["x", "1"]), (4, ["y", "2"])]
    assert rejects == [(3, says)]


def test_a_quote_that_is_no_first_character_is_a_letter_like_others() -> None:
    records, _ = framed('5" pipe,"6"" pipe"\na"",b"\n')
    assert records == [(2, ['5" pipe', '6" pipe']), (3, ['a""', 'b"'])]


def test_a_long_cell_that_fits_is_kept() -> None:
    assert framed("李" * 333 + ",b\n") == ([(2, ["李" * 333, "b"])], [])


def test_an_open_quote_costs_one_record_and_swallows_nothing() -> None:
    text = 'a,"b\n' + "".join(f"n{at},v\n" for at in range(3 * OPEN_LINES_MAX))
    records, rejects = framed(text, cut=4096)
    assert rejects == [(2, "row: a quote is opened and not closed")]
    assert len(records) == 3 * OPEN_LINES_MAX


def test_an_open_quote_that_meets_another_does_not_swallow_what_lies_between() -> None:
    records, rejects = framed('a,"b\nc,d\ne,f\n"g",h\n"i","",\nk,l\n')
    assert [line for line, _ in records] == [3, 4, 5, 7]
    assert [line for line, _ in rejects] == [2, 6]


def test_a_ragged_record_of_several_lines_is_one_reject() -> None:
    records, rejects = framed('a,"b\nb",c\nd,e\n')
    assert records == [(4, ["d", "e"])]
    assert rejects == [(2, "row: 3 cells where the header has 2")]


def test_a_quoted_cell_may_span_lines_up_to_the_limit() -> None:
    fits = 'a,"' + "\n" * (OPEN_LINES_MAX - 1) + '"\n'
    assert framed(fits)[1] == []
    too_long = 'a,"' + "\n" * OPEN_LINES_MAX + '"\n'
    assert framed(too_long)[1] == [
        (2, "row: a quote is opened and not closed"),
        (OPEN_LINES_MAX + 2, "row: a quote is opened and not closed"),
    ]


def test_a_line_without_end_is_dropped_without_being_kept() -> None:
    blocks = ["x,1\n", *["y" * 1000] * 50, "\nz,2\n"]
    form = Form(",", ("a", "b"), "\n", 1000)
    (frame,) = frames(blocks, form, first_line=2)
    assert (frame.text, frame.lines) == ("x,1\nz,2\n", [2, 4])
    (reject,) = frame.rejects
    assert (reject.line, reject.reason) == (3, "row: the line is longer than 2000 characters")
    assert len(reject.cell) < 300


def test_a_file_of_one_line_without_end_is_one_reject() -> None:
    form = Form(",", ("a", "b"), "\n", 1000)
    (frame,) = frames(["y" * 5000, "y" * 5000], form, first_line=2)
    assert (frame.text, len(frame.rejects)) == ("", 1)


def test_old_mac_lines_end_with_a_carriage_return() -> None:
    records, rejects = framed('a,b\rc,"d\nd"\re,f\ng\r', line_end="\r")
    assert records == [(2, ["a", "b"]), (3, ["c", "d\nd"])]
    assert rejects == [(4, "row: a stray line break outside quotes")]
    assert framed("a,b\rc,d\r", line_end="\r")[0] == [(2, ["a", "b"]), (3, ["c", "d"])]


def test_a_list_of_one_column_knows_blank_lines_from_empty_cells() -> None:
    records, rejects = framed('a\n\n   \n""\nb\n', columns=1)
    assert records == [(2, ["a"]), (5, [""]), (6, ["b"])]
    assert rejects == []


def test_blank_lines_do_not_count_where_the_tab_is_the_delimiter() -> None:
    records, rejects = framed("a\tb\n\t\n \nc\td\n", delimiter="\t")
    assert records == [(2, ["a", "b"]), (3, ["", ""]), (5, ["c", "d"])]
    assert rejects == []


@given(st.text(st.sampled_from('ab,"\r\n\0 '), max_size=60), st.integers(1, 9))
def test_every_line_with_text_belongs_to_a_record_or_a_reject(text: str, cut: int) -> None:
    assert framed(text, cut=cut) == framed(text)
    form = Form(",", ("a", "b"), "\n", 1000)
    taken: list[int] = []
    for frame in frames([text], form, first_line=1):
        rows = csv.reader(io.StringIO(frame.text, newline=""), strict=True)
        for line, cells in zip(frame.lines, rows, strict=True):
            taken += range(line, line + "".join(cells).count("\n") + 1)
        for reject in frame.rejects:
            taken += range(reject.line, reject.line + reject.cell.count("\n") + 1)
    with_text = [line for line, typed in enumerate(text.split("\n"), 1) if typed.strip()]
    assert set(with_text) <= set(taken)
    assert len(set(taken)) == len(taken)


@given(
    DELIMITERS.flatmap(
        lambda mark: st.tuples(
            st.just(mark),
            st.integers(2, 4).flatmap(
                lambda n: st.lists(st.lists(CELLS, min_size=n, max_size=n), max_size=6)
            ),
        )
    ),
    st.sampled_from([csv.QUOTE_MINIMAL, csv.QUOTE_ALL]),
    st.sampled_from(["\n", "\r\n"]),
    st.integers(1, 40),
)
def test_what_the_standard_library_writes_is_framed_row_by_row(
    table: tuple[str, list[list[str]]], quoting: int, line_end: str, cut: int
) -> None:
    delimiter, rows = table
    if any("\r" in cell for row in rows for cell in row):
        quoting = csv.QUOTE_ALL  # before Python 3.13 a carriage return is not quoted by itself
    out = io.StringIO()
    csv.writer(out, delimiter=delimiter, quoting=quoting, lineterminator=line_end).writerows(rows)
    width = len(rows[0]) if rows else 2
    records, rejects = framed(out.getvalue(), width, delimiter, cut=cut)
    assert rejects == []
    assert [cells for _, cells in records] == rows


@pytest.mark.parametrize(
    ("line", "before", "after"),
    [
        ("a,b", Quote.CLOSED, Quote.CLOSED),
        ('a,"b', Quote.CLOSED, Quote.OPEN),
        ('a,"b""', Quote.CLOSED, Quote.OPEN),
        ('a,""', Quote.CLOSED, Quote.CLOSED),
        ('a,"""', Quote.CLOSED, Quote.OPEN),
        ("still", Quote.OPEN, Quote.OPEN),
        ('"', Quote.OPEN, Quote.CLOSED),
        ('end",next', Quote.OPEN, Quote.CLOSED),
        ('end","next', Quote.OPEN, Quote.OPEN),
        ('end"x', Quote.OPEN, Quote.BROKEN),
        ('"a"x', Quote.CLOSED, Quote.BROKEN),
        ("", Quote.CLOSED, Quote.CLOSED),
        ("", Quote.OPEN, Quote.OPEN),
    ],
)
def test_quotes_are_followed_from_line_to_line(line: str, before: Quote, after: Quote) -> None:
    assert quote_after(line, ",", before) is after


@given(DELIMITERS, st.lists(CELLS, min_size=1, max_size=5))
def test_a_record_splits_as_the_standard_library_splits_it(
    delimiter: str, cells: list[str]
) -> None:
    out = io.StringIO()
    csv.writer(out, delimiter=delimiter, quoting=csv.QUOTE_ALL, lineterminator="").writerow(cells)
    assert split_record(out.getvalue(), delimiter) == cells


@given(st.text(st.sampled_from('ab,"\n')))
def test_a_damaged_record_splits_without_losing_a_letter(record: str) -> None:
    cells = split_record(record, ",")
    assert [char for char in ",".join(cells) if char in "ab"] == [
        char for char in record if char in "ab"
    ]
