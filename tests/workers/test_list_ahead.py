"""delivery.list_ahead: another process reads the list, and nobody can tell."""

from __future__ import annotations

import os
import signal
import threading
import time
from pathlib import Path

import pytest

from campaign.config.settings import Recipients
from campaign.errors import CampaignError, DataError
from campaign.workers import list_ahead
from campaign.workers.list_ahead import clean_rows, lists_ahead


@pytest.fixture
def children() -> list[int]:
    """Process ids of our children at the moment, for tests that start some."""
    return _children()


def _children() -> list[int]:
    me = f"/proc/self/task/{threading.get_native_id()}/children"
    return [int(pid) for pid in Path(me).read_text().split()]


@pytest.fixture
def alone(monkeypatch: pytest.MonkeyPatch) -> None:
    """As in a command: threads of other tests' servers are not ours to mind."""
    monkeypatch.setattr(threading, "active_count", lambda: 1)


def write(folder: Path, rows: int) -> Recipients:
    lines = [f"p{n}@example.com,Zoë {n}" for n in range(rows)]
    lines[rows // 2 : rows // 2] = ["nobody,Nobody", "ragged"]
    (folder / "list.csv").write_text("email,name\n" + "\n".join(lines) + "\n")
    (folder / "more.csv").write_text('email,name\n"q@example.com","Ann, ""Q"""\n')
    (folder / "none.csv").write_text("email,name\n")
    return Recipients(files=("list.csv", "more.csv", "none.csv"), address="email")


@pytest.mark.usefixtures("alone")
def test_rows_from_the_child_are_those_that_are_read_here(tmp_path: Path) -> None:
    settings = write(tmp_path, 20_000)
    with lists_ahead(tmp_path, settings) as rows:
        found = list(rows)
    assert found == list(clean_rows(tmp_path, settings))
    assert sum(len(part.entries) for part in found) == 20_003
    assert len(found) > 3


@pytest.mark.usefixtures("alone")
def test_what_is_wrong_with_a_list_is_raised_where_its_rows_would_come(tmp_path: Path) -> None:
    settings = write(tmp_path, 10)
    (tmp_path / "more.csv").write_text("mail,name\n")
    with lists_ahead(tmp_path, settings) as rows:
        assert len(next(rows).entries) == 12
        with pytest.raises(DataError, match=r"email") as caught:
            next(rows)
    with pytest.raises(DataError) as here:
        list(clean_rows(tmp_path, settings))
    assert vars(caught.value) == vars(here.value)


@pytest.mark.usefixtures("alone")
def test_the_child_is_gone_when_nobody_wants_the_rest(
    tmp_path: Path, children: list[int], capfd: pytest.CaptureFixture[str]
) -> None:
    settings = write(tmp_path, 100_000)
    with lists_ahead(tmp_path, settings) as rows:
        next(rows)
        assert len(_children()) == len(children) + 1
    assert _children() == children
    assert capfd.readouterr().err == ""


@pytest.mark.usefixtures("alone")
def test_a_child_that_is_killed_is_an_error_and_not_the_end_of_the_list(
    tmp_path: Path, children: list[int]
) -> None:
    settings = write(tmp_path, 100_000)
    with lists_ahead(tmp_path, settings) as rows:
        next(rows)
        (pid,) = set(_children()) - set(children)
        os.kill(pid, signal.SIGKILL)
        with pytest.raises(CampaignError, match="ended before it had read them"):
            list(rows)


@pytest.mark.parametrize("cut", [0, 3, 5, 9])
def test_what_is_cut_off_anywhere_is_an_error(cut: int) -> None:
    output, end = os.pipe()
    os.write(end, b"\x10\0\0\0abcdef"[:cut])
    os.close(end)
    with (
        open(output, "rb"),
        pytest.raises(CampaignError, match="ended before it had read them"),
    ):
        list(list_ahead._received(output))


@pytest.mark.usefixtures("alone")
def test_a_child_that_falls_over_says_why(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capfd: pytest.CaptureFixture[str]
) -> None:
    settings = write(tmp_path, 10)
    monkeypatch.setattr(list_ahead, "clean", lambda chunk, settings: 1 // 0)
    with lists_ahead(tmp_path, settings) as rows, pytest.raises(CampaignError, match="ended"):
        list(rows)
    assert "ZeroDivisionError" in capfd.readouterr().err


@pytest.mark.usefixtures("alone")
def test_a_child_that_nobody_hears_any_more_ends(tmp_path: Path) -> None:
    settings = write(tmp_path, 300_000)
    output, end = os.pipe()
    pid = list_ahead._started(tmp_path, settings, output, end)
    os.close(output)
    assert os.waitpid(pid, 0) == (pid, 0)


@pytest.mark.usefixtures("alone")
def test_the_list_is_read_where_ended_children_are_not_kept(tmp_path: Path) -> None:
    settings = write(tmp_path, 10)
    before = signal.signal(signal.SIGCHLD, signal.SIG_IGN)  # as some supervisors hand it down
    try:
        with lists_ahead(tmp_path, settings) as rows:
            assert list(rows) == list(clean_rows(tmp_path, settings))
            time.sleep(0.2)
    finally:
        signal.signal(signal.SIGCHLD, before)


def test_beside_other_threads_nothing_is_forked(tmp_path: Path, children: list[int]) -> None:
    settings = write(tmp_path, 10)
    ended = threading.Event()
    thread = threading.Thread(target=ended.wait)
    thread.start()
    try:
        with lists_ahead(tmp_path, settings) as rows:
            assert _children() == children
            assert list(rows) == list(clean_rows(tmp_path, settings))
    finally:
        ended.set()
        thread.join()
