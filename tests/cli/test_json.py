"""What the commands print for programs, and that docs/json.md names each field."""

from __future__ import annotations

import json
import re
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from campaign.cli.main import main
from fakes.mail.recorder import recorder

DOC = Path(__file__).parents[2] / "docs/json.md"
CONFIG = """name = "spring"
[recipients]
files = ["list.csv"]
[message]
from = "a@example.com"
subject = "Hello {{{{ name }}}}"
text = "body.txt"
[relay]
host = "127.0.0.1"
port = {port}
security = "none"
"""
Ask = Callable[..., dict[str, Any]]


@pytest.fixture
def ask(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capfd: pytest.CaptureFixture[str]) -> Ask:
    (tmp_path / "body.txt").write_text("Dear {{ name }}\n")
    (tmp_path / "list.csv").write_text("email,name\na@example.com,Ada\nb@example.com,Bo\n")
    (tmp_path / "campaign.toml").write_text(CONFIG.format(port=9))
    monkeypatch.chdir(tmp_path)

    def ask_(*arguments: str, code: int = 0) -> dict[str, Any]:
        assert main([*arguments, "--json"]) == code
        (line,) = capfd.readouterr().out.splitlines()
        answer: dict[str, Any] = json.loads(line)
        _named(answer)
        return answer

    return ask_


def _named(answer: dict[str, Any]) -> None:
    """Every field stands in the documentation."""
    names = set(re.findall(r"`(\w+)`", DOC.read_text(encoding="utf-8")))
    assert set(answer) <= names


def test_a_campaign_from_plan_to_report_is_told_in_json(ask: Ask, tmp_path: Path) -> None:
    assert ask("plan")["left"] == 2
    letter = ask("preview", "--line", "list.csv:3")
    assert (letter["row"], letter["line"]) == (2, 3)
    assert {"name": "Subject", "value": "Hello Bo"} in letter["headers"]
    assert ask("preview", "--out", "letters")["letters"] == 2
    with recorder() as server:
        (tmp_path / "campaign.toml").write_text(CONFIG.format(port=server.port))
        trial = ask("test", "--to", "me@example.com")
        assert (trial["accepted"], trial["code"], trial["to"]) == (True, 250, "me@example.com")
        first = ask("run", "--yes", "--limit", "1", code=75)
        assert (first["finished"], first["counts"]["sent"]) == (False, 1)
        status = ask("status")
        assert (status["running"], status["finished"], status["sandbox"]) == (False, False, False)
        last = ask("resume")
        assert (last["finished"], last["exit_code"], last["counts"]["sent"]) == (True, 0, 2)
        assert ask("retry", "--failed", "--yes")["put_back"] == 0
    assert ask("audit")["clean"]
    assert ask("report")["file"] == "spring-report.html"
    assert ask("pause")["paused"]
    assert ask("status")["paused"]
    assert ask("cancel", "--because", "x")["cancelled"] == 0


def test_a_rehearsal_says_that_it_is_one(ask: Ask) -> None:
    assert ask("run", "--sandbox", "--yes")["sandbox"]
    assert ask("status", "--sandbox")["sandbox"]
    assert ask("audit", "--sandbox")["sandbox"]


def test_a_line_that_the_plan_does_not_have_is_an_error(ask: Ask) -> None:
    assert (
        "its files are list.csv"
        in ask("preview", "--line", "lits.csv:3", code=64)["faults"][0]["remedy"]
    )
    ask("preview", "--line", "list.csv", code=64)
    ask("preview", "--line", "list.csv:3", "--row", "2", code=64)
