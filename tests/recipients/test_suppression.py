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


@pytest.mark.parametrize(
    ("line", "reason"),
    [
        ("ada example.com", "there is no address in 'ada example.com'"),
        ("Old@Server", "no dot in the domain of 'Old@Server'"),
        ("ada@example,com", "is ada@example.com meant"),
        ("*@example.com", r"'\*@example\.com' is a pattern and not an address"),
        ("@example.com", "'@example.com' is a domain and not an address"),
        ("ada@", "there is no address in 'ada@'"),
        ("ada@example..com", "ada@example"),
    ],
)
def test_a_line_that_can_match_nobody_is_refused_with_its_place(
    tmp_path: Path, line: str, reason: str
) -> None:
    for text in (f"bob@example.com\n{line}\n", f"why;email\nx;{line}\n"):
        with pytest.raises(DataError, match=rf"suppressed\.csv:2: .* keep nobody out: .*{reason}"):
            suppressed(tmp_path, text)


def test_half_an_address_beside_a_whole_one_does_no_harm(tmp_path: Path) -> None:
    assert suppressed(tmp_path, "ada@example.com <id@localhost>\n") == ["ada@example.com"]


def test_where_the_encoding_is_not_sure_only_ascii_addresses_are_read(tmp_path: Path) -> None:
    text = "ada@example.com # 女士\n".encode("gb18030")
    assert suppressed(tmp_path, text) == ["ada@example.com"]
    with pytest.raises(DataError, match=r":1: the encoding cannot be told for sure.*UTF-8"):
        suppressed(tmp_path, "女士@example.com\n".encode("gb18030"))


def test_a_missing_file_is_refused(tmp_path: Path) -> None:
    with pytest.raises(DataError, match=r"gone\.csv: cannot be read"):
        list(read_suppressed(tmp_path, ["gone.csv"]))


def test_an_empty_file_suppresses_nobody(tmp_path: Path) -> None:
    assert suppressed(tmp_path, "") == suppressed(tmp_path, "email\n") == []
