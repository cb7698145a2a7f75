"""Nobody listens any more: the terminal was closed, the reader of a pipe has gone away."""

from __future__ import annotations

import os
import subprocess
import sys
from collections.abc import Callable
from contextlib import closing
from pathlib import Path

import pytest

from campaign.journal.reading.reader import Reader
from campaign.records import State
from fakes.mail.scripted_smtp import ScriptedServer, on, say
from fakes.prepared.journals import URL
from fakes.prepared.sending import Mailing, relay

Serve = Callable[..., ScriptedServer]
CAMPAIGN = [sys.executable, "-m", "campaign.cli.main"]


def unheard(folder: Path, *arguments: str, deaf: str) -> int:
    """The exit code of a command whose stdout, or stdout and stderr, nobody reads."""
    reading, writing = os.pipe()
    os.close(reading)
    errors = writing if deaf == "stdout and stderr" else subprocess.DEVNULL
    command = [*CAMPAIGN, *arguments]
    if deaf == "closed":
        command = ["/bin/sh", "-c", 'exec "$@" >&- 2>&-', "sh", *command]
    try:
        return subprocess.run(
            command, stdout=writing, stderr=errors, cwd=folder, timeout=180
        ).returncode
    finally:
        os.close(writing)


def states(folder: Path) -> dict[str, str]:
    with closing(Reader.open(URL, folder)) as reader:
        return {each.address: each.state for each in reader.results()}


@pytest.mark.parametrize("deaf", ["stdout", "stdout and stderr", "closed"])
@pytest.mark.parametrize(
    ("reply", "code", "state"),
    [
        ("250 ok", 0, State.SENT),
        ("550 5.1.1 no such user", 1, State.FAILED),
        ("450 4.2.0 not now", 75, State.DEFERRED),
    ],
)
def test_a_run_that_nobody_listens_to_goes_on_and_ends_truly(
    serve: Serve, tmp_path: Path, deaf: str, reply: str, code: int, state: State
) -> None:
    """Fault 41: the reader of stdout, or of stdout and stderr, is gone, or both are closed.
    By: a closed pipe, scripted server; one recipient is sent to, refused, or deferred.
    Then: everybody is tried; the exit code is 0, 1 or 75, as it would be with a reader.
    """
    server = serve(on("RCPT", say(reply), where="r3@"))
    mailing = Mailing(tmp_path, relay(server), retry=("1h",))
    mailing.write()
    command = ("run", "--yes", "--no-wait", "--workers", "1")
    assert unheard(tmp_path, *command, deaf=deaf) == code
    found = states(tmp_path)
    assert found.pop("r3@example.com") == state
    assert set(found.values()) == {"sent"}


@pytest.mark.parametrize("deaf", ["stdout", "stdout and stderr", "closed"])
def test_an_error_that_nobody_hears_keeps_its_exit_code(tmp_path: Path, deaf: str) -> None:
    """Fault 41, 59: a bad config, and the readers of stdout and stderr are gone.
    By: a closed pipe.
    Then: exit 78, nobody is written to.
    """
    (tmp_path / "campaign.toml").write_text("name = 1\n")
    assert unheard(tmp_path, "run", "--yes", deaf=deaf) == 78
