"""Progress, as a bar and as lines."""

from __future__ import annotations

import contextlib
import io
import os
import re
import termios

from campaign.cli.terminal.progress import (
    LINE_EVERY_S,
    STILL_EVERY_S,
    PlanProgress,
    RunProgress,
    describe,
    time_left,
)
from campaign.cli.terminal.tables import columns
from campaign.delivery.run_records import RunView
from campaign.records import State
from fakes.clock import FakeClock
from fakes.terminal import ClosedTerminal, Terminal


def view(sent: int = 0, **changes: object) -> RunView:
    counts = {State.SENT: sent, State.FAILED: 1, State.SKIPPED: 10, State.PLANNED: 99 - sent}
    values: dict[str, object] = {
        "counts": counts,
        "total": 110,
        "rate_s": 50.0,
        "left_s": 61.0,
        "waiting_for": "",
        "connections": 2,
        "stopping": False,
    }
    return RunView(**(values | changes))  # type: ignore[arg-type]


def test_the_line_names_counts_rate_time_left_and_what_it_waits_for() -> None:
    shown = view(40, waiting_for="gmail.com cools down 4:12")
    assert describe(shown) == "sent 40  failed 1  deferred 0  50/s  gmail.com cools down 4:12"
    assert time_left(shown) == "1m1s left"


def test_a_stopping_run_says_so_instead_of_a_time_left() -> None:
    assert time_left(view(stopping=True)) == "stopping"


def test_a_finished_run_has_no_time_left() -> None:
    assert time_left(view(left_s=0.0)) == ""
    assert time_left(view(left_s=None)) == ""


def test_a_hostile_name_in_what_it_waits_for_is_escaped() -> None:
    assert "\x1b" not in describe(view(waiting_for="\x1b[2Jgmail.com"))


def test_without_a_terminal_a_line_comes_every_few_seconds_and_one_at_the_end() -> None:
    stream, clock = io.StringIO(), FakeClock()
    with RunProgress(stream, clock) as progress:
        for sent in range(60):
            clock.tick += 0.2
            progress.update(view(sent))
    lines = stream.getvalue().splitlines()
    assert len(lines) == 3
    assert "sent 59" in lines[-1]


def test_without_a_terminal_a_run_that_stands_still_says_so_now_and_then() -> None:
    """One of an open campaign stays for months."""
    stream, clock = io.StringIO(), FakeClock()
    with RunProgress(stream, clock) as progress:
        for at_s in range(int(STILL_EVERY_S) * 3):
            clock.tick += 1.0
            waits = f"a.example cools down {at_s} s" if at_s > 20 else ""
            progress.update(view(40 if at_s > 10 else 39, waiting_for=waits, left_s=900.0 - at_s))
    lines = stream.getvalue().splitlines()
    assert ["sent 39" in line for line in lines[:2]] == [True, False]  # something has moved
    assert ["cools" in line for line in lines[1:3]] == [False, True]  # and now it waits
    assert len(lines) == 6  # twice while it did, and at the end


def test_on_a_terminal_there_is_one_bar_that_skipped_rows_do_not_fill() -> None:
    stream = Terminal()
    with RunProgress(stream, FakeClock()) as progress:
        progress.update(view(0))
        progress.update(view(49))
    shown = stream.getvalue()
    assert "\r" in shown
    assert "  1% " in shown  # 1 failed of 100 that are to be sent
    assert " 50% " in shown


def test_a_sentence_stands_on_a_line_of_its_own_above_the_bar() -> None:
    stream = Terminal()
    with RunProgress(stream, FakeClock()) as progress:
        progress.update(view(1))
        progress.say("waiting for \x1b[31mreplies")
    assert "waiting for \\x1b[31mreplies\n" in stream.getvalue()


def test_a_closed_terminal_does_not_end_the_run() -> None:
    stream = ClosedTerminal()
    with RunProgress(stream, FakeClock()) as progress:
        progress.update(view(1))
        progress.say("still here")
        progress.update(view(2))


def test_each_stage_of_a_plan_ends_at_its_full_count() -> None:
    stream, clock = Terminal(), FakeClock()
    with PlanProgress(stream, clock) as progress:
        progress("reading", 1000, None)
        progress("rendering", 1, 1000)
        progress("rendering", 1000, 1000)
    assert "reading 1,000" in stream.getvalue()
    assert "rendering 1,000 of 1,000" in stream.getvalue()


def test_a_plan_says_what_it_reads_before_it_can_count() -> None:
    stream, clock = Terminal(), FakeClock()
    with PlanProgress(stream, clock) as progress:
        progress.begin("reading \x1b[1mlist.csv")
        assert "reading \\x1b[1mlist.csv" in stream.getvalue()
        progress("reading", 1000, None)
    assert "reading 1,000" in stream.getvalue()


def test_that_is_said_on_a_terminal_alone() -> None:
    stream, clock = io.StringIO(), FakeClock()
    with PlanProgress(stream, clock) as progress:
        clock.sleep(LINE_EVERY_S)
        progress.begin("reading list.csv")
    assert stream.getvalue() == ""


def test_what_is_not_all_is_never_shown_as_all() -> None:
    stream = io.StringIO()
    with RunProgress(stream, FakeClock()) as progress:
        progress.update(view(479, counts={State.SENT: 479, State.PLANNED: 1}, total=480))
    assert " 99%  sent 479 " in stream.getvalue()
    assert "  479 of 480  1m1s left" in stream.getvalue()


def test_a_terminal_that_becomes_narrower_keeps_no_line_of_before() -> None:
    ours, theirs = os.openpty()
    termios.tcsetwinsize(theirs, (24, 80))
    with os.fdopen(theirs, "w") as stream, RunProgress(stream, FakeClock()) as progress:
        progress.update(view(10))
        termios.tcsetwinsize(theirs, (24, 30))
        progress.update(view(11))
    shown = b""
    with contextlib.suppress(OSError):  # EIO: the other end is closed, and all is read
        while piece := os.read(ours, 4096):
            shown += piece
    os.close(ours)
    _, cleared, after = shown.decode().partition("\r\x1b[2A\x1b[J")
    assert cleared  # 77 columns stand in three lines of 27
    assert all(columns(line) <= 27 for line in re.split(r"[\r\n]|\x1b\[\w+", after))
