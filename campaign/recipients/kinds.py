"""What a file is that was named as a list and is no table of text.

In: the first bytes or characters of a file.  Out: nothing.  Touches: nothing.
Raises DataError that says what the file is.

Programs that "export to Excel" often write something else under the name of a list.
"""

from __future__ import annotations

import re

from campaign.errors import DataError

_SAVE = "open it in Excel or LibreOffice and save it as .xlsx or CSV"
_BYTES = (
    (b"\xd0\xcf\x11\xe0", "an old Excel workbook (.xls), or one with a password",
     "save it as .xlsx without a password, or as CSV"),
    (b"%PDF", "a PDF document", "export the list as CSV"),
    (b"{\\rtf", "a rich text document", "save its table as CSV"),
    (b"7z\xbc\xaf\x27\x1c", "a 7z archive", "unpack it"),
    (b"Rar!", "a RAR archive", "unpack it"),
    (b"BZh", "a file packed with bzip2", "unpack it, or pack it with gzip"),
    (b"\xfd7zXZ\0", "a file packed with xz", "unpack it, or pack it with gzip"),
    (b"\x28\xb5\x2f\xfd", "a file packed with zstd", "unpack it, or pack it with gzip"),
    (b"SQLite format 3\0", "an SQLite database", "export the table as CSV"),
    (b"\x89PNG", "a picture", "name the list"),
    (b"\xff\xd8\xff", "a picture", "name the list"),
)  # fmt: skip
_TEXTS = (
    (r"BEGIN:VCARD", "a file of vCards", "export the contacts as CSV"),
    (r"version https://git-lfs", "a pointer of Git LFS", "run git lfs pull"),
    (r"(<\?xml[^>]*>\s*)?(<\?mso[^>]*>\s*)?<Workbook\b", "an XML Spreadsheet 2003", _SAVE),
    (r"(<!--.*?-->\s*)*(<!doctype\s+html|<html|<head|<body|<table|<meta|<style|<div)\b",
     "an HTML page", _SAVE),
    (r"<\?xml|<[a-z][\w:.-]*[\s>/]", "an XML document", "export the list as CSV"),
    (r"\[\s*[{\[]|\{\s*(\"[^\"\n]*\"\s*:|\})", "JSON",
     "write it as CSV: a header with the names of the columns, then a line for each person"),
)  # fmt: skip
_COMPILED = [
    (re.compile(rf"\s*{form}", re.IGNORECASE | re.DOTALL), what, remedy)
    for form, what, remedy in _TEXTS
]


def refuse_foreign_bytes(start: bytes, file: str) -> None:
    """By the first 16 bytes of a file."""
    for mark, what, remedy in _BYTES:
        if start.startswith(mark):
            raise DataError(f"this is {what}", file=file, remedy=remedy)


def refuse_foreign_text(start: str, file: str) -> None:
    """By the first characters of a text."""
    for form, what, remedy in _COMPILED:
        if form.match(start, 0, 2000):
            raise DataError(f"this is {what}, not a table of text", file=file, remedy=remedy)
