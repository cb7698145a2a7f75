"""Whoever writes Chinese reads it in the terminal too; other programs read what the wire has."""

from __future__ import annotations

import io
import sys
from pathlib import Path

import pytest

from campaign.cli.main import main
from campaign.cli.terminal.progress import RunProgress
from campaign.cli.terminal.tables import columns, table
from campaign.delivery.run_records import RunView
from campaign.records import State
from fakes.clock import FakeClock
from fakes.prepared.campaigns import TOML, write
from fakes.terminal import Terminal

ROWS = [("chen@例子.中国", "Chen", "gold"), ("li@例子.中国", "", "gold"), ("a@b.example", "A", "x")]


class AsciiTerminal(Terminal):
    """LANG=C."""

    encoding = "ascii"


def said(monkeypatch: pytest.MonkeyPatch, stream: io.StringIO, *arguments: str) -> str:
    """What a command prints there."""
    with monkeypatch.context() as patched:
        patched.setattr(sys, "stdout", stream)
        main([*arguments])
    return stream.getvalue()


def mailing(folder: Path) -> str:
    toml = TOML.replace("{{ first_name }}, your", "{{ first_name[0] }}, your")
    return str(write(folder, toml=toml, rows=ROWS))


@pytest.mark.parametrize("command", ["plan", "results"])
def test_names_are_shown_as_people_write_them_where_the_terminal_can(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, command: str
) -> None:
    folder = mailing(tmp_path)
    said(monkeypatch, io.StringIO(), "plan", folder)
    shown = said(monkeypatch, Terminal(), command, folder)
    assert "例子.中国" in shown
    assert "xn--" not in shown
    told = said(monkeypatch, AsciiTerminal(), command, folder)
    assert "xn--fsqu00a.xn--fiqs8s" in told
    assert "例子" not in told


def test_what_is_no_terminal_gets_what_the_wire_has(
    tmp_path: Path, capfdbinary: pytest.CaptureFixture[bytes]
) -> None:
    folder = mailing(tmp_path)
    for arguments in (["plan"], ["results"], ["results", "--format", "jsonl"]):
        main([*arguments, folder])
        told = capfdbinary.readouterr().out
        assert b"xn--fsqu00a.xn--fiqs8s" in told
        assert "例子".encode() not in told


def test_a_live_display_names_what_it_waits_for() -> None:
    counts = {State.SENT: 1, State.PLANNED: 9}
    waiting = "waits its turn: limits xn--fsqu00a.xn--fiqs8s 1/s"
    view = RunView(
        counts=counts, total=10, rate_s=1.0, left_s=9.0, waiting_for=waiting, connections=1,
        stopping=False,
    )  # fmt: skip
    live, lines = Terminal(), io.StringIO()
    for stream in (live, lines):
        with RunProgress(stream, FakeClock()) as progress:
            progress.update(view)
            progress.say("xn--fsqu00a.xn--fiqs8s is out")
    assert "limits 例子.中国 1/s" in live.getvalue()
    assert "例子.中国 is out" in live.getvalue()
    assert "例子" not in lines.getvalue()
    assert lines.getvalue().count("xn--fsqu00a.xn--fiqs8s") > 1


def test_a_table_is_as_wide_as_what_it_shows(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sys, "stdout", Terminal())
    drawn = table([("xn--fsqu00a.xn--fiqs8s", "one"), ("gmail.com", "another")])
    assert [columns(line.rpartition(" ")[0]) for line in drawn] == [2 + 9 + 1] * 2
