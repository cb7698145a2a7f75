"""Calendar invitations are a form of the message, and cells cannot add lines to them."""

from __future__ import annotations

from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from campaign.errors import RenderError
from campaign.rendering.invitation import escaped_calendar, folded
from fakes.letters import ADA, parsed, rendered, spec, text_of, write

EVENT = """BEGIN:VCALENDAR
METHOD:REQUEST
BEGIN:VEVENT
SUMMARY:Tea with {{ first_name }}
END:VEVENT
END:VCALENDAR
"""


def event(folder: Path, cell: str) -> str:
    write(folder, "invite.ics", EVENT)
    mail = parsed(rendered(spec(folder, calendar="invite.ics"), {**ADA, "first_name": cell}))
    assert mail.get_content_type() == "multipart/alternative"
    last = list(mail.iter_parts())[-1]
    assert last.get_content_type() == "text/calendar"
    assert last["Content-Type"].params["method"] == "REQUEST"
    return text_of(mail, "text/calendar")


def test_an_invitation_is_the_last_form_of_the_message(tmp_path: Path) -> None:
    assert "SUMMARY:Tea with Ada\n" in event(tmp_path, "Ada")


def test_a_cell_cannot_add_a_line(tmp_path: Path) -> None:
    text = event(tmp_path, "Ada\r\nATTENDEE:mailto:x@y.example;a,b\\")
    assert "SUMMARY:Tea with Ada\\nATTENDEE:mailto:x@y.example\\;a\\,b\\\\\n" in text
    assert text.count("\n") == EVENT.count("\n")


def test_an_invitation_without_a_method_is_refused(tmp_path: Path) -> None:
    write(tmp_path, "invite.ics", "BEGIN:VCALENDAR\nEND:VCALENDAR\n")
    with pytest.raises(RenderError, match="METHOD:REQUEST"):
        rendered(spec(tmp_path, calendar="invite.ics"))


@given(st.text(st.characters(exclude_categories=("Cs",))))
def test_lines_are_folded_at_75_octets_and_unfold_to_the_same(cell: str) -> None:
    line = f"SUMMARY:{escaped_calendar(cell)}"
    text = folded(line)
    assert all(len(piece.encode()) <= 75 for piece in text.split("\n"))
    assert text.replace("\n ", "") == f"{line}\n"
