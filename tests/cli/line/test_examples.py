"""The examples in the help, run one after the other as a new user would."""

from __future__ import annotations

import re
import shlex
import signal
import subprocess
import sys
from pathlib import Path

import pytest
from typer.main import get_command

from campaign.cli.line.program import program
from campaign.cli.main import main
from fakes.mail.recorder import recorder

HELP = {name: command.epilog or "" for name, command in get_command(program()).commands.items()}  # type: ignore[attr-defined]
EXAMPLES = [line.strip() for text in HELP.values() for line in text.splitlines()[2:]]
ELSEWHERE = {
    "check",
    "mx",
    "probe",
    "dkim",
    "suppress",
    "serve",
    "consume",
    "work",  # with PostgreSQL: tests/fleet
    "drain",
    "verify",
    "bounces",
}  # these ask the servers of others, read their files, or end with Ctrl-C; see their own tests
FOREVER = {"campaign sandbox spring --port 2525"}  # ends with Ctrl-C


def send_to(port: int, folder: Path) -> None:
    """Let the new campaign name a relay that is there."""
    file = folder / "campaign.toml"
    text = re.sub(r'host = "smtp.example.com"', 'host = "127.0.0.1"', file.read_text())
    text = re.sub(r"port = 587", f"port = {port}", text)
    file.write_text(re.sub(r'security = "starttls"', 'security = "none"', text))


def commit_twice(folder: Path) -> None:
    """A history, so that `preview --diff HEAD~1` has something to look back to."""
    name = ["-c", "user.name=Ada", "-c", "user.email=ada@example.com"]
    subprocess.run(["git", "init", "-q", str(folder)], check=True)
    for message in ("first", "second"):
        subprocess.run(["git", "-C", str(folder), "add", "-A"], check=True)
        subprocess.run(
            ["git", "-C", str(folder), *name, "commit", "-qm", message, "--allow-empty"], check=True
        )


def test_every_example_works_in_the_order_of_the_commands(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.chdir(tmp_path)
    with recorder() as server:
        for example in EXAMPLES:
            if example in FOREVER:
                continue
            program, *arguments = shlex.split(example)
            assert program == "campaign"
            if arguments[0] in ELSEWHERE:
                continue
            if arguments[:2] == ["report", "campaigns"]:
                Path("campaigns").mkdir()
                Path("campaigns/spring").symlink_to(tmp_path / "spring")
            assert main(arguments) == 0, f"{example}: {capsys.readouterr().err}"
            if arguments[0] == "init":
                send_to(server.port, tmp_path / "spring")
                commit_twice(tmp_path)
        assert sorted(server.accepted) == [
            "emmy@example.org",
            "grace@example.com",
            "me@example.com",  # `campaign test`
            "xiaoming@example.net",
        ]
        assert server.accepted.pop("me@example.com") == 2
        assert set(server.accepted.values()) == {1}


def test_the_sandbox_listens_until_ctrl_c(tmp_path: Path) -> None:
    (example,) = FOREVER
    assert example in EXAMPLES
    arguments = [*shlex.split(example)[1:], "--port", "0", "--web-port", "0"]  # the last one counts
    (tmp_path / "spring").mkdir()
    server = subprocess.Popen(
        [sys.executable, "-m", "campaign.cli.main", *arguments],
        cwd=tmp_path,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    )
    assert server.stdout
    assert "Inbox: http://127.0.0.1:" in server.stdout.readline()
    assert "Listening on 127.0.0.1:" in server.stdout.readline()
    server.send_signal(signal.SIGINT)
    _, said = server.communicate(timeout=30)
    assert (server.returncode, said) == (0, "")
