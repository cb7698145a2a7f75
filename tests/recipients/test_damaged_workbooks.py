"""A workbook that is damaged or unusual in any part ends in a sentence, never in a traceback."""

from __future__ import annotations

import io
import random
import re
import zipfile
from collections.abc import Callable

import openpyxl
import pytest

from campaign.errors import DataError
from campaign.recipients.workbooks.sheets import sheet_rows
from fakes.prepared.lists import Read


def workbook() -> bytes:
    book = openpyxl.Workbook()
    sheet = book.active
    sheet.append(["email", "name", "n", "day"])
    for number in range(20):
        sheet.append([f"u{number}@example.com", f"name {number}", number / 3, "2026-01-31"])
    out = io.BytesIO()
    book.save(out)
    return out.getvalue()


SHARED = "xl/sharedStrings.xml"


def with_shared_texts(raw: bytes) -> bytes:
    """The same workbook with its texts in a part of their own, as Excel writes them."""
    texts: list[str] = []

    def share(found: re.Match[str]) -> str:
        texts.append(found[2])
        return f'<c r="{found[1]}" t="s"><v>{len(texts) - 1}</v></c>'

    def change(name: str, content: bytes) -> bytes:
        text = content.decode()
        if name == "xl/worksheets/sheet1.xml":
            inline = r'<c r="(\w+)" t="inlineStr"><is><t>(.*?)</t></is></c>'
            text = re.sub(inline, share, text)
        kind = "http://schemas.openxmlformats.org/officeDocument/2006/relationships/sharedStrings"
        relation = f'<Relationship Id="rIdS" Type="{kind}" Target="/{SHARED}"/>'
        text = text.replace("</Relationships>", relation + "</Relationships>")
        media = "application/vnd.openxmlformats-officedocument.spreadsheetml.sharedStrings+xml"
        override = f'<Override PartName="/{SHARED}" ContentType="{media}"/>'
        return text.replace("</Types>", override + "</Types>").encode()

    out = io.BytesIO(changed(raw, change))
    assert texts
    items = "".join(f"<si><t>{text}</t></si>" for text in texts)
    space = "http://schemas.openxmlformats.org/spreadsheetml/2006/main"
    with zipfile.ZipFile(out, "a") as package:
        package.writestr(SHARED, f'<sst xmlns="{space}" count="{len(texts)}">{items}</sst>')
    return out.getvalue()


def changed(raw: bytes, change: Callable[[str, bytes], bytes | None]) -> bytes:
    """The package with each part as `change(name, content)` gives it; None leaves it out."""
    out = io.BytesIO()
    with zipfile.ZipFile(io.BytesIO(raw)) as old, zipfile.ZipFile(out, "w", 8) as new:
        for name in old.namelist():
            content = change(name, old.read(name))
            if content is not None:
                new.writestr(name, content)
    return out.getvalue()


def sheet_of(raw: bytes, old: str, new: str) -> bytes:
    """The package with another text in its only sheet."""

    def change(name: str, content: bytes) -> bytes:
        if name != "xl/worksheets/sheet1.xml":
            return content
        assert old.encode() in content
        return content.replace(old.encode(), new.encode())

    return changed(raw, change)


