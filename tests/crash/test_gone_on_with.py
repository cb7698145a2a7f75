"""What `resume` asks before it goes on: the same inputs, the same machine, evidence."""

from __future__ import annotations

import sqlite3
import time
from contextlib import closing
from pathlib import Path

from campaign.clock import SystemClock
from campaign.config.loader import load
from campaign.delivery.beginning.settling import settle_by
from campaign.journal.reading.reader import Reader
from campaign.journal.store import Journal
from campaign.records import State
from fakes.mail.recorder import Recorder, recorder
from fakes.processes.crashing import (
    JOURNAL,
    Tally,
    check,
    counts,
    planned_campaign,
    run,
    start,
    to_the_end,
)

RECIPIENTS = 12


def _begun(tmp_path: Path, server: Recorder, policy: str = "hold") -> Path:
    """Some are sent, some are not."""
    folder = planned_campaign(
        tmp_path / "c", server, recipients=RECIPIENTS, connections=3, policy=policy
    )
    done = run(folder, "run", "--yes", "--limit", "4")
    assert done.returncode == 75, done.stderr
    return folder


def test_a_copy_on_another_host_needs_to_be_asked_for(tmp_path):
    with recorder() as server:
        folder = _begun(tmp_path, server)
        before = server.received.total()
        with closing(sqlite3.connect(folder / "state/journal.sqlite")) as journal:
            journal.execute("UPDATE runs SET host = 'elsewhere'")
            journal.commit()
        refused = run(folder, "resume")
        assert refused.returncode == 75, refused.stderr
        assert "elsewhere" in refused.stderr
        assert "--resume-stale" in refused.stderr
        assert server.received.total() == before
        done = run(folder, "resume", "--resume-stale")
        assert done.returncode == 0, done.stderr
        check(folder, server, "hold", RECIPIENTS, Tally())


def test_a_changed_input_is_named_and_nothing_is_sent(tmp_path):
    with recorder() as server:
        folder = _begun(tmp_path, server)
        before = server.received.total()
        for name in ("list.csv", "body.txt", "campaign.toml"):
            path = folder / name
            text = path.read_text()
            changed = text.replace("Letter", "A letter")  # in campaign.toml, of the subject
            path.write_text(changed if changed != text else text + "\n")
            refused = run(folder, "resume")
            assert refused.returncode == 78, refused.stderr
            assert (name if changed == text else "[message] subject") in refused.stderr
            assert "--amend" in refused.stderr
            assert server.received.total() == before
            path.write_text(text)


def test_an_amended_plan_adds_the_new_and_leaves_the_settled_alone(tmp_path):
    with recorder() as server:
        folder = _begun(tmp_path, server)
        with (folder / "list.csv").open("a") as file:
            file.write("new@d0.example,new\n")
        amended = run(folder, "plan", "--amend")
        assert amended.returncode == 0, amended.stderr
        to_the_end(folder)
        check(folder, server, "hold", RECIPIENTS + 1, Tally())
        assert set(server.received.values()) == {1}


def test_a_relays_log_settles_who_is_in_doubt(tmp_path):
    with recorder(at_least_s=30.0) as server:
        folder = planned_campaign(
            tmp_path / "c", server, recipients=RECIPIENTS, connections=3, policy="hold"
        )
        process = start(folder)
        while server.received.total() < 3:
            assert process.poll() is None, process.communicate()
            time.sleep(0.005)
        process.kill()
        process.communicate()
        # The server took all three, and its log shows two of them.
        log = folder / "mail.log"
        shown = sorted(server.received)[:2]
        lines = []
        for number, address in enumerate(shown):
            (name,) = server.message_ids[address]
            lines += [
                f"Nov 21 10:00:00 mx postfix/cleanup[8]: 4F2A9C00{number}: message-id="
                + name.decode(),
                f"Nov 21 10:00:00 mx postfix/qmgr[9]: 4F2A9C00{number}: from=<ada@example.com>,"
                " size=900, nrcpt=1 (queue active)",
            ]
        log.write_text("\n".join([*lines, ""]))
        server.at_once()
        campaign, clock = load(folder), SystemClock()
        with closing(Journal.open(JOURNAL, folder, clock=clock, create=False)) as journal:
            said = settle_by(log, campaign, journal, clock.now_s())
        assert said.startswith("mail.log shows 2 of 3 recipients in doubt as accepted")
        done = run(folder, "resume")
        assert done.returncode == 1, done.stderr
        stood = counts(folder)
        assert stood[State.HELD] == 1
        assert stood[State.SENT] == RECIPIENTS - 1
        with closing(Reader.open(JOURNAL, folder)) as reader:
            results = {result.address: result for result in reader.results()}
        assert all("Postfix" in results[address].reply for address in shown)
        audit = run(folder, "audit")
        assert audit.returncode == 0, audit.stdout
        assert set(server.received.values()) == {1}
