"""The zone of a row is read from its cells, whatever stands in them."""

from __future__ import annotations

import json

from hypothesis import example, given
from hypothesis import strategies as st

from campaign.planning.timing.times import cell_at
from campaign.recipients.cleaning import cells_json


@given(st.lists(st.text(), min_size=1, max_size=6))
@example(['a","b', "c"])
@example(["", ""])
@example(["]", "[", "\\"])
def test_each_cell_is_the_one_that_json_reads(cells: list[str]) -> None:
    row = cells_json(tuple(cells))
    group = f"{row[:-1]},{json.dumps([[0, cells], [0, ['x', 'y']]])}]"
    for index, cell in enumerate(cells):
        assert cell_at(row, index) == cell
        assert cell_at(group, index) == cell
        assert cell_at(json.dumps(cells), index) == cell
