"""Results as CSV, JSON lines, Parquet and XLSX, and the files they are written to."""

from __future__ import annotations

import csv
import errno
import io
import json
import os
import stat
import threading
from collections.abc import Iterator
from datetime import UTC, datetime
from pathlib import Path

import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from hypothesis import given
from hypothesis import strategies as st
from openpyxl import load_workbook

from campaign.cli.commands.after.results import harmless, table
from campaign.cli.files.exports import (
    FIELDS,
    WRITERS,
    Export,
    ListedRow,
    as_object,
    write_csv_for_excel,
)
from campaign.cli.files.formats import Format, format_of
from campaign.cli.files.writing import whole_file
from campaign.cli.terminal.tables import columns
from campaign.errors import UsageError
from campaign.outcomes import ListRow, Result

CONTRACT = (
    *("row", "address", "key", "state", "reason", "class", "attempts", "code", "enhanced"),
    *("reply", "message_id", "relay", "sent_at", "updated_at"),
    *("bounced_at", "bounce_class", "complained_at", "unsubscribed_at"),
)
ROW = ListRow("list.csv", 2, {"姓名": "王小明", "state": "BY"})


def result(**changes: object) -> ListedRow:
    values: dict[str, object] = dict.fromkeys(Result._fields, "")
    values |= {"row": 1, "attempts": 1, "code": 250, "address": "ada@example.com"}
    return ListedRow(Result(**(values | changes)), ROW)  # type: ignore[arg-type]


def written(format_: str, *found: ListedRow, columns: tuple[str, ...] = ()) -> bytes:
    file = io.BytesIO()
    assert WRITERS[Format(format_)](file, Export(iter(found), columns)) == len(found)
    return file.getvalue()


def test_the_fields_are_those_of_the_contract_in_its_order() -> None:
    assert list(FIELDS) == list(CONTRACT)
    assert list(as_object(result().result)) == list(CONTRACT)
    assert list(json.loads(written("jsonl", result()))) == list(CONTRACT)


@pytest.mark.parametrize("start", ["=", "+", "-", "@", "\t", "\r", "\n", "＝", "＠"])  # noqa: RUF001
def test_no_cell_of_a_csv_is_a_formula(start: str) -> None:
    (_, row) = csv.reader(
        io.StringIO(written("csv", result(reply=f"{start}cmd|'/c calc'!A0")).decode(), newline="")
    )
    assert row[CONTRACT.index("reply")] == f"'{start}cmd|'/c calc'!A0"


def test_every_cell_of_a_csv_is_quoted() -> None:
    assert written("csv", result()).splitlines()[1].startswith(b'"1","ada@example.com","')


@given(st.text(), st.text())
def test_json_lines_give_back_what_was_written(reason: str, reply: str) -> None:
    given_ = result(reason=reason, reply=reply)
    lines = written("jsonl", given_).split(b"\n")
    assert len(lines) == 2
    if reason.isprintable() and reply.isprintable():
        assert json.loads(lines[0]) == as_object(given_.result)


@given(st.text(st.characters(exclude_categories=["Cs"])))
def test_csv_gives_back_what_was_written_but_for_the_apostrophe(reply: str) -> None:
    text = written("csv", result(reply=reply)).decode()
    (_, row) = csv.reader(io.StringIO(text, newline=""), strict=True)
    assert row[CONTRACT.index("reply")] in (reply, f"'{reply}")


def test_a_csv_has_file_line_and_the_columns_that_are_asked_for() -> None:
    content = written("csv", result(state="sent"), columns=("姓名", "state")).decode()
    (row,) = csv.DictReader(io.StringIO(content, newline=""))
    assert (row["file"], row["line"], row["姓名"]) == ("list.csv", "2", "王小明")
    assert (row["state"], row["list.state"]) == ("sent", "BY")
    file = io.BytesIO()
    write_csv_for_excel(file, Export([result()]))
    assert file.getvalue().startswith(b'\xef\xbb\xbf"row"')


def test_json_lines_have_columns_of_the_list_where_they_are_asked_for() -> None:
    line = json.loads(written("jsonl", result(), columns=("姓名",)))
    assert (line["file"], line["line"], line["columns"]) == ("list.csv", 2, {"姓名": "王小明"})


SENT_AT = "2026-11-27T22:30:00.250Z"
WHEN = datetime(2026, 11, 27, 22, 30, 0, 250_000, tzinfo=UTC)


