"""A campaign is paused by another process, and people are cancelled, with reasons."""

from __future__ import annotations

import json
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import closing
from pathlib import Path
from urllib.request import HTTPCookieProcessor, build_opener

import pytest

from campaign.cli.main import main
from campaign.errors import UsageError
from campaign.journal.holding.pausing import Pause, PauseMark
from campaign.rendering.conditions import RowCondition
from fakes.mail.recorder import Recorder, recorder
from fakes.prepared.journals import URL, open_journal
from fakes.servers.postgresql import DatabaseServer

CONFIG = """name = "spring"
[recipients]
files = ["list.csv"]
[message]
from = "a@example.com"
subject = "s"
text = "body.txt"
[relay]
host = "127.0.0.1"
port = {port}
security = "none"
connections = 2
"""
Ask = Callable[..., tuple[int, str, str]]


@pytest.fixture
def server() -> Iterator[Recorder]:
    with recorder() as running:
        yield running


@pytest.fixture
def folder(tmp_path: Path, server: Recorder, monkeypatch: pytest.MonkeyPatch) -> Path:
    (tmp_path / "campaign.toml").write_text(CONFIG.format(port=server.port))
    (tmp_path / "body.txt").write_text("Hello\n")
    companies = ["Acme", "Böhm & Söhne", "王记"]
    rows = "".join(f"p{at}@example.com,{companies[at % 3]},{at}\n" for at in range(300))
    (tmp_path / "list.csv").write_text(f"email,company,no\n{rows}", encoding="utf-8")
    monkeypatch.chdir(tmp_path)
    return tmp_path


@pytest.fixture
def ask(folder: Path, capfd: pytest.CaptureFixture[str]) -> Ask:
    def ask_(*arguments: str) -> tuple[int, str, str]:
        code = main(arguments)
        shown = capfd.readouterr()
        return code, shown.out, shown.err

    return ask_


def counts(ask: Ask) -> dict[str, int]:
    return {state: n for state, n in json.loads(ask("status", "--json")[1])["counts"].items() if n}


@pytest.fixture(params=["sqlite", "postgresql"])
def journal(request: pytest.FixtureRequest, folder: Path) -> None:
    """The campaign's own, or a database that is shared."""
    if request.param == "sqlite":
        return
    database: DatabaseServer = request.getfixturevalue("database")
    with (folder / "campaign.toml").open("a") as file:
        file.write(f'[journal]\nurl = "{database.new_database()}"\n')


@pytest.mark.usefixtures("journal")
def test_a_run_stops_when_another_process_pauses_it_and_goes_on_by_resume_only(
    ask: Ask, server: Recorder
) -> None:
    server.lingers_from(1, 1.0)  # half a minute for all, and no more than a second to stop
    assert ask("plan", "--no-render")[0] == 0
    run = subprocess.Popen(
        [sys.executable, "-m", "campaign.cli.main", "run", "--yes"],
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    )
    while not server.accepted:
        assert run.poll() is None
        time.sleep(0.01)
    code, out, _ = ask("pause", "--because", "wrong price", "--json")
    assert (code, json.loads(out)["running"]) == (0, True)
    said = "".join(run.communicate(timeout=60))
    assert run.returncode == 75
    assert ": wrong price" in said
    assert len(server.accepted) < 300
    code, out, err = ask("run", "--yes")
    assert code == 75
    assert "paused since" in err
    server.at_once()
    assert ask("resume")[0] == 0
    assert set(server.accepted.values()) == {1}
    assert len(server.accepted) == 300


