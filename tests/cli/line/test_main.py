"""How commands end: exit codes, one sentence on stderr, no traceback."""

from __future__ import annotations

import contextlib
import json
import os
import re
import signal
import subprocess
import sys
from pathlib import Path

import pytest
from typer.main import get_command

from campaign.cli.line.endings import with_path
from campaign.cli.line.program import program
from campaign.cli.main import main
from fakes.mail.recorder import recorder

COMMANDS = list(get_command(program()).commands)  # type: ignore[attr-defined]
HEAVY = {"pandas", "numpy", "sqlalchemy", "jinja2", "pydantic", "tqdm", "rich", "aiosmtpd", "dns"}


@pytest.mark.parametrize("command", COMMANDS)
def test_every_command_has_help_with_an_example(
    command: str, capsys: pytest.CaptureFixture[str]
) -> None:
    assert main([command, "--help"]) == 0
    shown = capsys.readouterr().out
    assert f"campaign {command} " in shown.partition("Example:")[2]
    assert all(len(line) <= 80 for line in shown.splitlines())


def test_no_line_of_the_list_of_commands_is_cut(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["--help"]) == 0
    listed = capsys.readouterr().out.partition("Commands:")[2].partition("PATH is")[0]
    assert not [line for line in listed.splitlines() if line.endswith("...")]


def test_a_shell_is_told_commands_and_options() -> None:
    def completed(line: str) -> list[str]:
        words = line.split(" ")
        environment = {**os.environ, "_CAMPAIGN_COMPLETE": "complete_bash", "COMP_WORDS": line,
                       "COMP_CWORD": str(len(words) - 1)}  # fmt: skip
        command = [sys.executable, "-m", "campaign.cli.main"]
        done = subprocess.run(command, env=environment, capture_output=True, text=True)
        return done.stdout.split()

    assert completed("campaign re") == ["resume", "retry", "results", "report"]
    assert {"--sandbox", "--serve"} <= set(completed("campaign run --s"))


def test_help_imports_no_library_that_a_command_needs() -> None:
    code = (
        "import sys; from campaign.cli.main import main; main(['--help']);"
        f"print(sorted({HEAVY!r} & set(sys.modules)))"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.splitlines()[-1] == "[]"


def test_what_a_relay_does_not_need_is_not_imported_for_it() -> None:
    code = "import sys, campaign.delivery.run; print({'dns', 'http.client'} & set(sys.modules))"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout == "set()\n"


@pytest.mark.parametrize("command", ["run --yes", "resume"])
def test_render_workers_load_while_the_run_does(tmp_path: Path, command: str) -> None:
    (tmp_path / "list.csv").write_text("email\nada@example.com\n")
    (tmp_path / "body.txt").write_text("Hello\n")
    with recorder() as server:
        (tmp_path / "campaign.toml").write_text(
            'name = "spring"\n[recipients]\nfiles = ["list.csv"]\n[message]\n'
            'from = "a@example.com"\nsubject = "s"\ntext = "body.txt"\n'
            f'[relay]\nhost = "127.0.0.1"\nport = {server.port}\nsecurity = "none"\n'
        )
        assert main(["plan", "--no-render", str(tmp_path)]) == 0
        code = (
            "import sys; from campaign.cli.main import main\n"
            "def hook(event, arguments):\n"
            "    if event == 'subprocess.Popen':\n"
            "        loaded = {'sqlalchemy', 'campaign.delivery.run'} & set(sys.modules)\n"
            "        print(arguments[1][3], 'starts after', sorted(loaded))\n"
            "sys.addaudithook(hook)\n"
            f"sys.exit(main({[*command.split(), str(tmp_path)]!r}))"
        )
        done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True)
    assert (done.returncode, server.accepted) == (0, {"ada@example.com": 1})
    workers = [line for line in done.stdout.splitlines() if " starts after " in line]
    assert workers == ["campaign.workers.worker starts after []"]  # one is enough for one row


