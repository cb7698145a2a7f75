"""Webhooks beside a run: whoever is killed tells again, and nothing is lost."""

from __future__ import annotations

import json
import random
import subprocess
import sys
import threading
from collections import defaultdict
from contextlib import closing
from pathlib import Path

import pytest

from campaign.cli.main import main
from campaign.journal.reading.reader import Reader
from campaign.journal.store import Journal
from fakes.mail.recorder import recorder
from fakes.prepared import campaigns
from fakes.prepared.journals import run, sending, sent
from fakes.web.hook_server import Call, HookServer, hook_server
from webhooks.conftest import HOOK

PEOPLE = 60


def written(folder: Path, port: int, url: str, events: str = '["sent"]') -> Path:
    rows = [(f"person{n}@example.com", "P", "gold") for n in range(1, PEOPLE + 1)]
    toml = campaigns.TOML.replace("port = 1\n", f"port = {port}\n")
    return campaigns.write(folder, rows=rows, toml=toml + HOOK.format(url=url, events=events))


def test_a_run_tells_by_itself_and_says_what_it_could_not_tell(
    tmp_path: Path, capfd: pytest.CaptureFixture[str]
) -> None:
    is_down = False
    with recorder(0.0) as relay, hook_server(lambda _: 503 if is_down else 200) as server:
        folder = written(tmp_path / "a", relay.port, server.url)
        assert main(["run", str(folder), "--yes"]) == 0
        assert {call.row for call in server.taken} == set(range(1, PEOPLE + 1))
        assert "webhook" not in capfd.readouterr().err
        is_down = True
        other = written(tmp_path / "b", relay.port, server.url)
        assert main(["run", str(other), "--yes"]) == 0
        said = capfd.readouterr().err
        assert f"0 told, {PEOPLE} wait; it fails: it says 503" in said
        assert "--deliver" in said
        assert main(["webhooks", str(other), "--json"]) == 0
        (standing,) = json.loads(capfd.readouterr().out)["webhooks"]
        assert (standing["state"], standing["waiting"]) == ("failing", PEOPLE)
        is_down = False
        assert main(["webhooks", str(other), "--retry"]) == 0
        assert f"{PEOPLE} told, 0 wait" in capfd.readouterr().out


def test_a_rehearsal_tells_nobody(tmp_path: Path) -> None:
    with hook_server() as server:
        folder = written(tmp_path, 1, server.url)
        assert main(["run", str(folder), "--sandbox", "--yes"]) == 0
        assert server.calls == []


def test_a_secret_that_is_none_is_said_before_anything_is_sent(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capfd: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setenv("HOOK_SECRET", "hunter2")
    with recorder(0.0) as relay, hook_server() as server:
        folder = written(tmp_path, relay.port, server.url)
        assert main(["run", str(folder), "--yes"]) == 78
        assert "begins with whsec_" in capfd.readouterr().err
        assert not relay.received


def _following(folder: Path) -> subprocess.Popen[bytes]:
    return subprocess.Popen(
        [sys.executable, "-m", "campaign.cli.main", "webhooks", str(folder), "--follow"],
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
    )


def test_killed_again_and_again_it_tells_everything_and_repeats_itself_to_the_byte(
    tmp_path: Path,
) -> None:
    dice = random.Random(28)
    open_until = 0  # requests beyond are taken in and not answered
    gate = threading.Condition()

    def answer(call: Call) -> int:
        nth = server.calls.index(call)
        with gate:
            gate.wait_for(lambda: nth < open_until, 60)
        return 204

    with hook_server(answer) as server:
        folder = written(tmp_path, 1, server.url)
        assert main(["plan", str(folder)]) == 0
        assert main(["webhooks", str(folder), "--deliver"]) == 0
        _send(folder)
        for _ in range(4):
            process = _following(folder)
            with gate:
                open_until += dice.randrange(3, 14)
                gate.notify_all()
            server.wait_for(lambda s, n=open_until: len(s.calls) > n)  # type: ignore[misc]
            process.kill()
            process.wait()
            _release(folder)
        process = _following(folder)
        with gate:
            open_until = 10_000
            gate.notify_all()
        server.wait_for(_has_all)
        process.terminate()
        assert process.wait(30) == 0
        bodies = defaultdict(set)
        for call in server.calls:
            bodies[call.id].add(call.body)
    assert len(bodies) == PEOPLE
    assert len(server.calls) > PEOPLE  # the kills came in the middle
    assert all(len(each) == 1 for each in bodies.values())
    assert {call.row for call in server.taken} == set(range(1, PEOPLE + 1))


def _has_all(server: HookServer) -> bool:
    return len({call.id for call in server.taken}) == PEOPLE


def _send(folder: Path) -> None:
    from campaign.clock import SystemClock
    from campaign.config.loader import load

    journal = Journal.open(*load(folder).journal, clock=SystemClock(), create=False)
    run(journal, [step for row in range(1, PEOPLE + 1) for step in (sending(row), sent(row))])


def _release(folder: Path) -> None:
    """As if the time had passed after which another may tell."""
    from campaign.config.loader import load
    from campaign.webhooks.outbox import Outbox

    with closing(Outbox.open(*load(folder).journal)) as outbox:
        outbox._database.change("UPDATE webhook_lease SET until = 0")


def test_whoever_tells_leaves_the_journal_alone(tmp_path: Path) -> None:
    from campaign.config.loader import load

    with hook_server() as server:
        folder = written(tmp_path, 1, server.url)
        assert main(["plan", str(folder)]) == 0
        _send(folder)
        url, where = load(folder).journal
        before = (where / "state/journal.sqlite").read_bytes()
        assert main(["webhooks", str(folder), "--deliver"]) == 0
        assert (where / "state/journal.sqlite").read_bytes() == before
        with closing(Reader.open(url, where)) as reader:
            assert reader.is_finished()
