"""Stopping: by signal, by a closed terminal, and stopped but not ended."""

from __future__ import annotations

import os
import pty
import signal
import subprocess
import time
from pathlib import Path

import pytest

from campaign.records import State
from fakes.mail.recorder import Recorder, recorder
from fakes.processes.crashing import (
    CAMPAIGN,
    Tally,
    check,
    counts,
    planned_campaign,
    run,
    start,
    to_the_end,
)

CONNECTIONS = 4
RECIPIENTS = 60


def _campaign(tmp_path: Path, server: Recorder, policy: str = "hold") -> Path:
    return planned_campaign(
        tmp_path / "c",
        server,
        recipients=RECIPIENTS,
        connections=CONNECTIONS,
        policy=policy,
    )


def _wait_for_letters(process: subprocess.Popen[str], server: Recorder, count: int = 1) -> None:
    while server.received.total() < count:
        assert process.poll() is None, process.communicate()
        time.sleep(0.005)


@pytest.mark.parametrize(
    ("number", "says"),
    [
        (signal.SIGTERM, "SIGTERM"),
        pytest.param(signal.SIGINT, "Ctrl-C", marks=pytest.mark.long),
        pytest.param(signal.SIGHUP, "the end of its terminal", marks=pytest.mark.long),
    ],
)
def test_a_signal_drains_and_leaves_nobody_in_doubt(tmp_path, number, says):
    with recorder(0.1, at_least_s=0.3) as server:
        folder = _campaign(tmp_path, server)
        process = start(folder)
        _wait_for_letters(process, server)
        process.send_signal(number)
        said, errors = process.communicate(timeout=90)
        assert process.returncode == 75, errors
        assert says in errors
        assert "campaign resume" in said
        stood = counts(folder)
        assert stood[State.SENDING] == stood[State.HELD] == 0
        assert stood[State.SENT] == server.received.total() == server.accepted.total()
        assert 0 < stood[State.SENT] < RECIPIENTS
        tally = Tally()
        server.at_once()
        to_the_end(folder)
        check(folder, server, "hold", RECIPIENTS, tally)
    assert tally.held == tally.copies == 0


def test_a_second_signal_stops_at_once_and_names_who_is_in_doubt(tmp_path):
    with recorder(at_least_s=120.0) as server:
        folder = _campaign(tmp_path, server)
        process = start(folder)
        _wait_for_letters(process, server)
        process.send_signal(signal.SIGTERM)
        assert process.stderr is not None
        while "no new messages" not in process.stderr.readline():  # else two may become one
            assert process.poll() is None
        process.send_signal(signal.SIGTERM)
        _, errors = process.communicate(timeout=90)
        assert process.returncode == 75, errors
        stood = counts(folder)
        assert stood[State.SENDING] == 0
        assert 0 < stood[State.HELD] <= CONNECTIONS
        held = run(folder, "results", "--state", "held", "--format", "jsonl")
        assert held.stdout.count("in doubt: no reply after the final dot") == stood[State.HELD]


def test_a_closed_terminal_drains_as_a_signal_does(tmp_path):
    """The shell's SIGHUP comes with a terminal that can no longer be written to."""
    with recorder(0.1, at_least_s=0.3) as server:
        folder = _campaign(tmp_path, server)
        ours, theirs = pty.openpty()
        process = subprocess.Popen(
            [*CAMPAIGN, "resume"],
            cwd=folder,
            stdin=theirs,
            stdout=theirs,
            stderr=theirs,
            start_new_session=True,
        )
        os.close(theirs)
        while not server.received:
            assert process.poll() is None
            time.sleep(0.005)
        os.close(ours)
        process.send_signal(signal.SIGHUP)
        process.wait(90)
        stood = counts(folder)
        assert stood[State.SENDING] == stood[State.HELD] == 0
        assert stood[State.SENT] == server.received.total()
        assert 0 < stood[State.SENT] < RECIPIENTS
        server.at_once()
        to_the_end(folder)
        check(folder, server, "hold", RECIPIENTS, Tally())


def test_stopped_for_longer_than_the_server_waits_it_goes_on_without_a_burst_of_failures(tmp_path):
    with recorder(0.02, patience_s=1.0) as server:
        folder = _campaign(tmp_path, server, "resend")
        process = start(folder)
        _wait_for_letters(process, server, 5)
        process.send_signal(signal.SIGSTOP)
        time.sleep(1.5)
        process.send_signal(signal.SIGCONT)
        _, errors = process.communicate(timeout=60)
        assert process.returncode == 0, errors
        tally = Tally()
        check(folder, server, "resend", RECIPIENTS, tally)
    assert tally.held == 0


def test_a_second_run_is_refused_and_told_who_holds_the_journal(tmp_path):
    with recorder(at_least_s=0.5) as server:
        folder = _campaign(tmp_path, server)
        process = start(folder)
        _wait_for_letters(process, server)
        second = run(folder, "resume")
        assert second.returncode == 75, second.stderr
        assert f"process {process.pid} on {os.uname().nodename}" in second.stderr
        process.kill()
        process.communicate()
        # The lock of a killed run is no obstacle.
        assert "another run" not in run(folder, "resume", "--limit", "1").stderr
