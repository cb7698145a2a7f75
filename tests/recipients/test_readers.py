"""recipients.readers: what was typed arrives, from any kind of file."""

from __future__ import annotations

import csv
import gzip
import hashlib
import io
from pathlib import Path

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from campaign.config.settings import Recipients
from campaign.errors import EXIT_DATA, DataError
from campaign.recipients.readers import input_files, read_lists
from fakes.prepared.lists import Read


def test_every_cell_arrives_as_typed(read: Read) -> None:
    typed = ["007", "NA", "None", "1.0", " ", "null", "1e5", "TRUE", "#N/A", "-0", "nan", " x ", ""]
    rows = "".join(f"a{at}@example.com,{cell}\n" for at, cell in enumerate(typed))
    assert [row[1] for row in read("email,cell\n" + rows).rows] == typed


def test_a_list_without_quotes_reads_as_one_with_quotes(read: Read) -> None:
    cells = ["007", "NA", "", " x ", "\ufeffq", "a\x85b", "a\u2028b", "\x1c", "#N/A", "王", "\\"]
    rows = [(f"a{at}@example.com", cell, cell) for at, cell in enumerate(cells)]
    plain = "".join(",".join(row) + "\n" for row in rows)
    quoted = "".join(",".join(f'"{cell}"' for cell in row) + "\n" for row in rows)
    assert read("email,b,c\n" + plain).rows == read("email,b,c\n" + quoted).rows == rows


def test_quotes_newlines_and_delimiters_in_cells_are_kept(read: Read) -> None:
    reading = read('email,note\r\na@b.com,"x, ""y""\r\nz\rw"\r\nc@d.com,\ufeffq\r\n')
    assert reading.rows == [("a@b.com", 'x, "y"\r\nz\rw'), ("c@d.com", "\ufeffq")]
    assert reading.lines == [2, 4]


def test_a_first_cell_that_begins_with_a_byte_order_mark_keeps_it(read: Read) -> None:
    assert read("note,email\n\ufeffx,a@b.com\n").rows == [("\ufeffx", "a@b.com")]


def test_the_source_tells_what_was_read_and_how(read: Read) -> None:
    raw = "email;name\na@b.com;Zoë\n".encode("cp1252")
    source = read(raw).source
    assert source.name == "list.csv"
    assert source.columns == ("email", "name")
    assert (source.encoding, source.delimiter) == ("cp1252", ";")
    assert source.confidence is not None
    assert 0 < source.confidence < 1
    assert source.sha256 == hashlib.sha256(raw).hexdigest()


def test_a_header_alone_is_a_list_of_nobody(read: Read) -> None:
    reading = read("email,name\n")
    assert reading.source.columns == ("email", "name")
    assert reading.rows == reading.rejects == []


@pytest.mark.parametrize(
    "raw", [b"", b"\xef\xbb\xbf", b"\n\n", b"\xff\xfe", gzip.compress(b"", mtime=0)]
)
def test_a_file_of_nothing_is_refused(read: Read, raw: bytes) -> None:
    with pytest.raises(DataError, match=r"list\.csv: the file is empty"):
        read(raw)


def test_a_list_of_many_chunks_keeps_rows_and_lines_together(read: Read) -> None:
    text = "email,n\n" + "".join(
        f'u{at}@example.com,"{at}\n"\n' if at % 1000 == 0 else f"u{at}@example.com,{at}\n"
        for at in range(25_000)
    )
    reading = read(text)
    assert [row[1].strip() for row in reading.rows] == [str(at) for at in range(25_000)]
    lines = text.split("\n")
    for line, row in zip(reading.lines[::999], reading.rows[::999], strict=True):
        assert lines[line - 1].startswith(row[0])


def test_chunks_stay_small_however_long_the_list(tmp_path: Path) -> None:
    text = "email,n\n" + "".join(f"u{at}@example.com,{'x' * 100}\n" for at in range(40_000))
    (tmp_path / "list.csv").write_text(text)
    chunks = read_lists(tmp_path, Recipients(files=["list.csv"]))
    sizes = [len(chunk.rows) for chunk in chunks]
    assert sum(sizes) == 40_000
    assert max(sizes) < 15_000


def test_long_cells_make_chunks_of_fewer_rows(tmp_path: Path) -> None:
    text = "email,n\n" + "".join(f"u{at}@example.com,{'x' * 100_000}\n" for at in range(200))
    (tmp_path / "list.csv").write_text(text)
    chunks = read_lists(tmp_path, Recipients(files=["list.csv"]))
    assert max(len(chunk.rows) for chunk in chunks) <= 100


def test_a_cell_longer_than_max_field_is_rejected_alone(read: Read) -> None:
    reading = read(f"email,n\na@b.com,{'x' * 200}\nc@d.com,y\n", max_field=100)
    assert reading.refused == [(2, "row: 'n' is longer than 100 bytes")]
    assert reading.rows == [("c@d.com", "y")]


