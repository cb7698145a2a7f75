"""suppression.imports: the lists of other systems are known by their columns; no row is lost."""

from __future__ import annotations

from datetime import UTC, datetime
from pathlib import Path

import pytest

from campaign.errors import DataError
from campaign.suppression.entries import Reason, Suppressed
from campaign.suppression.imports import BadLine, Importing

NOW = 1_800_000_000.0
H, C, U, I = Reason.HARD, Reason.COMPLAINT, Reason.UNSUBSCRIBE, Reason.IMPORT  # noqa: E741
OCT_21 = datetime(2011, 10, 21, 11, 2, 55, tzinfo=UTC).timestamp()

FILES: dict[str, tuple[str, list[tuple[str, Reason, float]]]] = {
    "Mailgun's bounces": (
        "address,code,error,created_at\n"
        'Ada@Example.com,550,"No such user, ""Ada"", here","Fri, 21 Oct 2011 11:02:55 UTC"\n',
        [("ada@example.com", H, OCT_21)],
    ),
    "Mailgun's unsubscribes": (
        'address,tags,created_at\nada@example.com,*,"Fri, 21 Oct 2011 11:02:55 GMT"\n',
        [("ada@example.com", U, OCT_21)],
    ),
    "Mailgun's complaints": (
        "address,created_at\nada@example.com,2011-10-21T11:02:55Z\n",
        [("ada@example.com", C, OCT_21)],
    ),
    "listmonk's subscribers": (
        "uuid,email,name,attributes,status,created_at,updated_at\n"
        'x,ada@example.com,Ada,"{""a"": 1}",blocklisted,2011-10-21 11:02:55Z,\n'
        "y,bob@example.com,Bob,{},enabled,,\n",
        [("ada@example.com", I, OCT_21)],
    ),
    "SendGrid's bounces": (
        "status,reason,email,created\n"
        "5.1.1,550 5.1.1 unknown,ada@example.com,1319194975\n"
        "4.4.7,expired,bob@example.com,1319194975\n",
        [("ada@example.com", H, OCT_21), ("bob@example.com", I, OCT_21)],
    ),
    "SendGrid's spam reports": (
        "email,ip,created\nada@example.com,192.0.2.1,1319194975\n",
        [("ada@example.com", C, OCT_21)],
    ),
    "SendGrid's unsubscribes": (
        "email,created\nada@example.com,1319194975\n",
        [("ada@example.com", U, OCT_21)],
    ),
    "Amazon SES' suppression list": (
        "ada@example.com,BOUNCE\nbob@example.com,COMPLAINT\n",
        [("ada@example.com", H, NOW), ("bob@example.com", C, NOW)],
    ),
    "a list of addresses": (
        "# those who wrote to us\nada@example.com\n\nbob@example.com  # on Monday\n",
        [("ada@example.com", I, NOW), ("bob@example.com", I, NOW)],
    ),
    "a table of addresses": (
        "Name;E-Mail\nAda;ada@example.com\n",
        [("ada@example.com", I, NOW)],
    ),
}
SES_JSON = {
    "one object a line": (
        '{"emailAddress": "ada@example.com", "reason": "BOUNCE"}\n'
        '{"emailAddress": "bob@example.com", "reason": "COMPLAINT"}\n'
    ),
    "an array": (
        '[\n {"EmailAddress": "ada@example.com", "Reason": "BOUNCE"},\n'
        ' {"EmailAddress": "bob@example.com", "Reason": "COMPLAINT"}\n]'
    ),
    "the answer of the API": (
        '{"SuppressedDestinationSummaries": [\n'
        ' {"EmailAddress": "ada@example.com", "Reason": "BOUNCE",'
        ' "LastUpdateTime": "2011-10-21T11:02:55+00:00"},\n'
        ' {"EmailAddress": "bob@example.com", "Reason": "COMPLAINT", "LastUpdateTime": 1}]}'
    ),
}


def importing(
    folder: Path,
    text: str | bytes,
    reason: Reason = I,
    scope: str = "*",
    encoding: str = "utf-8",
) -> tuple[list[Suppressed], Importing]:
    path = folder / "list.csv"
    path.write_bytes(text.encode() if isinstance(text, str) else text)
    found = Importing(path, reason=reason, scope=scope, now_s=NOW, encoding=encoding)
    return list(found.entries()), found