PARTS = [*zipfile.ZipFile(io.BytesIO(workbook())).namelist(), SHARED]
HARMS: dict[str, Callable[[bytes], bytes | None]] = {
    "missing": lambda content: None,
    "empty": lambda content: b"",
    "cut": lambda content: content[: len(content) // 2],
    "garbage": lambda content: b"\x00\xff<a>" + content[:50],
    "other xml": lambda content: b"<?xml version='1.0'?><a><b/></a>",
    "odd numbers": lambda content: re.sub(rb'"(\d+)"', b'"999999999"', content),
    "no numbers": lambda content: re.sub(rb'"(\d+)"', b'"x"', content),
    "odd places": lambda content: re.sub(rb'r="[A-Z]+(\d+)"', b'r="ZZZZ0"', content),
    "doctype": lambda content: b"<!DOCTYPE a [<!ENTITY b 'c'>]>" + content,
    "odd types": lambda content: re.sub(rb' t="\w+"', b' t="d"', content),
}


def assert_read_or_refused(raw: bytes) -> None:
    refusal = None
    try:
        for _ in sheet_rows(io.BytesIO(raw), "list.xlsx"):
            pass
    except DataError as error:
        refusal = error
    assert refusal is None or (refusal.file == "list.xlsx" and refusal.remedy)


@pytest.mark.parametrize("harm", HARMS)
@pytest.mark.parametrize("part", PARTS)
def test_each_part_may_be_damaged_in_each_way(part: str, harm: str) -> None:
    whole = with_shared_texts(workbook())
    raw = changed(whole, lambda name, text: HARMS[harm](text) if name == part else text)
    assert_read_or_refused(raw)


def test_texts_in_a_part_of_their_own_are_read_the_same(read: Read) -> None:
    rows = read(workbook(), "list.xlsx").rows
    assert rows == read(with_shared_texts(workbook()), "list.xlsx").rows
    assert rows[3][:2] == ("u3@example.com", "name 3")


def test_any_byte_may_be_another() -> None:
    raw = workbook()
    chance = random.Random(7)
    for _ in range(150):
        harmed = bytearray(raw)
        for _ in range(chance.randrange(1, 4)):
            harmed[chance.randrange(4, len(raw))] = chance.randrange(256)
        assert_read_or_refused(bytes(harmed))


def test_a_workbook_may_be_cut_anywhere() -> None:
    raw = workbook()
    for end in range(4, len(raw), 97):
        with pytest.raises(DataError):
            list(sheet_rows(io.BytesIO(raw[:end]), "list.xlsx"))


def test_a_formula_that_nobody_calculated_is_not_an_empty_cell(read: Read) -> None:
    book = openpyxl.Workbook()
    book.active.append(["email", "name"])
    book.active.append(["a@example.com", "Ada"])
    book.active.append(["b@example.com", "=B2"])
    book.active.append(["c@example.com", None])
    out = io.BytesIO()
    book.save(out)
    reading = read(out.getvalue(), "list.xlsx")
    assert reading.rows == [("a@example.com", "Ada"), ("c@example.com", "")]
    ((line, reason),) = reading.refused
    assert line == 3
    assert reason.startswith("row: the formula in cell B3 was never calculated")


@pytest.mark.parametrize(
    ("cell", "shown"),
    [
        ("<f>B2</f><v>7</v>", "7"),
        ("<f/><v>7</v>", "7"),
        ("<f>B2</f><v/>", None),
        ("<f>B2</f><v></v>", None),
        ("<f>B2</f>", None),
    ],
)
def test_what_a_formula_gave_is_what_the_cell_shows(
    read: Read, cell: str, shown: str | None
) -> None:
    raw = sheet_of(workbook(), "<v>0</v>", "<v>0</v>")
    text = zipfile.ZipFile(io.BytesIO(raw)).read("xl/worksheets/sheet1.xml").decode()
    found = re.search(r'<c r="C2"[^>]*>.*?</c>', text)
    assert found
    raw = sheet_of(raw, found[0], f'<c r="C2">{cell}</c>')
    reading = read(raw, "list.xlsx")
    assert len(reading.rows) == (20 if shown else 19)
    if shown:
        assert reading.rows[0][2] == shown
    else:
        assert "C2 was never calculated" in reading.refused[0][1]


def test_a_formula_may_give_an_empty_text(read: Read) -> None:
    text = zipfile.ZipFile(io.BytesIO(workbook())).read("xl/worksheets/sheet1.xml").decode()
    found = re.search(r'<c r="C2"[^>]*>.*?</c>', text)
    assert found
    raw = sheet_of(workbook(), found[0], '<c r="C2" t="str"><f>""</f><v></v></c>')
    assert read(raw, "list.xlsx").rows[0][2] == ""


@pytest.mark.parametrize(
    ("written", "shown"),
    [
        ("a_x0009_b", "a\tb"),
        ("a_x000D_\nb", "a\nb"),
        ("_x005F_x000D_", "_x000D_"),
        ("x_x_y", "x_x_y"),
        ("_x00e9_", "\xe9"),
        ("_xD83D__xDE00_", "\U0001f600"),
        ("_xZZZZ_", "_xZZZZ_"),
    ],
)
def test_escaped_characters_are_read_as_excel_does(read: Read, written: str, shown: str) -> None:
    book = openpyxl.Workbook()
    book.active.append(["email", "note"])
    book.active.append(["a@example.com", "PLACE"])
    out = io.BytesIO()
    book.save(out)
    raw = changed(out.getvalue(), lambda _, text: text.replace(b"PLACE", written.encode()))
    assert read(raw, "list.xlsx").rows == [("a@example.com", shown)]


def test_strict_open_xml_is_named(read: Read) -> None:
    raw = changed(
        workbook(),
        lambda _, text: text.replace(
            b"http://schemas.openxmlformats.org/spreadsheetml/2006/main",
            b"http://purl.oclc.org/ooxml/spreadsheetml/main",
        ),
    )
    with pytest.raises(DataError, match="saved as Strict Open XML"):
        read(raw, "list.xlsx")


@pytest.mark.parametrize(
    ("part", "what"),
    [
        ("content.xml", "an OpenDocument file"),
        ("word/document.xml", "a Word document"),
        ("xl/workbook.bin", "a binary workbook"),
        ("list.csv", "a ZIP archive of 1 files"),
    ],
)
def test_another_package_says_what_it_is(read: Read, part: str, what: str) -> None:
    out = io.BytesIO()
    with zipfile.ZipFile(out, "w") as package:
        package.writestr(part, "x")
    with pytest.raises(DataError, match=rf"list\.xlsx: this is {what}"):
        read(out.getvalue(), "list.xlsx")


@pytest.mark.parametrize("part", ["xl/worksheets/sheet1.xml", "xl/sharedStrings.xml"])
def test_a_workbook_that_unpacks_to_gigabytes_is_refused_unread(part: str) -> None:
    bomb = b"<a>" + bytes(60_000_000)
    whole = with_shared_texts(workbook())
    raw = changed(whole, lambda name, text: bomb if name == part else text)
    assert len(raw) < 100_000
    with pytest.raises(DataError, match=f"{part} in it unpacks from .* to 60.0 MB"):
        list(sheet_rows(io.BytesIO(raw), "list.xlsx"))


def test_a_row_without_end_is_refused_before_it_is_in_memory() -> None:
    noise = random.Random(1).randbytes(2_000_000).hex().encode() * 17  # shrinks by half only
    raw = sheet_of(workbook(), "<v>0</v>", "<v>0</v>")
    out = io.BytesIO()
    with zipfile.ZipFile(io.BytesIO(raw)) as old, zipfile.ZipFile(out, "w", 0) as new:
        for name in old.namelist():
            content = old.read(name)
            if name.endswith("sheet1.xml"):
                content = content.replace(b"<v>0</v>", b"<v>" + noise + b"</v>")
            new.writestr(name, content)
    with pytest.raises(DataError, match=r"a row of the sheet has more than 64\.0 MB"):
        list(sheet_rows(out, "list.xlsx"))
