"""A file that is no table says what it is, whatever its name."""

from __future__ import annotations

import bz2
import lzma

import pytest

from campaign.errors import DataError
from fakes.prepared.lists import Read

TABLE = "<table><tr><td>email</td></tr><tr><td>a@example.com</td></tr></table>"


@pytest.mark.parametrize(
    ("content", "what"),
    [
        (TABLE, "an HTML page"),
        (f"\r\n<HTML><body>{TABLE}", "an HTML page"),
        (f"<!-- made by x --><!DOCTYPE html>{TABLE}", "an HTML page"),
        ("<meta charset=utf-8>" + TABLE, "an HTML page"),
        ('<?xml version="1.0"?>\n<?mso-application progid="Excel.Sheet"?>\n<Workbook xmlns="x">',
         "an XML Spreadsheet 2003"),
        ('<?xml version="1.0"?><people><p/></people>', "an XML document"),
        ('[{"email": "a@example.com"}]', "JSON"),
        ('{"email": "a@example.com"}\n{"email": "b@example.com"}\n', "JSON"),
        ('[["email"], ["a@example.com"]]', "JSON"),
        ("BEGIN:VCARD\nVERSION:3.0", "a file of vCards"),
        ("version https://git-lfs.github.com/spec/v1\noid x", "a pointer of Git LFS"),
        (b"%PDF-1.7 x", "a PDF document"),
        (b"{\\rtf1 x}", "a rich text document"),
        (bz2.compress(b"email\n"), "a file packed with bzip2"),
        (lzma.compress(b"email\n"), "a file packed with xz"),
        (b"\xd0\xcf\x11\xe0" + bytes(600), "an old Excel workbook"),
        (b"SQLite format 3\0" + bytes(100), "an SQLite database"),
        (b"\x89PNG\r\n\x1a\n" + bytes(100), "a picture"),
    ],
)  # fmt: skip
def test_what_is_no_table_is_named(read: Read, content: str | bytes, what: str) -> None:
    with pytest.raises(DataError, match=rf"^list\.csv: this is {what}") as caught:
        read(content)
    assert caught.value.remedy


@pytest.mark.parametrize(
    "content",
    [
        "email,<b>\na@example.com,x\n",
        '"email","[x]"\n"a@example.com","{"\n',
        "{x},email\n1,a@b.com\n",
    ],
)
def test_a_header_may_hold_odd_names(read: Read, content: str) -> None:
    assert len(read(content).rows) == 1
