"""Rounds of SIGKILL and resume against a recording server, and what must hold after each.

In: sizes, policy, seed.  Out: a `Tally`; AssertionError where the promise breaks.
Touches: a campaign folder, campaign processes, a recorder.

Used by the tests of the promise and by `make crash`.
"""

from __future__ import annotations

import random
import re
import signal
import subprocess
import sys
import time
from contextlib import closing
from dataclasses import dataclass
from pathlib import Path

from campaign.clock import SystemClock
from campaign.config.loader import load
from campaign.journal.reading.auditing.audit import audit
from campaign.journal.reading.reader import Reader
from campaign.planning.plan import make_plan
from campaign.records import State
from fakes.mail.recorder import Recorder, recorder
from fakes.servers.postgresql import DatabaseServer

CAMPAIGN = [sys.executable, "-m", "campaign.cli.main"]
JOURNAL = "sqlite:///state/journal.sqlite"
CONFIG = """
name = "crash"
[recipients]
files = ["list.csv"]
[message]
from = "ada@example.com"
subject = "Letter {{{{ number }}}}"
text = "body.txt"
[relay]
host = "{relay}"
port = {port}
security = "none"
connections = {connections}
messages_per_connection = 20
[delivery]
in_doubt = "{policy}"
retry = ["1s"]
[journal]
url = "{journal}"
"""
_RESUME = """
import sys, threading
from campaign.cli.main import main
from campaign.journal.writing import commit_policy
commit_policy.QUICK_S = float("{quick_s}")
begin = threading.Thread.start
def begin_and_tell(thread):
    begin(thread)
    if thread.name == "journal" and not commit_policy.QUICK_S:
        with open("journal-thread", "w") as told:
            told.write(str(thread.native_id))
threading.Thread.start = begin_and_tell
sys.exit(main(["resume"]))
"""
_KILL_WITHIN_S = 0.4  # of the first letter on the wire, or of the start


@dataclass
class Tally:
    """What the rounds showed."""

    rounds: int = 0
    kills: int = 0
    in_doubt: int = 0
    most_in_doubt: int = 0
    copies: int = 0  # beyond the first
    lost: int = 0
    held: int = 0
    recipients: int = 0

    def add(self, other: Tally) -> None:
        """Sum up; of the most in doubt the larger one."""
        most = max(self.most_in_doubt, other.most_in_doubt)
        for name, value in vars(other).items():
            setattr(self, name, getattr(self, name) + value)
        self.most_in_doubt = most


def write_campaign(
    folder: Path,
    *,
    port: int,
    recipients: int,
    connections: int,
    policy: str,
    journal: str = JOURNAL,
    relay: str = "127.0.0.1",
) -> None:
    lines = [f"p{n}@d{n % 5}.example,{n}" for n in range(recipients)]
    (folder / "list.csv").write_text("\n".join(["email,number", *lines, ""]))
    (folder / "body.txt").write_text("Hello, this is letter {{ number }}.\n")
    (folder / "campaign.toml").write_text(
        CONFIG.format(
            port=port, connections=connections, policy=policy, journal=journal, relay=relay
        )
    )


def journal_of(folder: Path) -> str:
    """The url in the file of the campaign."""
    found = re.search(r'^url = "(.*)"$', (folder / "campaign.toml").read_text(), re.MULTILINE)
    return found[1] if found else JOURNAL


def planned_campaign(
    folder: Path,
    server: Recorder,
    *,
    recipients: int,
    connections: int,
    policy: str,
    journal: str = JOURNAL,
    relay: str = "127.0.0.1",
) -> Path:
    """A campaign for this server, planned in this process; that its rows render, and that `campaign
    plan` works, is not in question."""
    folder.mkdir(parents=True, exist_ok=True)
    write_campaign(
        folder,
        port=server.port,
        recipients=recipients,
        connections=connections,
        policy=policy,
        journal=journal,
        relay=relay,
    )
    make_plan(load(folder), clock=SystemClock(), render=False)
    return folder


def run(folder: Path, *arguments: str) -> subprocess.CompletedProcess[str]:
    """One command to its end."""
    return subprocess.run(
        [*CAMPAIGN, *arguments],
        cwd=folder,
        capture_output=True,
        text=True,
        timeout=120,
        check=False,
    )