def test_nothing_is_looked_through_when_a_command_has_ended() -> None:
    code = (
        "import atexit, gc; from campaign.cli.main import main\n"
        "atexit.register(lambda: print(gc.get_count()[0] < 700 < gc.get_freeze_count()))\n"
        "main(['--help'])"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.splitlines()[-1] == "True"


def test_the_version_is_printed(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["--version"]) == 0
    assert re.fullmatch(r"campaign [0-9.]+(, compiled)?\n", capsys.readouterr().out)


def test_no_command_shows_the_help_and_is_a_usage_error(capsys: pytest.CaptureFixture[str]) -> None:
    assert main([]) == 64
    assert "Commands:" in capsys.readouterr().err


@pytest.mark.parametrize(
    ("arguments", "sentence"),
    [
        (["rnu"], "No such command 'rnu'. Did you mean 'run'"),
        (["plan", "--ammend"], "No such option: --ammend"),
        (["plan", "a", "b"], "unexpected extra argument"),
        (["run", "--limit", "many"], "'--limit': 'many' is not a whole number (campaign run"),
        (["run", "--limit", "0"], "'--limit': '0' is too small; it must be at least 1 ("),
        (["status", "--port", "70000"], "'70000' is too large; it must be at most 65535 ("),
        (["plan", "--workers", "\x1b[1m"], r"'\x1b[1m' is not a whole number ("),
        (["init"], "DIR"),
        (["results", "--format", "pdf"], "'--format': 'pdf' is not one of 'table', "),
        (["results", "--state", "lost"], "--state"),
        (["results", "--format", "parquet"], "-o results.parquet"),
        (["preview", "--row", "1", "--to", "a@example.com"], "--row, --to and --line each"),
        (["retry"], "--failed, --held, --cancelled, --unmade or --code"),
    ],
)
def test_a_wrong_command_line_ends_with_64_and_one_sentence(
    arguments: list[str], sentence: str, capsys: pytest.CaptureFixture[str]
) -> None:
    assert main(arguments) == 64
    said = capsys.readouterr().err
    assert sentence in said
    assert len(said.splitlines()) == 1
    assert not re.search(r"Value error|Input should|unable to|validat", said)


def test_a_folder_without_a_campaign_ends_with_78(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert main(["plan", str(tmp_path)]) == 78
    assert "campaign init" in capsys.readouterr().err


def test_every_fault_of_the_config_stands_on_a_line_of_its_own(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    (tmp_path / "campaign.toml").write_text('nmae = "x"\n[delivery]\nretry = ["soon"]\n')
    assert main(["plan", str(tmp_path)]) == 78
    said = capsys.readouterr().err.splitlines()
    assert len(said) >= 3
    assert any("campaign.toml:1:" in line and "nmae" in line for line in said)
    assert any("campaign.toml:3:" in line and "soon" in line for line in said)


CONFIG = """name = "spring"
[recipients]
files = ["list.csv"]
[message]
from = "a@example.com"
subject = "s"
text = "body.txt"
[relay]
host = "127.0.0.1"
port = 9
security = "none"
"""


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    (tmp_path / "campaign.toml").write_text(CONFIG)
    (tmp_path / "body.txt").write_text("Hello\n")
    (tmp_path / "list.csv").write_text("email\nada@example.com\nbob@example.com\n")
    return tmp_path


def test_run_asks_nobody_where_nobody_is(
    folder: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(sys, "stdin", None)
    assert main(["run", str(folder)]) == 64
    assert "--yes" in capsys.readouterr().err


def test_run_of_a_campaign_under_way_names_resume_with_its_folder_where_nobody_is_asked(
    folder: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    with recorder() as server:
        relay = CONFIG.replace("port = 9", f"port = {server.port}")
        (folder / "campaign.toml").write_text(relay)
        assert main(["run", "--yes", "--limit", "1", str(folder)]) == 75
    capsys.readouterr()
    monkeypatch.setattr(sys, "stdin", None)
    assert main(["run", str(folder)]) == 64
    assert f"(`campaign resume {folder}` goes on with it)" in capsys.readouterr().err


def _breaks(monkeypatch: pytest.MonkeyPatch) -> None:
    def broken(*given: object, **options: object) -> None:
        raise ZeroDivisionError("division by zero")

    monkeypatch.setattr("campaign.config.loader.load", broken)


def test_a_fault_of_ours_is_70_and_one_sentence_that_says_how_to_report_it(
    capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    _breaks(monkeypatch)
    assert main(["plan"]) == 70
    said = capsys.readouterr().err
    assert len(said.splitlines()) == 1
    assert "a fault of campaign itself: ZeroDivisionError: division by zero" in said
    assert "CAMPAIGN_TRACEBACK=1" in said
    monkeypatch.setenv("CAMPAIGN_TRACEBACK", "1")
    assert main(["plan"]) == 70
    assert "Traceback (most recent call last)" in capsys.readouterr().err


def test_a_disk_that_cannot_be_written_to_is_no_fault_of_ours(
    folder: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert main(["plan", str(folder)]) == 0
    capsys.readouterr()
    with open("/dev/full", "w") as full, contextlib.redirect_stdout(full):
        assert main(["results", "--format", "csv", str(folder)]) == 74
    said = capsys.readouterr().err
    assert "No space left on device" in said
    assert "a fault of campaign" not in said


def test_a_command_that_fails_with_json_prints_an_object(
    folder: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    (folder / "campaign.toml").write_text("nmae = 1")
    assert main(["plan", "--json", str(folder)]) == 78
    told = json.loads(capsys.readouterr().out)
    assert (told["exit_code"], told["faults"][0]["line"]) == (78, 1)
    assert "'nmae'" in told["error"]
    assert main(["plan", "--json", "--nonsense"]) == 64
    assert json.loads(capsys.readouterr().out)["exit_code"] == 64
    _breaks(monkeypatch)
    assert main(["plan", "--json"]) == 70
    assert json.loads(capsys.readouterr().out)["exit_code"] == 70


@pytest.mark.parametrize(
    ("advice", "path", "shown"),
    [
        ("`campaign resume` goes on", "spring", "`campaign resume spring` goes on"),
        ("`campaign resume --resume-stale`", "a b", "`campaign resume 'a b' --resume-stale`"),
        ("`campaign plan --amend` takes it in", ".", "`campaign plan --amend` takes it in"),
        ("`campaign init DIR` writes one", "spring", "`campaign init DIR` writes one"),
    ],
)
def test_advice_names_the_campaign_as_it_was_named(advice: str, path: str, shown: str) -> None:
    assert with_path(advice, Path(path)) == shown


def test_ctrl_c_while_planning_is_one_sentence(folder: Path) -> None:
    rows = "".join(f"p{at}@example.com\n" for at in range(30_000))
    (folder / "list.csv").write_text(f"email\n{rows}")
    ours, theirs = os.openpty()
    planning = subprocess.Popen(
        [sys.executable, "-m", "campaign.cli.main", "plan", str(folder)],
        stdout=subprocess.DEVNULL,
        stderr=theirs,
        start_new_session=True,
    )
    os.close(theirs)
    said = b""
    with contextlib.suppress(OSError):  # EIO is the end of what a terminal says
        while piece := os.read(ours, 4096):
            if b"rendering" in piece and b"rendering" not in said:
                os.killpg(planning.pid, signal.SIGINT)
            said += piece
    os.close(ours)
    assert planning.wait(timeout=60) == 75
    assert b"Traceback" not in said
    assert b"never retrieved" not in said
    assert b"interrupted while planning: nothing was sent, and there is no plan yet" in said


def test_an_error_cannot_write_control_characters_to_the_terminal(
    capsys: pytest.CaptureFixture[str],
) -> None:
    assert main(["plan", "\x1b[2Jnowhere"]) == 78
    assert "\x1b" not in capsys.readouterr().err