def test_parquet_gives_back_what_was_written_times_as_times() -> None:
    given_ = [result(row=n, reply="=1+1", code=550, sent_at=SENT_AT) for n in range(1, 4)]
    found = pq.read_table(io.BytesIO(written("parquet", *given_, columns=("姓名",))))
    assert found.schema.field("sent_at").type == pa.timestamp("us", tz="UTC")
    assert found.schema.field("code").type == pa.int32()
    for line, one in zip(found.to_pylist(), given_, strict=True):
        assert (line.pop("file"), line.pop("line"), line.pop("姓名")) == ("list.csv", 2, "王小明")
        assert line == as_object(one.result) | {
            "sent_at": WHEN, "updated_at": None, "bounced_at": None, "complained_at": None,
            "unsubscribed_at": None,
        }  # fmt: skip


def test_a_workbook_has_text_as_text_and_times_as_times() -> None:
    content = written("xlsx", result(reply="=1+1\x07", sent_at=SENT_AT), columns=("姓名",))
    head, row = load_workbook(io.BytesIO(content)).active.iter_rows()
    cells = {name.value: cell for name, cell in zip(head, row, strict=True)}
    assert (cells["reply"].value, cells["reply"].data_type) == ("=1+1\ufffd", "s")
    assert cells["sent_at"].value == WHEN.replace(tzinfo=None)
    assert (cells["code"].value, cells["姓名"].value) == (250, "王小明")


@pytest.mark.parametrize("format_", WRITERS)
def test_no_results_make_a_file_with_no_rows(format_: Format) -> None:
    assert WRITERS[format_](io.BytesIO(), Export(iter(()))) == 0


def test_the_name_of_a_file_says_its_format() -> None:
    assert format_of(Path("a.b/Results.XLSX")) is Format.XLSX
    assert format_of(Path("r.jsonl")) is Format.JSONL
    for name in ("r.txt", "results", "r.table"):
        with pytest.raises(UsageError, match="--format"):
            format_of(Path(name))


def test_nothing_in_a_result_shown_on_a_terminal_is_obeyed() -> None:
    assert harmless(result(reply="\x1b[2J")).result.reply == "\\x1b[2J"
    assert "\x1b" not in "".join(table([result(reply="\x1b[2J")], 80))


def test_the_table_of_a_terminal_fits_it_and_shows_the_last_word_on_each() -> None:
    shown = list(
        table(
            [
                result(state="failed", code=550, reply="5.1.1 no such user " * 9),
                result(state="skipped", reason="render: body.txt:1: no name", code=0),
                result(state="sent", address="王" * 40 + "@example.com", reply="2.0.0 Ok"),
            ],
            80,
        )
    )
    assert all(columns(line) <= 80 for line in shown)
    assert shown[0].startswith("failed     ada@example.com ")
    assert "  550 5.1.1 no such user" in shown[0]
    assert "render: body.txt:1: no name" in shown[1]
    assert "  250 2.0.0 Ok" in shown[2]
    assert shown[3].startswith("3 recipients")


def _cut_off() -> Iterator[ListedRow]:
    yield result()
    raise OSError(errno.ENOSPC, "No space left on device")


def test_a_file_appears_whole_or_not_at_all(tmp_path: Path) -> None:
    file = tmp_path / "results.csv"
    file.write_text("before")
    with pytest.raises(UsageError), whole_file(file) as half:
        WRITERS[Format.CSV](half, Export(_cut_off()))
    assert file.read_text() == "before"
    assert list(tmp_path.iterdir()) == [file]


def test_a_file_that_cannot_be_written_is_a_usage_error(tmp_path: Path) -> None:
    with pytest.raises(UsageError, match="cannot write"), whole_file(tmp_path / "no" / "where"):
        pass


def _write(path: Path) -> None:
    with whole_file(path) as file:
        file.write(b"after")


def test_a_new_file_is_for_its_owner_and_one_that_is_there_keeps_its_mode(tmp_path: Path) -> None:
    file = tmp_path / "results.csv"
    _write(file)
    assert stat.S_IMODE(file.stat().st_mode) == 0o600
    file.chmod(0o644)
    _write(file)
    assert stat.S_IMODE(file.stat().st_mode) == 0o644


def test_links_are_written_through(tmp_path: Path) -> None:
    (tmp_path / "real").mkdir()
    real = tmp_path / "real" / "results.csv"
    soft, dangling, hard = (tmp_path / name for name in ("soft", "dangling", "hard"))
    real.write_text("before")
    soft.symlink_to(real)
    os.link(real, hard)
    dangling.symlink_to(tmp_path / "real" / "new.csv")
    for path in (soft, dangling):
        _write(path)
        assert path.is_symlink()
    assert real.read_text() == hard.read_text() == dangling.read_text() == "after"


def test_a_pipe_is_written_into(tmp_path: Path) -> None:
    pipe = tmp_path / "pipe"
    os.mkfifo(pipe)
    read: list[bytes] = []
    reader = threading.Thread(target=lambda: read.append(pipe.read_bytes()))
    reader.start()
    _write(pipe)
    reader.join()
    assert read == [b"after"]
    assert stat.S_ISFIFO(pipe.stat().st_mode)