def start(folder: Path, *before: str, quick_s: float | None = None) -> subprocess.Popen[str]:
    """`campaign resume` in the background, perhaps under a tracer.

    `quick_s` stands for `commit_policy.QUICK_S`: with 0 all commits are the journal thread's, whose
    number is told in the file "journal-thread", with infinity all are the main thread's.
    """
    command = [*CAMPAIGN, "resume"]
    if quick_s is not None:
        command = [sys.executable, "-c", _RESUME.format(quick_s=quick_s)]
    return subprocess.Popen(
        [*before, *command],
        cwd=folder,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    )


def crash_rounds(
    folder: Path,
    *,
    rounds: int,
    recipients: int,
    connections: int,
    policy: str,
    seed: int,
    hesitates_s: float = 0.02,
    database: DatabaseServer | None = None,
) -> Tally:
    """Kill at random moments for `rounds` rounds; a campaign that comes to its end is checked, and
    the next one begun.

    With a `database` server the journals are there, in databases that need not make commits
    durable, and the server is killed together with the run.
    """
    dice = random.Random(seed)
    tally = Tally()
    while tally.rounds < rounds:
        with recorder(hesitates_s, seed + tally.rounds) as server:
            at = planned_campaign(
                folder / str(tally.rounds),
                server,
                recipients=recipients,
                connections=connections,
                policy=policy,
                journal=_journal_in(database),
            )
            ended = False
            while tally.rounds < rounds and not ended:
                tally.rounds += 1
                ended = _one_round(at, server, dice, database)
                note_doubt(at, connections, tally)
                tally.kills += not ended
            server.at_once()  # no more kills come
            to_the_end(at)
            check(at, server, policy, recipients, tally)
    return tally


def note_doubt(folder: Path, connections: int, tally: Tally) -> None:
    """After a kill: who is in doubt now."""
    doubtful = counts(folder).get(State.SENDING, 0)
    assert doubtful <= connections, f"{doubtful} in doubt with {connections} connections"
    tally.in_doubt += doubtful
    tally.most_in_doubt = max(tally.most_in_doubt, doubtful)


def _journal_in(database: DatabaseServer | None) -> str:
    if database is None:
        return JOURNAL
    url = database.new_database()
    database.forget_commits(url)
    return url


def _one_round(
    folder: Path, server: Recorder, dice: random.Random, database: DatabaseServer | None
) -> bool:
    """Run and kill; True where the run ended before the kill."""
    before = server.received.total()
    process = start(folder)
    # Most of a short run is its start: most of the kills wait until letters are on the way.
    if dice.random() < 0.8:
        while process.poll() is None and server.received.total() == before:
            time.sleep(0.002)
    try:
        _, errors = process.communicate(timeout=dice.random() * _KILL_WITHIN_S)
    except subprocess.TimeoutExpired:
        process.send_signal(signal.SIGKILL)
        if database:
            database.crash()
        process.communicate()
        if database:
            database.wait_until_gone()
            database.start()
        return False
    assert process.returncode in (0, 1), errors
    return True


def to_the_end(folder: Path) -> str:
    """Resume until all is settled, and audit the journal; what was said on stderr."""
    done = run(folder, "resume")
    assert done.returncode in (0, 1), done.stderr
    proof = audit(journal_of(folder), folder)
    assert proof.is_clean, [check for check in proof.checks if check.findings]
    return done.stderr


def counts(folder: Path) -> dict[State, int]:
    with closing(Reader.open(journal_of(folder), folder)) as reader:
        return reader.counts()


def check(folder: Path, server: Recorder, policy: str, recipients: int, tally: Tally) -> None:
    """The promise, from the server's record and the journal's."""
    with closing(Reader.open(journal_of(folder), folder)) as reader:
        results = {result.address: result for result in reader.results(None)}
        resends = {
            result.address: max((step.resends for step in reader.history(result.row)), default=0)
            for result in results.values()
        }
    assert len(results) == recipients
    assert set(server.received) <= set(results)
    tally.recipients += recipients
    for address, result in results.items():
        copies = server.received[address]
        assert result.state in (State.SENT, State.HELD), result
        if result.state == State.SENT:
            assert server.accepted[address] >= 1, f"{address} is sent, but was never accepted"
        assert copies <= 1 + resends[address], f"{address} got {copies} copies"
        if policy == "hold":
            assert copies <= 1, f"{address} got {copies} copies under hold"
        assert len(server.message_ids.get(address, {b""})) == 1, "another Message-ID on a resend"
        tally.copies += max(0, copies - 1)
        tally.lost += copies == 0 and result.state != State.HELD
        tally.held += result.state == State.HELD
    assert tally.lost == 0