def test_several_files_keep_their_own_columns(read: Read, tmp_path: Path) -> None:
    (tmp_path / "b.csv").write_text("name;email\nBob;b@b.com\n")
    (tmp_path / "a.csv").write_text("email,name,plan\na@b.com,Ada,gold\n")
    reading = read(files=["*.csv"])
    assert [source.name for source in reading.sources] == ["a.csv", "b.csv"]
    assert reading.rows == [("a@b.com", "Ada", "gold"), ("Bob", "b@b.com")]
    assert [(entry.source, entry.key) for entry in reading.entries] == [
        (0, "a@b.com"),
        (1, "b@b.com"),
    ]


def test_a_file_named_twice_is_read_once(tmp_path: Path) -> None:
    (tmp_path / "lists").mkdir()
    (tmp_path / "lists" / "a.csv").write_text("email\na@b.com\n")
    settings = Recipients(files=["lists/a.csv", "lists/*.csv", "lists/../lists/a.csv"])
    assert input_files(tmp_path, settings) == [(tmp_path / "lists" / "a.csv").resolve()]


def test_absolute_names_and_patterns_are_found(tmp_path: Path) -> None:
    (tmp_path / "a.csv").write_text("email\na@b.com\n")
    for pattern in (tmp_path / "a.csv", tmp_path / "*.csv"):
        found = input_files(Path("/nowhere"), Recipients(files=[str(pattern)]))
        assert found == [(tmp_path / "a.csv").resolve()]


def test_a_name_with_brackets_is_a_name_before_it_is_a_pattern(tmp_path: Path) -> None:
    (tmp_path / "list [1].csv").write_text("email\na@b.com\n")
    assert len(input_files(tmp_path, Recipients(files=["list [1].csv"]))) == 1


@pytest.mark.parametrize("name", ["missing.csv", "*.tsv"])
def test_a_missing_file_is_named_with_a_remedy(tmp_path: Path, name: str) -> None:
    with pytest.raises(DataError, match=r"no such file.*relative to campaign\.toml") as caught:
        input_files(tmp_path, Recipients(files=[name]))
    assert name in caught.value.file
    assert caught.value.exit_code == EXIT_DATA


def test_a_compressed_list_is_unpacked_on_the_way(read: Read) -> None:
    raw = gzip.compress("email\tname\na@b.com\t李雷\n".encode("gb18030"))
    reading = read(raw, "list.tsv.gz")
    assert reading.rows == [("a@b.com", "李雷")]
    assert reading.source.delimiter == "\t"
    assert reading.source.sha256 == hashlib.sha256(raw).hexdigest()


@pytest.mark.parametrize("cut", [12, 40, -4])
def test_a_damaged_compressed_list_is_refused(read: Read, cut: int) -> None:
    whole = gzip.compress(b"email,n\n" + b"".join(b"u%d@b.com,x\n" % at for at in range(999)))
    with pytest.raises(DataError, match=r"list\.csv\.gz: the compressed file is damaged"):
        read(whole[:cut], "list.csv.gz")


def test_an_old_workbook_is_refused_with_a_remedy(read: Read) -> None:
    with pytest.raises(DataError, match=r"old Excel workbook.*save it as \.xlsx"):
        read(b"\xd0\xcf\x11\xe0\xa1\xb1\x1a\xe1" + bytes(512), "list.xls")


def test_rejects_keep_their_cells_for_mending(read: Read) -> None:
    reading = read('email,name\na@b.com,Ada,"x, y"\nb\0@b.com,Bob\n')
    assert [reject.row for reject in reading.rejects] == [
        ("a@b.com", "Ada", "x, y"),
        ("b␀@b.com", "Bob"),
    ]


CELLS = st.text(
    st.characters(codec="utf-8", exclude_characters="\0"), max_size=8
) | st.sampled_from(["", '"', '""', "\r\n", "\n", "\r", ",", "a,b", "007", "NA", "\ufeff", " "])


@settings(suppress_health_check=[HealthCheck.function_scoped_fixture], max_examples=60)
@given(
    st.lists(st.tuples(CELLS, CELLS, CELLS), max_size=8),
    st.sampled_from([",", ";", "\t", "|"]),
    st.sampled_from(["utf-8", "utf-8-sig", "utf-16"]),
    st.sampled_from(["\n", "\r\n"]),
)
def test_any_table_comes_back_as_it_was_written(
    read: Read, rows: list[tuple[str, ...]], delimiter: str, encoding: str, line_end: str
) -> None:
    out = io.StringIO()
    writer = csv.writer(out, delimiter=delimiter, quoting=csv.QUOTE_ALL, lineterminator=line_end)
    writer.writerows([("email", "b", "c"), *rows])
    # Few letters in UTF-8 may also be something else: without a mark the encoding is told.
    told = {"encoding": encoding} if encoding == "utf-8" else {}
    reading = read(out.getvalue().encode(encoding), **told)
    assert reading.rows == rows
    assert reading.rejects == []