@pytest.mark.parametrize("title", FILES)
def test_a_file_is_known_by_its_columns(title: str, tmp_path: Path) -> None:
    text, wanted = FILES[title]
    entries, found = importing(tmp_path, text)
    assert found.title == title
    assert [(entry.key, entry.reason, entry.at) for entry in entries] == wanted
    assert found.bad == []
    assert {entry.source for entry in entries} == {"list.csv"}


@pytest.mark.parametrize("title", FILES)
@pytest.mark.parametrize("encoding", ["utf-8-sig", "utf-16"])
def test_a_file_that_excel_wrote_is_the_same(title: str, encoding: str, tmp_path: Path) -> None:
    text, wanted = FILES[title]
    name = {"utf-8-sig": "utf-8"}.get(encoding, encoding)
    entries, _ = importing(tmp_path, text.replace("\n", "\r\n").encode(encoding), encoding=name)
    assert [entry.key for entry in entries] == [key for key, _, _ in wanted]


@pytest.mark.parametrize("form", SES_JSON)
def test_amazons_list_may_be_json(form: str, tmp_path: Path) -> None:
    entries, found = importing(tmp_path, SES_JSON[form])
    assert [(entry.key, entry.reason) for entry in entries] == [
        ("ada@example.com", H), ("bob@example.com", C),
    ]  # fmt: skip
    assert (found.title, found.bad) == ("Amazon SES' suppression list", [])


def test_an_export_of_all_subscribers_suppresses_only_the_blocked(tmp_path: Path) -> None:
    _, found = importing(tmp_path, FILES["listmonk's subscribers"][0])
    assert found.passed_over == 1


def test_the_servers_words_are_the_evidence(tmp_path: Path) -> None:
    (entry,), _ = importing(tmp_path, FILES["Mailgun's bounces"][0])
    assert entry.evidence == '550 No such user, "Ada", here'


def test_rows_that_do_not_say_get_the_reason_and_the_scope_they_are_given(tmp_path: Path) -> None:
    (entry,), _ = importing(tmp_path, "ada@example.com\n", U, "newsletter")
    assert (entry.reason, entry.scope) == (U, "newsletter")


def test_lines_that_are_not_taken_are_told_with_their_numbers(tmp_path: Path) -> None:
    text = (
        "address,code,error,created_at\n"
        "ada@example.com,550,x,1\n"
        "nobody,550,x,1\n"
        'eve@example.com,550,"open,1\n'
        "bob@example.com,550,x,1\n"
        "a@b.example,550,x,1,too,many\n"
        'li@example.com,550,"two\nlines",1\n'
        ",550,x,1\n"
    )
    entries, found = importing(tmp_path, text)
    assert [entry.key for entry in entries] == [
        "ada@example.com", "bob@example.com", "li@example.com",
    ]  # fmt: skip
    assert [bad.line for bad in found.bad] == [3, 4, 6, 9]
    assert found.bad[0] == BadLine(3, "no @ in 'nobody'")


def test_bytes_that_are_no_text_spoil_only_their_line(tmp_path: Path) -> None:
    text = b"ada@example.com\n\xff\xfe@example.com\nbob@example.com\n"
    entries, found = importing(tmp_path, text)
    assert [entry.key for entry in entries] == ["ada@example.com", "bob@example.com"]
    assert [bad.line for bad in found.bad] == [2]


@pytest.mark.parametrize(
    ("text", "what"),
    [
        ("name,city\nAda,Paris\n", "no column of 'name,city' holds addresses"),
        ("[1, 2", "this is not JSON"),
    ],
)
def test_a_file_without_addresses_is_refused(text: str, what: str, tmp_path: Path) -> None:
    with pytest.raises(DataError, match=what):
        importing(tmp_path, text)


def test_json_without_an_address_is_a_bad_line(tmp_path: Path) -> None:
    entries, found = importing(tmp_path, '{"emailAddress": "ada@example.com", "reason": "x"}\n{}\n')
    assert entries == []
    assert [bad.line for bad in found.bad] == [1, 2]
