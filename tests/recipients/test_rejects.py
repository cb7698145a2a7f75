"""Rows to mend: safe in Excel, and read again as they were."""

from __future__ import annotations

import io

from hypothesis import given
from hypothesis import strategies as st

from campaign.recipients.rejects import (
    FORMULA,
    REASON,
    RejectedRow,
    formula_safe,
    formula_undone,
    write_rejects,
)
from fakes.prepared.lists import Read

cells = st.text(st.characters(exclude_categories=("Cs",)))
risky = st.builds(str.__add__, st.sampled_from(["=", "'=", "''+", "'", "-", "\t@", "＝"]), cells)  # noqa: RUF001


@given(st.one_of(cells, risky))
def test_no_written_cell_is_a_formula_and_each_is_read_as_it_was(cell: str) -> None:
    written = formula_safe(cell)
    assert not written.startswith(FORMULA)
    assert formula_undone(written) == cell


def test_mended_rows_are_read_without_their_apostrophes(read: Read) -> None:
    rows = [
        RejectedRow("a.csv", 7, ("email", "tel"), ("ada", "+49 1"), "address: no @ in 'ada'"),
        RejectedRow("b.csv", 8, ("tel", "email"), ("=1", "bob", "x", "y"), "row: 4 cells"),
    ]
    file = io.BytesIO()
    assert write_rejects(file, [("email", "tel"), ("tel", "email")], rows) == 2
    assert b'"\'+49 1"' in file.getvalue()
    assert b'"bob x y"' in file.getvalue()
    reading = read(file.getvalue().replace(b'"ada"', b'"ada@example.com"'))
    assert reading.source.columns[0] == REASON
    assert '"+49 1"' in reading.entries[0].data
    assert reading.entries[0].address == "ada@example.com"
    assert reading.entries[1].reason == "address: no @ in 'bob x y'"


def test_rejects_of_rejects_have_the_reason_once() -> None:
    file = io.BytesIO()
    row = RejectedRow("list.csv", 2, (REASON, "email"), ("old", "x"), "new")
    write_rejects(file, [(REASON, "email")], [row])
    head, line, _ = file.getvalue().decode("utf-8-sig").split("\r\n")
    assert head.count(REASON) == 1
    assert line == '"new","list.csv","2","x"'
