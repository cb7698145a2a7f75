"""recipients.suppression: whoever stands in the file is found."""

from __future__ import annotations

from pathlib import Path

import pytest

from campaign.errors import DataError
from campaign.recipients.suppression import read_suppressed


def suppressed(folder: Path, content: str | bytes, **options: str) -> list[str]:
    raw = content.encode() if isinstance(content, str) else content
    (folder / "suppressed.csv").write_bytes(raw)
    return list(read_suppressed(folder, ["suppressed.csv"], **options))


def test_one_address_a_line_with_comments(tmp_path: Path) -> None:
    text = "# asked by phone\nAda@Example.com\n\n  bob@example.com  # moved\r\nz@münchen.de\n"
    assert suppressed(tmp_path, text) == [
        "ada@example.com",
        "bob@example.com",
        "z@xn--mnchen-3ya.de",
    ]


@pytest.mark.parametrize(
    "header", ["email,reason", "Email;reason", "reason\temail", "reason,E-Mail", '"email","reason"']
)
def test_csv_with_an_address_column(tmp_path: Path, header: str) -> None:
    delimiter = next(mark for mark in ",;\t" if mark in header)
    row = ["ada@example.com", "asked"]
    if header.startswith("reason"):
        row.reverse()
    text = f"\ufeff{header}\n{delimiter.join(row)}\n"
    assert suppressed(tmp_path, text) == ["ada@example.com"]


def test_the_address_column_of_the_campaign_counts_too(tmp_path: Path) -> None:
    text = "邮箱,原因\nada@example.com,退订\n".encode("gb18030")
    assert suppressed(tmp_path, text, address="邮箱") == ["ada@example.com"]


def test_a_quoted_newline_beside_the_address_does_no_harm(tmp_path: Path) -> None:
    text = 'email,why\nada@example.com,"called\nus, angrily"\nbob@example.com,x\n'
    assert suppressed(tmp_path, text) == ["ada@example.com", "bob@example.com"]


def test_every_address_in_a_cell_counts(tmp_path: Path) -> None:
    text = "Ada <ada@example.com>; bob@example.com\n<c@example.com>\nd\uff20example.com\n"
    assert suppressed(tmp_path, text) == [
        "ada@example.com",
        "bob@example.com",
        "c@example.com",
        "d@example.com",
    ]


def test_an_address_nobody_can_have_is_kept_as_it_is(tmp_path: Path) -> None:
    assert suppressed(tmp_path, "Old@Server\n") == ["old@server"]


def test_a_line_without_an_address_is_refused_with_its_place(tmp_path: Path) -> None:
    with pytest.raises(DataError, match=r"suppressed\.csv:2: no address in 'ada example\.com'"):
        suppressed(tmp_path, "bob@example.com\nada example.com\n")


def test_a_missing_file_is_refused(tmp_path: Path) -> None:
    with pytest.raises(DataError, match=r"gone\.csv: cannot be read"):
        list(read_suppressed(tmp_path, ["gone.csv"]))


def test_an_empty_file_suppresses_nobody(tmp_path: Path) -> None:
    assert suppressed(tmp_path, "") == suppressed(tmp_path, "email\n") == []
