"""The commands on a small campaign, with everything behind them real."""

from __future__ import annotations

import csv
import io
import json
import os
import re
import signal
import stat
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path

import pytest
from tenacity import wait_fixed

from campaign.cli.main import main
from fakes.mail.recorder import recorder
from fakes.terminal import Terminal

CAMPAIGN = [sys.executable, "-m", "campaign.cli.main"]
CONFIG = """
name = "small"
[recipients]
files = ["list.csv"]
[message]
from = "ada@example.com"
subject = "Hello {{ name }}"
text = "body.txt"
[relay]
host = "127.0.0.1"
port = 9
security = "none"
[delivery]
retry = ["1s"]
"""
LIST = """email,name
ada@one.example,Ada
bounce@sandbox.example,=Formula
ADA@one.example,Again
nobody,Nobody
wang@two.example,王小明
"""
Ask = Callable[..., tuple[int, str, str]]


@pytest.fixture
def here(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    (tmp_path / "campaign.toml").write_text(CONFIG)
    (tmp_path / "list.csv").write_text(LIST, encoding="utf-8")
    (tmp_path / "body.txt").write_text("Dear {{ name }},\nhello.\n")
    monkeypatch.chdir(tmp_path)
    return tmp_path


@pytest.fixture
def ask(here: Path, capfd: pytest.CaptureFixture[str]) -> Ask:
    def ask_(*arguments: str) -> tuple[int, str, str]:
        code = main(arguments)
        shown = capfd.readouterr()
        return code, shown.out, shown.err

    return ask_


def states(ask: Ask, *options: str) -> dict[str, str]:
    """Address -> state."""
    code, out, _ = ask("results", "--format", "jsonl", *options)
    assert code == 0
    return {line["address"]: line["state"] for line in map(json.loads, out.splitlines())}


def test_a_plan_shows_who_gets_it_and_why_others_do_not(ask: Ask) -> None:
    code, out, _ = ask("plan")
    assert code == 0
    assert "small: 5 rows, 3 to send, 2 skipped" in out
    assert "list.csv:4" not in out  # a duplicate is nothing to mend
    assert "  address: no @ in 'nobody'\n      list.csv:5  nobody\n" in out
    code, out, _ = ask("plan", "--json")
    assert (code, json.loads(out)["planned"]) == (0, 3)


def test_only_the_expected_number_is_sent(ask: Ask) -> None:
    code, _, err = ask("run", "--expect", "4")
    assert code == 64
    assert "4 expected, but the plan sends 3" in err
    assert set(states(ask).values()) == {"planned", "skipped"}


def test_a_list_with_nobody_to_send_to_is_an_error_each_time(ask: Ask, here: Path) -> None:
    (here / "list.csv").write_text("email,name\nnobody,Nobody\n")
    for _ in range(2):
        code, _, err = ask("run", "--yes")
        assert code == 65
        assert "of 1 row 1 skipped (no address that could be written to)" in err
        assert "for example list.csv:2 nobody: address: no @ in 'nobody'" in err


def test_a_wrong_answer_to_the_question_sends_nothing(
    ask: Ask, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(sys, "stdin", Terminal("yes\n"))
    code, _, err = ask("run")
    assert code == 75
    assert "Send 3 messages through 127.0.0.1? Type 3 to go on" in err
    assert "nothing was sent" in err
    assert set(states(ask).values()) == {"planned", "skipped"}


def test_the_right_answer_sends(ask: Ask, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sys, "stdin", Terminal("3\n"))
    code, out, err = ask("run", "--sandbox")
    assert code == 1  # one bounces
    assert "through the sandbox?" in err
    assert "campaign results --sandbox --state failed" in out
    assert states(ask, "--sandbox")["bounce@sandbox.example"] == "failed"


@pytest.mark.parametrize(("options", "planned"), [((), 2), (("--no-render",), 3)])
def test_a_run_may_plan_without_rendering_and_still_sends_no_letter_that_cannot_be_made(
    ask: Ask, here: Path, options: tuple[str, ...], planned: int
) -> None:
    (here / "body.txt").write_text("Dear {{ name }}, {{ 0 // (name|length - 8) }}.\n")
    code, out, _ = ask("run", "--sandbox", "--expect", str(planned), *options)
    assert code == 1
    assert "settled after" in out
    assert "; 1 letter could not be made" in out
    assert f"5 rows, {planned} to send" in out
    assert states(ask, "--sandbox") == {
        "ada@one.example": "sent",
        "bounce@sandbox.example": "skipped",  # =Formula has eight characters
        "ADA@one.example": "skipped",
        "nobody": "skipped",
        "wang@two.example": "sent",
    }


def test_a_rehearsal_does_not_spend_the_list(ask: Ask) -> None:
    ask("plan")
    assert ask("run", "--sandbox", "--yes")[0] == 1
    rehearsed = {
        "ada@one.example": "sent",
        "bounce@sandbox.example": "failed",
        "ADA@one.example": "skipped",
        "nobody": "skipped",
        "wang@two.example": "sent",
    }
    assert states(ask, "--sandbox") == rehearsed
    code, out, _ = ask("status", "--json")
    assert json.loads(out)["counts"]["sent"] == 0
    code, out, _ = ask("status", "--json", "--sandbox")
    assert (json.loads(out)["counts"]["sent"], json.loads(out)["sandbox"]) == (2, True)
    code, _, err = ask("resume")
    assert code == 64
    assert "for real" in err
    assert ask("run", "--sandbox", "--yes")[0] == 1  # a new rehearsal, from nothing
    assert states(ask, "--sandbox") == rehearsed


@pytest.mark.parametrize("command", ["status", "results", "audit", "report", "status --json"])
def test_a_rehearsal_never_answers_in_the_name_of_the_real_run(ask: Ask, command: str) -> None:
    ask("run", "--sandbox", "--yes")
    code, out, err = ask(*command.split())
    assert code == 74
    assert out == "" or set(json.loads(out)) == {"error", "exit_code", "faults"}
    assert "only a rehearsal was made here" in err
    assert "--sandbox shows the rehearsal" in err


def test_a_journal_that_a_kill_left_empty_is_planned_into(ask: Ask, here: Path) -> None:
    (here / "state").mkdir()
    (here / "state/journal.sqlite").touch()
    with recorder() as server:
        (here / "campaign.toml").write_text(CONFIG.replace("port = 9", f"port = {server.port}"))
        assert ask("run", "--yes")[0] == 0


def test_after_a_real_run_the_rehearsal_is_shown_only_when_asked_for(ask: Ask, here: Path) -> None:
    ask("run", "--sandbox", "--yes")
    with recorder() as server:
        (here / "campaign.toml").write_text(CONFIG.replace("port = 9", f"port = {server.port}"))
        code, out, _ = ask("run", "--yes")
        assert code == 0
        assert sorted(server.accepted) == [
            "ada@one.example",
            "bounce@sandbox.example",
            "wang@two.example",
        ]
    code, out, err = ask("status", "--json")
    assert (json.loads(out)["finished"], err) == (True, "")
    assert json.loads(out)["counts"]["failed"] == 0
    assert states(ask, "--sandbox")["bounce@sandbox.example"] == "failed"


def test_retry_leaves_out_who_does_not_exist_unless_told(ask: Ask) -> None:
    ask("run", "--sandbox", "--yes")
    code, out, err = ask("retry", "--failed", "--sandbox", "--yes")
    assert (code, out) == (0, "")
    assert "0 recipients to put back\n1 do not exist by their server's word" in err
    code, out, err = ask("retry", "--failed", "--sandbox", "--yes", "--dead")
    assert code == 1  # it bounces again
    assert err.startswith("1 recipient to put back\n")
    assert "0 recipients to put back" in ask("retry", "--code", "4.7.28", "--sandbox")[2]


def test_retry_asks_as_run_does_and_puts_nobody_back_without_a_yes(
    ask: Ask, here: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (here / "list.csv").write_text("email,name\nfull@one.example,Ada\nbo@one.example,Bo\n")
    ask("run", "--sandbox", "--yes")
    assert states(ask, "--sandbox")["full@one.example"] == "failed"
    retry = ("retry", "--failed", "--sandbox")
    monkeypatch.setattr(sys, "stdin", Terminal("yes\n"))
    code, _, err = ask(*retry)
    assert code == 75
    assert "Send 1 message through the sandbox? Type 1 to go on" in err
    monkeypatch.setattr(sys, "stdin", None)
    code, _, err = ask(*retry)
    assert code == 64
    assert "say --yes, or --expect 1" in err
    code, _, err = ask(*retry, "--expect", "2")
    assert code == 64
    assert "2 expected, but 1 are to be sent to" in err
    assert states(ask, "--sandbox")["full@one.example"] == "failed"
    assert ask(*retry, "--expect", "1")[0] == 1


@pytest.mark.parametrize("code", ["abc", "99", "5.1", "5501", "6.1.1"])
def test_what_is_no_reply_code_is_refused(ask: Ask, code: str) -> None:
    assert ask("retry", "--code", code)[0] == 64
    assert f"'{code}' is not a reply code" in ask("retry", "--code", code)[2]


def test_the_status_of_one_recipient_is_its_history(ask: Ask) -> None:
    ask("run", "--sandbox", "--yes")
    code, out, _ = ask("status", "--sandbox", "--recipient", "Bounce@SANDBOX.example")
    assert code == 0
    assert "failed now" in out
    assert "550 5.1.1" in out
    code, _, err = ask("status", "--sandbox", "--recipient", "stranger@example.com")
    assert code == 64
    assert "is not in the plan" in err


def test_the_status_counts_states_and_watches_to_the_end(ask: Ask) -> None:
    ask("run", "--sandbox", "--yes")
    code, out, _ = ask("status", "--watch", "--sandbox")
    assert code == 0
    assert "small: 5 rows, finished" in out
    assert "sent" in out


def test_results_are_written_whole_and_by_state(ask: Ask, here: Path) -> None:
    ask("run", "--sandbox", "--yes")
    code, out, _ = ask("results", "--sandbox", "--state", "failed")
    assert code == 0
    (row,) = csv.DictReader(io.StringIO(out, newline=""))
    assert (row["address"], row["class"], row["code"]) == (
        "bounce@sandbox.example",
        "recipient-gone",
        "550",
    )
    for name in ("all.parquet", "all.xlsx", "all.jsonl", "all.csv"):
        code, out, err = ask("results", "--sandbox", "-o", name, "--columns", "name")
        assert (code, out, err) == (0, "", f"{name}: 5 recipients\n")
    text = (here / "all.csv").read_text(encoding="utf-8")
    rows = list(csv.DictReader(io.StringIO(text, newline="")))
    assert [(row["line"], row["name"]) for row in rows[::4]] == [("2", "Ada"), ("6", "王小明")]
    assert (here / "all.xlsx").read_bytes().startswith(b"PK")
    assert (here / "all.parquet").read_bytes().startswith(b"PAR1")
    code, _, err = ask("results", "--sandbox", "--columns", "nmae")
    assert (code, "'nmae' is not a column of the list (it has email, name)" in err) == (64, True)
    code, _, err = ask("results", "--sandbox", "-o", "no/such/folder.csv")
    assert code == 64
    assert "cannot write no/such/folder.csv" in err


def test_a_transcript_is_for_its_owner_alone(ask: Ask, here: Path) -> None:
    ask("run", "--sandbox", "--yes", "--transcript", "talk")
    modes = {
        stat.S_IMODE(path.stat().st_mode) for path in [here / "talk", *(here / "talk").iterdir()]
    }
    assert modes == {0o700, 0o600}


def test_results_are_a_table_in_a_terminal(here: Path, ask: Ask) -> None:
    ask("run", "--sandbox", "--yes")
    ours, theirs = os.openpty()
    done = subprocess.run([*CAMPAIGN, "results", "--sandbox"], stdout=theirs, check=False)
    os.close(theirs)
    shown = os.read(ours, 100_000).decode().splitlines()
    os.close(ours)
    assert done.returncode == 0
    assert len(shown) == 6
    assert shown[1].startswith("failed     bounce@sandbox.example")


def test_the_letter_of_anybody_can_be_looked_at(ask: Ask, here: Path) -> None:
    ask("plan")
    code, out, _ = ask("preview")
    assert code == 0
    assert "Hello Ada" in out
    code, out, _ = ask("preview", "--line", "list.csv:6")
    assert "Dear 王小明," in out
    assert out.startswith("Row         5, list.csv:6\n")
    code, _, err = ask("preview", "--row", "4")
    assert code == 64
    assert "row 4 has no letter: address: no @ in 'nobody'" in err
    code, _, err = ask("preview", "--row", "99")
    assert code == 64
    assert ask("preview", "--out", "letters")[0] == 0
    assert len(list((here / "letters").glob("*.eml"))) == 3
    (here / "letters/notes.html").write_text("ours")
    assert ask("preview", "--out", "letters", "--row", "2")[0] == 0  # no letter of before is left
    there = sorted((here / "letters").iterdir())
    assert [file.name for file in there] == [
        "000002.eml",
        "000002.html",
        "index.html",
        "notes.html",
    ]
    assert stat.S_IMODE((here / "letters/000002.eml").stat().st_mode) == 0o600


def test_a_few_letters_show_every_branch_of_the_templates(ask: Ask, here: Path) -> None:
    rows = "".join(f"p{at}@one.example,Person {at}\n" for at in range(250))
    (here / "list.csv").write_text(f"email,name\n{rows}li@one.example,Li\n")
    (here / "body.txt").write_text(
        "Dear {{ name }},\n{% if name == 'Li' %}it is you.{% elif name == 'Bo' %}no.{% endif %}\n"
    )
    ask("plan")
    code, out, _ = ask("preview", "--out", "few", "--sample", "2")
    assert code == 0
    assert "They show 2 of 3 template branches." in out
    assert "in no letter of the list: body.txt:2 elif name == 'Bo'" in out
    letters = [file.read_text() for file in sorted((here / "few").glob("*.eml"))]
    assert [("it is you." in letter) for letter in letters] == [False, True]
    index = (here / "few" / "index.html").read_text(encoding="utf-8")
    assert "<code>body.txt:2 if name == &#39;Li&#39;</code>" in index
    code, out, _ = ask("preview", "--out", "one", "--sample", "1")
    assert "a larger --sample shows: body.txt:2 if name == 'Li'" in out
    assert ask("preview", "--out", "five", "--sample", "5")[0] == 0
    assert len(list((here / "five").glob("*.eml"))) == 5
    code, _, err = ask("preview", "--sample", "5")
    assert (code, len(err.splitlines())) == (64, 1)
    assert "--out" in err


def test_the_audit_of_a_finished_run_finds_nothing(ask: Ask) -> None:
    ask("run", "--sandbox", "--yes")
    code, out, _ = ask("audit", "--sandbox")
    assert code == 0
    code, out, _ = ask("audit", "--sandbox", "--json")
    assert json.loads(out)["clean"] is True


def test_a_relay_that_is_not_there_is_69(ask: Ask, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("campaign.pool.builder.connect_wait", lambda: wait_fixed(0.02))
    code, _, err = ask("run", "--yes")
    assert code == 69
    assert re.search(
        r"campaign\.toml:\d+: .*127\.0\.0\.1.* \(look at host and port in \[relay\]\)", err
    )
    code, _, err = ask("test", "--to", "me@example.com")
    assert (code, "campaign.toml:" in err) == (69, True)


def test_who_only_wants_to_look_gets_the_plan_made(ask: Ask) -> None:
    code, out, _ = ask("preview")
    assert code == 0
    assert "Subject" in out


@pytest.mark.parametrize("command", ["status", "results", "audit", "resume"])
def test_without_a_plan_the_sentence_says_how_to_make_one(command: str, ask: Ask) -> None:
    code, out, err = ask(command)
    assert (code, out) == (74, "")
    assert "campaign plan" in err
    assert len(err.splitlines()) == 1


def test_a_reader_that_goes_away_is_no_error(here: Path, ask: Ask) -> None:
    ask("plan")
    reading, writing = os.pipe()
    os.close(reading)
    done = subprocess.run(
        [*CAMPAIGN, "results"], stdout=writing, stderr=subprocess.PIPE, check=False
    )
    os.close(writing)
    assert (done.returncode, done.stderr) == (0, b"")


def test_a_terminal_without_unicode_is_no_error(here: Path, ask: Ask) -> None:
    ask("plan")
    done = subprocess.run(
        [*CAMPAIGN, "preview", "--to", "wang@two.example"],
        env={**os.environ, "PYTHONIOENCODING": "ascii"},
        capture_output=True,
        check=False,
    )
    assert (done.returncode, done.stderr) == (0, b"")
    assert rb"Dear \u738b\u5c0f\u660e," in done.stdout


def test_run_goes_on_where_a_limited_one_ended_and_asks_about_those_left(
    ask: Ask, monkeypatch: pytest.MonkeyPatch, here: Path
) -> None:
    with recorder() as server:
        (here / "campaign.toml").write_text(CONFIG.replace("port = 9", f"port = {server.port}"))
        assert ask("run", "--yes", "--limit", "1")[0] == 75
        monkeypatch.setattr(sys, "stdin", Terminal("2\n"))
        code, out, err = ask("run")
        assert code == 0
        assert "1 of them are settled already, 2 are left" in out
        assert "Send 2 messages through 127.0.0.1?" in err
        assert set(server.accepted.values()) == {1}


def test_a_campaign_that_nobody_was_sent_from_is_planned_anew_by_run(ask: Ask, here: Path) -> None:
    ask("plan")
    ask("run", "--sandbox", "--yes")
    with recorder() as server:
        config = CONFIG.replace("port = 9", f"port = {server.port}  # ours")
        (here / "campaign.toml").write_text(config)
        code, _, err = ask("run", "--yes", "--limit", "1")
        assert (code, "planned anew" in err) == (75, False)  # a relay is no part of the letters
        (here / "campaign.toml").write_text(config.replace("Hello", "Good evening"))
        code, out, err = ask("run", "--yes")
        assert (code, out) == (78, "")
        assert '[message] subject: "Hello {{ name }}" → "Good evening {{ name }}"' in err
        code, out, err = ask("plan")
        assert (code, out) == (78, "")
        assert '[message] subject: "Hello' in err


def test_run_says_what_changed_before_it_plans_anew(ask: Ask, here: Path) -> None:
    ask("plan")
    (here / "list.csv").write_text("email,name\nada@one.example,Ada\n")
    (here / "campaign.toml").write_text(CONFIG.replace("Hello", "Good evening"))
    code, _, err = ask("run", "--expect", "7")
    assert code == 64
    assert "planned anew" in err
    assert 'changed: list.csv, [message] subject: "Hello' in err
    assert "7 expected, but the plan sends 1" in err


def test_ctrl_c_at_the_question_is_75_without_a_traceback(here: Path) -> None:
    ours, theirs = os.openpty()
    asking = subprocess.Popen([*CAMPAIGN, "run"], stdin=theirs, stderr=subprocess.PIPE)
    assert asking.stderr
    said = b""
    while b"Type 3 to go on" not in said:
        piece = os.read(asking.stderr.fileno(), 4096)
        assert piece, said
        said += piece
    while _state_of(asking.pid) != "S":  # Python misses a signal just before a read begins
        time.sleep(0.01)
    asking.send_signal(signal.SIGINT)
    rest = asking.communicate(timeout=30)[1]
    os.close(ours)
    os.close(theirs)
    assert asking.returncode == 75
    assert b"Traceback" not in said + rest
    assert b"campaign resume" in rest


def _state_of(pid: int) -> str:
    """The letter of its state, as in proc(5): S sleeps, R runs."""
    return Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0]
