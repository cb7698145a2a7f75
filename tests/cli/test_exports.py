"""Results as CSV, JSON lines and Parquet."""

from __future__ import annotations

import csv
import errno
import io
import json
from collections.abc import Iterator
from pathlib import Path

import pyarrow.parquet as pq
import pytest
from hypothesis import given
from hypothesis import strategies as st

from campaign.cli.commands.results import harmless
from campaign.cli.exports import FIELDS, WRITERS, as_object, whole_file
from campaign.errors import UsageError
from campaign.records import Result

CONTRACT = (
    *("row", "address", "key", "state", "reason", "class", "attempts", "code", "enhanced"),
    *("reply", "message_id", "relay", "sent_at", "updated_at"),
)


def result(**changes: object) -> Result:
    values: dict[str, object] = dict.fromkeys(Result._fields, "")
    values |= {"row": 1, "attempts": 1, "code": 250, "address": "ada@example.com"}
    return Result(**(values | changes))  # type: ignore[arg-type]


def written(format_: str, *results: Result) -> bytes:
    file = io.BytesIO()
    assert WRITERS[format_](file, iter(results)) == len(results)
    return file.getvalue()


def test_the_fields_are_those_of_the_contract_in_its_order() -> None:
    assert list(FIELDS) == list(CONTRACT)
    assert list(as_object(result())) == list(CONTRACT)


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
        assert json.loads(lines[0]) == as_object(given_)


@given(st.text(st.characters(exclude_categories=["Cs"])))
def test_csv_gives_back_what_was_written_but_for_the_apostrophe(reply: str) -> None:
    text = written("csv", result(reply=reply)).decode()
    (_, row) = csv.reader(io.StringIO(text, newline=""), strict=True)
    assert row[CONTRACT.index("reply")] in (reply, f"'{reply}")


def test_parquet_gives_back_what_was_written() -> None:
    given_ = [result(row=n, reply="=1+1", code=550) for n in range(1, 4)]
    table = pq.read_table(io.BytesIO(written("parquet", *given_)))
    assert table.to_pylist() == [as_object(one) for one in given_]


@pytest.mark.parametrize("format_", ["csv", "jsonl", "parquet"])
def test_no_results_make_a_file_with_no_rows(format_: str) -> None:
    assert WRITERS[format_](io.BytesIO(), iter(())) == 0


def test_nothing_in_a_result_shown_on_a_terminal_is_obeyed() -> None:
    assert harmless(result(reply="\x1b[2J")).reply == "\\x1b[2J"


def _cut_off() -> Iterator[Result]:
    yield result()
    raise OSError(errno.ENOSPC, "No space left on device")


def test_a_file_appears_whole_or_not_at_all(tmp_path: Path) -> None:
    file = tmp_path / "results.csv"
    file.write_text("before")
    with pytest.raises(UsageError), whole_file(file) as half:
        WRITERS["csv"](half, _cut_off())
    assert file.read_text() == "before"
    assert list(tmp_path.iterdir()) == [file]


def test_a_file_that_cannot_be_written_is_a_usage_error(tmp_path: Path) -> None:
    with pytest.raises(UsageError, match="cannot write"), whole_file(tmp_path / "no" / "where"):
        pass
