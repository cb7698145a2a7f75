"""Every encoding with every delimiter and line end, each list damaged in every way."""

from __future__ import annotations

import codecs
from itertools import product

import pytest

from campaign.errors import DataError
from fakes.prepared.lists import Read

NAMES = {
    "utf-8": ("Zoë", "李雷", "Łukasz", "Иван"),
    "utf-8-sig": ("Zoë", "李雷", "Łukasz", "Иван"),
    "utf-16": ("Zoë", "李雷", "Łukasz", "Иван"),
    "utf-16-le": ("Zoë", "Noël", "Łukasz", "Иван"),
    "utf-16-be": ("Zoë", "Noël", "Łukasz", "Иван"),
    "gb18030": ("王小明", "李娜", "张伟", "欧阳春"),
    "gbk": ("王小明", "李娜", "张伟", "欧阳春"),
    "big5": ("陳大文", "林志玲", "黃曉明", "歐陽"),
    "shift_jis": ("佐藤さくら", "鈴木一郎", "タロウ", "高橋"),
    "cp1252": ("Zoë", "François", "Müller\u2019s", "José €"),
    "latin-1": ("Zoë", "François", "Müller", "José"),
}
READ_AS = {
    "utf-8-sig": "utf-8", "utf-16": "utf-16-le", "gbk": "gb18030", "shift_jis": "cp932",
    "latin-1": "cp1252",
}  # fmt: skip
LINE_ENDS = {"lf": "\n", "crlf": "\r\n", "cr": "\r"}


def odd_list(encoding: str, d: str, end: str) -> tuple[str, list[tuple[str, ...]], dict[int, str]]:
    """Text, the rows that are good, and the rejects by line."""
    one, two, three, four = NAMES[encoding]
    lines = [
        f"email{d}name{d}note",
        f"a@example.com{d}{one}{d}007",
        f'b@example.com{d}"{two}"{d}"x{d} ""y"""',
        f'c@example.com{d}{three}{d}"line one',
        'line two"',
        "",
        f"d@example.com{d}{four}",
        f"e@example.com{d}{one}{d}{d}",
        f'f@example.com{d}"{two}{d}open',
        f"g@example.com{d}{three}\0{d}x",
        f'h@example.com{d}"{four}"x{d}y',
        f"i@example.com{d}{'x' * 501}{d}y",
        f"j@example.com{d}{four}{d}NA",
    ]
    rows = [
        ("a@example.com", one, "007"),
        ("b@example.com", two, f'x{d} "y"'),
        ("c@example.com", three, f"line one{end}line two"),
        ("j@example.com", four, "NA"),
    ]
    rejects = {
        7: "row: 2 cells where the header has 3",
        8: "row: 4 cells where the header has 3",
        9: "row: a quote is opened and not closed",
        10: "row: NUL in 'name'",
        11: "row: text after a closing quote",
        12: "row: 'name' is longer than 500 bytes",
    }
    return end.join([*lines, ""]), rows, rejects


@pytest.mark.parametrize(
    ("encoding", "delimiter", "end"), list(product(NAMES, [",", ";", "\t", "|"], LINE_ENDS))
)
def test_an_odd_list_gives_its_good_rows_and_names_the_others(
    read: Read, encoding: str, delimiter: str, end: str
) -> None:
    text, rows, rejects = odd_list(encoding, delimiter, LINE_ENDS[end])
    reading = read(text.encode(encoding), max_field=500)
    assert codecs.lookup(reading.source.encoding).name == READ_AS.get(encoding, encoding)
    assert reading.source.delimiter == delimiter
    assert reading.rows == rows
    assert reading.lines == [2, 3, 4, 13]
    assert dict(reading.refused) == rejects
    assert [entry.line for entry in reading.entries] == sorted([2, 3, 4, 13, *rejects])


@pytest.mark.parametrize("encoding", NAMES)
def test_the_encoding_may_be_named_instead_of_found(read: Read, encoding: str) -> None:
    text, rows, _ = odd_list(encoding, ";", "\r\n")
    reading = read(text.encode(encoding), encoding=encoding, max_field=500)
    assert reading.rows == rows
    assert reading.source.confidence is None


@pytest.mark.parametrize("count", [25_000, 70_000])
def test_a_header_longer_than_a_block_is_read_whole(read: Read, count: int) -> None:
    names = ["email", *(f"column_{at}" for at in range(count))]
    assert len(",".join(names)) > 262_144
    cells = ["a@example.com", *("x" for _ in range(count))]
    found = read(f"{','.join(names)}\n{','.join(cells)}\n".encode())
    assert found.source.columns == tuple(names)
    assert [row[0] for row in found.rows] == ["a@example.com"]


def test_a_first_line_without_an_end_is_refused_as_no_header(read: Read) -> None:
    names = ",".join(f"c{at}" for at in range(1_000_000))
    with pytest.raises(DataError) as told:
        read(f"email,{names}\na@example.com\n".encode())
    assert "the first line has more than 1,000,000 characters" in str(told.value)
