"""`campaign suppress`: the words of a person into the store and out of it."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Callable
from pathlib import Path

import pytest

from campaign.cli.main import main

CONFIG = """
name = "small"
[recipients]
files = ["list.csv"]
[message]
from = "ada@example.com"
subject = "Hello"
text = "body.txt"
[unsubscribe]
mailto = "out@example.com"
list = "newsletter"
"""
ADA, BOB = "ada@example.com", "bob@example.com"
Said = tuple[int, str, str]


@pytest.fixture
def suppress(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> Callable[..., Said]:
    """Runs `campaign suppress ...` in the folder of a campaign: exit code, stdout, stderr."""
    for name, text in (
        ("campaign.toml", CONFIG), ("body.txt", "Hello\n"),
        ("list.csv", f"email\n{ADA}\n{BOB}\neve@example.com\n"),
    ):  # fmt: skip
        (tmp_path / name).write_text(text)
    monkeypatch.chdir(tmp_path)

    def run(*words: str) -> Said:
        code = main(["suppress", *words])
        return code, *capsys.readouterr()

    return run


def test_an_added_address_is_explained_and_taken_out_again(suppress: Callable[..., Said]) -> None:
    assert suppress("add", "Ada@Example.com", BOB, "--because", "rang us") == (0, "2 added\n", "")
    assert suppress("add", ADA)[1] == "0 added, 1 known before\n"
    code, said, _ = suppress("why", ADA)
    first, second = said.splitlines()
    assert (code, first) == (0, f"{ADA} is not written to by this campaign")
    assert second.startswith("  by hand on 20")
    assert "told by suppress add" in second
    assert second.endswith(": rang us")
    assert suppress("remove", ADA)[1].startswith("no longer: by hand on ")
    assert suppress("why", ADA)[1].startswith(f"{ADA} may be written to by this campaign\n")
    assert suppress("remove", ADA) == (0, f"{ADA} was not suppressed\n", "")


def test_an_entry_of_another_list_is_told_and_does_not_count(suppress: Callable[..., Said]) -> None:
    suppress("add", ADA, "--list", "receipts")
    assert suppress("why", ADA)[1].startswith(f"{ADA} may be written to")
    suppress("add", ADA, "--list", "newsletter", "--for", "90d")
    found = json.loads(suppress("why", ADA, "--json")[1])
    assert found["suppressed"] is True
    assert {entry["scope"] for entry in found["entries"]} == {"newsletter", "receipts"}
    assert [bool(entry["until"]) for entry in found["entries"]].count(True) == 1


def test_what_a_person_asked_for_is_taken_back_only_with_a_reason(
    suppress: Callable[..., Said], tmp_path: Path
) -> None:
    (tmp_path / "left.csv").write_text(f"email,ip,created\n{ADA},192.0.2.1,1319194975\n")
    suppress("import", "left.csv")
    code, _, said = suppress("remove", ADA)
    assert code == 64
    assert "the person asked for it: complaint on 2011-10-21" in said
    assert "--because" in said
    assert json.loads(suppress("why", ADA, "--json")[1])["suppressed"]
    assert suppress("remove", ADA, "--because", "signed up again")[0] == 0
    assert "signed up again" in suppress("why", ADA)[1]


def test_an_erased_person_is_blocked_at_the_next_import_and_skipped_by_the_plan(
    suppress: Callable[..., Said], tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert suppress("erase", ADA)[0] == 0
    (tmp_path / "more.csv").write_text(f"email\n{ADA}\n{BOB}\n")
    code, said, _ = suppress("import", "more.csv")
    assert (code, said.splitlines()[1:]) == (0, ["  1 new", "  1 erased, and blocked already"])
    assert ADA not in suppress("export")[1]
    assert main(["plan"]) == 0
    said = capsys.readouterr().out
    assert "suppressed" in said
    assert main(["results", "--state", "skipped", "--format", "jsonl"]) == 0
    skipped = [json.loads(line) for line in capsys.readouterr().out.splitlines()]
    assert {each["address"]: each["reason"].rpartition(" ")[0] for each in skipped} == {
        ADA: "suppressed: erased",
        BOB: "suppressed: imported",
    }


def test_lines_that_are_not_taken_are_named_and_the_others_are_taken(
    suppress: Callable[..., Said], tmp_path: Path
) -> None:
    (tmp_path / "left.txt").write_text(f"{ADA}\nnobody at all\n{BOB}\n")
    code, said, told = suppress("import", "left.txt")
    assert (code, told) == (1, "left.txt:2: no @ in 'nobody at all'\n")
    assert "2 new" in said
    assert "1 not taken" in said
    found = json.loads(suppress("import", "left.txt", "--json")[1])
    assert (found["known"], found["bad"][0]["line"]) == (2, 2)


@pytest.mark.parametrize("encoding", ["gb18030", "utf-8-sig", "utf-16", "big5"])
@pytest.mark.parametrize("column", ["邮箱", "電子郵件", "E-Mail"])
def test_a_list_that_chinese_excel_wrote_is_taken_in(
    suppress: Callable[..., Said], encoding: str, column: str
) -> None:
    if encoding == "big5":
        column = column.replace("邮箱", "電郵")
    rows = "".join(
        f"{name}@qq.example,退訂原因 不想再收到來信\r\n" for name in ("liu", "li", "zhang")
    )
    Path("left.csv").write_bytes(f"{column},原因\r\n{rows}".encode(encoding))
    code, said, told = suppress("import", "left.csv")
    assert (code, told) == (0, ""), said
    assert "3 new" in said
    assert "li@qq.example" in suppress("list")[1]


def test_an_encoding_nobody_knows_is_a_fault_of_usage(suppress: Callable[..., Said]) -> None:
    Path("left.csv").write_text("email\nada@example.com\n")
    code, _, told = suppress("import", "left.csv", "--encoding", "klingon")
    assert code == 64
    assert "'klingon' is not an encoding (write --encoding" in told


def test_what_was_exported_can_be_imported_elsewhere(
    suppress: Callable[..., Said], tmp_path: Path
) -> None:
    suppress("add", ADA, "--list", "newsletter", "--because", 'said "no, thanks"')
    suppress("add", BOB, "--for", "90d")
    for format_ in ("csv", "jsonl"):
        _, exported, _ = suppress("export", "--format", format_)
        store = tmp_path / "state" / "suppression.sqlite"
        store.unlink()
        (tmp_path / "exported").write_text(exported)
        assert suppress("import", "exported")[0] == 0
        assert suppress("export", "--format", format_)[1] == exported


def test_hashes_are_made_when_they_are_asked_for(
    suppress: Callable[..., Said], tmp_path: Path
) -> None:
    suppress("add", ADA, BOB)
    suppress("add", ADA, "--list", "newsletter")
    suppress("erase", "eve@example.com")
    assert suppress("export", "--format", "md5")[1].split() == [
        hashlib.md5(key.encode()).hexdigest() for key in (ADA, BOB)
    ]
    code, out, told = suppress("export", "--format", "sha256", "-o", "hashes.txt")
    assert (code, out, told) == (0, "", "hashes.txt: 2 lines\n")
    lines = (tmp_path / "hashes.txt").read_text().split()
    assert lines[0] == hashlib.sha256(ADA.encode()).hexdigest()


def test_the_list_is_of_those_in_force(suppress: Callable[..., Said]) -> None:
    suppress("add", ADA, BOB)
    suppress("remove", ADA)
    assert [line.split()[0] for line in suppress("list")[1].splitlines()] == [BOB]
    assert len(suppress("list", "--ended")[1].splitlines()) == 2
    assert suppress("list", "--reason", "hard")[1] == ""
    (found,) = map(json.loads, suppress("list", "--json", "--reason", "manual")[1].splitlines())
    assert (found["key"], found["until"]) == (BOB, None)


@pytest.mark.parametrize(
    ("words", "said"),
    [
        (["add", "nobody"], "no @ in 'nobody'"),
        (["add", ADA, "--list", "My List"], "'My List' cannot be the name of a list"),
        (["add", ADA, "--for", "soon"], "--for: 'soon' is not a duration"),
        (["list", "--reason", "dead"], "'dead' is not a reason"),
        (["import", "x", "--reason", "erasure"], "a file erases nobody"),
    ],
)
def test_what_cannot_be_meant_is_a_fault_of_usage(
    suppress: Callable[..., Said], words: list[str], said: str
) -> None:
    code, _, told = suppress(*words)
    assert code == 64
    assert said in told


def test_a_file_that_is_not_there_is_a_fault_of_the_data(suppress: Callable[..., Said]) -> None:
    code, _, told = suppress("import", "nowhere.csv")
    assert (code, told.startswith("nowhere.csv: cannot be read: No such file")) == (65, True)
