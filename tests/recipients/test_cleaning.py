"""recipients.cleaning: rows become entries, in file order, none lost."""

from __future__ import annotations

import json
from itertools import pairwise

from hypothesis import given
from hypothesis import strategies as st

from campaign.recipients.cleaning import cells_json
from fakes.prepared.lists import Read


def test_a_row_becomes_an_entry_with_address_key_and_cells(read: Read) -> None:
    (entry,) = read("name,email\nZoë, Zoe@Example.COM \n").entries
    assert entry.address == "Zoe@example.com"
    assert entry.key == "zoe@example.com"
    assert entry.domain == "example.com"
    assert json.loads(entry.data) == ["Zoë", " Zoe@Example.COM "]
    assert (entry.source, entry.line, entry.reason) == (0, 2, "")


def test_a_bad_address_is_a_reject_with_its_cell_and_reason(read: Read) -> None:
    (entry,) = read("email,name\nada,Ada\n").entries
    assert entry.reason == "address: no @ in 'ada'"
    assert (entry.address, entry.key, entry.domain) == ("ada", "", "")
    assert json.loads(entry.data) == ["ada", "Ada"]


def test_rejects_stand_where_they_stood_in_the_file(read: Read) -> None:
    entries = read(
        'email,name\na@b.com,A\nragged\nc@d.com,C\nbad,"B\nb"\n"open,x\ne@f.com,E\n'
    ).entries
    assert [entry.line for entry in entries] == [2, 3, 4, 5, 7, 8]
    assert [bool(entry.reason) for entry in entries] == [False, True, False, True, True, False]
    assert all(one.line < other.line for one, other in pairwise(entries))


def test_one_cell_cannot_hold_two_people(read: Read) -> None:
    (entry,) = read('email,n\n"a@b.com, c@d.com",x\n').entries
    assert entry.reason.startswith("address: more than one address")


@given(st.lists(st.text(), min_size=1, max_size=6).map(tuple))
def test_cells_survive_their_journey_as_json(cells: tuple[str, ...]) -> None:
    assert tuple(json.loads(cells_json(cells))) == cells
