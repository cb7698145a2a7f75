"""Text for a terminal."""

from __future__ import annotations

import unicodedata

import pytest
from hypothesis import given
from hypothesis import strategies as st

from campaign.cli.terminal.paint import Paint
from campaign.cli.terminal.tables import clip, columns, counted, escape, pad, percent, table


@given(st.text())
def test_nothing_that_a_terminal_obeys_passes_escape(text: str) -> None:
    assert not {"Cc", "Cs", "Zl", "Zp"} & {unicodedata.category(c) for c in escape(text)}


@pytest.mark.parametrize(
    ("hostile", "shown"),
    [
        ("\x1b[2J", "\\x1b[2J"),
        ("a\r\nb", "a\\r\\nb"),
        ("\x9b31m", "\\x9b31m"),
        ("gpj.\u202eexe", "gpj.\\u202eexe"),
        ("zero\u200bwidth", "zero\\u200bwidth"),
        ("line\u2028break", "line\\u2028break"),
    ],
)
def test_control_characters_are_shown_not_obeyed(hostile: str, shown: str) -> None:
    assert escape(hostile) == shown


def test_names_of_every_language_pass_escape_unchanged() -> None:
    for name in ("Åsa Öberg", "王小明", "نور", "नमस्ते", "👩‍👩‍👧", "می‌خواهم"):
        assert escape(name) == name


def test_a_chinese_character_takes_two_columns_and_an_accent_none() -> None:
    assert columns("王小明") == 6
    assert columns("e\u0301") == 1


@given(st.text(), st.integers(min_value=2, max_value=40))
def test_a_clipped_text_fits_its_width(text: str, width: int) -> None:
    assert columns(clip(escape(text), width)) <= width


@given(st.text(max_size=30), st.integers(min_value=1, max_value=40))
def test_a_padded_text_begins_or_ends_with_the_text(text: str, width: int) -> None:
    assert pad(text, width).startswith(text)
    assert pad(text, width, right=True).endswith(text)


@given(
    st.lists(st.tuples(st.integers(0, 10**9), st.text(), st.text()), min_size=1, max_size=8),
)
def test_no_line_of_a_table_is_longer_than_80_columns(rows: list[tuple[int, str, str]]) -> None:
    assert all(columns(line) <= 80 for line in table(rows, numbers=[0]))


def test_numbers_stand_at_the_right_with_thousands_commas() -> None:
    assert table([(1200, "sent"), (3, "failed")], numbers=[0]) == [
        "  1,200  sent",
        "      3  failed",
    ]


def test_a_heading_is_the_first_line_and_no_rows_make_no_table() -> None:
    assert table([("a", "b")], heading=("file", "place")) == ["  file  place", "  a     b"]
    assert table([]) == []


def test_counts_and_shares_read_as_people_write_them() -> None:
    assert counted(1, "message") == "1 message"
    assert counted(1200, "message") == "1,200 messages"
    assert counted(2, "person", "people") == "2 people"
    assert percent(12, 480) == "2.5 %"
    assert percent(0, 0) == ""


def test_colour_only_where_it_is_wanted(monkeypatch: pytest.MonkeyPatch) -> None:
    class Terminal:
        def isatty(self) -> bool:
            return True

    stream: object = Terminal()
    monkeypatch.setenv("TERM", "xterm")
    assert Paint.on(stream).red("no") == "\x1b[31mno\x1b[0m"  # type: ignore[arg-type]
    monkeypatch.setenv("NO_COLOR", "1")
    assert Paint.on(stream).red("no") == "no"  # type: ignore[arg-type]
