"""recipients.text.columns: the header is checked, the delimiter found."""

from __future__ import annotations

import pytest

from campaign.errors import DataError
from campaign.recipients.text.columns import did_you_mean
from fakes.prepared.lists import Read


def test_column_names_are_trimmed(read: Read) -> None:
    assert read('\ufeff email , "first name" \nx@y.com,Ada\n').source.columns == (
        "email",
        '"first name"',
    )
    assert read('email," name "\nx@y.com,Ada\n').source.columns == ("email", "name")


@pytest.mark.parametrize(
    ("header", "says"),
    [
        ("email,name,name", "list.csv:1: two columns are named 'name' (rename"),
        ("email,name, name ", "two columns are named 'name'"),
        ("email,,name", "column 2 of 3 has no name"),
        ("email;name;", "column 3 of 3 has no name (name every column, or remove the delimiter"),
        ("Email,name", "there is no column 'email' (did you mean 'Email'?"),
        ("e-mail,name", "did you mean 'e-mail'? set address = \"e-mail\""),
        ("first,last", "set address in [recipients] to one of 'first', 'last'"),
        ("ada@example.com,Ada", "the first line must name the columns, one of them 'email'"),
    ],
)
def test_a_header_that_cannot_be_used_is_refused_with_its_place(
    read: Read, header: str, says: str
) -> None:
    with pytest.raises(DataError) as caught:
        read(f"{header}\nada@example.com,Ada\n")
    assert says in str(caught.value)
    assert caught.value.line == 1


@pytest.mark.parametrize("setting", ["group_by", "locale"])
def test_other_columns_that_the_settings_name_must_be_there_too(read: Read, setting: str) -> None:
    assert read("email,city\na@b.com,Ulm\n", **{setting: "city"}).rows == [("a@b.com", "Ulm")]
    with pytest.raises(DataError, match=rf"no column 'cty' \(did you mean 'city'\? set {setting}"):
        read("email,city\na@b.com,Ulm\n", **{setting: "cty"})


def test_blank_lines_before_the_header_are_no_header(read: Read) -> None:
    reading = read("\n\nemail,name\na@b.com,Ada\n")
    assert reading.lines == [4]
    with pytest.raises(DataError, match=r"list\.csv:3: there is no column"):
        read("\n\nmail,name\na@b.com,Ada\n")


def test_a_header_may_hold_a_quoted_newline(read: Read) -> None:
    reading = read('email,"first\nname"\na@b.com,Ada\n')
    assert reading.source.columns == ("email", "first\nname")
    assert (reading.lines, reading.rows) == ([3], [("a@b.com", "Ada")])


@pytest.mark.parametrize("delimiter", [",", ";", "\t", "|"])
def test_the_delimiter_is_found_though_cells_hold_others(read: Read, delimiter: str) -> None:
    rows = [["email", "note"], ["a@b.com", "x,y;z|w"], ["c@d.com", "a\tb, c; d"]]
    cells = [[f'"{cell}"' if at else cell for at, cell in enumerate(row)] for row in rows]
    reading = read("".join(delimiter.join(row) + "\n" for row in cells))
    assert reading.source.delimiter == delimiter
    assert [list(row) for row in reading.rows] == rows[1:]


def test_the_delimiter_that_gives_the_address_column_wins(read: Read) -> None:
    reading = read("email;amount\na@b.com;1,5\nc@d.com;2,5\n")
    assert reading.rows[0] == ("a@b.com", "1,5")


def test_a_list_of_one_column_needs_no_delimiter(read: Read) -> None:
    assert read("email\na@b.com\nc@d.com\n").rows == [("a@b.com",), ("c@d.com",)]


def test_excels_own_hint_is_obeyed_and_is_no_header(read: Read) -> None:
    reading = read("sep=;\r\nemail;name\r\na@b.com;Ada\r\n")
    assert (reading.source.delimiter, reading.lines) == (";", [3])


def test_any_character_may_be_the_delimiter_where_the_settings_name_it(read: Read) -> None:
    assert read("email:name\na@b.com:A, B\n", delimiter=":").rows == [("a@b.com", "A, B")]
    assert read("email.name\na@b:c.Ada\n", delimiter=".").rows == [("a@b:c", "Ada")]


@pytest.mark.parametrize("delimiter", ['"', "\n", "\r", "\0"])
def test_what_means_something_else_in_csv_cannot_be_the_delimiter(
    read: Read, delimiter: str
) -> None:
    with pytest.raises(DataError, match="cannot be a delimiter"):
        read("email,name\n", delimiter=delimiter)


def test_a_misspelt_column_is_guessed() -> None:
    columns = ("email", "first_name", "last_name", "Plan")
    assert did_you_mean("fist_name", columns) == "first_name"
    assert did_you_mean("plan", columns) == "Plan"
    assert did_you_mean("FIRST_NAME", columns) == "first_name"
    assert did_you_mean("invoice", columns) == ""


def test_an_accent_of_two_characters_names_the_same_column(read: Read) -> None:
    reading = read("email,pre\u0301nom\na@example.com,Zoë\n", locale="pre\u0301nom")
    assert reading.source.columns == ("email", "pr\xe9nom")
    assert reading.rows == [("a@example.com", "Zoë")]