def test_a_run_that_is_resumed_shows_its_page_as_one_that_begins_does(
    ask: Ask, server: Recorder
) -> None:
    assert ask("run", "--yes", "--limit", "1", "--no-render")[0] == 75
    server.hesitates_s = server.at_least_s = 0.05
    resumed = subprocess.Popen(
        [sys.executable, "-m", "campaign.cli.main", "resume", "--serve", "--no-browser"],
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    )
    assert resumed.stderr
    url = next(line for line in resumed.stderr if line.startswith("Live page: ")).split()[2]
    visitor = build_opener(HTTPCookieProcessor())
    visitor.open(url, timeout=30).close()  # its key becomes a cookie
    with visitor.open(url.partition("?")[0], timeout=30) as page:
        assert "<title>spring" in page.read().decode()
    server.at_once()
    resumed.communicate(timeout=60)
    assert resumed.returncode == 0
    assert set(server.accepted.values()) == {1}
    assert len(server.accepted) == 300


def test_the_mark_outlives_the_process_and_says_why(folder: Path, ask: Ask) -> None:
    ask("plan", "--no-render")
    mark = PauseMark(URL, folder)
    assert mark.read() is None
    code, out, _ = ask("pause", "--because", "wrong price")
    assert (code, "nothing is running" in out) == (0, True)
    pause = mark.read()
    assert pause
    assert pause.because == "wrong price"
    ask("pause")  # once more changes nothing
    assert mark.read() == pause
    (folder / "state/journal.sqlite.paused").write_text("{")
    assert mark.read() == Pause(0.0, "the mark cannot be read")
    mark.clear()
    mark.clear()
    assert mark.read() is None


def test_nothing_that_is_not_planned_is_paused(ask: Ask) -> None:
    assert ask("pause")[0] == 74


def test_those_a_condition_holds_of_are_cancelled_with_the_reason(
    ask: Ask, server: Recorder
) -> None:
    ask("plan", "--no-render")
    code, out, _ = ask("cancel", "--where", "company == '王记'", "--because", "ended")
    assert (code, out) == (0, "100 recipients cancelled\n")
    assert counts(ask) == {"planned": 200, "cancelled": 100}
    line = json.loads(ask("results", "--state", "cancelled", "--format", "jsonl")[1].split("\n")[0])
    assert line["reason"] == "cancelled: ended"
    where = "no | int < 4 and domain == 'example.com' and columns['company'] != 'Acme'"
    assert ask("cancel", "--where", where, "--because", "b", "--json")[1] == (
        '{"campaign": "spring", "cancelled": 1, "archived": {}, "sandbox": false}\n'
    )
    assert ask("run", "--yes")[0] == 0
    assert len(server.accepted) == 199
    assert "p1@example.com" not in server.accepted
    assert ask("retry", "--cancelled", "--expect", "101")[0] == 0
    assert len(server.accepted) == 300


def test_everybody_who_is_left_is_cancelled_where_nothing_is_said(ask: Ask) -> None:
    ask("plan", "--no-render")
    assert ask("cancel", "--because", "by post")[1] == "300 recipients cancelled\n"
    code, out, _ = ask("cancel", "--because", "by post")
    assert (code, out) == (0, "0 recipients cancelled\n")
    assert ask("audit")[0] == 0


def test_a_campaign_that_runs_is_paused_before_anybody_is_cancelled(ask: Ask, folder: Path) -> None:
    ask("plan", "--no-render")
    with closing(open_journal(folder)):
        code, _, err = ask("cancel", "--because", "x")
    assert code == 75
    assert "`campaign pause` ends the run" in err
    assert ask("cancel")[0] == 64


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("compny == 'x'", "did you mean 'company'?"),
        ("company ==", "cannot be read"),
        ("company == 'x') }}{{ (1", "cannot be read"),
        (" ", "is empty"),
    ],
)
def test_what_is_no_condition_is_a_usage_error(text: str, said: str) -> None:
    with pytest.raises(UsageError, match="--where") as caught:
        RowCondition(text, ["company", "email"]).holds({"company": "", "email": ""})
    assert said in str(caught.value)


def test_a_condition_that_a_row_cannot_be_asked_is_a_usage_error() -> None:
    with pytest.raises(UsageError, match="--where"):
        RowCondition("1 // (no | int)", ["no"]).holds({"no": "0"})
