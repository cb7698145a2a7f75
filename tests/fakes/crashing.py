"""Rounds of SIGKILL and resume against a recording server, and what must hold after each.

In: sizes, policy, seed.  Out: a `Tally`; AssertionError where the promise breaks.
Touches: a campaign folder, campaign processes, a recorder.

Used by the short test beside it and by `make crash`.
"""

from __future__ import annotations

import random
import signal
import subprocess
import sys
import time
from contextlib import closing
from dataclasses import dataclass
from pathlib import Path

from campaign.journal.reader import Reader
from campaign.records import State
from fakes.recorder import Recorder, recorder

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
host = "127.0.0.1"
port = {port}
security = "none"
connections = {connections}
messages_per_connection = 20
[delivery]
in_doubt = "{policy}"
retry = ["1s"]
"""


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


def write_campaign(
    folder: Path, *, port: int, recipients: int, connections: int, policy: str
) -> None:
    lines = [f"p{n}@d{n % 5}.example,{n}" for n in range(recipients)]
    (folder / "list.csv").write_text("\n".join(["email,number", *lines, ""]))
    (folder / "body.txt").write_text("Hello, this is letter {{ number }}.\n")
    (folder / "campaign.toml").write_text(
        CONFIG.format(port=port, connections=connections, policy=policy)
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
) -> Tally:
    """Kill at random moments for `rounds` rounds, then let it end; check after every kill."""
    dice = random.Random(seed)
    tally = Tally()
    with recorder(hesitates_s, seed) as server:
        write_campaign(
            folder,
            port=server.port,
            recipients=recipients,
            connections=connections,
            policy=policy,
        )
        subprocess.run([*CAMPAIGN, "plan"], cwd=folder, check=True, capture_output=True)
        for _ in range(rounds):
            tally.rounds += 1
            ended = _one_round(folder, server, dice)
            if ended is not None:
                break
            tally.kills += 1
            doubtful = _counts(folder).get(State.SENDING, 0)
            assert doubtful <= connections, f"{doubtful} in doubt with {connections} connections"
            tally.in_doubt += doubtful
            tally.most_in_doubt = max(tally.most_in_doubt, doubtful)
        _to_the_end(folder)
        _check(folder, server, policy, recipients, tally)
    return tally


def _start(folder: Path) -> subprocess.Popen[bytes]:
    return subprocess.Popen(
        [*CAMPAIGN, "resume"], cwd=folder, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL
    )


def _one_round(folder: Path, server: Recorder, dice: random.Random) -> int | None:
    """Run and kill; the exit code where the run ended before the kill."""
    before = server.received.total()
    process = _start(folder)
    # Most of a short run is its start: half of the kills wait until letters are on the way.
    if dice.random() < 0.8:
        while process.poll() is None and server.received.total() == before:
            time.sleep(0.002)
    try:
        return process.wait(dice.random() * 0.4)
    except subprocess.TimeoutExpired:
        process.send_signal(signal.SIGKILL)
        process.wait()
        return None


def _to_the_end(folder: Path) -> None:
    done = subprocess.run(
        [*CAMPAIGN, "resume"], cwd=folder, capture_output=True, text=True, timeout=120, check=False
    )
    assert done.returncode in (0, 1), done.stderr
    audit = subprocess.run(
        [*CAMPAIGN, "audit"], cwd=folder, capture_output=True, text=True, timeout=60, check=False
    )
    assert audit.returncode == 0, audit.stdout + audit.stderr


def _counts(folder: Path) -> dict[State, int]:
    with closing(Reader.open(JOURNAL, folder)) as reader:
        return reader.counts()


def _check(folder: Path, server: Recorder, policy: str, recipients: int, tally: Tally) -> None:
    with closing(Reader.open(JOURNAL, folder)) as reader:
        results = {result.address: result for result in reader.results(None)}
        resends = {result.address: reader.resends(result.row) for result in results.values()}
    assert len(results) == recipients
    assert set(server.received) <= set(results)
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
