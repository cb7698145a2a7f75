"""Calendar invitations are a form of the message, and cells cannot add lines to them."""

from __future__ import annotations

from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from campaign.errors import RenderError
from campaign.rendering.mime.invitation import cells_written, escaped_calendar, folded, marked_cell
from fakes.prepared.letters import ADA, parsed, rendered, spec, text_of, write

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


HEAD = "BEGIN:VCALENDAR\nMETHOD:REQUEST\n"


@pytest.mark.parametrize(
    ("line", "cell", "written"),
    [
        ("SUMMARY:{{ first_name }}", "a;b,c\\d", "SUMMARY:a\\;b\\,c\\\\d"),
        ('ATTENDEE;CN="{{ first_name }}":mailto:a@b.example', 'Ann "A", Inc.;x',
         "ATTENDEE;CN=\"Ann ^'A^', Inc.;x\":mailto:a@b.example"),
        ("ATTENDEE;CN={{ first_name }}:mailto:a@b.example", "Ann, Inc.",
         'ATTENDEE;CN="Ann, Inc.":mailto:a@b.example'),
        ("ATTENDEE;CN={{ first_name }}:mailto:a@b.example", "x;ROLE=CHAIR:mailto:e@v.example",
         'ATTENDEE;CN="x;ROLE=CHAIR:mailto:e@v.example":mailto:a@b.example'),
        ("ATTENDEE;CN=Dr {{ first_name }}:mailto:a@b.example", "x:y",
         "ATTENDEE;CN=Dr x y:mailto:a@b.example"),
        ("ATTENDEE;CN={{ first_name }}:mailto:a@b.example", "Ann\nLee",
         "ATTENDEE;CN=Ann^nLee:mailto:a@b.example"),
        ("ATTENDEE:mailto:{{ first_name }}", "a,b?c@d.example",
         "ATTENDEE:mailto:a%2Cb%3Fc@d.example"),
        ("URL:https://x.example/?q={{ first_name }}", "a,b c;d",
         "URL:https://x.example/?q=a,b%20c;d"),
        ("DESCRIPTION:Hello\n  {{ first_name }}", "a,b", "DESCRIPTION:Hello a\\,b"),
        ("LOCATION;ALTREP=\"https://x.example\":{{ first_name }}", "a:b,c",
         'LOCATION;ALTREP="https://x.example":a:b\\,c'),
    ],
)  # fmt: skip
def test_a_cell_is_escaped_for_the_place_where_it_stands(
    tmp_path: Path, line: str, cell: str, written: str
) -> None:
    write(tmp_path, "invite.ics", f"{HEAD}{line}\nEND:VCALENDAR\n")
    row = {**ADA, "first_name": cell}
    text = text_of(parsed(rendered(spec(tmp_path, calendar="invite.ics"), row)), "text/calendar")
    assert text.replace("\n ", "") == f"{HEAD}{written}\nEND:VCALENDAR\n"


@given(st.text(st.characters(exclude_categories=("Cs",))))
def test_no_cell_leaves_its_place(cell: str) -> None:
    for before, after in (("SUMMARY:", ""), ('A;CN="', '":mailto:a@b.example'), ("A;CN=", ":x")):
        text = cells_written(f"{before}{marked_cell(cell)}{after}")
        assert "\n" not in text
        assert text.startswith(before)
        assert text.endswith(after)
        assert not set(text) & {"\ue000", "\ue001", "\ue002"}


@given(st.text(st.characters(exclude_categories=("Cs",))))
def test_lines_are_folded_at_75_octets_and_unfold_to_the_same(cell: str) -> None:
    line = f"SUMMARY:{escaped_calendar(cell)}"
    text = folded(line)
    assert all(len(piece.encode()) <= 75 for piece in text.split("\n"))
    assert text.replace("\n ", "") == f"{line}\n"
